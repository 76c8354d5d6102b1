"""What helps, as a value: commands as argument lists, a sentence for a person, or a sentence with commands in it.

Names of objects, files, contexts and users are arguments. They are quoted once, when a hint becomes text: in a
shell the text runs the commands that were meant, whatever the names are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from enum import Enum
from functools import wraps
from typing import NamedTuple, ParamSpec

import msgspec

Arguments = ParamSpec("Arguments")

# What never reaches a terminal: C0, C1, and what changes the direction of text.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # a byte of an argument or a file's name that is no UTF-8
_LABEL_VALUE = re.compile(r"[A-Za-z0-9._-]*")
_NOT_PRINTED = "no command is printed: a name in it has control characters"
_LOOKS = ("get", "describe", "logs", "auth", "rev-status", "rev-verify")  # what only reads
PLUGINS = ("rev-status", "rev-migrate", "rev-verify", "rev-fix-validation")


class Flag(NamedTuple):
    """A flag of a command: `-n shop`, `--overwrite`, or whole as `--context=prod`."""

    name: str
    value: str | None = None

    @property
    def words(self) -> list[str]:
        """A value that begins with a dash is joined to its flag: it could be taken for a flag itself."""
        if self.value is None:
            return [self.name]
        return [f"{self.name}={self.value}"] if self.value.startswith("-") else [self.name, self.value]


class Command(NamedTuple):
    """One call of a program: its name, then flags, and what is no flag, however it begins."""

    arguments: tuple[str | Flag, ...]

    @property
    def program(self) -> str:
        return str(self.arguments[0])

    @property
    def plugin(self) -> str:
        """Which of ours it calls: `rev-status`; empty for others."""
        name = self.arguments[1] if self.program == "kubectl" and len(self.arguments) > 1 else ""
        return name if isinstance(name, str) and name in PLUGINS else ""

    @property
    def argv(self) -> list[str]:
        """The words that the program receives; a name that begins with a dash stands after `--`."""
        starts = (n for n, part in enumerate(self.arguments) if isinstance(part, str) and part.startswith("-"))
        first = next(starts, len(self.arguments))
        before, after = self.arguments[:first], self.arguments[first:]
        flags, names = [part for part in after if isinstance(part, Flag)], [p for p in after if isinstance(p, str)]
        words = [word for part in (*before, *flags) for word in (part.words if isinstance(part, Flag) else [part])]
        return [*words, "--", *names] if names else words


class Goal(Enum):
    """What is true after a hint has been followed, in the order in which a mesh is mended."""

    READY = "ready"  # a control plane answers
    POINTED = "pointed"  # a tag points at the revision
    VALIDATED = "validated"  # the revision validates configuration
    OWNED = "owned"  # the revision owns a Gateway
    INJECTED = "injected"  # the revision injects new pods
    REPLACED = "replaced"  # pods are replaced
    CONFIGURED = "configured"  # the revision reads a configuration object
    GONE = "gone"  # an object is no longer there
    KNOWN = "known"  # the reason; it changes nothing


class RemedyStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a remedy: the words of a command, or a text for a person."""

    command: tuple[str, ...] = ()
    text: str = ""


class Remedy(msgspec.Struct, frozen=True):
    """A hint in JSON; `goal` is null where a person has to decide it."""

    goal: Goal | None
    steps: tuple[RemedyStep, ...]


class Hint:
    """Texts and commands in the order in which they are printed; commands that follow each other run in this order.

    No Struct: JSON has it as one line of text, which is `str` of it, and as its `remedy`.
    """

    __slots__ = ("goal", "parts")

    def __init__(self, *parts: str | Command, goal: Goal | None = None) -> None:
        self.parts, self.goal = parts, goal

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hint) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"Hint{self.parts!r}"

    def __str__(self) -> str:
        """One line. A command that would not survive a terminal is not printed: it would mean another object."""
        text, previous = "", None
        for part in self.parts:
            if isinstance(part, Command):
                if any(CONTROL.search(word) or _SURROGATE.search(word) for word in part.argv):
                    return _NOT_PRINTED
                text += " && " if isinstance(previous, Command) else ""
            text += shlex.join(part.argv) if isinstance(part, Command) else part
            previous = part
        return text

    @property
    def commands(self) -> list[Command]:
        return [part for part in self.parts if isinstance(part, Command)]

    @property
    def remedy(self) -> Remedy | None:
        """None without a hint, and where a name in it cannot be printed."""
        if not self or str(self) == _NOT_PRINTED:
            return None
        steps = [
            RemedyStep(tuple(p.argv)) if isinstance(p, Command) else RemedyStep(text=p.strip()) for p in self.parts
        ]
        return Remedy(self.goal, tuple(steps))

    def to(self, goal: Goal) -> Hint:
        """The same, after which this is true; what has a goal of its own keeps it."""
        return self if self.goal or not self else Hint(*self.parts, goal=goal)

    def calls(self, plugin: str) -> bool:
        """Whether its first command is this plugin of ours: `rev-status`."""
        return any(command.plugin == plugin for command in self.commands[:1])

    def then(self, other: Hint) -> Hint:
        """Both, one after the other."""
        return Hint(*self.parts, *other.parts, goal=self.goal)

    def with_flags(self, flags: Callable[[Command], Iterable[Flag]]) -> Hint:
        """The same with further flags for each command."""
        parts = (Command((*p.arguments, *flags(p))) if isinstance(p, Command) else p for p in self.parts)
        return Hint(*parts, goal=self.goal)


NO_HINT = Hint()


def command(*arguments: str | Flag) -> Hint:
    """A kubectl command. What is no `Flag` is never taken for one, though it may begin with a dash."""
    looks = arguments[0] in _LOOKS
    return Hint(Command(("kubectl", *arguments)), goal=Goal.KNOWN if looks else None)


def program(*arguments: str | Flag) -> Hint:
    """A command of another program: `istioctl`, `helm`, `az`."""
    return Hint(Command(arguments))


def sentence(*parts: str | Hint) -> Hint:
    """What a person has to do, or wait for; a command in it is a hint of its own."""
    return Hint(*(one for part in parts for one in ([part] if isinstance(part, str) else part.parts) if one))


def within(namespace: str) -> Flag:
    """`-n NAMESPACE`."""
    return Flag("-n", namespace)


def selecting(wanted: dict[str, str]) -> Flag:
    """`-l KEY=VALUE,…`, without what no selector can say: it then shows more, and nothing else."""
    pairs = (f"{key}={value}" for key, value in wanted.items() if _LABEL_VALUE.fullmatch(value))
    return Flag("-l", ",".join(pairs))


OVERWRITE = Flag("--overwrite")


def leads_to(goal: Goal) -> Callable[[Callable[Arguments, Hint]], Callable[Arguments, Hint]]:
    """A function whose hints have this goal, except those that were given another one."""

    def decorated(function: Callable[Arguments, Hint]) -> Callable[Arguments, Hint]:
        @wraps(function)
        def called(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Hint:
            return function(*args, **kwargs).to(goal)

        return called

    return decorated
