"""kubectl rev-verify"""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace

from kubectl_rev import render
from kubectl_rev import render_verify as look
from kubectl_rev.cli import catalogue, options, scope, until
from kubectl_rev.cli.run import app_of, leave, say, style, tell
from kubectl_rev.cli.run import main as run
from kubectl_rev.cli.source import Source, check
from kubectl_rev.core import since as sinces
from kubectl_rev.core import verify
from kubectl_rev.core.checks.model import Severity
from kubectl_rev.core.evidence import Evidence
from kubectl_rev.core.guess import did_you_mean
from kubectl_rev.core.removal import Method
from kubectl_rev.core.survey import Survey
from kubectl_rev.core.verify import Verdict, Verification
from kubectl_rev.errors import ExitCode, Forbidden, UsageError

PROG = "kubectl rev-verify"
HELP = """Is the move complete, and is it safe to uninstall the old control plane?

Examples:
  # Does everything run on what its labels select, and is it connected there?
  kubectl rev-verify
  kubectl rev-verify shop pay --revision canary

  # What would break without revision default? Nothing is ever uninstalled
  kubectl rev-verify --uninstall default

  # In a pipeline: wait until it is safe, and say why it is not
  kubectl rev-verify --uninstall default --wait --timeout 10m -o junit > verify.xml

  # What is checked, and what a code means
  kubectl rev-verify --list-checks
  kubectl rev-verify --explain REV304
"""
RBAC = Path(__file__).resolve().parent.parent / "rbac.yaml"
_ISTIO_SYSTEM = "istio-system"


class Format(StrEnum):
    """-o"""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JUNIT = "junit"


class FailOn(StrEnum):
    """--fail-on"""

    ERROR = "error"
    WARNING = "warning"


_CODE: dict[Verdict, ExitCode] = {
    Verdict.SAFE: ExitCode.OK,
    Verdict.COMPLETE: ExitCode.OK,
    Verdict.NOT_SAFE: ExitCode.FINDINGS,
    Verdict.INCOMPLETE: ExitCode.FINDINGS,
    Verdict.UNKNOWN: ExitCode.NO_ANSWER,
}


class Request(msgspec.Struct, frozen=True):
    """One call of rev-verify, parsed."""

    uninstall: str
    by: Method | None
    revision: str
    namespaces: frozenset[str]
    answer: verify.Request
    output: Format
    headers: bool
    since: str


@options.with_connection
def command(
    namespaces: Annotated[list[str] | None, typer.Argument(metavar="[NAMESPACE...]", show_default=False)] = None,
    uninstall: Annotated[str, typer.Option("--uninstall", help="What would break without this revision?")] = "",
    by: Annotated[
        Method | None, typer.Option("--by", help="How it will be removed, if its marks do not say.", show_default=False)
    ] = None,
    revision: Annotated[str, typer.Option("--revision", help="All should be on this revision or tag.")] = "",
    check: Annotated[list[str] | None, typer.Option("--check", help="Only this check, repeatable.")] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", help="Not this check, repeatable.")] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept-gap", help="Decide without knowing this: a kind of gap, such as vms; repeatable."),
    ] = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="The mildest finding that fails.")] = FailOn.ERROR,
    wait: Annotated[bool, typer.Option("--wait", help="Until it holds, or --timeout.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait; 0 means not at all.")] = "10m",
    output: Annotated[Format, typer.Option("--output", "-o", help="Output format.")] = Format.TABLE,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    filename: Annotated[
        str, typer.Option("--filename", "-f", help="A dump instead of a cluster, or a list of names; - is stdin.")
    ] = "",
    save: Annotated[str, typer.Option("--save", help="Write what was read to this file.")] = "",
    since: Annotated[str, typer.Option("--since", help="What changed since this saved file.")] = "",
    list_checks: Annotated[bool, typer.Option("--list-checks", help="All checks, and no cluster.")] = False,
    explain: Annotated[str, typer.Option("--explain", help="What a code means, and how to fix it.")] = "",
    rbac: Annotated[bool, typer.Option("--rbac", help="The RBAC objects that this needs, to apply.")] = False,
    *,
    connection: options.Connection,
) -> None:
    if rbac:
        say(RBAC.read_text().replace(_ISTIO_SYSTEM, connection.istio_namespace or _ISTIO_SYSTEM).rstrip("\n"))
        return
    if list_checks or explain:
        say(catalogue.explained(explain) if explain else catalogue.listed(output, style(headers=not no_headers)))
        return
    named, dump = scope.named(namespaces or [], filename)
    request = Request(
        uninstall=uninstall,
        by=by,
        revision=revision,
        namespaces=frozenset(named) or frozenset(filter(None, [connection.namespace])),
        answer=verify.Request(
            only=catalogue.codes(check or []),
            skip=catalogue.codes(skip or []),
            accept=tuple(accept or ()),
            fail_on=Severity(fail_on.value),
        ),
        output=output,
        headers=not no_headers,
        since=since,
    )
    _consistent(request, wait=wait, dump=dump)
    source = Source(connection, dump, True)
    if wait:
        seconds = options.seconds(timeout, "--timeout")
        evidence, report, held = until.holds(lambda: _answer(request, source), seconds)
    else:
        evidence, report = _answer(request, source)
        held = True
    for kind in request.answer.accept:
        if not any(kind in (gap.kind, gap.kind.partition(".")[0]) for gap in report.gaps):
            tell(f"note: --accept-gap {kind} accepts nothing: there is no such gap")
    if save:
        from kubectl_rev import manifests

        manifests.save(evidence.snapshot, save)
        tell(f"saved to {save}")
    if text := _text(request, report, evidence, source):
        say(text)
    leave(_CODE[report.verdict] if held else ExitCode.INCOMPLETE)


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
        revision = _installed(evidence, request.uninstall)
        return evidence, verify.verify_uninstall(evidence, revision, request.by, request.answer)
    wanted = _wanted(evidence, request.revision)
    _exist(evidence, request.namespaces)
    return evidence, verify.verify_move(evidence, wanted, request.namespaces, request.answer)


def _installed(evidence: Evidence, name: str) -> str:
    """The revision to uninstall: a tag is none, even where its name is all that people know."""
    planes = sorted({plane.revision for plane in evidence.mesh.control_planes})
    if name in planes:
        return name
    for tag in evidence.mesh.tags:
        if tag.name == name:
            raise UsageError(f"{name} is a tag of revision {tag.revision}: say --uninstall {tag.revision}")
    for resource in ("pods", "deployments.apps", "mutatingwebhookconfigurations.admissionregistration.k8s.io"):
        if evidence.snapshot.has_gap(resource):
            raise Forbidden("list", resource, reason=f"so whether there is a revision {name} is not known")
    guess = did_you_mean(name, planes)
    raise UsageError(f'no revision "{name}": there are {", ".join(planes) or "none"}{guess}')


def _wanted(evidence: Evidence, name: str) -> str:
    if not name:
        return ""
    revision = evidence.mesh.resolve(name)
    if revision is None:
        guess = did_you_mean(name, evidence.mesh.names)
        raise UsageError(f'no revision or tag "{name}": there are {", ".join(evidence.mesh.names) or "none"}{guess}')
    return revision


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
        from kubectl_rev import manifests

        since = sinces.changes(Survey(manifests.load(request.since, sys.stdin.buffer)), evidence.survey)
    match request.output:
        case Format.JSON | Format.YAML:
            fields = msgspec.to_builtins(report)
            if since is not None:
                fields["since"] = msgspec.to_builtins(since)
            write = render.json if request.output is Format.JSON else render.yaml
            return write("Verification", fields)
        case Format.NAME:
            return look.names(report)
        case Format.JUNIT:
            return look.junit(report)
    return look.verification(report, style(wide=request.output is Format.WIDE), since)


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


command.__doc__ = HELP
app = app_of(command)


def main() -> None:
    run(app, PROG)
