"""Names only, for tab completion: one short list, of whatever kind is being typed."""

from __future__ import annotations

from contextlib import suppress

from kubectl_rev.cluster import decode, lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh.objects import Metadata, WebhookConfiguration
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.errors import Forbidden

_INJECTORS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
PATHS = {
    **lists.WORKLOADS,
    "ReplicaSet": lists.REPLICA_SETS,
    "Rollout": lists.ROLLOUTS,
    "Gateway": f"apis/gateway.networking.k8s.io/{lists.GATEWAY_VERSIONS[0]}/gateways",
    "Pod": lists.PODS,
    "Namespace": "api/v1/namespaces",
}


def listed(connection: Connection, kind: str, namespace: str = "") -> list[Metadata]:
    """The metadata of all objects of a kind in PATHS. Raises what `Connection` raises."""
    where = lists.path(PATHS[kind], "" if kind == "Namespace" else namespace)
    return list(lists.streamed(connection, where, decode.metadata, accept=lists.METADATA))


def mesh(connection: Connection) -> Mesh:
    """Revisions and tags, as far as istiods and injectors may be read."""
    found = Snapshot()
    with suppress(Forbidden):
        found.istiods = lists.istiods(connection)
    with suppress(Forbidden):
        found.injectors = lists.in_json(connection, _INJECTORS, WebhookConfiguration)
    return Mesh(found)
