"""The hints of several findings as steps in order: one command for all that it can serve, each once."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_rev.core.checks.hints import Flag, Goal, Hint
from kubectl_rev.core.checks.joined_hints import merged

_ORDER = list(Goal)


def sequence(hints: Iterable[Hint]) -> list[Hint]:
    """What changes something, in the order of `Goal`; last what a person has to decide. What only tells a reason
    is left out: it is under its finding. Each is a line for a shell: what is no command alone is a comment.
    """
    changing = [hint for hint in dict.fromkeys(hints) if hint and hint.goal is not Goal.KNOWN]
    needed = [hint for hint in changing if not any(_does_more(other, hint) for other in changing)]
    return [_for_shell(hint) for hint in merged(sorted(needed, key=_rank))]


def _for_shell(hint: Hint) -> Hint:
    """A question would take the next line for its answer where all are pasted at once."""
    asks = ("rev-migrate", "rev-fix-validation")
    sure = hint.with_flags(lambda command: [Flag("--yes")] if command.plugin in asks else [])
    return sure if len(hint.commands) == len(hint.parts) else Hint("# ", *sure.parts, goal=hint.goal)


def _does_more(other: Hint, hint: Hint) -> bool:
    """Whether it has the same commands, without words or with others, or one with further flags: `… --enroll`."""
    if other == hint or not hint.commands or len(other.commands) != len(other.parts):
        return False
    if set(hint.commands) <= set(other.commands):
        return True
    if len(other.parts) != 1 or len(hint.parts) != 1:
        return False
    more, less = other.commands[0].arguments, hint.commands[0].arguments
    return len(more) > len(less) and more[: len(less)] == less


def _rank(hint: Hint) -> int:
    return _ORDER.index(hint.goal) if hint.goal else len(_ORDER)
