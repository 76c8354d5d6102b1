"""rev-status TYPE: the lists, filtered, and what of the names is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubectl_rev.commands.flags import Output
from kubectl_rev.commands.lookup import READ, RESOURCES, no_namespace, require_read
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.name_lines import name_lines
from kubectl_rev.commands.query import Filter, ListQuery
from kubectl_rev.commands.revision_flag import named
from kubectl_rev.commands.source import Source
from kubectl_rev.commands.terminal import err, style
from kubectl_rev.core.checks.model import Ref, ref_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.status import answers
from kubectl_rev.core.status.items import revisions_of
from kubectl_rev.errors import ExitCode
from kubectl_rev.render import status as render
from kubectl_rev.render import text
from kubectl_rev.render.output import written

_MAKERS: dict[str, Callable[[Survey], list[Any]]] = {
    "revisions": answers.control_planes,
    "tags": answers.tags,
    "namespaces": lambda survey: answers.namespaces(survey, MESH_CHECKS),
    "workloads": answers.workloads,
    "pods": answers.pods,
    "gateways": answers.gateways,
}


def listed(
    asked: ListQuery, keep: Filter, output: Output, survey: Survey, source: Source, *, headers: bool
) -> tuple[str, ExitCode]:
    """The text for stdout and the exit code. Raises ClusterError where what is asked for could not be read."""
    assert asked.kind is not None
    where = source.scope(asked)  # a cluster was read no further, a dump has them all
    items = [item for item in _MAKERS[asked.kind](survey) if asked.only in (None, item.kind)]
    items = [item for item in items if where in ("", item.namespace)]
    # people know what istiod rendered by its Gateway
    workloads = survey.workloads if asked.kind == "gateways" else ()
    made_from = {(one.namespace, one.name): one.made_from for one in workloads if one.made_from}
    names = {id(item): {item.name, made_from.get((item.namespace, item.name)) or item.name} for item in items}
    missing = [name for name in asked.names if all(name not in names[id(item)] for item in items)]
    items = [item for item in items if not asked.names or names[id(item)].intersection(asked.names)]
    nothing_there, items = not items, filtered(items, keep, survey, source)
    noun = asked.only.lower() if asked.only else asked.kind.removesuffix("s")
    if missing:
        needed = (RESOURCES[asked.only], "pods") if asked.only else READ[asked.kind]
        require_read(survey, noun, missing[0], where, needed)
    elif nothing_there:
        require_read(survey, noun, "", where, (RESOURCES[asked.only],) if asked.only else READ[asked.kind])
    for name in missing:
        err(f'error: {noun} "{text.clean(name)}" not found{_of_tag(survey, name) if noun == "revision" else ""}')
    code = ExitCode.USAGE if missing else ExitCode.OK
    for gap in text.gap_texts(sorted(survey.snapshot.gaps)):
        err(f"Not checked: {text.clean(gap)}")
    if not items and not output.is_document:
        if not missing:
            err(f"No resources found in {text.clean(where)} namespace." if where else "No resources found")
            if absent := no_namespace(survey, where):
                err(f"note: {text.clean(absent)}")
        return "", code
    wide = output is Output.WIDE
    columns = _columns(asked.kind, wide, bool(where), survey.snapshot.taken)
    kind = asked.only or noun.capitalize()
    answer = written(
        output,
        f"{kind}List",
        value=lambda: {"items": items, "gaps": sorted(survey.snapshot.gaps)},
        text=lambda: text.listing(items, columns, style(headers=headers, wide=wide)),
        names=lambda: name_lines([_ref(item, asked.kind) for item in items], where),
    )
    return answer, code


def _ref(item: Any, kind: str | None) -> Ref:
    if kind == "revisions":  # its namespace is where its istiod is
        return Ref("Revision", "", item.name)
    return ref_of(item)


def _of_tag(survey: Survey, name: str) -> str:
    """Filters take tags for their revisions, this list has revisions alone."""
    revision = survey.mesh.tag_revisions.get(name)
    return f"; it is a tag of revision {revision}" if revision else ""


def _columns(kind: str, wide: bool, namespaced: bool, taken: str) -> render.Columns:
    match kind:
        case "revisions":
            return render.control_planes(wide)
        case "tags":
            return render.tags(wide)
        case "namespaces":
            return render.namespaces(wide)
        case "pods":
            return render.pods(wide, namespaced, taken)
        case "gateways":
            return render.gateways(wide, namespaced)
    return render.workloads(wide, namespaced)


def filtered(items: list[Any], keep: Filter, survey: Survey, source: Source) -> list[Any]:
    """What --selector, --revision and --drifted leave. Raises UsageError for a revision that does not exist."""
    if keep.selector is not None:
        labels = answers.labels_of(survey)
        matches = keep.selector.matches
        items = [item for item in items if matches(labels.get(Key.of(item), {}))]
    if keep.revision:
        revision = named(survey, keep.revision, source, running=True).revision
        items = [item for item in items if revision in revisions_of(item, survey.mesh.served)]
    if keep.drifted:
        items = [item for item in items if getattr(item, "drift", False)]
    return items
