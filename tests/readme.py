"""The documents, as far as they come from the program: `scripts/docs` makes them anew, `--check` tells which differ.

test_docs.py and scripts/check fail when one does.

- Blocks that show a command and its output: `$ kubectl rev-…`, then what it printed.
- Parts between `<!-- made: NAME -->` and `<!-- end -->`: parts.py.
- Whole files: docs/schema.json (schema.py), docs/rev-status.svg (picture.py).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import picture, schema
from tests.parts import PARTS
from tests.plugin import ROOT, run

_BLOCK = re.compile(r"```console\n\$ kubectl (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
_MADE = re.compile(r"<!-- made: (?P<name>[^\n]*) -->\n.*?<!-- end -->", re.DOTALL)
FILES: dict[str, Callable[[], str]] = {"docs/schema.json": schema.text, "docs/rev-status.svg": picture.svg}


def documents() -> Iterator[Path]:
    """The documents that may have such blocks and parts."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def renewed(text: str) -> str:
    """A document as it is when every block and part is made now."""

    def block(found: re.Match[str]) -> str:
        plugin, *arguments = shlex.split(found["command"])
        return f"```console\n$ kubectl {found['command']}\n{run(*arguments, plugin=plugin).out}```"

    def part(found: re.Match[str]) -> str:
        return f"<!-- made: {found['name']} -->\n\n{PARTS[found['name']]().rstrip()}\n\n<!-- end -->"

    return _MADE.sub(part, _BLOCK.sub(block, text))


def everything() -> Iterator[tuple[Path, str]]:
    """All documents and files, as they are when they are made now."""
    for document in documents():
        yield document, renewed(document.read_text())
    for name, make in FILES.items():
        yield ROOT / name, make()


def main(*, check: bool) -> int:
    """Write what differs, or only tell."""
    stale = [(path, text) for path, text in everything() if not path.exists() or path.read_text() != text]
    for path, text in stale:
        if not check:
            path.write_text(text)
        sys.stderr.write(
            f"{path.relative_to(ROOT)} {'differs from the program: run scripts/docs' if check else 'renewed'}\n"
        )
    return int(check and bool(stale))


if __name__ == "__main__":
    if unknown := [word for word in sys.argv[1:] if word != "--check"]:
        sys.exit(f"unknown: {' '.join(unknown)}; scripts/docs [--check]")
    sys.exit(main(check="--check" in sys.argv))
