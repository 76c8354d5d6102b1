"""What did Kubernetes say last about a workload that is stuck?"""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh.objects import Object, Shape
from kubectl_rev.core.mesh.resources import facts_of


class _Involved(Shape):
    kind: str = ""
    name: str = ""


class _Event(Object):
    """v1 Event. The two APIs that write events fill different time fields."""

    involved_object: _Involved
    reason: str = ""
    message: str = ""
    type: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def when(self) -> str:
        return self.last_timestamp or self.event_time or self.metadata.creation_timestamp or ""


def last(connection: Connection, namespace: str, kind: str, name: str, pods: Sequence[str]) -> str:
    """`FailedCreate: exceeded quota`, about a workload, a ReplicaSet of it, or these pods; warnings before others."""
    found = lists.in_json(connection, lists.path("api/v1/events", namespace), _Event)
    about = [event for event in found if _is_about(event.involved_object, kind, name, pods)]
    if not about:
        return ""
    newest = max(about, key=lambda event: (event.type == "Warning", event.when))
    return f"{newest.reason}: {newest.message}"


def _is_about(involved: _Involved, kind: str, name: str, pods: Sequence[str]) -> bool:
    if involved.kind == "Pod":
        return involved.name in pods
    if (middle := facts_of(kind).middle) is not None and involved.kind == middle.kind:
        return involved.name.rpartition("-")[0] == name
    return (involved.kind, involved.name) == (kind, name)
