"""rev-verify: the question parsed, the evidence gathered, until it holds with --wait, the verdict and its text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubectl_rev.commands import catalogue, lookup, names
from kubectl_rev.commands.flags import ConnectionFlags, FailOn, Output
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.source import Source, check
from kubectl_rev.commands.terminal import err, out, style
from kubectl_rev.core.checks.model import Severity
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.removal_method import By, parsed
from kubectl_rev.core.mesh.revision_names import Kind, split
from kubectl_rev.core.verification import compare as sinces
from kubectl_rev.core.verification import verify
from kubectl_rev.core.verification.evidence import Evidence
from kubectl_rev.core.verification.verify import Verdict, Verification
from kubectl_rev.errors import ClusterError, ExitCode, UsageError
from kubectl_rev.render import verify as render
from kubectl_rev.render.output import written
from kubectl_rev.render.text import builtins, clean

RBAC = Path(__file__).resolve().parent.parent / "rbac.yaml"
_ISTIO_SYSTEM = "istio-system"
_PAUSE = 3.0  # seconds between two reads: connections cannot be watched, only asked for
_HEARTBEAT = 30.0  # seconds without a line, until the same one is said again

_CODE: dict[Verdict, ExitCode] = {
    Verdict.SAFE: ExitCode.OK,
    Verdict.COMPLETE: ExitCode.OK,
    Verdict.NOT_SAFE: ExitCode.FINDINGS,
    Verdict.INCOMPLETE: ExitCode.FINDINGS,
    Verdict.UNKNOWN: ExitCode.NO_ANSWER,
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-verify, from its flags; `wait` is in seconds, None not to wait."""

    arguments: tuple[str, ...]
    uninstall: str
    by: str
    revision: str
    check: tuple[str, ...]
    skip: tuple[str, ...]
    accept: tuple[str, ...]
    fail_on: FailOn
    wait: float | None
    output: Output
    headers: bool
    filename: str
    save: str
    since: str
    list_checks: bool
    explain: str
    rbac: bool
    connection: ConnectionFlags


def run(request: Request) -> ExitCode:
    """Answer on stdout. Raises RevError."""
    if request.rbac:
        out(RBAC.read_text().replace(_ISTIO_SYSTEM, request.connection.istio_namespace or _ISTIO_SYSTEM).rstrip("\n"))
    elif request.explain:
        out(catalogue.explained(request.explain, style()))
    elif request.list_checks:
        out(catalogue.listed(request.output, style(headers=request.headers)))
    else:
        return _verify(request)
    return ExitCode.OK


def _verify(request: Request) -> ExitCode:
    file = names.opened(request.filename)
    listed = names.named(request.arguments, file, request.connection.namespace)
    namespaces = frozenset(listed) or frozenset(filter(None, [request.connection.namespace]))
    _consistent(request, namespaces, dump=file.dump)
    by = parsed(request.by) if request.by else None
    criteria = verify.Request(
        only=catalogue.codes(request.check),
        skip=catalogue.codes(request.skip),
        accept=request.accept,
        fail_on=Severity(request.fail_on.value),
    )
    source = Source(request.connection, file.dump, True, file.stdin)

    answer = partial(_answer, request, namespaces, by, criteria, source)
    held = True
    if request.wait is not None:
        evidence, report, held = holds(answer, request.wait)
    else:
        evidence, report = answer()
    for kind in request.accept:
        if not any(kind in (gap.kind, gap.kind.partition(".")[0]) for gap in report.gaps):
            err(f"note: --accept-gap {kind} accepts nothing: there is no such gap")
    if request.save:
        from kubectl_rev.dumps import snapshot_file

        snapshot_file.save(evidence.snapshot, request.save)
        err(f"saved to {request.save}")
    if text := _text(request, report, evidence, source):
        out(text)
    return _CODE[report.verdict] if held else ExitCode.INCOMPLETE


def _consistent(request: Request, namespaces: frozenset[str], *, dump: str) -> None:
    """Raises UsageError for flags that contradict each other."""
    if request.uninstall and request.revision:
        raise UsageError("--uninstall and --revision cannot be used together")
    if request.arguments and request.connection.namespace and namespaces != {request.connection.namespace}:
        raise UsageError("name namespaces as arguments or with --namespace, not both")
    if request.uninstall and namespaces:
        raise UsageError("--uninstall checks the whole mesh and takes no namespaces")
    if request.by and not request.uninstall:
        raise UsageError("--by requires --uninstall")
    if request.wait is not None and dump:
        raise UsageError("--wait requires a cluster and cannot be used with a dump")


def _answer(
    request: Request, namespaces: frozenset[str], by: By | None, criteria: verify.Request, source: Source
) -> tuple[Evidence, Verification]:
    evidence = source.evidence()
    check(evidence.survey)
    if request.uninstall:
        revision = _installed(evidence, request.uninstall, source)
        return evidence, verify.verify_uninstall(evidence, revision, by, criteria)
    wanted = lookup.revision_named(evidence.survey, request.revision, source).revision if request.revision else ""
    for name in sorted(namespaces):
        if missing := lookup.no_namespace(evidence.survey, name):
            raise UsageError(missing)
    return evidence, verify.verify_move(evidence, wanted, namespaces, criteria, MESH_CHECKS)


def _installed(evidence: Evidence, text: str, source: Source) -> str:
    """The revision to uninstall: a tag is none, even where its name is all that people know."""
    try:
        return lookup.revision_named(evidence.survey, text, source, [Kind.REVISION]).revision
    except UsageError as error:
        _, name = split(text)
        revision = evidence.mesh.tag_revisions.get(name)
        if revision and name not in evidence.mesh.namesakes:
            raise UsageError(f"{name} is a tag of revision {revision}: use --uninstall {revision}") from error
        raise


def _text(request: Request, report: Verification, evidence: Evidence, source: Source) -> str:
    report.findings = source.with_flags(report.findings)
    report.steps = [source.repeated(step) for step in report.steps]
    report.leftovers = [replace(leftover, command=source.repeated(leftover.command)) for leftover in report.leftovers]
    report.commands = [replace(command, command=source.repeated(command.command)) for command in report.commands]
    since = None
    if request.since:
        from kubectl_rev.dumps import snapshot_file

        since = sinces.changes(Survey(snapshot_file.load(request.since, sys.stdin.buffer)), evidence.survey)
    return written(
        request.output,
        "Verification",
        value=lambda: builtins(report) | ({} if since is None else {"since": builtins(since)}),
        text=lambda: render.verification(report, style(wide=request.output is Output.WIDE), since),
        names=lambda: names.lines(render.names(report)),
        junit=lambda: render.junit(report),
    )


def holds(
    answer: Callable[[], tuple[Evidence, Verification]],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Evidence, Verification, bool]:
    """--wait: ask again until it holds; a line each time the answer changes, and every half minute.

    The last answer, and False if it did not hold in time. A cluster that is away for a while is waited for too.

    Raises what `answer` raises if there never was one, and what waiting cannot change (a usage error) at once.
    """
    deadline, last_state, silent_since = clock() + seconds, "", clock()
    last: tuple[Evidence, Verification] | None = None
    while True:
        try:
            last = answer()
            now = _state(last[1])
        except ClusterError as error:
            if clock() >= deadline:
                raise
            now = str(error)
        else:
            if _CODE[last[1].verdict] is ExitCode.OK:
                return *last, True
        left = deadline - clock()
        if now != last_state or clock() - silent_since >= _HEARTBEAT:
            err(clean(now if now != last_state else f"still {now} ({max(left, 0):.0f}s left)"))
            last_state, silent_since = now, clock()
        if left <= 0 and last is not None:
            err(f"timed out: it did not hold within {seconds:.0f}s; run the same command again to go on waiting")
            return *last, False
        sleep(min(_PAUSE, max(left, 0)))


def _state(report: Verification) -> str:
    """`NOT SAFE …: 3 reasons (REV301 2, REV306 1)`: what must change for a new line to be worth it."""
    codes = [f"{check.code} {check.findings}" for check in report.checks if check.findings]
    return f"{render.verdict_line(report)}{' (' + ', '.join(codes) + ')' if codes else ''}"
