"""What a Deployment says of its own rollout: another restart helps neither one under way nor one that is stuck."""

from __future__ import annotations

from typing import Literal

import msgspec

RolloutState = Literal["", "rolling", "stuck"]
_PROGRESSING = "Progressing"
# k8s.io/kubernetes/pkg/controller/deployment/util: the reasons of that condition
_STUCK = ("ProgressDeadlineExceeded",)
_UNDER_WAY = ("NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated")


class RolloutCondition(msgspec.Struct, omit_defaults=True):
    """`status.conditions[]` of a workload."""

    type: str = ""
    reason: str = ""


class WorkloadStatus(msgspec.Struct, omit_defaults=True):
    """`status` of a workload, as far as it tells of a rollout."""

    conditions: list[RolloutCondition] = []


def state_of(kind: str, status: WorkloadStatus | None) -> RolloutState:
    """`rolling`: new pods are being made or waited for; `stuck`: no progress for its progressDeadlineSeconds."""
    reasons = [condition.reason for condition in status.conditions if condition.type == _PROGRESSING] if status else []
    if kind != "Deployment" or not reasons:
        return ""
    return "stuck" if reasons[0] in _STUCK else "rolling" if reasons[0] in _UNDER_WAY else ""
