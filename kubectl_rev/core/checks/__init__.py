"""The catalogue of findings: what is looked for, how bad it is, why it matters. Data plus one pure function each.

A code is never reused: a retired one stays as a comment where it was. To add a check, write its function and its row in
the module of its hundred: `revisions` (REV1xx), `namespaces` (REV2xx), `validation` (REV5xx).
"""

from __future__ import annotations

from kubectl_rev.core.checks import namespaces, revisions, validation
from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity, run
from kubectl_rev.core.survey import Survey

CHECKS: tuple[Check[Survey], ...] = revisions.CHECKS + namespaces.CHECKS + validation.CHECKS

__all__ = ["CHECKS", "Check", "Finding", "Ref", "Severity", "find"]


def find(survey: Survey) -> list[Finding]:
    """All findings about a mesh, the worst first, then by code and subject; each once."""
    return run(CHECKS, survey)
