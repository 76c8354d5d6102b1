"""What flags can say, as values: light enough for --help, which imports nothing else of the commands."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.render.output import Output

__all__ = ["ConnectionFlags", "DryRun", "FailOn", "Flag", "Output", "TypedLine"]


class FailOn(StrEnum):
    """--fail-on"""

    ERROR = "error"
    WARNING = "warning"


class DryRun(StrEnum):
    """--dry-run"""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


class Flag(NamedTuple):
    """A flag of a command: the parameter it fills, its names, and what its values may be."""

    field: str
    names: tuple[str, ...]
    help: str
    takes_value: bool
    repeatable: bool
    choices: tuple[str, ...]


class TypedLine(NamedTuple):
    """A command line that is still being typed, for tab completion.

    `asked` is the flag whose value is being typed, `word` what there is of that word, `values` has the values of each
    flag by its parameter, `arguments` the words that belong to no flag.
    """

    values: dict[str, list[str]]
    arguments: list[str]
    asked: Flag | None
    word: str
    connection: ConnectionFlags = ConnectionFlags()
