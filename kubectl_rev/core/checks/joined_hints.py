"""Hints that are alike: which have one shape, and one command for several objects in place of one for each."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_rev.core.checks.hints import Command, Flag, Hint

# Commands that take a list of names, and where it begins: rev-migrate NAMESPACE…, label TYPE NAME…, and so on.
_LISTS = {"rev-migrate": 2, "rev-status": 2, "label": 3, "rollout": 3, "delete": 3}
_WHERE = ("-n", "-l")  # flags that say of which objects it is
_AT_MOST = 20  # names in one command


def shape(hint: Hint) -> tuple[object, ...]:
    """What hints of one kind have in common: the programs and what they are told to do, whatever objects they name."""
    return tuple(_shape(part) if isinstance(part, Command) else "" for part in hint.parts)


def _shape(command: Command) -> tuple[object, ...]:
    flags = [argument for argument in command.arguments if isinstance(argument, Flag)]
    at = _LISTS.get(str(command.arguments[1])) if len(command.arguments) > 1 else None
    told = command.arguments[at + 1 :] if at is not None else ()  # the label that is set
    words = (argument for argument in told if isinstance(argument, str))
    return (*command.arguments[:2], *words, frozenset(flag.name if flag.name in _WHERE else flag for flag in flags))


def joined(hints: Sequence[Hint]) -> tuple[Hint, int]:
    """The first hint, for as many of the others as one command can serve, and how many different ones that leaves."""
    different = list(dict.fromkeys(hints))
    first = different[0]
    at = _list_of(first)
    if at is None:
        return first, len(different) - 1
    alike = [hint for hint in different if _around(hint, at) == _around(first, at)][:_AT_MOST]
    names = [hint.commands[0].arguments[at] for hint in alike]
    arguments = first.commands[0].arguments
    return Hint(Command((*arguments[:at], *names, *arguments[at + 1 :]))), len(different) - len(alike)


def _list_of(hint: Hint) -> int | None:
    """Where the name stands that may be a list, None where there is none."""
    if len(hint.parts) != 1 or not hint.commands or hint.commands[0].program != "kubectl":
        return None
    arguments = hint.commands[0].arguments
    at = _LISTS.get(str(arguments[1])) if len(arguments) > 1 else None
    return at if at is not None and at < len(arguments) and isinstance(arguments[at], str) else None


def _around(hint: Hint, at: int) -> tuple[object, ...]:
    """All of a hint but that name; nothing is the same as what has no such place."""
    if _list_of(hint) != at:
        return (hint,)
    arguments = hint.commands[0].arguments
    return (*arguments[:at], *arguments[at + 1 :])
