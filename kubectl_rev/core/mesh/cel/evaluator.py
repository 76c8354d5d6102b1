"""Evaluates a tree as the API server does (cel-go), where values may be unknown: then so is what depends on them.

Errors are values too: `false && error` is false, in either order. What Kubernetes' own libraries add is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from kubectl_rev.core.mesh.cel.parser import Node, NotUnderstood, parse
from kubectl_rev.core.mesh.cel.values import (
    NO_OVERLOAD,
    Doubt,
    Error,
    Map,
    Optional,
    Unknown,
    Value,
    either,
    equal,
    is_number,
    unsupported,
    worst,
)  # fmt: skip

Scope = Mapping[str, Value]
# What evaluates its last argument for itself, with how many variables.
_MACROS = {
    ("orValue", 0), ("all", 2), ("exists", 2), *((name, 1) for name in ("all", "exists", "exists_one", "map", "filter"))
}  # fmt: skip
_STEPS = 50_000  # operations; the API server has a limit of its own, and refuses to store what may pass it


def evaluate(expression: str, scope: Scope) -> Value:
    """The value of an expression in which these names are known."""
    try:
        return _Evaluation().value(parse(expression), scope)
    except NotUnderstood as error:
        return Unknown(Doubt.SYNTAX, str(error))
    except (RecursionError, _TooLong):
        return unsupported("so long an expression")


class _TooLong(Exception):
    """It takes more steps than we spend on one."""


class _Element(NamedTuple):
    """One round of a macro; one that is not `certain` may not take place. `key` is also a list's index."""

    key: Value
    value: Value
    certain: bool = True


class _Evaluation:
    """One evaluation, with the number of its steps."""

    def __init__(self) -> None:
        self._steps = 0

    def value(self, node: Node, scope: Scope) -> Value:
        self._steps += 1
        if self._steps > _STEPS:
            raise _TooLong
        op, args = node.op, node.args
        match op:
            case "literal":
                return node.value
            case "name":
                return scope[node.value] if node.value in scope else unsupported(node.value)
            case "||" | "&&":
                return either([self.value(arg, scope) for arg in args], decisive=op == "||")
            case "?":
                return self._conditional(node, scope)
            case "call" if node.value == "has" and len(args) == 1 and args[0].op == "select":
                return self._present(self.value(args[0].args[0], scope), args[0].value)
            case "method" if macro := self._macro(node, scope):
                return macro[0]
        operands = [self.value(arg, scope) for arg in args]
        if (failed := worst(*operands)) is not None:
            return failed
        match op:
            case "list":
                return operands
            case "map":
                return _map(operands)
            case "select" | ".?":
                return _select(operands[0], node.value, optional=op == ".?")
            case "index" | "[?":
                return _select(*operands, optional=op == "[?")
            case "call":
                return _call(node.value, operands)
            case "method":
                return _method(node.value, *operands)
        return _operate(op, *operands)

    def _conditional(self, node: Node, scope: Scope) -> Value:
        condition, yes, no = node.args
        decided = self.value(condition, scope)
        if isinstance(decided, bool):
            return self.value(yes if decided else no, scope)
        return worst(decided) or NO_OVERLOAD

    def _present(self, operand: Value, field: str) -> Value:
        """`has(operand.field)`. Of what is no map, releases answer differently."""
        if (failed := worst(operand)) is not None:
            return failed
        return operand.has(field) if isinstance(operand, Map) else unsupported(f"has(….{field}) of what is no map")

    def _macro(self, node: Node, scope: Scope) -> tuple[Value] | None:
        """The answer of a macro, None of a method that is none."""
        name, (target, *args) = node.value, node.args
        names = [arg.value for arg in args[:-1] if arg.op == "name"]
        if len(names) != len(args) - 1 or (name, len(names)) not in _MACROS:
            return None
        operand = self.value(target, scope)
        if (failed := worst(operand)) is not None:
            return (failed,)
        if name == "orValue":
            value = operand.present or (self.value(args[0], scope),) if isinstance(operand, Optional) else ()
            return value or (NO_OVERLOAD,)
        if not isinstance(operand, list | Map):
            return (NO_OVERLOAD,)
        rounds = []
        for element in _elements(operand):
            only = element.value if isinstance(operand, list) else element.key
            bound = dict(zip(names, (element.key, element.value) if len(names) == 2 else (only,), strict=True))
            rounds.append((element, only, self.value(args[-1], {**scope, **bound})))
        return (_gathered(name, rounds),)


def _gathered(name: str, rounds: list[tuple[_Element, Value, Value]]) -> Value:
    """What the rounds of a macro come to: of each the element, its value or key, and the answer."""
    answers = [answer for _, _, answer in rounds]
    if name in ("all", "exists"):
        return either([_perhaps(e, answer, name == "all") for e, _, answer in rounds], decisive=name == "exists")
    if unsure := next((element for element, _, _ in rounds if not element.certain), None):
        return _presence(unsure)
    if (failed := worst(*answers)) is not None or name == "map":
        return answers if failed is None else failed
    if not all(isinstance(answer, bool) for answer in answers):
        return NO_OVERLOAD
    return answers.count(True) == 1 if name == "exists_one" else [only for _, only, answer in rounds if answer]


def _perhaps(element: _Element, answer: Value, idle: bool) -> Value:
    """The answer of a round of `all` or `exists`; where it may not take place, only the one that changes nothing."""
    return answer if element.certain or answer is idle or isinstance(answer, Unknown) else _presence(element)


def _presence(element: _Element) -> Unknown:
    return element.key if isinstance(element.key, Unknown) else Unknown(Doubt.UNREAD, f"whether there is {element.key}")


def _elements(several: list[Value] | Map) -> Iterator[_Element]:
    if isinstance(several, list):
        yield from (_Element(index, value) for index, value in enumerate(several))
        return
    yield from (_Element(key, value) for key, value in several.known.items())
    if several.may_have is None:
        other = Unknown(Doubt.UNREAD, f"all of {several.path}")
        yield _Element(other, other, certain=False)
        return
    for key in sorted(several.may_have - several.known.keys() - several.absent):
        yield _Element(key, Unknown(Doubt.UNREAD, f'{several.path}["{key}"]'), certain=False)


def _map(operands: list[Value]) -> Value:
    keys = operands[::2]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
        return unsupported("a map with other keys than strings, or one twice")
    return Map(dict(zip(keys, operands[1::2], strict=True)))


def _select(operand: Value, key: Value, *, optional: bool = False) -> Value:
    """`operand.key` and `operand[key]`: a value or an error; once one is optional, so is what is selected from it."""
    if isinstance(operand, Optional):
        return _select(operand.present[0], key, optional=True) if operand.present else operand
    if isinstance(operand, Map) and isinstance(key, str):
        value = operand.get(key)
        if not optional or isinstance(value, Unknown):
            return value
        return Optional(() if isinstance(value, Error) else (value,))
    if optional:
        return Optional() if operand is None else unsupported(f".?{key} of what is no map")
    if isinstance(operand, list) and isinstance(key, int) and not isinstance(key, bool):
        return operand[key] if 0 <= key < len(operand) else Error(f"index out of bounds: {key}")
    if isinstance(operand, Map) and not isinstance(key, str):
        return unsupported(f"the key {key!r}")
    return NO_OVERLOAD if not isinstance(key, str) else Error(f"no such key: {key}")


def _operate(op: str, left: Value, right: Value = None) -> Value:
    match op:
        case "!":
            return not left if isinstance(left, bool) else NO_OVERLOAD
        case "==":
            return equal(left, right)
        case "!=":
            same = equal(left, right)
            return same if isinstance(same, Unknown) else not same
        case "in":
            return _within(left, right)
        case "<" | "<=" | ">" | ">=":
            if not (is_number(left) and is_number(right)) and not (type(left) is type(right) and isinstance(left, str)):
                return unsupported("an order of booleans") if isinstance(left, bool) else NO_OVERLOAD
            return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]
        case "negative":
            return _in_bounds(-left) if type(left) is int else unsupported("-_")
    if op != "+":
        return unsupported(f"_{op}_")
    if type(left) is not type(right) or not isinstance(left, str | list | int) or isinstance(left, bool):
        return NO_OVERLOAD
    return _in_bounds(left + right) if isinstance(left, int) else left + right


def _in_bounds(number: int) -> Value:
    return number if -(2**63) <= number < 2**63 else Error("integer overflow")


def _within(needle: Value, several: Value) -> Value:
    if isinstance(several, list):
        return either([equal(needle, one) for one in several], decisive=True)
    if isinstance(several, Map):
        return several.has(needle) if isinstance(needle, str) else unsupported(f"the key {needle!r}")
    return NO_OVERLOAD


def _size(value: Value) -> Value:
    if isinstance(value, Map):
        return len(value.known) if value.whole else Unknown(Doubt.UNREAD, f"all of {value.path}")
    return len(value) if isinstance(value, str | list) else NO_OVERLOAD


# Where RE2, which the API server uses, and Python's expressions may part: groups that are repeated (also slow), classes
# in classes, possessive and open repetitions, flags and assertions, and escapes but for these.
_RE2_ONLY = re.compile(r"\)[*+{]|\[\[|&&|--|~~|\|\||[*+?}]\+|\{,|\(\?(?!:)|\\[^.\-/\\dws+*?(){}\[\]|^$]|\[\^?\]")


def _matches(text: str, pattern: str) -> Value:
    if _RE2_ONLY.search(pattern) or not pattern.isascii() or "\n" in text:
        return unsupported(f"the regular expression {pattern}")
    try:
        return re.search(pattern, text, re.ASCII) is not None
    except re.error:
        return unsupported(f"the regular expression {pattern}")


def _lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def _upper(text: str) -> str:
    return "".join(char.upper() if char.isascii() else char for char in text)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


_OF_STRINGS: dict[str, Callable[..., Value]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__, "matches": _matches,
    "lowerAscii": _lower, "upperAscii": _upper, "split": _split,
}  # fmt: skip
_ARITY = {"lowerAscii": 0, "upperAscii": 0}


def _method(name: str, target: Value, *args: Value) -> Value:
    if name == "size" and not args:
        return _size(target)
    if isinstance(target, Optional) and name in ("hasValue", "value") and not args:
        if name == "hasValue":
            return bool(target.present)
        return target.present[0] if target.present else Error("optional.none() dereference")
    function = _OF_STRINGS.get(name)
    if function is None or len(args) != _ARITY.get(name, 1):
        return unsupported(f"{name}()")
    if not all(isinstance(operand, str) for operand in (target, *args)):
        return NO_OVERLOAD
    return function(target, *args)


def _call(name: str, operands: list[Value]) -> Value:
    match name, operands:
        case "size", [value]:
            return _size(value)
        case "dyn", [value]:
            return value
        case "matches", [str(text), str(pattern)]:
            return _matches(text, pattern)
        case "string", [bool(value)]:
            return "true" if value else "false"
        case "string", [str() | int() as value]:
            return str(value)
    return unsupported(f"{name}()")
