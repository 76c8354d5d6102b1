"""Start-up: help and a small dump, against what importing typer alone costs (design.md §6)."""

from __future__ import annotations

import os
import sys

from tests.bench.measure import compare, show
from tests.plugin import EXAMPLE, ROOT

GOALS = {"--help": 1.5, "-f a small dump": 4.0}


def main(rounds: int = 15) -> None:
    plugin = [sys.executable, str(ROOT / "plugins/kubectl-rev_status")]
    commands = {
        "--help": [*plugin, "--help"],
        "-f a small dump": [*plugin, "-f", str(ROOT / EXAMPLE)],
        "import typer": [sys.executable, "-c", "import typer"],
    }
    costs = compare(commands, os.environ, rounds)
    for name, goal in GOALS.items():
        show(name, {name: costs[name], "import typer": costs["import typer"]}, {"import typer": goal})
