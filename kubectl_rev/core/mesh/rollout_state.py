"""Why does a restart replace none of a workload's pods, or is no help?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Pod, PodTemplate, WorkloadObject
from kubectl_rev.core.mesh.resources import facts_of

Held = Literal["", "paused", "half way", "OnDelete", "partition", "rolling", "stuck"]
# k8s.io/kubernetes/pkg/controller/deployment/util: the reasons of a Deployment's condition Progressing
_PROGRESS: dict[str, Held] = {
    "NewReplicaSetCreated": "rolling", "FoundNewReplicaSet": "rolling", "ReplicaSetUpdated": "rolling",
    "ProgressDeadlineExceeded": "stuck",
}  # fmt: skip


def held(workload: WorkloadObject, template: PodTemplate | None, drifted: Iterable[Pod]) -> Held:
    """kubectl refuses to restart what is paused; OnDelete waits until somebody deletes the pods; a partition keeps the
    pods numbered below it; a restart of what rolls already (new pods are made or waited for) begins another rollout,
    behind the one that has not ended, and may have made no progress for its progressDeadlineSeconds. Where a rollout
    that is to be promoted pauses half way, old pods come again from their own ReplicaSet, whose template may pin them
    to another revision.
    """
    facts, status = facts_of(workload.kind), workload.status
    conditions = status.conditions if status else ()
    if facts.promote_command and template and any(c.type == "Paused" and c.status == "True" for c in conditions):
        if any(_is_made_otherwise(pod, template, workload) for pod in drifted):
            return "half way"
    elif workload.spec.paused and facts.resume_command:
        return "paused"
    strategy = workload.spec.update_strategy
    if strategy and (strategy.type == "OnDelete" or strategy.rolling_update.partition):
        return "OnDelete" if strategy.type == "OnDelete" else "partition"
    reasons = (c.reason for c in conditions if c.type == "Progressing" and workload.kind == "Deployment")
    return next((_PROGRESS.get(reason, "") for reason in reasons), "")


def _is_made_otherwise(pod: Pod, template: PodTemplate, workload: WorkloadObject) -> bool:
    """Whether it is of an earlier ReplicaSet, with labels of its own that say something else than the template's."""
    middle, now = facts_of(workload.kind).middle, template.metadata.labels
    current = workload.status.current_pod_hash if workload.status else ""
    earlier = middle is not None and pod.labels.get(middle.label) != current
    return earlier and any(pod.labels.get(key) != now.get(key) for key in (labels.REV, labels.INJECT))
