"""The blocks of the documents that show a command and its output: `$ kubectl rev-…`, then what it printed.

`python -m tests.readme` writes them anew; test_docs.py fails when one differs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.plugin import ROOT, run

_BLOCK = re.compile(r"```console\n\$ kubectl (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)


def documents() -> Iterator[Path]:
    """The documents that may have such blocks."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def renewed(text: str) -> str:
    """A document with the output of every block as the program prints it now."""

    def block(found: re.Match[str]) -> str:
        plugin, *arguments = shlex.split(found["command"])
        return f"```console\n$ kubectl {found['command']}\n{run(*arguments, plugin=plugin).out}```"

    return _BLOCK.sub(block, text)


if __name__ == "__main__":
    for document in documents():
        document.write_text(renewed(document.read_text()))
