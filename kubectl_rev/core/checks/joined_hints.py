"""Hints that are alike: which have one shape, and one command for several objects in place of one for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    first = merged(different)[0]
    at = _list_of(different[0])
    served = 1 if at is None else len(first.commands[0].arguments) - len(different[0].commands[0].arguments) + 1
    return first, len(different) - served


def merged(hints: Iterable[Hint]) -> list[Hint]:
    """The different ones in their order; those that one command can serve are that command, where the first was."""
    groups: dict[tuple[object, ...], list[Hint]] = {}
    for number, hint in enumerate(dict.fromkeys(hints)):
        at = _list_of(hint)
        key = (number,) if at is None else (hint.goal, at, *_around(hint, at))
        while len(groups.get(key, ())) == _AT_MOST:
            key = (*key, "more")
        groups.setdefault(key, []).append(hint)
    return [_one_for_all(group) for group in groups.values()]


def _one_for_all(alike: list[Hint]) -> Hint:
    at = _list_of(alike[0])
    if at is None:
        return alike[0]
    arguments = alike[0].commands[0].arguments
    names = [hint.commands[0].arguments[at] for hint in alike]
    return Hint(Command((*arguments[:at], *names, *arguments[at + 1 :])), goal=alike[0].goal)


def _list_of(hint: Hint) -> int | None:
    """Where the name stands that may be a list, None where there is none."""
    if len(hint.parts) != 1 or not hint.commands or hint.commands[0].program != "kubectl":
        return None
    arguments = hint.commands[0].arguments
    at = _LISTS.get(str(arguments[1])) if len(arguments) > 1 else None
    return at if at is not None and at < len(arguments) and isinstance(arguments[at], str) else None


def _around(hint: Hint, at: int) -> tuple[object, ...]:
    """All of a hint but that name."""
    arguments = hint.commands[0].arguments
    return (*arguments[:at], *arguments[at + 1 :])
