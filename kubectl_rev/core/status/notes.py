"""What is remarkable about a namespace or a workload, in a few words: the NOTE column."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload, is_ambient


def namespace_notes(survey: Survey, name: str, selected: InjectionDecision, workloads: list[Workload]) -> Iterable[str]:
    """What a person should know about a namespace; nothing when it is fine."""
    given = survey.namespace_labels.get(name, {})
    if name in survey.terminating:
        yield "terminating"
        return
    if selected.state in (State.CONFLICT, State.UNKNOWN):
        yield selected.because
    if selected.state is State.REJECTED:
        yield f"new pods are rejected: {selected.because}"
    asks = given.get(labels.INJECTION) == "enabled" or (labels.REV in given and not is_ambient(given))
    if selected.state is State.NONE and asks and given.get(labels.INJECTION, "enabled") == "enabled":
        yield f"new pods get no sidecar: {selected.because}"
    for _, key, value in selected.ignored:
        yield f"{key}={value} is ignored: {labels.INJECTION} decides"
    if is_ambient(given) and selected.state is State.INJECTED:
        yield "ambient and injected: the sidecar wins for new pods"
    for verb in _HOW:
        yield from _to_do((workload for workload in workloads if workload.replacing == verb), Effect.MOVES, verb)
    for verb in _HOW:
        yield from _to_do(
            (workload for workload in workloads if workload.replacing == verb), Effect.GAINS, f"no sidecar yet: {verb}"
        )
    yield from _to_do(workloads, Effect.LOSES, "a restart takes the sidecar from")
    for workload in workloads:
        if (
            workload.selected.state in (State.REJECTED, State.CONFLICT)
            and selected.state is not workload.selected.state
        ):
            yield f"{reference(workload)}: {workload.selected.because}"


def _to_do(workloads: Iterable[Workload], what: Effect, verb: str) -> Iterable[str]:
    names = [reference(workload) for workload in workloads if workload.having(what)]
    if names:
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"{verb} {' '.join(names[:3])}{rest}"


def reference(workload: Workload) -> str:
    """`deployment/web`, as kubectl would name it within its namespace."""
    return f"{workload.kind.lower()}/{workload.name}"


def workload_note(workload: Workload, only: PodGroup | None = None) -> str:
    """What is remarkable about a workload, or about one pod of it, in a few words; empty when nothing is."""
    groups = workload.groups if only is None else (only,)
    effects = {group.effect for group in groups if not group.pod.terminating}
    words = _EFFECT_NOTES | (
        {Effect.MOVES: "the istiod of {1} renders it again"} if workload.gateway in RENDERED else {}
    )
    how = "running it again" if workload.kind == "Job" else _HOW[workload.replacing]
    notes = [words[each].format(how, workload.selected.revision) for each in Effect if each in effects & words.keys()]
    if workload.selected.state in (State.REJECTED, State.CONFLICT, State.UNKNOWN):
        notes = [workload.selected.because]
    ignored = [f"{key}={value}" for where, key, value in workload.selected.ignored if where == "pod"]
    notes += [f"{label} on the pod is ignored" for label in ignored]
    if manual(workload.template):
        notes.append("injected by hand (kube-inject)")
    return "; ".join(notes)


_EFFECT_NOTES = {
    Effect.MOVES: "{} moves it to {}",
    Effect.GAINS: "{} gives it a sidecar of {}",
    Effect.LOSES: "{} takes its sidecar away",
}
_HOW = {
    "restart": "a restart",
    "resume and restart": "a restart, once it is resumed,",
    "delete the pods of": "deleting its pods",
    "recreate": "recreating it",
    "wait for": "its next run",
    "wait for the rollout of": "its rollout, which is under way,",
    "mend the rollout of": "its rollout, once it is no longer stuck,",
}
