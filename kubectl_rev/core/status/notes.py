"""What is remarkable about a namespace or a workload, in a few words: the NOTE column."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_rev.core.checks.model import ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload


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
    for effect, start in ((Effect.MOVES, ""), (Effect.GAINS, "no sidecar yet: ")):
        for verb in _HOW:
            replaced = [workload for workload in workloads if workload.replacing == verb]
            yield from _to_do(replaced, effect, f"{start}{verb}")
    yield from _to_do(workloads, Effect.LOSES, "a restart takes the sidecar from")
    yield from _to_do(workloads, Effect.STOPS, "a restart stops")
    for workload in workloads:
        state = workload.selected.state
        if state in (State.REJECTED, State.CONFLICT) and state is not selected.state:
            yield f"{ref_of(workload)}: {workload.selected.because}"


def _to_do(workloads: Iterable[Workload], effect: Effect, verb: str) -> Iterable[str]:
    names = [str(ref_of(workload)) for workload in workloads if workload.having(effect)]
    if names:
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"{verb} {' '.join(names[:3])}{rest}"


def workload_note(workload: Workload, only: PodGroup | None = None) -> str:
    """What is remarkable about a workload, or about one pod of it, in a few words; empty when nothing is."""
    groups = workload.groups if only is None else (only,)
    effects = {group.effect for group in groups if not group.pod.terminating}
    rendered = {Effect.MOVES: "the istiod of {1} renders it again"} if workload.gateway in RENDERED else {}
    how = "running it again" if workload.kind == "Job" else _HOW[workload.replacing]
    words = [words for effect, words in (_EFFECT_NOTES | rendered).items() if effect in effects]
    notes = [text.format(how, workload.selected.revision) for text in words]
    if workload.selected.state in (State.REJECTED, State.CONFLICT, State.UNKNOWN):
        notes = [workload.selected.because]
    ignored = [f"{key}={value}" for where, key, value in workload.selected.ignored if where == "pod"]
    notes += [f"{label} on the pod is ignored" for label in ignored]
    if workload.cannot_start:
        notes.append("new pods do not start: nothing replaces their image: auto")
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
    "promote": "promoting it",
    "delete the pods of": "deleting its pods",
    "lower the partition of": "a restart, once its partition is lowered,",
    "recreate": "recreating it",
    "wait for": "its next run",
    "wait for the rollout of": "its rollout, which is under way,",
    "mend the rollout of": "its rollout, once it is no longer stuck,",
}
