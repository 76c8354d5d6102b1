"""What a check and a finding are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

import msgspec

from kubectl_rev.core.survey import Survey


class Severity(Enum):
    """Istio's own three words (pkg/config/analysis/diag)."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Ref(msgspec.Struct, frozen=True, order=True):
    """The object a finding is about; `namespace` is empty for what has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


class Finding(msgspec.Struct, frozen=True):
    """One result of a check; `hint` is the command that helps, or what to look at."""

    code: str
    severity: Severity
    subject: Ref
    message: str
    hint: str


Found = Iterator[tuple[Ref, str, str]]  # subject, message, hint


class Check(msgspec.Struct, frozen=True):
    """A row of the catalogue."""

    code: str
    severity: Severity
    title: str
    why: str
    find: Callable[[Survey], Found]
