"""Names only, for tab completion: one short list, of whatever kind is being typed."""

from __future__ import annotations

from contextlib import suppress

from kubectl_rev.cluster import decode, lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh.objects import Metadata, WebhookConfiguration
from kubectl_rev.core.mesh.resources import BY_KIND
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.errors import Forbidden


def listed(connection: Connection, kind: str, namespace: str = "") -> list[Metadata]:
    """The metadata of all objects of a kind in the registry. Raises what `Connection` raises."""
    resource = BY_KIND[kind]
    where = lists.path(resource.path, namespace if resource.namespaced else "")
    return list(lists.streamed(connection, where, decode.metadata, accept=lists.METADATA))


def mesh(connection: Connection) -> Mesh:
    """Revisions and tags, as far as istiods and injectors may be read."""
    found = Snapshot()
    with suppress(Forbidden):
        found.istiods = lists.istiods(connection)
    with suppress(Forbidden):
        found.injectors = lists.in_json(
            connection, lists.path(BY_KIND["MutatingWebhookConfiguration"].path), WebhookConfiguration
        )
    return Mesh(found)
