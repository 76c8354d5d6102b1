"""The catalogue of findings: what is looked for, how bad it is, why it matters. Data plus one pure function each.

A code is never reused: a retired one stays as a comment where it was. To add a check, write its function and its row in
the module of its hundred: `revisions` (REV1xx), `namespaces` (REV2xx), `validation` (REV5xx).
"""

from __future__ import annotations

from kubectl_rev.core.checks import namespaces, revisions, validation
from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity
from kubectl_rev.core.survey import Survey

CHECKS: tuple[Check, ...] = revisions.CHECKS + namespaces.CHECKS + validation.CHECKS

__all__ = ["CHECKS", "Check", "Finding", "Ref", "Severity", "find"]


def find(survey: Survey) -> list[Finding]:
    """All findings, the worst first, then by code and subject; each once."""
    severities = list(Severity)
    found = {
        Finding(check.code, check.severity, subject, message, hint)
        for check in CHECKS
        for subject, message, hint in check.find(survey)
    }
    return sorted(found, key=lambda f: (severities.index(f.severity), f.code, f.subject, f.message))
