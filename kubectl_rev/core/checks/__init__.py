"""What a check and a finding are, and how a catalogue of checks is run. Nothing here knows a plugin.

A check is a row of data plus one pure function; it lives with the plugin that asks its question: `status/checks/`
(REV1xx, REV2xx), `verification/checks/` (REV22x, REV3xx), `migration/checks/` (REV4xx) and `validation/checks.py`.
A code is never reused: a retired one stays as a comment where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity, run
from kubectl_rev.core.mesh.inventory import Survey

Catalogue = tuple[Check[Survey], ...]

__all__ = ["Catalogue", "Check", "Finding", "Ref", "Severity", "catalogue", "find", "lasting"]


def catalogue(*parts: Catalogue) -> Catalogue:
    """The checks of these parts, by code."""
    return tuple(sorted((check for part in parts for check in part), key=lambda check: check.code))


def find(survey: Survey, checks: Catalogue) -> list[Finding]:
    """All findings of these checks about a mesh, the worst first, then by code and subject; each once."""
    return list(_find(survey, checks))


@lru_cache(maxsize=1)  # a Survey does not change, and explanations of many subjects ask for each
def _find(survey: Survey, checks: Catalogue) -> tuple[Finding, ...]:
    return tuple(lasting(survey, run(checks, survey)))


def lasting(survey: Survey, findings: Iterable[Finding]) -> list[Finding]:
    """Without those about namespaces that are being deleted, and what is in them: there is nothing to mend any more.

    What is about a control plane or a tag is about the whole mesh, wherever its istiod was.
    """
    return [finding for finding in findings if _namespace_of(finding.subject) not in survey.terminating]


def _namespace_of(subject: Ref) -> str:
    if subject.kind in ("Revision", "Tag"):
        return ""
    return subject.name if subject.kind == "Namespace" else subject.namespace
