"""Why are these pods not replaced, and what is to be done about them?

Nothing is deleted: a bare pod, a running Job and whatever replaces its pods only when they are deleted are listed.
Sources: kubectl's polymorphichelpers/objectrestarter.go (paused), k8s.io/kubernetes/pkg/controller/statefulset.
"""

from __future__ import annotations

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Unit
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import Original
from kubectl_rev.core.migration.plan import Left

ROLLED = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
# Without any of these lists nobody knows what runs in a namespace. (Rollouts: most clusters have none.)
SEEN_BY = ("pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps")


def keeps(
    unit: Unit, was: Unit | None, original: Original | None, request: Request, *, undo: bool, pinning: bool = False
) -> str:
    """Why a drifting workload is not restarted; empty when it is."""
    losing = unit.having(Effect.LOSES)
    meant = undo and was is not None and was.selected.state is State.INJECTED
    if losing and not meant:
        return f"a restart takes its sidecar away: {unit.selected.because}"
    if unit.gateway and not request.include_gateways:
        return f"it is a gateway ({unit.gateway.value}): only with --include-gateways"
    if unit.gateway in RENDERED:
        return ""
    if by_kind := _by_kind(unit, pinning):
        return by_kind
    if original is not None and (by_strategy := _by_strategy(original, pinning)):
        return by_strategy
    return "" if request.restart else "--no-restart was said"


def _by_kind(unit: Unit, pinning: bool) -> str:
    match unit.kind:
        case "CronJob" if pinning:
            return f"its template has a label of its own: change it to the new {labels.REV}"
        case "CronJob":
            return "its next run starts on the new revision; what runs now ends by itself"
        case "Job":
            return "it ends by itself: a Job's pods are never replaced"
        case "Pod":
            return "a pod without a controller: nobody would create it anew"
        case kind if kind not in ROLLED:
            return f"a {kind} replaces its pods only when they are deleted, or has a way of its own"
    return ""


def _by_strategy(original: Original, pinning: bool) -> str:
    if original.spec.paused:
        return "it is paused"
    if original.rolling.type == "OnDelete":
        return "its strategy is OnDelete: pods are replaced when they are deleted"
    if original.kind == "StatefulSet" and partition(original) >= original.pods > 0:
        return f"its partition of {partition(original)} keeps all its pods"
    if pinning and labels.REV in original.spec.selector.match_labels:
        return f"its selector names {labels.REV}, which cannot change: create it anew"
    return ""


def partition(original: Original | None) -> int:
    """How many pods of a StatefulSet its strategy keeps: those with a lower number."""
    if original is None or original.kind != "StatefulSet" or original.rolling.type != "RollingUpdate":
        return 0
    return original.rolling.rolling_update.partition


def left(unit: Unit, why: str, pods: int) -> Left:
    return Left(kind=unit.kind, namespace=unit.namespace, name=unit.name, pods=pods, why=why, hint=_hint(unit, why))


def _hint(unit: Unit, why: str) -> str:
    where = f"-n {unit.namespace}"
    if unit.gateway is GatewayKind.IN_PLACE:
        return ""
    if why == "it is paused":
        return f"kubectl rollout resume {unit.kind.lower()}/{unit.name} {where}"
    if "OnDelete" in why or "partition" in why:
        return f"kubectl rev-status pods --drifted {where}"
    if unit.kind == "Pod":
        return f"kubectl get pod {unit.name} {where} -o yaml"
    if "--no-restart" in why:
        return f"kubectl rollout restart {unit.kind.lower()}/{unit.name} {where}"
    return ""
