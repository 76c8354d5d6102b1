"""The Common Expression Language's syntax: text to a tree. https://github.com/google/cel-spec/blob/master/doc/langdef.md

Without bytes, unsigned numbers, messages and optional elements of lists and maps, which no condition on a pod needs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple


class Node(NamedTuple):
    """One operation. `op` is an operator or one of literal, name, select, index, call, method, list, map.

    `value` is the literal, or the name that is looked up, selected or called; a method's first argument is its object.
    `.?` and `[?` are `select` and `index` that answer with an optional value.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Any = None


class NotUnderstood(Exception):
    """The expression is none, or is one of a kind that is not read here."""


_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*)
    |(?P<raw>[rR](?:'{3}.*?'{3}|"{3}.*?"{3}|'[^'\n]*'|"[^"\n]*"))
    |(?P<string>'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    |(?P<double>\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
    |(?P<int>0[xX][0-9a-fA-F]+|\d+)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op>&&|\|\||[=!<>]=|\[\?|\.\?|[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_ESCAPED = dict(zip("abfnrtv\\'\"`?", "\a\b\f\n\r\t\v\\'\"`?", strict=True))
_BINARY = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_WORDS = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=256)
def parse(expression: str) -> Node:
    """The tree of an expression; raises NotUnderstood."""
    parser = _Parser(expression)
    try:
        tree = parser.expression()
    except RecursionError:
        raise NotUnderstood("its depth") from None
    parser.expect("")
    return tree


class _Parser:
    """Recursive descent; `""` is the token after the last one."""

    def __init__(self, text: str) -> None:
        self._tokens, self._at = [*_tokens(text), ("op", "")], 0

    def expression(self) -> Node:
        condition = self._binary(0)
        if not self._took("?"):
            return condition
        yes = self._binary(0)
        self.expect(":")
        return Node("?", (condition, yes, self.expression()))

    def expect(self, token: str) -> None:
        if not self._took(token):
            raise NotUnderstood(repr(self._tokens[self._at][1]) if self._tokens[self._at][1] else "its end")

    def _took(self, *tokens: str) -> str | None:
        """The operator that comes next, if it is one of these."""
        kind, text = self._tokens[self._at]
        if text not in tokens or (kind != "op" and text != "in"):
            return None
        self._at += 1
        return text or " "

    def _next(self, kind: str) -> str:
        token = self._tokens[self._at]
        if token[0] != kind:
            raise NotUnderstood(repr(token[1]) if token[1] else "its end")
        self._at += 1
        return token[1]

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while op := self._took(*_BINARY[level]):
            left = Node(op, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Node:
        if op := self._took("!", "-"):
            return Node("!" if op == "!" else "negative", (self._unary(),))
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while op := self._took(".", ".?", "[", "[?"):
            if op in ("[", "[?"):
                node = Node("index" if op == "[" else "[?", (node, self.expression()))
                self.expect("]")
                continue
            name = self._next("name")
            if op == "." and self._took("("):
                node = Node("method", (node, *self._list(")")), name)
            else:
                node = Node("select" if op == "." else ".?", (node,), name)
        return node

    def _primary(self) -> Node:
        if self._took("("):
            node = self.expression()
            self.expect(")")
            return node
        if self._took("["):
            return Node("list", self._list("]"))
        if self._took("{"):
            return Node("map", self._list("}", pairs=True))
        self._took(".")  # a name of the outermost scope
        kind, text = self._tokens[self._at]
        if kind == "op" or text == "in":
            self.expect("\0")
        self._at += 1
        if kind == "name":
            if text in _WORDS:
                return Node("literal", value=_WORDS[text])
            return Node("call", self._list(")"), text) if self._took("(") else Node("name", value=text)
        return Node("literal", value=_literal(kind, text))

    def _list(self, end: str, *, pairs: bool = False) -> tuple[Node, ...]:
        """What stands between commas up to the `end`; of pairs key, value, key, value."""
        nodes: list[Node] = []
        while not self._took(end):
            nodes.append(self.expression())
            if pairs:
                self.expect(":")
                nodes.append(self.expression())
            if not self._took(","):
                self.expect(end)
                break
        return tuple(nodes)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotUnderstood(repr(text[at]))
        if match.lastgroup and match.lastgroup != "blank":
            tokens.append((match.lastgroup, match.group()))
        at = match.end()
        if match.lastgroup in ("int", "double") and text[at : at + 1].isalnum():
            raise NotUnderstood(repr(match.group() + text[at]))
    return tokens


def _literal(kind: str, text: str) -> int | float | str:
    if kind == "double":
        return float(text)
    if kind == "int":
        return int(text, 16 if text[:2] in ("0x", "0X") else 10)
    body = text[1:] if kind == "raw" else text
    quote = 3 if body[:3] in ("'''", '"""') else 1
    return body[quote:-quote] if kind == "raw" else _ESCAPE.sub(_unescaped, body[quote:-quote])


def _unescaped(match: re.Match[str]) -> str:
    *codes, octal, single = match.groups()
    code = next((int(code, 16) for code in codes if code), int(octal, 8) if octal else None)
    if (code is None and single not in _ESCAPED) or (code or 0) > 0x10FFFF:
        raise NotUnderstood(repr(match.group()))
    return _ESCAPED[single] if code is None else chr(code)
