"""What need not be paid is not imported: the client (0.2 s) for help, completion and dumps."""

import subprocess
import sys

import pytest

from tests.plugin import EXAMPLE, ROOT

SCRIPT = """
import sys
sys.argv = ["kubectl-rev_status", *sys.argv[1:]]
from kubectl_rev.cli.status import main
try:
    main()
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    costly = {"kubernetes", "urllib3", "tabulate", "yaml", "rich", "msgspec"}
    print("loaded:", *sorted(loaded & costly), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["--help"], "loaded:"),
        (["--bogus"], "loaded:"),
        (["-f", EXAMPLE, "-o", "json"], "loaded: msgspec yaml"),
        (["-f", EXAMPLE], "loaded: msgspec tabulate yaml"),
    ],
    ids=" ".join,
)
def test_what_is_imported(arguments, loaded):
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr.splitlines()[-1] == loaded
