"""The catalogue of findings: what is looked for, how bad it is, why it matters. Data plus one pure function each.

A code is never reused: a retired one stays as a comment where it was. To add a check, write its function and its row in
the module of its hundred: `control_planes` and `revisions` (REV1xx), `namespaces` (REV2xx), `validation` (REV5xx).
"""

from __future__ import annotations

from kubectl_rev.core.checks import control_planes, namespaces, revisions, validation
from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity, run
from kubectl_rev.core.survey import Survey

_ALL = control_planes.CHECKS + revisions.CHECKS + namespaces.CHECKS + validation.CHECKS
CHECKS: tuple[Check[Survey], ...] = tuple(sorted(_ALL, key=lambda check: check.code))

__all__ = ["CHECKS", "Check", "Finding", "Ref", "Severity", "find"]


def find(survey: Survey) -> list[Finding]:
    """All findings about a mesh, the worst first, then by code and subject; each once.

    None about a namespace that is being deleted, and what is in it: it is not to be mended any more.
    """
    going = survey.terminating
    return [
        each
        for each in run(CHECKS, survey)
        if (each.subject.name if each.subject.kind == "Namespace" else each.subject.namespace) not in going
    ]
