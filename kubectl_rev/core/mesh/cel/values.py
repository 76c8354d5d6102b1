"""What an expression may be made of: Python's own bool, int, float, str, None and list, and these."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

Value = Any


class Doubt(Enum):
    """Why something cannot be told."""

    UNREAD = "{} is not known here"
    UNSUPPORTED = "{} is not evaluated here"
    SYNTAX = "{} is not understood here"


class Unknown(msgspec.Struct, frozen=True):
    """A value that can be any, an error too."""

    doubt: Doubt
    what: str

    @property
    def words(self) -> str:
        return self.doubt.value.format(self.what)


class Error(msgspec.Struct, frozen=True):
    """What the API server gets in place of a value."""

    words: str


class Optional(msgspec.Struct, frozen=True):
    """An optional value; `present` is empty or holds it."""

    present: tuple[Value, ...] = ()


class Map(msgspec.Struct, frozen=True):
    """A map of strings, known in part: it may also have the keys of `may_have` (None: any) that are not `absent`.

    `path` is how an expression names it.
    """

    known: dict[str, Value]
    may_have: frozenset[str] | None = frozenset()
    absent: frozenset[str] = frozenset()
    path: str = "a map"

    @property
    def whole(self) -> bool:
        return self.may_have is not None and not self.may_have

    def has(self, key: str) -> bool | Unknown:
        if key in self.known:
            return True
        if key in self.absent or (self.may_have is not None and key not in self.may_have):
            return False
        return Unknown(Doubt.UNREAD, f"{self.path}.{key}" if key.isidentifier() else f'{self.path}["{key}"]')

    def get(self, key: str) -> Value:
        """The value; an error of an absent key."""
        if key in self.known:
            return self.known[key]
        return self.has(key) or Error(f"no such key: {key}")


def unsupported(what: str) -> Unknown:
    return Unknown(Doubt.UNSUPPORTED, what)


NO_OVERLOAD = Error("no such overload")  # what CEL says to operands of the wrong types


def worst(*operands: Value) -> Unknown | Error | None:
    """What an operation that needs all its operands comes to: an unknown one, which may be an error, or an error."""
    failed = [operand for operand in operands if isinstance(operand, Unknown | Error)]
    return next((operand for operand in failed if isinstance(operand, Unknown)), failed[0] if failed else None)


def either(operands: list[Value], decisive: bool) -> Value:
    """`||` (decisive: true) and `&&` (false): one decisive operand is enough, whatever the others are, errors too."""
    if any(operand is decisive for operand in operands):
        return decisive
    wrong = next((o for o in operands if not isinstance(o, bool | Unknown | Error)), None)
    return worst(*operands) or (not decisive if wrong is None else NO_OVERLOAD)


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Value, right: Value) -> bool | Unknown:
    """CEL's `==` of known operands: values of different types differ, except numbers."""
    if isinstance(left, list) and isinstance(right, list):
        pairs = [equal(*pair) for pair in zip(left, right, strict=False)]
        same: bool | Unknown = len(left) == len(right) and either(pairs, decisive=False)
        return same
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Unknown):
            return one
        if isinstance(one, Map | Optional):
            return unsupported("comparing maps") if isinstance(other, type(one)) else False
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)
