"""rev-status: the question parsed, the snapshot read, the answer written."""

from __future__ import annotations

import sys

import msgspec

from kubectl_rev.commands import names_file, query, status_lists, status_subjects
from kubectl_rev.commands.flags import ConnectionFlags, Output
from kubectl_rev.commands.lookup import no_namespace
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.name_lines import name_lines
from kubectl_rev.commands.query import Filter, ListQuery, Query, SubjectQuery
from kubectl_rev.commands.revision_flag import named
from kubectl_rev.commands.source import Source, check
from kubectl_rev.commands.terminal import err, out, style
from kubectl_rev.core.checks.hints import command
from kubectl_rev.core.checks.model import Finding, namespace_ref
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.status import answers
from kubectl_rev.errors import ExitCode, UsageError
from kubectl_rev.render import status as render
from kubectl_rev.render.output import written


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-status, from its flags. Without `arguments` and names in the file it is about the whole mesh."""

    arguments: tuple[str, ...]
    all_namespaces: bool
    keep: Filter
    output: Output
    headers: bool
    watch: bool
    filename: str
    save: str
    connection: ConnectionFlags


def run(request: Request) -> ExitCode:
    """Answer on stdout. Raises RevError."""
    file = names_file.opened(request.filename)
    if file.names and request.arguments:
        raise UsageError("a list of names with -f cannot be combined with arguments")
    asked = query.of_names(file.names) if file.names else query.parse(request.arguments)
    if isinstance(asked, SubjectQuery) and request.keep.narrows:
        raise UsageError("--selector, --revision and --drifted filter lists and cannot be used with TYPE/NAME")
    source = Source(request.connection, file.dump, request.all_namespaces, file.stdin)
    if request.watch:
        if file.dump or request.save:
            raise UsageError("--watch cannot be used with --filename or --save")
        from kubectl_rev.commands.watch import follow

        follow(source, source.scope(asked), lambda: answer(request, asked, source.read(asked), source)[0])
    snapshot = source.read(asked, each_pod=bool(request.save))
    if request.save:
        from kubectl_rev.dumps import snapshot_file

        snapshot_file.save(snapshot, request.save, sys.stdout.buffer)
        err(f"saved to {request.save}")
    whole, code = answer(request, asked, snapshot, source)
    if whole and request.save != "-":  # then stdout is the dump's alone
        out(whole)
    return code


def answer(request: Request, asked: Query, snapshot: Snapshot, source: Source) -> tuple[str, ExitCode]:
    """The text for stdout and the exit code; what was asked for by name and is not there is told on stderr."""
    survey = Survey(snapshot)
    check(survey, pods_tell=True)
    match asked:
        case ListQuery(kind=None):
            return _overview(request, survey, source), ExitCode.OK
        case ListQuery():
            return status_lists.listed(asked, request.keep, request.output, survey, source, headers=request.headers)
        case SubjectQuery(subjects=subjects):
            return status_subjects.explained(request.output, subjects, survey, source)


def _overview(request: Request, survey: Survey, source: Source) -> str:
    if name := request.connection.namespace:
        if missing := no_namespace(survey, name):
            raise UsageError(missing)
        one = source.repeated(command("rev-status", f"ns/{name}"))
        source.note(f"this is the whole mesh; one namespace: {one}")
    report = answers.overview(survey, MESH_CHECKS)
    report.namespaces = status_lists.filtered(report.namespaces, request.keep, survey, source)
    if request.keep.revision:
        revision = named(survey, request.keep.revision, source, running=True).revision
        report.control_planes = [plane for plane in report.control_planes if plane.revision == revision]
    findings = report.findings
    if request.keep.narrows:
        kept = {item.name for item in report.namespaces}
        findings = [finding for finding in findings if _namespace_of(finding) in kept]
    report.findings = source.with_flags(findings)
    look = style(headers=request.headers, wide=request.output is Output.WIDE)
    return written(
        request.output,
        "Overview",
        value=lambda: report,
        text=lambda: render.overview(report, look, source.repeated, findings_first=request.watch),
        names=lambda: name_lines(namespace_ref(item.name) for item in report.namespaces if item.attention),
    )


def _namespace_of(finding: Finding) -> str:
    return finding.subject.name if finding.subject.kind == "Namespace" else finding.subject.namespace
