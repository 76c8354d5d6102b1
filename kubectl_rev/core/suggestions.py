"""What a mistyped name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, there: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of these that is most like the name, None when none is like it."""
    import difflib  # only a mistake pays for it

    return next(iter(difflib.get_close_matches(name, list(there), 1, cutoff)), None)


def did_you_mean(name: str, there: Iterable[str]) -> str:
    """`; did you mean shop?`, to stand at the end of a message; empty when nothing is like it."""
    near = nearest(name, there)
    return f"; did you mean {near}?" if near else ""
