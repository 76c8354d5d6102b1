"""The verdict, with every check, finding, gap, leftover and command it rests on: what rev-verify prints or encodes.

NOT SAFE beats UNKNOWN, UNKNOWN beats SAFE. A gap, and with --uninstall a check that was left out, is never reported as
fine: it makes SAFE or COMPLETE UNKNOWN, unless the person accepts that kind of gap, which the verdict then repeats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from kubectl_rev.core.checks.hints import NO_HINT, Hint
from kubectl_rev.core.checks.model import Catalogue, Check, Finding, Severity, lasting, run, worst_first
from kubectl_rev.core.mesh import installers
from kubectl_rev.core.mesh.removal import removal
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.remedies.sequence import sequence
from kubectl_rev.core.remedies.uninstall import Command
from kubectl_rev.core.verification.checks import dependents, objects
from kubectl_rev.core.verification.checks import move as moves
from kubectl_rev.core.verification.connections import Asked
from kubectl_rev.core.verification.evidence import METHOD, Evidence, accepted, grant, kind_of
from kubectl_rev.core.verification.leftovers import Leftover, leftovers
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


class Verification(msgspec.Struct, kw_only=True, rename="camel"):
    """`revision` is the one to uninstall, or the wanted one, or null. `method` is null without --uninstall.

    `steps` are what the findings that fail need before an uninstall, in order and each once: lines for a shell, in
    which what a person has to do is a comment.
    """

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
    steps: list[Hint] = []
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


MOVE = moves.CHECKS
UNINSTALL = tuple(sorted([*dependents.CHECKS, *objects.CHECKS], key=lambda check: check.code))


def verify_uninstall(evidence: Evidence, revision: str, by: By | None, request: Request) -> Verification:
    """Is it safe to uninstall this revision? It must be one that the mesh knows."""
    leaving = Uninstall(evidence, removal(evidence.mesh, revision, by))
    method = leaving.removal.method
    gaps = set(evidence.gaps)
    if method is None:
        reason = "nothing says how it was installed: say --by " + "|".join(m.value for m in Method)
        gaps.add(Gap("tell", METHOD, "", reason))
    listed = all(gap.resource != installers.REVISIONS for gap in gaps)
    if method is Method.SAIL and listed and _sail_is_silent(leaving):
        gaps.add(Gap("tell", installers.REVISIONS, "", "none says whether it is in use"))
    findings = run(filter(request.wants, UNINSTALL), leaving)
    if not leaving.others:  # nothing can be moved anywhere: one hint helps, and REV315 has it
        findings = [f if f.code == objects.ALONE else f.with_hint(NO_HINT) for f in findings]
    istiods, verdicts = evidence.connections.tally(revision), (Verdict.SAFE, Verdict.NOT_SAFE)
    report = _verification(request, UNINSTALL, findings, gaps, revision, istiods, verdicts)
    if report.verdict is Verdict.SAFE and report.skipped:
        report.verdict = Verdict.UNKNOWN
    report.method, report.commands = method, leaving.commands
    uninstall = [command.command for command in report.commands]  # a finding may have it as its hint: no step to it
    needed = (finding.hint for finding in findings if request.fails([finding]))
    report.steps = sequence(hint for hint in needed if hint not in uninstall)
    report.leftovers = leftovers(leaving, {finding.subject for finding in findings if finding.hint})
    return report


def _sail_is_silent(leaving: Uninstall) -> bool:
    """Whether the revision's IstioRevision does not say if it is in use: nobody else can tell it for Sail."""
    said = [resource.condition("InUse") for resource in leaving.sail_revisions]
    return not any(condition is not None and condition.status in ("True", "False") for condition in said)


def verify_move(
    evidence: Evidence, wanted: str, scope: frozenset[str], request: Request, mesh_checks: Catalogue
) -> Verification:
    """Is the move complete? `wanted` is a revision, or empty for what the labels select.

    `mesh_checks` are those about the mesh as it is, which are run besides the move's own.
    """
    move = moves.Move(evidence, wanted, scope)
    general = [check for check in mesh_checks if check.code not in _SAID_BETTER]
    findings = run(filter(request.wants, MOVE), move)
    to_move = {finding.subject: finding.hint for finding in findings if finding.code in moves.MOVED_AS_A_WHOLE}
    about = (f for f in run(filter(request.wants, general), evidence.survey) if _in_scope(f, move))
    findings += [replace(finding, hint=to_move.get(finding.subject, finding.hint)) for finding in about]
    catalogue: list[Check[Any]] = sorted([*general, *MOVE], key=lambda check: check.code)
    return _verification(
        request,
        catalogue,
        worst_first(lasting(evidence.survey, findings)),
        move.gaps,
        wanted or None,
        evidence.connections.tally(),
        (Verdict.COMPLETE, Verdict.INCOMPLETE),
        sorted(scope),
    )


def _in_scope(finding: Finding, move: moves.Move) -> bool:
    """With namespaces named, what is about the mesh as a whole is not their matter."""
    subject = finding.subject
    if not move.scope:
        return True
    return subject.space in move.scope


def _verification(
    request: Request,
    catalogue: Collection[Check[Any]],
    findings: list[Finding],
    gaps: set[Gap],
    revision: str | None,
    istiods: Asked,
    verdicts: tuple[Verdict, Verdict],
    namespaces: Sequence[str] = (),
) -> Verification:
    """`verdicts` are the good and the bad one."""
    fine = accepted(gaps, request.accept)
    skipped = [check.code for check in catalogue if not request.wants(check)]
    verdict, bad = verdicts
    if request.fails(findings):
        verdict = bad
    elif gaps - fine:
        verdict = Verdict.UNKNOWN
    return Verification(
        verdict=verdict,
        revision=revision,
        namespaces=[*namespaces],
        istiods=istiods,
        checks=list(_items(catalogue, findings, {kind_of(gap) for gap in gaps - fine}, skipped)),
        findings=findings,
        gaps=[
            GapItem(kind=kind_of(gap), **asdict(gap), grant=grant(gap), accepted=gap in fine)
            for gap in sorted(gaps, key=lambda gap: (kind_of(gap), gap))
        ],
        accepted=sorted({kind_of(gap) for gap in fine}),
        skipped=skipped,
    )


def _items(
    catalogue: Iterable[Check[Any]], findings: list[Finding], missing: set[str], skipped: list[str]
) -> Iterator[CheckItem]:
    """`missing` are the kinds of gaps that nobody accepts, `skipped` codes."""
    for check in catalogue:
        count = sum(finding.code == check.code for finding in findings)
        if check.code in skipped:
            status = Status.SKIPPED
        elif count:
            status = Status(check.severity.value)
        else:
            blind = any(_concerns(need, kind) for need in check.needs for kind in missing)
            status = Status.UNKNOWN if blind else Status.OK
        yield CheckItem(check.code, check.title, check.passed, check.severity, status, count)


def _concerns(need: str, kind: str) -> bool:
    """`pods` concerns `pods` and `pods/portforward`, `apps` concerns `deployments.apps`."""
    return kind == need or kind.startswith((f"{need}.", f"{need}/")) or kind.endswith(f".{need}")
