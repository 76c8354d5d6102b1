"""Start-up: help, completion, a small dump and one request, against importing typer, and frozen against pip-installed.

The goals are design.md §6's; the frozen program may take a fifth longer than the one that pip installs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from kubectl_rev.cli import multicall
from scripts.packaging import archive
from tests import krew
from tests.bench.measure import compare, show
from tests.local_server import Answer, serving
from tests.plugin import EXAMPLE, PLUGINS, ROOT

_HELP, _FLAGS, _DUMP = 1.5, 2.5, 4.0
_FROZEN = 1.2
_TYPER = "import typer"


def main(rounds: int = 15) -> None:
    pip = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as where, serving(lambda request: Answer(status=403)) as server:
        frozen = _frozen(Path(where))
        one = ["__complete", "--server", server.url, "--token", "x", "-n", ""]
        asked = {
            **{f"{plugin} --help": ([multicall.file_name(plugin), "--help"], _HELP) for plugin in PLUGINS},
            "completion of flags": (["kubectl_complete-rev_status", "--"], _FLAGS),
            "-f a small dump": (["kubectl-rev_status", "-f", str(ROOT / EXAMPLE)], _DUMP),
            "one request": (["kubectl-rev_status", *one], None),
        }
        commands = {_TYPER: [sys.executable, "-c", _TYPER]}
        for name, ((program, *words), _) in asked.items():
            commands[name] = [str(pip / program), *words]
            commands[f"{name}, frozen"] = [str(frozen / program), *words]
        costs = compare(commands, os.environ, rounds)
    for name, (_, goal) in asked.items():
        if goal:
            show(name, {name: costs[name], _TYPER: costs[_TYPER]}, {_TYPER: goal})
        show(f"{name}, frozen", {f"{name}, frozen": costs[f"{name}, frozen"], "pip": costs[name]}, {"pip": _FROZEN})


def _frozen(where: Path) -> Path:
    """A directory with the program's eight names."""
    subprocess.run([ROOT / "scripts/package", "archive"], env={**os.environ, "PYTHON": sys.executable}, check=True)
    krew.unpack(ROOT / "dist" / archive.name(), where)
    for plugin in PLUGINS:
        for completes in (False, True):
            (where / multicall.file_name(plugin, completes=completes)).symlink_to("kubectl-rev")
    return where
