"""--watch: draw, wait until something that matters changes, draw again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from kubectl_rev.cli.source import Source

_CLEAR = "\x1b[H\x1b[2J"


def follow(source: Source, draw: Callable[[], str]) -> NoReturn:
    """Never returns; Ctrl-C ends it. On a terminal the screen is redrawn, elsewhere each state is printed."""
    raise NotImplementedError
