"""--version, the same on all four, and what -v adds for a bug report."""

import importlib.metadata
import platform

import pytest

from kubectl_rev import __version__
from tests.plugin import PLUGINS, run


@pytest.mark.parametrize("plugin", PLUGINS)
def test_all_four_say_the_same(plugin):
    assert run("--version", plugin=plugin) == (0, f"kubectl-rev {__version__}\n", "")


def test_verbose_names_the_parts():
    code, out, err = run("--version", "-v", "1", plugin="rev-migrate")
    assert (code, err) == (0, "")
    parts = dict(line.split(" ")[:2] for line in out.splitlines())
    assert parts["Python"] == platform.python_version()
    for name in ("typer", "kubernetes", "msgspec", "protobuf"):
        assert parts[name] == importlib.metadata.version(name)


def test_it_is_asked_alone():
    """Also where the command needs more than was given, as kubectl's --help does."""
    assert run("--version", "--to", "canary", plugin="rev-migrate").code == 0
