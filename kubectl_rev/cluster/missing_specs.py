"""What must be read whole although metadata suffices for the rest.

Whether istiod injects a pod depends on its spec (host network), and before 1.11 the evidence of who injected it is
there too. A workload's template tells that for all its pods. What has no template that we read: a bare pod, a pod of a
controller that we do not list (a custom one), and a ReplicaSet that stands alone, which was read as metadata. And
whether a proxy is ready is told by its pod's status alone: it is read where a workload reports pods that are not ready.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Pod, WorkloadObject
from kubectl_rev.core.mesh.resources import Key, workload_of

_AT_MOST = 8  # lists of one namespace; beyond that one list of the whole cluster
_NOT_OURS = ("kube-system",)  # never injected: istiod's IgnoredNamespaces, pkg/kube/inject/inject.go
_STATIC = "Node"  # controller of a static pod; no admission webhook sees what the kubelet runs by itself


def of_pods(pods: Iterable[Pod], workloads: Iterable[WorkloadObject]) -> Collection[str]:
    """The namespaces whose pods are to be listed whole, an empty one for all: their number is bounded."""
    by_key = {Key.of(workload): workload for workload in workloads}
    namespaces = set()
    for pod in pods:
        if pod.spec is not None or pod.terminating or pod.namespace in _NOT_OURS:
            continue
        owner = pod.metadata.controller
        untold = owner is None or (owner.kind != _STATIC and Key(pod.namespace, owner.kind, owner.name) not in by_key)
        if untold or (_may_have_proxy(pod) and _reports_unready(by_key.get(workload_of(pod)))):
            namespaces.add(pod.namespace)
    return _places(namespaces)


def of_replica_sets(pods: Iterable[Pod], workloads: Iterable[WorkloadObject]) -> Collection[str]:
    """The namespaces whose ReplicaSets are to be listed whole: one stands alone there and has pods."""
    owning = {(pod.namespace, owner.name) for pod in pods if (owner := pod.metadata.controller) is not None}
    return _places({
        w.namespace for w in workloads
        if w.kind == "ReplicaSet" and w.metadata.controller is None and (w.namespace, w.name) in owning
    })  # fmt: skip


def _may_have_proxy(pod: Pod) -> bool:
    return not {labels.STATUS, labels.REV}.isdisjoint(pod.metadata.annotations) or labels.REV in pod.labels


def _reports_unready(workload: WorkloadObject | None) -> bool:
    status = workload.status if workload else None
    return status is not None and status.ready_replicas < status.replicas


def _places(namespaces: Collection[str]) -> Collection[str]:
    return sorted(namespaces) if len(namespaces) <= _AT_MOST else [""]


def whole_pods(connection: Connection, namespace: str) -> Iterable[Pod]:
    """The pods of one of these namespaces, with spec and status."""
    elsewhere = "" if namespace else ",".join(f"metadata.namespace!={ns}" for ns in _NOT_OURS)
    return lists.whole_pods(connection, namespace, fields=elsewhere)


def with_whole(pods: list[Pod], namespace: str, whole: list[Pod]) -> list[Pod]:
    """`pods`, with those of this namespace (empty: of all but kube-system) replaced by `whole`, where that has any."""
    if not whole:
        return pods
    return [p for p in pods if (p.namespace != namespace if namespace else p.namespace in _NOT_OURS)] + whole
