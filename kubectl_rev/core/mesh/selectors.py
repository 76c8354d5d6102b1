"""Does this LabelSelector match these labels, and if not, because of which key?

The semantics are the API server's (k8s.io/apimachinery/pkg/labels, `Requirement.Matches`): every requirement must hold;
`In` and `Exists` need the key; `NotIn` and `DoesNotExist` also hold when it is absent; an absent or empty selector in a
webhook matches everything. It refuses nothing at run time: an unknown operator does not survive decoding.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum

import msgspec


class Operator(Enum):
    """The four operators of `matchExpressions`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of `matchExpressions`."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def wants(self) -> str:
        """The requirement in words: `istio-injection must be absent`."""
        values = [value or '""' for value in self.values]
        one = values[0] if len(values) == 1 else "one of " + ", ".join(values)
        match self.operator:
            case Operator.IN:
                return f"{self.key} must be {one}"
            case Operator.NOT_IN:
                return f"{self.key} must not be {one}"
            case Operator.EXISTS:
                return f"{self.key} must be set"
            case Operator.DOES_NOT_EXIST:
                return f"{self.key} must be absent"


class Bound(Requirement, frozen=True):
    """The key must be there (its operator) with an integer beyond `limit`: `-l`'s `k>1` and `k<1`, which no
    `matchExpressions` can have."""

    limit: int = 0
    above: bool = True

    def holds(self, labels: Mapping[str, str]) -> bool:
        number = _integer(labels.get(self.key, ""))
        return number is not None and (number > self.limit if self.above else number < self.limit)

    def wants(self) -> str:
        return f"{self.key} must be {'more' if self.above else 'less'} than {self.limit}"


class LabelSelector(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A `metav1.LabelSelector`; the empty one matches everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """`matchLabels` as `In` requirements, sorted by key, then `matchExpressions` as written."""
        equal = [Requirement(key, Operator.IN, (value,)) for key, value in sorted(self.match_labels.items())]
        return (*equal, *self.match_expressions)

    def matches(self, labels: Mapping[str, str]) -> bool:
        equal = self.match_labels.items() <= labels.items()
        return equal and all(requirement.holds(labels) for requirement in self.match_expressions)

    def unmet(self, labels: Mapping[str, str]) -> list[Requirement]:
        """The requirements that these labels do not satisfy, in order; empty when the selector matches."""
        return [requirement for requirement in self.requirements if not requirement.holds(labels)]


def state(key: str, labels: Mapping[str, str]) -> str:
    """What the labels say about a key, in words: `is enabled`, `is empty`, `is absent`."""
    if key not in labels:
        return "is absent"
    return f"is {labels[key]}" if labels[key] else "is empty"


def parse(text: str) -> LabelSelector:
    """kubectl's `-l`: `a=b,c==d,e!=f,g,!h,k in (x,y),k notin (x),l>1,l<9`; the empty text selects everything.

    The grammar is that of `Parse` in k8s.io/apimachinery/pkg/labels/selector.go (0.37): `()` has the empty value, and
    integers are compared as such. A `!=` is a `notin` of one value, so both also hold where the key is absent.
    Raises ValueError with one line.
    """
    return LabelSelector(match_expressions=tuple(_Parser(text).requirements()))


_TOKEN = re.compile(r"==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+")
_OPERATORS = {
    **dict.fromkeys(("=", "==", "in"), Operator.IN),
    **dict.fromkeys(("!=", "notin"), Operator.NOT_IN),
}
# k8s.io/apimachinery/pkg/util/validation: IsQualifiedName, IsValidLabelValue
_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
_KEY = re.compile(f"({_PREFIX})?{_PART}")
_VALUE = re.compile(f"({_PART})?")


def _integer(value: str) -> int | None:
    """A label's value as Go's ParseInt(value, 10, 64) takes it; a label cannot begin with a sign."""
    number = int(value) if value.isascii() and value.isdecimal() else 2**63
    return number if number < 2**63 else None


def is_label_value(text: str) -> bool:
    """Whether a label may have this value; the empty one is one."""
    return bool(_VALUE.fullmatch(text))


class _Parser:
    """Recursive descent over a selector's tokens; the empty token is the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]

    def requirements(self) -> Iterator[Requirement]:
        if not self._next:
            return
        yield self._requirement()
        while self._next:
            self._take(",")
            yield self._requirement()

    def _requirement(self) -> Requirement:
        if self._next == "!":
            self._take("!")
            return Requirement(self._key(), Operator.DOES_NOT_EXIST)
        key = self._key()
        if self._next in ("", ","):
            return Requirement(key, Operator.EXISTS)
        if self._next not in (*_OPERATORS, "<", ">"):
            raise self._wrong("one of = == != in notin > <")
        word = self._take()
        values = self._values() if word in ("in", "notin") else (self._value((",", "")),)
        if word not in "<>":
            return Requirement(key, _OPERATORS[word], values)
        if (limit := _integer(values[0])) is None:
            raise ValueError(f"{self._text!r} is no label selector: {values[0]!r} is no integer")
        return Bound(key, Operator.EXISTS, limit=limit, above=word == ">")

    def _values(self) -> tuple[str, ...]:
        self._take("(")
        values = [self._value((",", ")"))]
        while self._next != ")":
            self._take(",")
            values.append(self._value((",", ")")))
        self._take(")")
        return tuple(values)

    def _key(self) -> str:
        return self._word("a label's name", "a label's name", _KEY)

    def _value(self, until: tuple[str, ...]) -> str:
        """A value, which is empty where one of `until` stands in its place."""
        return "" if self._next in until else self._word("a value", "a label's value", _VALUE)

    def _word(self, wanted: str, what: str, pattern: re.Pattern[str]) -> str:
        if self._next[:1] in "=!(),<>":  # and at the end
            raise self._wrong(wanted)
        word = self._take()
        if not pattern.fullmatch(word):
            raise ValueError(f"{self._text!r} is no label selector: {word!r} cannot be {what}")
        return word

    @property
    def _next(self) -> str:
        return self._tokens[0]

    def _take(self, wanted: str = "") -> str:
        if wanted and self._next != wanted:
            raise self._wrong(repr(wanted))
        return self._tokens.pop(0)

    def _wrong(self, wanted: str) -> ValueError:
        there = repr(self._next) if self._next else "the end"
        return ValueError(f"{self._text!r} is no label selector: want {wanted}, found {there}")
