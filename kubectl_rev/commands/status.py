"""What rev-status answers: the text for stdout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kubectl_rev.cli.options import Output
from kubectl_rev.cli.run import style, tell
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.query import Ask, Subject, Why
from kubectl_rev.commands.revision_flag import named
from kubectl_rev.commands.source import Source, check
from kubectl_rev.core.checks import Finding
from kubectl_rev.core.mesh import labels, revision_names
from kubectl_rev.core.mesh.gateways import is_istio
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.status import answers, explain
from kubectl_rev.core.status import items as items_of
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.errors import ClusterError, ExitCode, UsageError
from kubectl_rev.render import status as look
from kubectl_rev.render import text as render
from kubectl_rev.render.explain import explanation

if TYPE_CHECKING:
    from kubectl_rev.cli.status_call import Request
    from kubectl_rev.core.mesh.snapshot import Snapshot


def answer(request: Request, snapshot: Snapshot, source: Source) -> tuple[str, ExitCode]:
    """The text for stdout and the exit code; what was asked for by name and is not there is told on stderr."""
    survey = Survey(snapshot)
    check(survey, pods_tell=True)
    match request.asked:
        case Ask(kind=None):
            return _overview(request, survey, source), ExitCode.OK
        case Ask():
            return _list(request, request.asked, survey, source)
        case Why(subjects=subjects):
            return _explain(request, subjects, survey, source)


def _overview(request: Request, survey: Survey, source: Source) -> str:
    report = answers.overview(survey, MESH_CHECKS)
    report.namespaces = _filtered(report.namespaces, request, survey, source)
    if request.revision:
        revision = _revision(request, survey, source)
        report.control_planes = [plane for plane in report.control_planes if plane.revision == revision]
    findings = report.findings
    if request.narrows:
        kept = {item.name for item in report.namespaces}
        findings = [found for found in findings if _namespace_of(found) in kept]
    report.findings = [replace(found, hint=source.repeated(found.hint)) for found in findings]
    match request.output:
        case Output.JSON | Output.YAML:
            return document(request.output, "Overview", report)
        case Output.NAME:
            return "\n".join(render.name("Namespace", "", item.name) for item in report.namespaces if item.attention)
    return look.overview(report, style(headers=request.headers, wide=request.output is Output.WIDE), source.repeated)


def _namespace_of(found: Finding) -> str:
    return found.subject.name if found.subject.kind == "Namespace" else found.subject.namespace


def document(output: Output, kind: str, value: object) -> str:
    """JSON or YAML."""
    return render.json(kind, value) if output is Output.JSON else render.yaml(kind, value)


_MAKERS: dict[str, Callable[[Survey], list[Any]]] = {
    "revisions": answers.control_planes,
    "tags": answers.tags,
    "namespaces": lambda survey: answers.namespaces(survey, MESH_CHECKS),
    "workloads": answers.workloads,
    "pods": answers.pods,
    "gateways": answers.gateways,
}


def _list(request: Request, asked: Ask, survey: Survey, source: Source) -> tuple[str, ExitCode]:
    assert asked.kind is not None
    where = source.scope(asked)  # a cluster was read no further, a dump has them all
    items = [item for item in _MAKERS[asked.kind](survey) if asked.only in (None, item.kind)]
    items = [item for item in items if where in ("", item.namespace)]
    # people know what istiod rendered by its Gateway
    units = survey.units if asked.kind == "gateways" else ()
    known_as = {(unit.namespace, unit.name): unit.made_from for unit in units if unit.made_from}
    called = {id(item): {item.name, known_as.get((item.namespace, item.name)) or item.name} for item in items}
    missing = [name for name in asked.names if all(name not in called[id(item)] for item in items)]
    items = [item for item in items if not asked.names or called[id(item)].intersection(asked.names)]
    nothing_there, items = not items, _filtered(items, request, survey, source)
    one = asked.only.lower() if asked.only else asked.kind.removesuffix("s")
    if missing:
        _readable(survey, one, missing[0], where, (RESOURCES[asked.only], "pods") if asked.only else _READ[asked.kind])
    elif nothing_there:
        _readable(survey, one, "", where, (RESOURCES[asked.only],) if asked.only else _READ[asked.kind])
    for name in missing:
        tell(f'error: {one} "{render.clean(name)}" not found{_of_tag(survey, name) if one == "revision" else ""}')
    code = ExitCode.USAGE if missing else ExitCode.OK
    for text in render.gap_texts(sorted(survey.snapshot.gaps)):
        tell(f"Not checked: {render.clean(text)}")
    if request.output in (Output.JSON, Output.YAML):
        kind = one.capitalize() if not asked.only else asked.only
        found = {"items": items, "gaps": sorted(survey.snapshot.gaps)}
        return document(request.output, f"{kind}List", found), code
    if not items:
        if not missing:
            tell(f"No resources found in {render.clean(where)} namespace." if where else "No resources found")
        return "", code
    if request.output is Output.NAME:
        if asked.kind == "revisions":  # its namespace is where its istiod is
            return "\n".join(render.name("Revision", "", item.name) for item in items), code
        return "\n".join(render.name(item.kind, item.namespace, item.name) for item in items), code
    wide, namespaced = request.output is Output.WIDE, bool(where)
    columns = _columns(asked.kind, wide, namespaced, survey.snapshot.taken)
    return render.listing(items, columns, style(headers=request.headers, wide=wide)), code


def _of_tag(survey: Survey, name: str) -> str:
    """Filters take tags for their revisions, this list has revisions alone."""
    revision = revision_names.tags(survey.mesh).get(name)
    return f"; it is a tag of revision {revision}" if revision else ""


def _columns(kind: str, wide: bool, namespaced: bool, taken: str) -> look.Columns:
    match kind:
        case "revisions":
            return look.control_planes(wide)
        case "tags":
            return look.tags(wide)
        case "namespaces":
            return look.namespaces(wide)
        case "pods":
            return look.pods(wide, namespaced, taken)
        case "gateways":
            return look.gateways(wide, namespaced)
    return look.workloads(wide, namespaced)


def _filtered(items: list[Any], request: Request, survey: Survey, source: Source) -> list[Any]:
    if request.selector.requirements:
        given = answers.labels_of(survey)
        matches = request.selector.matches
        items = [item for item in items if matches(given.get((item.kind, item.namespace, item.name), {}))]
    if request.revision:
        revision = _revision(request, survey, source)
        items = [item for item in items if revision in items_of.revisions_of(item, survey.mesh.served)]
    if request.drifted:
        items = [item for item in items if getattr(item, "drift", False)]
    return items


def _revision(request: Request, survey: Survey, source: Source) -> str:
    return named(survey, request.revision, source, running=True).revision


def _explain(request: Request, subjects: Sequence[Subject], survey: Survey, source: Source) -> tuple[str, ExitCode]:
    stories: list[explain.Explanation] = []
    absent: list[UsageError] = []
    for each in subjects:
        try:
            stories += _stories(survey, each.kind, each.name, each.namespace or source.namespace)
        except UsageError as error:
            absent.append(error)
    for missing in absent if stories else absent[:-1]:
        tell(f"error: {render.clean(str(missing))}")
    if not stories:
        raise absent[-1]
    stories = [
        replace(
            story,
            hint=source.repeated(story.hint),
            findings=[replace(each, hint=source.repeated(each.hint)) for each in story.findings],
        )
        for story in stories
    ]
    code = ExitCode.USAGE if absent else ExitCode.OK
    match request.output:
        case Output.JSON | Output.YAML:
            alone = len(subjects) == len(stories) == 1
            kind, value = ("Explanation", stories[0]) if alone else ("ExplanationList", stories)
            return document(request.output, kind, value), code
        case Output.NAME:
            names = (render.name(each.subject.kind, each.subject.namespace, each.subject.name) for each in stories)
            return "\n".join(names), code
    looks = style()
    return "\n\n".join(explanation(story, looks) for story in stories), code


def _stories(survey: Survey, kind: str, name: str, namespace: str) -> list[explain.Explanation]:
    """One; several where all namespaces are asked (`-A`, or a dump without `-n`) and more than one has that name."""
    if kind == "Namespace":
        if name in survey.by_namespace:
            return [explain.of_namespace(survey, name, MESH_CHECKS)]
        raise _absent(survey, kind, "namespaces", name, "", list(survey.by_namespace))
    if kind == "Gateway":
        gateways = [each for each in survey.snapshot.gateways if is_istio(each) and namespace in ("", each.namespace)]
        stories = [explain.of_gateway(survey, each, MESH_CHECKS) for each in gateways if each.name == name]
        if stories:
            return stories
        raise _absent(survey, kind, labels.GATEWAYS, name, namespace, [each.name for each in gateways])
    units = [unit for unit in survey.units if not namespace or unit.namespace == namespace]
    found, there = [], []
    for unit in units:
        ours = unit.kind.lower() == kind.lower()
        there += [group.pod.name for group in unit.groups] if kind == "Pod" else [unit.name] if ours else []
        if ours and unit.name == name:
            found.append(explain.of_unit(survey, unit, MESH_CHECKS))
        elif kind == "Pod" and any(group.pod.name == name for group in unit.groups):
            found.append(explain.of_unit(survey, unit, MESH_CHECKS, name))
    if not found:
        _say_where(survey, kind, name, namespace, there)
        raise _absent(survey, kind, RESOURCES.get(kind, "pods"), name, namespace, there)
    return found


def _say_where(survey: Survey, kind: str, name: str, namespace: str, there: Sequence[str]) -> None:
    """Of what is there and no workload of its own, or of a kind that has none: raises UsageError that tells."""
    if kind not in (*RESOURCES, "Pod") and not there:
        raise UsageError(f'cannot explain a "{kind}": say ns/NAME, pod/NAME, deploy/NAME, sts/NAME, ds/NAME and so on')
    for each in survey.snapshot.workloads:
        if (each.kind, each.name) == (kind, name) and namespace in ("", each.namespace):
            if above := each.metadata.controller:
                raise UsageError(f'{kind.lower()} "{name}" belongs to {above.kind.lower()}/{above.name}: ask for that')
            raise UsageError(f'{kind.lower()} "{name}" runs no pods, and none are to come')


RESOURCES = {
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "ReplicaSet": "replicasets.apps",
    "Job": "jobs.batch",
    "CronJob": "cronjobs.batch",
    "Rollout": "rollouts.argoproj.io",
}
# What has to be read before a name in a list can be said not to be there.
_READ = {
    "revisions": ("pods", RESOURCES["Deployment"], labels.INJECTORS),
    "tags": (labels.INJECTORS, "services"),
    "namespaces": ("namespaces",),
    "workloads": ("pods", *RESOURCES.values()),
    "pods": ("pods",),
    "gateways": ("pods", *RESOURCES.values(), labels.GATEWAYS),
}


def _readable(survey: Survey, kind: str, name: str, namespace: str, resources: Sequence[str]) -> None:
    """Not there, or not to be seen: the difference matters. Raises ClusterError for the second."""
    for gap in sorted(survey.snapshot.gaps, key=lambda gap: gap.resource != resources[-1]):
        if gap.resource in resources and survey.snapshot.hides(gap, namespace):
            what = f'is a {kind} "{name}"' if name else f"are any {kind}s"
            raise ClusterError(f"whether there {what} is not known: {render.gap_text(gap)}")


def _absent(survey: Survey, kind: str, resource: str, name: str, namespace: str, there: list[str]) -> UsageError:
    _readable(survey, kind.lower(), name, namespace, (resource,))
    guess = did_you_mean(name, there)
    where = f" in namespace {namespace}" if namespace else ""
    return UsageError(f'{kind.lower()} "{name}" not found{where}{guess}')
