"""The few objects whose spec must be read although metadata suffices for the rest.

Whether istiod injects a pod depends on its spec (host network), and before 1.11 the evidence of who injected it is
there too. A workload's template tells that for all its pods. What has no template that we read: a bare pod, a pod of a
controller that we do not list (a custom one), and a ReplicaSet that stands alone, which was read as metadata.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
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
    workloads = list(workloads)
    known = {Key.of(w) for w in workloads}
    bare: dict[str, dict[Key, list[Pod]]] = defaultdict(lambda: defaultdict(list))
    owning = set()
    for pod in pods:
        owner = pod.metadata.controller
        key = Key(pod.namespace, owner.kind, owner.name) if owner else Key(pod.namespace, "", pod.name)
        owning.add(key)
        if pod.spec is not None or pod.terminating or pod.namespace in _NOT_OURS:
            continue
        if owner is None or (key not in known and owner.kind != _STATIC):
            bare[pod.namespace][key].append(pod)
    alone: dict[str, dict[str, WorkloadObject]] = defaultdict(dict)
    for w in workloads:
        if w.kind == "ReplicaSet" and w.metadata.controller is None and Key.of(w) in owning:
            alone[w.namespace][w.name] = w
    return _pods(bare) + _replica_sets(alone)


def _pods(bare: dict[str, dict[Key, list[Pod]]]) -> list[Work]:
    everything = {key: pods for found in bare.values() for key, pods in found.items()}

    def work(namespace: str, connection: Connection) -> list[Any]:
        elsewhere = "" if namespace else ",".join(f"metadata.namespace!={ns}" for ns in _NOT_OURS)
        for whole in lists.whole_pods(connection, namespace, fields=elsewhere):
            owner = whole.metadata.controller
            key = Key(whole.namespace, owner.kind, owner.name) if owner else Key(whole.namespace, "", whole.name)
            for pod in everything.get(key, ()):
                # Folded pods have no name: any one will do.
                if pod.spec is None and pod.metadata.name in ("", whole.name):
                    pod.spec, pod.status = whole.spec, whole.status
        return []

    return [partial(work, ns) for ns in _places(bare)]


def _replica_sets(alone: dict[str, dict[str, WorkloadObject]]) -> list[Work]:
    def work(namespace: str, connection: Connection) -> list[Any]:
        for whole in lists.whole_replica_sets(connection, namespace):
            if (found := alone.get(whole.namespace, {}).get(whole.name)) is not None:
                found.spec, found.metadata = whole.spec, whole.metadata
        return []

    return [partial(work, ns) for ns in _places(alone)]


def _places(found: dict[str, Any]) -> list[str]:
    """Where to list: the namespaces that have something, or everywhere if those are many; nowhere if none has."""
    return sorted(found) if len(found) <= _AT_MOST else [""]
