"""Labels that pods have and their template lacks, or the other way round: something changes them at admission.

A policy engine's webhook (Kyverno's, Gatekeeper's, a platform's own) may be called before Istio's, which then sees the
pod with other labels than its template has. Only pods that are made from the template as it is now tell.
"""

from __future__ import annotations

from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.injection import InjectionDecision, State, select
from kubectl_rev.core.mesh.objects import Pod, PodTemplate
from kubectl_rev.core.mesh.proxies import as_wished
from kubectl_rev.core.mesh.revisions import Mesh


def as_admitted(
    mesh: Mesh,
    subject: Subject,
    selected: InjectionDecision,
    template: PodTemplate,
    pods: list[Pod],
    keys: frozenset[str],
) -> InjectionDecision:
    """What is selected for pods of a template; unknown where the labels that its pods have decide otherwise.

    `keys` are those that can decide.
    """
    changed = _changed(template, [pod for pod in pods if not pod.terminating], keys)
    given = {key: value for key, value in subject.labels.items() if key not in changed}
    given |= {key: value for key, value in changed.items() if value is not None}
    other = select(mesh, replace(subject, labels=given)) if changed else selected
    if (other.state, other.revision) == (selected.state, selected.revision):
        return selected
    return InjectionDecision(State.UNKNOWN, _words(template, changed))


def _changed(template: PodTemplate, pods: list[Pod], keys: frozenset[str]) -> dict[str, str | None]:
    """Of these keys those that all pods have otherwise than their template: with their value, None where absent."""
    given, stamp = template.metadata.labels, template.metadata.annotations.get(labels.RESTARTED_AT)
    if all(pod.labels.get(key) == given.get(key) for pod in pods for key in keys):  # as in nearly all workloads
        return {}
    others = {key: value for key, value in given.items() if key not in keys}
    seen: list[dict[str, str]] = []
    for pod in pods:
        if pod.metadata.annotations.get(labels.RESTARTED_AT) != stamp or not others.items() <= pod.labels.items():
            return {}  # of an older template
        seen.append(as_wished(pod.metadata).labels)
    values = {key: {wished.get(key) for wished in seen} for key in keys}
    return {key: found.pop() for key, found in values.items() if len(found) == 1 and given.get(key) not in found}


def _words(template: PodTemplate, changed: dict[str, str | None]) -> str:
    key, value = min(changed.items())
    was = template.metadata.labels.get(key)
    if value is None:
        return f"its pods lack {key}={was}, which its template has: something removes it at admission"
    if was is None:
        return f"its pods have {key}={value}, which its template lacks: something adds it at admission"
    return f"its pods have {key}={value}, its template {key}={was}: something changes it at admission"
