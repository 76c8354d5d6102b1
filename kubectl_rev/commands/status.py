"""rev-status: the question parsed, the snapshot read, the answer written: the overview, a list, or why (status_why)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from kubectl_rev.commands import lookup, names, query, status_why
from kubectl_rev.commands.flags import ConnectionFlags, Output
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.query import Filter, ListQuery, Query, SubjectQuery
from kubectl_rev.commands.source import Source, check
from kubectl_rev.commands.terminal import err, out, style
from kubectl_rev.core.checks.hints import command
from kubectl_rev.core.checks.model import Ref, namespace_ref, ref_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.status import answers
from kubectl_rev.core.status.items import revisions_of
from kubectl_rev.errors import ExitCode, UsageError
from kubectl_rev.render import status as render
from kubectl_rev.render import text
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
    file = names.opened(request.filename)
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

        follow(source, source.scope(asked), lambda: _answer(request, asked, source.read(asked), source)[0])
    snapshot = source.read(asked, each_pod=bool(request.save))
    if request.save:
        from kubectl_rev.dumps import snapshot_file

        snapshot_file.save(snapshot, request.save, sys.stdout.buffer)
        err(f"saved to {request.save}")
    whole, code = _answer(request, asked, snapshot, source)
    if whole and request.save != "-":  # then stdout is the dump's alone
        out(whole)
    return code


def _answer(request: Request, asked: Query, snapshot: Snapshot, source: Source) -> tuple[str, ExitCode]:
    """The text for stdout and the exit code; what was asked for by name and is not there is told on stderr."""
    survey = Survey(snapshot)
    check(survey, pods_tell=True)
    match asked:
        case ListQuery(kind=None):
            return _overview(request, survey, source), ExitCode.OK
        case ListQuery():
            return _list(request, asked, survey, source)
        case SubjectQuery(subjects=subjects):
            return status_why.explained(request.output, subjects, survey, source)


def _overview(request: Request, survey: Survey, source: Source) -> str:
    if name := request.connection.namespace:
        if missing := lookup.no_namespace(survey, name):
            raise UsageError(missing)
        one = source.repeated(command("rev-status", f"ns/{name}"))
        source.note(f"this is the whole mesh; one namespace: {one}")
    keep, report = request.keep, answers.overview(survey, MESH_CHECKS)
    report.namespaces = _filtered(report.namespaces, keep, survey, source)
    if keep.revision:
        revision = lookup.revision_named(survey, keep.revision, source, running=True).revision
        report.control_planes = [plane for plane in report.control_planes if plane.revision == revision]
    if keep.narrows:
        left = {item.name for item in report.namespaces}
        report.findings = [finding for finding in report.findings if finding.subject.space in left]
    report.findings = source.with_flags(report.findings)
    look = style(headers=request.headers, wide=request.output is Output.WIDE)
    return written(
        request.output,
        "Overview",
        value=lambda: report,
        text=lambda: render.overview(report, look, source.repeated, findings_first=request.watch),
        names=lambda: names.lines(namespace_ref(item.name) for item in report.namespaces if item.attention),
    )


_LISTS: dict[str, Callable[[Survey], list[Any]]] = {
    "revisions": answers.control_planes,
    "tags": answers.tags,
    "namespaces": lambda survey: answers.namespaces(survey, MESH_CHECKS),
    "workloads": answers.workloads,
    "pods": answers.pods,
    "gateways": answers.gateways,
}


def _list(request: Request, asked: ListQuery, survey: Survey, source: Source) -> tuple[str, ExitCode]:
    """`rev-status TYPE [NAME…]`. Raises ClusterError where what is asked for could not be read."""
    assert asked.kind is not None
    kind, output = asked.kind, request.output
    where = source.scope(asked)  # a cluster was read no further, a dump has them all
    items = [item for item in _LISTS[kind](survey) if asked.only in (None, item.kind) and where in ("", item.namespace)]
    # people know what istiod rendered by its Gateway
    workloads = survey.workloads if kind == "gateways" else ()
    made_from = {(one.namespace, one.name): one.made_from for one in workloads if one.made_from}
    called = {id(item): {item.name, made_from.get((item.namespace, item.name)) or item.name} for item in items}
    missing = [name for name in asked.names if all(name not in called[id(item)] for item in items)]
    items = [item for item in items if not asked.names or called[id(item)].intersection(asked.names)]
    nothing_there, items = not items, _filtered(items, request.keep, survey, source)
    noun = asked.only.lower() if asked.only else kind.removesuffix("s")
    needed = (lookup.RESOURCES[asked.only],) if asked.only else lookup.READ[kind]
    if missing:
        needed = (*needed, "pods") if asked.only else needed
        lookup.require_read(survey, noun, missing[0], where, needed)
    elif nothing_there:
        lookup.require_read(survey, noun, "", where, needed)
    for name in missing:
        err(f'error: {noun} "{text.clean(name)}" not found{_of_tag(survey, name) if noun == "revision" else ""}')
    code = ExitCode.USAGE if missing else ExitCode.OK
    for gap in text.gap_texts(sorted(survey.snapshot.gaps)):
        err(f"Not checked: {text.clean(gap)}")
    if not items and not output.is_document:
        if not missing:
            err(f"No resources found in {text.clean(where)} namespace." if where else "No resources found")
            if absent := lookup.no_namespace(survey, where):
                err(f"note: {text.clean(absent)}")
        return "", code
    wide = output is Output.WIDE
    columns = render.columns(kind, namespaced=bool(where), taken=survey.snapshot.taken)
    answer = written(
        output,
        f"{asked.only or noun.capitalize()}List",
        value=lambda: {"items": items, "gaps": sorted(survey.snapshot.gaps)},
        text=lambda: text.listing(items, columns, style(headers=request.headers, wide=wide)),
        names=lambda: names.lines([_ref(item, kind) for item in items], where),
    )
    return answer, code


def _ref(item: Any, kind: str) -> Ref:
    if kind == "revisions":  # its namespace is where its istiod is
        return Ref("Revision", "", item.revision)
    return ref_of(item)


def _of_tag(survey: Survey, name: str) -> str:
    """Filters take tags for their revisions, this list has revisions alone."""
    revision = survey.mesh.tag_revisions.get(name)
    return f"; it is a tag of revision {revision}" if revision else ""


def _filtered(items: list[Any], keep: Filter, survey: Survey, source: Source) -> list[Any]:
    """What --selector, --revision and --drifted leave. Raises UsageError for a revision that does not exist."""
    if keep.selector is not None:
        labels = answers.labels_of(survey)
        matches = keep.selector.matches
        items = [item for item in items if matches(labels.get(Key.of(item), {}))]
    if keep.revision:
        revision = lookup.revision_named(survey, keep.revision, source, running=True).revision
        items = [item for item in items if revision in revisions_of(item, survey.mesh.served)]
    if keep.drifted:
        items = [item for item in items if getattr(item, "drift", False)]
    return items
