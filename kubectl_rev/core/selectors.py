"""Does this LabelSelector match these labels, and if not, because of which key?

The semantics are the API server's (k8s.io/apimachinery/pkg/labels, `Requirement.Matches`): every requirement must hold;
`In` and `Exists` need the key; `NotIn` and `DoesNotExist` also hold when it is absent; an absent or empty selector in a
webhook matches everything. It refuses nothing at run time: an unknown operator does not survive decoding.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec


class Operator(Enum):
    """The four operators of `matchExpressions`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(msgspec.Struct, frozen=True):
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
        one = self.values[0] or '""' if len(self.values) == 1 else "one of " + ", ".join(self.values)
        match self.operator:
            case Operator.IN:
                return f"{self.key} must be {one}"
            case Operator.NOT_IN:
                return f"{self.key} must not be {one}"
            case Operator.EXISTS:
                return f"{self.key} must be set"
            case Operator.DOES_NOT_EXIST:
                return f"{self.key} must be absent"


class LabelSelector(msgspec.Struct, frozen=True, rename="camel"):
    """A `metav1.LabelSelector`; the empty one matches everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """`matchLabels` as `In` requirements, sorted by key, then `matchExpressions` as written."""
        equal = sorted(self.match_labels.items())
        return tuple(Requirement(key, Operator.IN, (value,)) for key, value in equal) + self.match_expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.holds(labels) for requirement in self.requirements)

    def unmet(self, labels: Mapping[str, str]) -> list[Requirement]:
        """The requirements that these labels do not satisfy, in order; empty when the selector matches."""
        return [requirement for requirement in self.requirements if not requirement.holds(labels)]


def state(key: str, labels: Mapping[str, str]) -> str:
    """What the labels say about a key, in words: `is enabled`, `is empty`, `is absent`."""
    if key not in labels:
        return "is absent"
    return f"is {labels[key]}" if labels[key] else "is empty"
