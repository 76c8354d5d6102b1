"""The few objects whose spec must be read although metadata suffices for the rest.

Whether istiod injects a pod depends on its spec (host network), and before 1.11 the evidence of who injected it is
there too. A workload's template tells that for all its pods. What has no template that we read: a bare pod, a pod of a
controller that we do not list (a custom one), and a ReplicaSet that stands alone, which was read as metadata.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh.objects import Pod, WorkloadObject
from kubectl_rev.core.mesh.resources import Key

Work = Callable[[Connection], list[Any]]

_AT_MOST = 8  # lists of one namespace; beyond that one list of the whole cluster
_NOT_OURS = ("kube-system",)  # never injected: istiod's IgnoredNamespaces, pkg/kube/inject/inject.go
_STATIC = "Node"  # controller of a static pod; no admission webhook sees what the kubelet runs by itself


def missing(pods: Iterable[Pod], workloads: Iterable[WorkloadObject]) -> list[Work]:
    """What is still to be listed; each piece of work fills in the spec of the pods or workloads given here.

    The number of lists is bounded, not their size: pods of a few namespaces are listed there, else everywhere.
    """
    by_key = {Key.of(workload): workload for workload in workloads}
    bare: dict[Key, list[Pod]] = defaultdict(list)
    owning = set()
    for pod in pods:
        key = _owner(pod)
        owning.add(key)
        known = key in by_key or key.kind == _STATIC or pod.namespace in _NOT_OURS
        if pod.spec is None and not pod.terminating and not known:
            bare[key].append(pod)
    alone = {
        key: w
        for key, w in by_key.items()
        if w.kind == "ReplicaSet" and w.metadata.controller is None and key in owning
    }
    return [partial(_fill_pods, bare, namespace) for namespace in _places(bare)] + [
        partial(_fill_replica_sets, alone, namespace) for namespace in _places(alone)
    ]


def _owner(pod: Pod) -> Key:
    """Of a pod's controller; of a bare pod its own, without a kind."""
    owner = pod.metadata.controller
    return Key(pod.namespace, owner.kind, owner.name) if owner else Key(pod.namespace, "", pod.name)


def _places(keys: Iterable[Key]) -> Collection[str]:
    """Where to list: the namespaces that have something, or everywhere if those are many; nowhere if none has."""
    namespaces = sorted({key.namespace for key in keys})
    return namespaces if len(namespaces) <= _AT_MOST else [""]


def _fill_pods(bare: Mapping[Key, list[Pod]], namespace: str, connection: Connection) -> list[Any]:
    elsewhere = "" if namespace else ",".join(f"metadata.namespace!={ns}" for ns in _NOT_OURS)
    for whole in lists.whole_pods(connection, namespace, fields=elsewhere):
        for pod in bare.get(_owner(whole), ()):
            # Folded pods have no name: any one will do.
            if pod.spec is None and pod.metadata.name in ("", whole.name):
                pod.spec, pod.status = whole.spec, whole.status
    return []


def _fill_replica_sets(alone: Mapping[Key, WorkloadObject], namespace: str, connection: Connection) -> list[Any]:
    for whole in lists.whole_replica_sets(connection, namespace):
        if (replica_set := alone.get(Key.of(whole))) is not None:
            replica_set.spec, replica_set.metadata = whole.spec, whole.metadata
    return []
