"""The verdict, with every check, finding, gap, leftover and command it rests on: what rev-verify prints or encodes.

NOT SAFE beats UNKNOWN, UNKNOWN beats SAFE. A gap, and with --uninstall a check that was left out, is never reported as
fine: it makes SAFE or COMPLETE UNKNOWN, unless the person accepts that kind of gap, which the verdict then repeats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from typing import Any

import msgspec

from kubectl_rev.core.checks import Catalogue, lasting
from kubectl_rev.core.checks.hints import NO_HINT
from kubectl_rev.core.checks.model import Check, Finding, Severity, run
from kubectl_rev.core.mesh import labels, sail
from kubectl_rev.core.mesh.removal import removal
from kubectl_rev.core.mesh.removal_method import Method
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.remedies.uninstall import Command
from kubectl_rev.core.verification.checks import dependents as uninstalls
from kubectl_rev.core.verification.checks import move as moves
from kubectl_rev.core.verification.checks.objects import ALONE
from kubectl_rev.core.verification.evidence import METHOD, Evidence, Unknown, accepted
from kubectl_rev.core.verification.leftovers import Leftover, leftovers
from kubectl_rev.core.verification.move import Move
from kubectl_rev.core.verification.uninstall import Uninstall

# What rev-verify says better: REV223 for both.
_SAID_BETTER = ("REV202", "REV204")


class Verdict(Enum):
    """The last line, and the exit code."""

    SAFE = "SAFE"
    NOT_SAFE = "NOT SAFE"
    COMPLETE = "COMPLETE"
    INCOMPLETE = "INCOMPLETE"
    UNKNOWN = "UNKNOWN"


class Status(Enum):
    """How a check went; `unknown` found nothing and could not look everywhere."""

    OK = "ok"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class CheckItem(msgspec.Struct, frozen=True):
    """One row of the catalogue and how it went; `passed` says in words that it found nothing."""

    code: str
    title: str
    passed: str
    severity: Severity
    status: Status
    findings: int


class GapItem(msgspec.Struct, frozen=True):
    """A gap in JSON: `kind` is what --accept-gap takes, `grant` the command that gives the missing permission."""

    kind: str
    verb: str
    resource: str
    namespace: str
    reason: str
    grant: str
    accepted: bool


class Asked(msgspec.Struct, frozen=True):
    """How many istiods were asked who is connected to them, and how many answered."""

    asked: int
    answered: int
    proxies: int


class Verification(msgspec.Struct, kw_only=True, rename="camel"):
    """`revision` is the one to uninstall, or the wanted one, or null. `method` is null without --uninstall."""

    verdict: Verdict
    revision: str | None
    namespaces: list[str]
    method: Method | None = None
    istiods: Asked
    checks: list[CheckItem]
    findings: list[Finding]
    gaps: list[GapItem]
    accepted: list[str]
    skipped: list[str]
    leftovers: list[Leftover] = []
    commands: list[Command] = []


class Request(msgspec.Struct, frozen=True):
    """How a person wants to be answered. `only` and `skip` are codes; `fail_on` the mildest severity that fails."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    fail_on: Severity = Severity.ERROR

    def wants(self, check: Check[Any]) -> bool:
        return check.code not in self.skip and (not self.only or check.code in self.only)

    def fails(self, findings: Iterable[Finding]) -> bool:
        order = list(Severity)
        return any(order.index(finding.severity) <= order.index(self.fail_on) for finding in findings)


UNINSTALL: tuple[Check[Uninstall], ...] = tuple(sorted(uninstalls.CHECKS, key=lambda check: check.code))
MOVE: tuple[Check[Move], ...] = moves.CHECKS


def verify_uninstall(evidence: Evidence, revision: str, by: Method | None, request: Request) -> Verification:
    """Is it safe to uninstall this revision? It must be one that the mesh knows."""
    leaving = Uninstall(evidence, removal(evidence.mesh, revision, by))
    unknowns = list(evidence.unknowns)
    if leaving.removal.method is None:
        reason = "nothing says how it was installed: say --by " + "|".join(m.value for m in Method)
        unknowns.append(Unknown(METHOD, Gap("tell", METHOD, "", reason)))
    listed = all(unknown.kind != sail.REVISIONS for unknown in unknowns)
    if leaving.removal.method is Method.SAIL and listed and _sail_is_silent(leaving):
        unknowns.append(Unknown(sail.REVISIONS, Gap("tell", sail.REVISIONS, "", "none says whether it is in use")))
    ran = [check for check in UNINSTALL if request.wants(check)]
    skipped = [check.code for check in UNINSTALL if not request.wants(check)]
    findings = run(ran, leaving)
    if not leaving.others:  # nothing can be moved anywhere: one hint helps, and REV315 has it
        findings = [
            finding if finding.code == ALONE else msgspec.structs.replace(finding, hint=NO_HINT) for finding in findings
        ]
    fine = accepted(unknowns, request.accept)
    verdict = Verdict.SAFE
    if request.fails(findings):
        verdict = Verdict.NOT_SAFE
    elif set(unknowns) - fine or skipped:
        verdict = Verdict.UNKNOWN
    asked, answered = evidence.connections.answered(revision)
    return Verification(
        verdict=verdict,
        revision=revision,
        namespaces=[],
        method=leaving.removal.method,
        istiods=Asked(asked, answered, len(evidence.connections.on(revision))),
        checks=_items(UNINSTALL, findings, unknowns, fine, skipped),
        findings=findings,
        gaps=_gaps(unknowns, fine),
        accepted=sorted({each.kind for each in fine}),
        skipped=skipped,
        leftovers=leftovers(leaving),
        commands=leaving.commands,
    )


def _sail_is_silent(leaving: Uninstall) -> bool:
    """Whether the revision's IstioRevision does not say if it is in use: nobody else can tell it for Sail."""
    said = [
        resource.condition("InUse")
        for resource in leaving.evidence.snapshot.sail
        if resource.kind == labels.SAIL_REVISION and resource.name == leaving.removal.owner
    ]
    return not any(condition is not None and condition.status in ("True", "False") for condition in said)


def verify_move(
    evidence: Evidence, wanted: str, scope: frozenset[str], request: Request, mesh_checks: Catalogue
) -> Verification:
    """Is the move complete? `wanted` is a revision, or empty for what the labels select.

    `mesh_checks` are those about the mesh as it is, which are run besides the move's own.
    """
    move = Move(evidence, wanted, scope)
    general = [check for check in mesh_checks if check.code not in _SAID_BETTER]
    ran = [check for check in MOVE if request.wants(check)]
    findings = run(ran, move)
    about = run([check for check in general if request.wants(check)], evidence.survey)
    findings += (finding for finding in about if _in_scope(finding, move))
    findings = _sorted(lasting(evidence.survey, findings))
    catalogue: list[Check[Any]] = sorted([*general, *MOVE], key=lambda check: check.code)
    skipped = [check.code for check in catalogue if not request.wants(check)]
    unknowns = move.unknowns
    fine = accepted(unknowns, request.accept)
    verdict = Verdict.COMPLETE
    if request.fails(findings):
        verdict = Verdict.INCOMPLETE
    elif set(unknowns) - fine:
        verdict = Verdict.UNKNOWN
    answers = evidence.connections.answers
    return Verification(
        verdict=verdict,
        revision=wanted or None,
        namespaces=sorted(scope),
        istiods=Asked(len(answers), sum(a.streams is not None for a in answers), len(evidence.connections.seen)),
        checks=_items(catalogue, findings, unknowns, fine, skipped),
        findings=findings,
        gaps=_gaps(unknowns, fine),
        accepted=sorted({each.kind for each in fine}),
        skipped=skipped,
    )


def _in_scope(finding: Finding, move: Move) -> bool:
    """With namespaces named, what is about the mesh as a whole is not their matter."""
    subject = finding.subject
    if not move.scope:
        return True
    return subject.name in move.scope if subject.kind == "Namespace" else subject.namespace in move.scope


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    severities = list(Severity)
    return sorted(findings, key=lambda f: (severities.index(f.severity), f.code, f.subject, f.message))


def _items(
    catalogue: Iterable[Check[Any]],
    findings: Collection[Finding],
    unknowns: Iterable[Unknown],
    fine: set[Unknown],
    skipped: Collection[str],
) -> list[CheckItem]:
    missing = {unknown.kind for unknown in unknowns if unknown not in fine}
    found = {check.code: [f for f in findings if f.code == check.code] for check in catalogue}
    return [
        CheckItem(
            check.code,
            check.title,
            check.passed,
            check.severity,
            _status(check, found, missing, skipped),
            len(found[check.code]),
        )
        for check in catalogue
    ]


def _status(check: Check[Any], found: dict[str, list[Finding]], missing: set[str], skipped: Collection[str]) -> Status:
    if check.code in skipped:
        return Status.SKIPPED
    if found[check.code]:
        return Status(check.severity.value)
    if any(_concerns(need, kind) for need in check.needs for kind in missing):
        return Status.UNKNOWN
    return Status.OK


def _concerns(need: str, kind: str) -> bool:
    """`pods` concerns `pods` and `pods/portforward`, `apps` concerns `deployments.apps`."""
    return kind == need or kind.startswith((f"{need}.", f"{need}/")) or kind.endswith(f".{need}")


def _gaps(unknowns: Iterable[Unknown], fine: set[Unknown]) -> list[GapItem]:
    return [
        GapItem(
            unknown.kind,
            unknown.gap.verb,
            unknown.gap.resource,
            unknown.gap.namespace,
            unknown.gap.reason,
            unknown.grant,
            unknown in fine,
        )
        for unknown in sorted(unknowns)
    ]
