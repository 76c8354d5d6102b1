"""rev-status TYPE/NAME: why, for each subject that was named."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from kubectl_rev.commands import lookup, names
from kubectl_rev.commands.flags import Output
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.query import Subject
from kubectl_rev.commands.source import Source
from kubectl_rev.commands.terminal import err, style
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.gateways import istio_gateways
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.status import explain
from kubectl_rev.core.status.explain import Explanation
from kubectl_rev.errors import ExitCode, UsageError
from kubectl_rev.render import text
from kubectl_rev.render.explain import explanation
from kubectl_rev.render.output import written


def explained(output: Output, subjects: Sequence[Subject], survey: Survey, source: Source) -> tuple[str, ExitCode]:
    """The text for stdout and the exit code. Raises UsageError where none of the subjects is there."""
    stories: list[Explanation] = []
    missing: list[UsageError] = []
    for subject in subjects:
        try:
            stories += _stories(survey, subject.kind, subject.name, subject.namespace or source.namespace)
        except UsageError as error:
            missing.append(error)
    for absence in missing if stories else missing[:-1]:
        err(f"error: {text.clean(str(absence))}")
    if not stories:
        raise missing[-1]
    stories = [
        replace(story, hint=source.repeated(story.hint), findings=source.with_flags(story.findings))
        for story in stories
    ]
    alone = len(subjects) == len(stories) == 1
    kind, value = ("Explanation", stories[0]) if alone else ("ExplanationList", stories)
    answer = written(
        output,
        kind,
        value=lambda: value,
        text=lambda: "\n\n".join(explanation(story, style()) for story in stories),
        names=lambda: names.lines([story.subject for story in stories], source.namespace),
    )
    return answer, ExitCode.USAGE if missing else ExitCode.OK


def _stories(survey: Survey, kind: str, name: str, namespace: str) -> list[Explanation]:
    """One; several where all namespaces are asked (`-A`, or a dump without `-n`) and more than one has that name."""
    if kind == "Namespace":
        if name in survey.by_namespace:
            return [explain.of_namespace(survey, name, MESH_CHECKS)]
        raise lookup.absent(survey, kind, "namespaces", name, "", list(survey.by_namespace))
    if kind == "Gateway":
        gateways = [one for one, _ in istio_gateways(survey.mesh) if namespace in ("", one.namespace)]
        if wanted := [gateway for gateway in gateways if gateway.name == name]:
            return [explain.of_gateway(survey, gateway, MESH_CHECKS) for gateway in wanted]
        raise lookup.absent(survey, kind, labels.GATEWAYS, name, namespace, [gateway.name for gateway in gateways])
    workloads = [workload for workload in survey.workloads if not namespace or workload.namespace == namespace]
    found, there = [], []
    for workload in workloads:
        ours = workload.kind.lower() == kind.lower()
        there += [group.pod.name for group in workload.groups] if kind == "Pod" else [workload.name] if ours else []
        if ours and workload.name == name:
            found.append(explain.of_workload(survey, workload, MESH_CHECKS))
        elif kind == "Pod" and any(group.pod.name == name for group in workload.groups):
            found.append(explain.of_workload(survey, workload, MESH_CHECKS, name))
    if not found:
        _check_kind_and_owner(survey, kind, name, namespace, there)
        raise lookup.absent(survey, kind, lookup.RESOURCES.get(kind, "pods"), name, namespace, there)
    return found


def _check_kind_and_owner(survey: Survey, kind: str, name: str, namespace: str, there: Sequence[str]) -> None:
    """Of what is there and no workload of its own, or of a kind that has none: raises UsageError that tells."""
    if kind not in (*lookup.RESOURCES, "Pod") and not there:
        raise UsageError(
            f'cannot explain kind "{kind}"; use ns/NAME, pod/NAME, deploy/NAME, sts/NAME, ds/NAME and so on'
        )
    for workload in survey.snapshot.workloads:
        if (workload.kind, workload.name) == (kind, name) and namespace in ("", workload.namespace):
            if above := workload.metadata.controller:
                raise UsageError(f'{kind.lower()} "{name}" belongs to {above.kind.lower()}/{above.name}: ask for that')
            if user := survey.borrowers.get(Key.of(workload)):
                asked = f"{user.kind.lower()}/{user.name}"
                raise UsageError(f'{kind.lower()} "{name}" runs no pods: its template is for {asked}: ask for that')
            raise UsageError(f'{kind.lower()} "{name}" runs no pods, and none are to come')
