"""Why does `kubectl rollout restart` replace none of a workload's pods, or is no help?"""

from __future__ import annotations

from typing import Literal

from kubectl_rev.core.mesh.objects import WorkloadObject
from kubectl_rev.core.mesh.resources import facts_of

Held = Literal["", "paused", "OnDelete", "partition", "rolling", "stuck"]
# k8s.io/kubernetes/pkg/controller/deployment/util: the reasons of a Deployment's condition Progressing
_PROGRESS: dict[str, Held] = {
    "NewReplicaSetCreated": "rolling", "FoundNewReplicaSet": "rolling", "ReplicaSetUpdated": "rolling",
    "ProgressDeadlineExceeded": "stuck",
}  # fmt: skip


def held(workload: WorkloadObject) -> Held:
    """kubectl refuses to restart what is paused; OnDelete waits until somebody deletes the pods; a partition keeps the
    pods numbered below it; a restart of what rolls already (new pods are made or waited for) begins another rollout,
    behind the one that has not ended, and may have made no progress for its progressDeadlineSeconds.
    """
    if workload.spec.paused and facts_of(workload.kind).resume_command:
        return "paused"
    strategy = workload.spec.update_strategy
    if strategy and (strategy.type == "OnDelete" or strategy.rolling_update.partition):
        return "OnDelete" if strategy.type == "OnDelete" else "partition"
    conditions = workload.status.conditions if workload.status and workload.kind == "Deployment" else ()
    return next((_PROGRESS.get(c.reason, "") for c in conditions if c.type == "Progressing"), "")
