"""What rev-verify answers: the question parsed, the evidence gathered, the verdict and its text."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kubectl_rev.cli import options
from kubectl_rev.cli.options import FailOn, Report
from kubectl_rev.cli.run import leave, say, style, tell
from kubectl_rev.commands import catalogue, names_file, wait
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.revision_flag import named
from kubectl_rev.commands.source import Source, check
from kubectl_rev.core.checks.model import Severity
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import Kind, split, tags
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.core.verification import compare as sinces
from kubectl_rev.core.verification import verify
from kubectl_rev.core.verification.evidence import Evidence
from kubectl_rev.core.verification.method import Method
from kubectl_rev.core.verification.verify import Verdict, Verification
from kubectl_rev.errors import ExitCode, UsageError
from kubectl_rev.render import text as render
from kubectl_rev.render import verify as look

RBAC = Path(__file__).resolve().parent.parent / "rbac.yaml"
_ISTIO_SYSTEM = "istio-system"

_CODE: dict[Verdict, ExitCode] = {
    Verdict.SAFE: ExitCode.OK,
    Verdict.COMPLETE: ExitCode.OK,
    Verdict.NOT_SAFE: ExitCode.FINDINGS,
    Verdict.INCOMPLETE: ExitCode.FINDINGS,
    Verdict.UNKNOWN: ExitCode.NO_ANSWER,
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-verify, as typed."""

    namespaces: tuple[str, ...]
    uninstall: str
    by: Method | None
    revision: str
    check: tuple[str, ...]
    skip: tuple[str, ...]
    accept: tuple[str, ...]
    fail_on: FailOn
    wait: bool
    timeout: str
    output: Report
    headers: bool
    filename: str
    save: str
    since: str
    list_checks: bool
    explain: str
    rbac: bool
    connection: options.Connection


def carry_out(call: Call) -> None:
    """Answer it, and leave with its exit code."""
    if call.rbac:
        say(RBAC.read_text().replace(_ISTIO_SYSTEM, call.connection.istio_namespace or _ISTIO_SYSTEM).rstrip("\n"))
        return
    if call.explain:
        say(catalogue.explained(call.explain, style()))
        return
    if call.list_checks:
        say(catalogue.listed(call.output, style(headers=call.headers)))
        return
    file = names_file.opened(call.filename)
    named = names_file.named(call.namespaces, file)
    request = Request(
        uninstall=call.uninstall,
        by=call.by,
        revision=call.revision,
        namespaces=frozenset(named) or frozenset(filter(None, [call.connection.namespace])),
        answer=verify.Request(
            only=catalogue.codes(call.check),
            skip=catalogue.codes(call.skip),
            accept=call.accept,
            fail_on=Severity(call.fail_on.value),
        ),
        output=call.output,
        headers=call.headers,
        since=call.since,
    )
    _consistent(request, wait=call.wait, dump=file.dump)
    source = Source(call.connection, file.dump, True, file.stdin)
    if call.wait:
        seconds = options.seconds(call.timeout, "--timeout")
        evidence, report, held = wait.holds(lambda: _answer(request, source), seconds)
    else:
        evidence, report = _answer(request, source)
        held = True
    for kind in request.answer.accept:
        if not any(kind in (gap.kind, gap.kind.partition(".")[0]) for gap in report.gaps):
            tell(f"note: --accept-gap {kind} accepts nothing: there is no such gap")
    if call.save:
        from kubectl_rev.dumps import snapshot_file

        snapshot_file.save(evidence.snapshot, call.save)
        tell(f"saved to {call.save}")
    if text := _text(request, report, evidence, source):
        say(text)
    leave(_CODE[report.verdict] if held else ExitCode.INCOMPLETE)


class Request(msgspec.Struct, frozen=True):
    """One call of rev-verify, parsed."""

    uninstall: str
    by: Method | None
    revision: str
    namespaces: frozenset[str]
    answer: verify.Request
    output: Report
    headers: bool
    since: str


def _consistent(request: Request, *, wait: bool, dump: str) -> None:
    """Raises UsageError for flags that contradict each other."""
    if request.uninstall and request.revision:
        raise UsageError("--uninstall and --revision are two questions: ask one")
    if request.uninstall and request.namespaces:
        raise UsageError("--uninstall is about the whole mesh: it takes no namespaces")
    if request.by and not request.uninstall:
        raise UsageError("--by says how a revision is removed: it needs --uninstall")
    if wait and dump:
        raise UsageError("a dump does not change: --wait needs a cluster")


def _answer(request: Request, source: Source) -> tuple[Evidence, Verification]:
    evidence = source.evidence()
    check(evidence.survey)
    if request.uninstall:
        revision = _installed(evidence, request.uninstall, source)
        return evidence, verify.verify_uninstall(evidence, revision, request.by, request.answer)
    wanted = named(evidence.survey, request.revision, source).revision if request.revision else ""
    _exist(evidence, request.namespaces)
    return evidence, verify.verify_move(evidence, wanted, request.namespaces, request.answer, MESH_CHECKS)


def _installed(evidence: Evidence, text: str, source: Source) -> str:
    """The revision to uninstall: a tag is none, even where its name is all that people know."""
    try:
        return named(evidence.survey, text, source, [Kind.REVISION]).revision
    except UsageError as error:
        _, name = split(text)
        if revision := tags(evidence.mesh).get(name):
            raise UsageError(f"{name} is a tag of revision {revision}: say --uninstall {revision}") from error
        raise


def _exist(evidence: Evidence, namespaces: frozenset[str]) -> None:
    there = evidence.survey.by_namespace
    for name in sorted(namespaces):
        if name not in there and not evidence.snapshot.has_gap("namespaces"):
            raise UsageError(f'namespace "{name}" not found{did_you_mean(name, there)}')


def _text(request: Request, report: Verification, evidence: Evidence, source: Source) -> str:
    report.findings = [replace(found, hint=source.repeated(found.hint)) for found in report.findings]
    report.leftovers = [replace(each, command=_repeated(source, each.command)) for each in report.leftovers]
    report.commands = [replace(each, command=_repeated(source, each.command)) for each in report.commands]
    since = None
    if request.since:
        from kubectl_rev.dumps import snapshot_file

        since = sinces.changes(Survey(snapshot_file.load(request.since, sys.stdin.buffer)), evidence.survey)
    match request.output:
        case Report.JSON | Report.YAML:
            fields = msgspec.to_builtins(report)
            if since is not None:
                fields["since"] = msgspec.to_builtins(since)
            write = render.json if request.output is Report.JSON else render.yaml
            return write("Verification", fields)
        case Report.NAME:
            return look.names(report)
        case Report.JUNIT:
            return look.junit(report)
    return look.verification(report, style(wide=request.output is Report.WIDE), since)


_OF_ISTIOCTL = {"--context": "--context", "--kubeconfig": "--kubeconfig", "--as": "--as"}
_OF_HELM = {"--context": "--kube-context", "--kubeconfig": "--kubeconfig", "--as": "--kube-as-user"}


def _repeated(source: Source, words: str) -> str:
    """A printed command with this call's connection flags, as its program calls them."""
    program = words.partition(" ")[0]
    if program not in ("istioctl", "helm"):
        return source.repeated(words)
    known = _OF_ISTIOCTL if program == "istioctl" else _OF_HELM
    flags = [flag.split("=", 1) for flag in source.flags() if flag.split("=", 1)[0] in known]
    return " ".join([words, *(shlex.quote(f"{known[name]}={value}") for name, value in flags)])
