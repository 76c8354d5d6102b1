"""The README's picture: what a terminal shows of rev-status on the shipped dump, as SVG. No font is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.status import answers
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.render import status
from kubectl_rev.render.text import Style
from tests.plugin import EXAMPLE, ROOT

COLUMNS = 112
_CELL, _LINE, _MARGIN, _BAR = 8.0, 19, 16, 34  # pixels: a character's width and height, the frame, the title bar
_INK = {"": "#d4d7dd", "1": "#ffffff", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
_PAPER, _FRAME = "#14171c", "#30363d"
_PAINTED = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m")


def shown() -> str:
    """The coloured text, as `render_status` makes it for a terminal of that width."""
    snapshot = snapshot_file.load(str(ROOT / EXAMPLE), None)
    report = answers.overview(Survey(snapshot), MESH_CHECKS)
    return status.overview(report, Style(width=COLUMNS, color=True, limit=20))


def svg() -> str:
    """The picture."""
    lines = ["$ kubectl rev-status", *shown().split("\n")]
    width, height = int(COLUMNS * _CELL) + 2 * _MARGIN, len(lines) * _LINE + 2 * _MARGIN + _BAR
    texts = [text for number, line in enumerate(lines) for text in _texts(line, _BAR + _MARGIN + (number + 1) * _LINE)]
    dots = [
        f'<circle cx="{20 + 18 * n}" cy="18" r="5.5" fill="{color}"/>'
        for n, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">',
            "<title>kubectl rev-status on a mesh that is half migrated</title>",
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{_PAPER}"'
            f' stroke="{_FRAME}"/>',
            *dots,
            *texts,
            "</svg>",
            "",
        ]
    )


def _texts(line: str, y: int) -> Iterator[str]:
    """A line's pieces, each held to its place on the grid whatever the font."""
    for column, color, piece in _pieces(line):
        if piece.strip():
            start = column + len(piece) - len(piece.lstrip())
            words = piece.strip()
            yield (
                f'<text x="{_MARGIN + start * _CELL:g}" y="{y}" fill="{_INK[color]}" xml:space="preserve"'
                f' textLength="{len(words) * _CELL:g}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
            )


def _pieces(line: str) -> Iterator[tuple[int, str, str]]:
    """Column, colour and text."""
    at = column = 0
    for found in _PAINTED.finditer(line):
        plain = line[at : found.start()]
        yield column, "", plain
        yield column + len(plain), found[1], found[2]
        column += len(plain) + len(found[2])
        at = found.end()
    yield column, "", line[at:]
