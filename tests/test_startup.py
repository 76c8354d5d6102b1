"""What need not be paid is not imported: the client (0.2 s) for help, completion and dumps."""

import subprocess
import sys

import pytest

from tests.plugin import EXAMPLE, PLUGINS, ROOT

SCRIPT = """
import atexit
import sys
from importlib import import_module

@atexit.register
def tell():
    loaded = {name.partition(".")[0] for name in sys.modules}
    costly = {"kubernetes", "urllib3", "tabulate", "yaml", "rich", "msgspec"}
    print("loaded:", *sorted(loaded & costly), file=sys.stderr)

import_module(f"kubectl_rev.cli.{sys.argv.pop(1)}").main()
"""


def loaded(plugin, *arguments):
    command = [sys.executable, "-c", SCRIPT, plugin.removeprefix("rev-").replace("-", "_"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--help"], ["--bogus"], ["--version"]], ids=" ".join)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_nothing_is_imported_for_what_needs_nothing(plugin, arguments):
    assert loaded(plugin, *arguments) == "loaded:"


@pytest.mark.parametrize(
    ("plugin", "arguments", "said"),
    [
        ("rev-status", ["-o", "json"], "loaded: msgspec yaml"),
        ("rev-status", [], "loaded: msgspec tabulate yaml"),
        ("rev-migrate", ["shop", "--to=canary", "--dry-run=client"], "loaded: msgspec yaml"),
        ("rev-verify", [], "loaded: msgspec yaml"),
        ("rev-fix-validation", ["--check", "-o", "json"], "loaded: msgspec yaml"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_dump_needs_no_client(plugin, arguments, said):
    assert loaded(plugin, *arguments, "-f", EXAMPLE) == said
