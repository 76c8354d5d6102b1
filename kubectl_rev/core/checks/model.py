"""What a check and a finding are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

from kubectl_rev.core.checks.hints import Hint, Remedy
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import Keyed

Case = TypeVar("Case")


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

    @property
    def space(self) -> str:
        """The namespace that it is in, or is; empty of what is in none."""
        return self.name if self.kind == "Namespace" else self.namespace


def ref_of(keyed: Keyed) -> Ref:
    return Ref(keyed.kind, keyed.namespace, keyed.name)


def namespace_ref(name: str) -> Ref:
    return Ref("Namespace", "", name)


class Breaks(Enum):
    """What an uninstall does to a subject."""

    NO_SIDECAR = "no sidecar"  # new pods start without one, silently
    NOT_STARTED = "not started"  # new pods wait for an image that only an injector puts in
    REJECTED = "rejected"  # pods cannot be created
    FROZEN = "config frozen"  # Istio's configuration cannot be written
    UNVALIDATED = "config unvalidated"  # it can be, and nothing checks it: silently
    IGNORED = "config ignored"  # no control plane reads it: silently
    DETACHED = "detached"  # running proxies get no configuration and no certificates any more
    DELETED = "deleted"  # it goes with the control plane


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One result of a check; `hint` has the command that helps, or what to look at, `remedy` the same as a value.
    `breaks` only of REV3xx.
    """

    code: str
    severity: Severity
    subject: Ref
    message: str
    hint: Hint
    breaks: Breaks | None = None
    remedy: Remedy | None = None

    def with_hint(self, hint: Hint) -> Finding:
        return msgspec.structs.replace(self, hint=hint, remedy=hint.remedy)


Found = Iterator[tuple[Ref, str, Hint]]  # subject, message, what helps
Broken = Iterator[tuple[Ref, str, Hint, Breaks | None]]


class Check(msgspec.Struct, Generic[Case], frozen=True):
    """A row of the catalogue. `find` gets what its hundred is about: a Survey, an uninstall, a move.

    `title` names the trouble, `passed` says that there is none (rev-verify prints it). `source` is where that is from:
    the file that makes it so, the issue or the document that tells of it. `needs` are the kinds of gap that leave it
    undecided: a resource (`pods`), its group (`apps`), or one of core/verification/evidence.py's own kinds.
    """

    code: str
    severity: Severity
    title: str
    why: str
    find: Callable[[Case], Iterable[tuple[Ref, str, Hint] | tuple[Ref, str, Hint, Breaks | None]]]
    source: str
    needs: tuple[str, ...] = ()
    passed: str = ""


Catalogue = tuple[Check[Survey], ...]


def catalogue(*parts: Catalogue) -> Catalogue:
    """The checks of these parts, by code."""
    return tuple(sorted((check for part in parts for check in part), key=lambda check: check.code))


def run(checks: Iterable[Check[Case]], case: Case) -> list[Finding]:
    """All findings, the worst first, then by code and subject; each once."""
    found = {Finding(check.code, check.severity, *row) for check in checks for row in check.find(case)}
    return worst_first(finding.with_hint(finding.hint) for finding in found)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then by code, subject and message."""
    severities = list(Severity)
    return sorted(findings, key=lambda f: (severities.index(f.severity), f.code, f.subject, f.message))


def find(survey: Survey, checks: Catalogue) -> list[Finding]:
    """The findings of these checks, in the order of `run`, without those in namespaces that are being deleted."""
    return list(_find(survey, checks))


@lru_cache(maxsize=1)  # a Survey does not change, and explanations of many subjects ask for each
def _find(survey: Survey, checks: Catalogue) -> tuple[Finding, ...]:
    return tuple(lasting(survey, run(checks, survey)))


def lasting(survey: Survey, findings: Iterable[Finding]) -> list[Finding]:
    """Without those about namespaces that are being deleted, and what is in them: there is nothing to mend any more.

    What is about a control plane or a tag is about the whole mesh, wherever its istiod was.
    """
    mesh_wide = ("Revision", "Tag")
    return [f for f in findings if f.subject.kind in mesh_wide or f.subject.space not in survey.terminating]
