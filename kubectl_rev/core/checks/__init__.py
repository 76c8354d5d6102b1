"""The catalogue of findings: what is looked for, how bad it is, why it matters. Data plus one pure function each.

A code is never reused: a retired one stays as a comment where it was. To add a check, write its function and its row in
the module of its hundred: `control_planes` and `revisions` (REV1xx), `namespaces` (REV2xx), `validation` (REV5xx).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from kubectl_rev.core.checks import control_planes, namespaces, revisions, validation
from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity, run
from kubectl_rev.core.survey import Survey

_ALL = control_planes.CHECKS + revisions.CHECKS + namespaces.CHECKS + validation.CHECKS
CHECKS: tuple[Check[Survey], ...] = tuple(sorted(_ALL, key=lambda check: check.code))

__all__ = ["CHECKS", "Check", "Finding", "Ref", "Severity", "find", "lasting"]


def find(survey: Survey) -> list[Finding]:
    """All findings about a mesh, the worst first, then by code and subject; each once."""
    return list(_find(survey))


@lru_cache(maxsize=1)  # a Survey does not change, and explanations of many subjects ask for each
def _find(survey: Survey) -> tuple[Finding, ...]:
    return tuple(lasting(survey, run(CHECKS, survey)))


def lasting(survey: Survey, findings: Iterable[Finding]) -> list[Finding]:
    """Without those about namespaces that are being deleted, and what is in them: there is nothing to mend any more.

    What is about a control plane or a tag is about the whole mesh, wherever its istiod was.
    """
    return [each for each in findings if _where(each.subject) not in survey.terminating]


def _where(subject: Ref) -> str:
    if subject.kind in ("Revision", "Tag"):
        return ""
    return subject.name if subject.kind == "Namespace" else subject.namespace
