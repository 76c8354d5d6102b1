"""What `commands.migrate_execution` does to a real cluster: one object with the functions of its `Cluster`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from kubectl_rev.cluster import lists, patch_targets, writes
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.dry_run_pods import prove
from kubectl_rev.cluster.pod_watch import Pods
from kubectl_rev.core.mesh.objects import Object, Pod, Shape
from kubectl_rev.core.mesh.proxies import proxy_of
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.migration.plan import Plan, Proof, Restart
from kubectl_rev.core.migration.run import Seen
from kubectl_rev.core.writes import Step
from kubectl_rev.errors import Forbidden, RevError


class LiveCluster:
    """A cluster to migrate. `watch` must have been called before anything is asked about pods."""

    def __init__(self, connection: Connection, mesh: Mesh, *, field_manager: str = writes.FIELD_MANAGER) -> None:
        self._connection, self._mesh, self._field_manager = connection, mesh, field_manager
        self._pods: Pods | None = None

    def watch(self, plan: Plan) -> None:
        """Follow the pods of all that will be restarted: in its namespace if it is one, else everywhere."""
        spaces = {restart.namespace for restart in plan.restarts}
        if not spaces:
            return
        try:
            self._pods = self._started(spaces if len(spaces) == 1 else {""})
        except Forbidden:
            if len(spaces) == 1:
                raise
            self._pods = self._started(spaces)

    def stop(self) -> None:
        if self._pods is not None:
            self._pods.stop()

    @property
    def trouble(self) -> str:
        """Why what is known of the pods may be out of date; empty when it is not."""
        return self._pods.trouble if self._pods is not None else ""

    def apply(self, step: Step) -> None:
        writes.apply_surely(self._connection, step, field_manager=self._field_manager)

    def prove(self, proofs: Sequence[Proof]) -> Iterable[str]:
        return prove(self._connection, proofs, self._revision_of)

    def pods(self, restart: Restart) -> Iterable[Seen]:
        return self._pods.of(restart.namespace, restart.kind, restart.name) if self._pods is not None else ()

    def wait(self, seconds: float) -> None:
        if self._pods is not None:
            self._pods.wait(seconds)
        else:
            time.sleep(seconds)

    def wanted(self, restart: Restart) -> int | None:
        try:
            return patch_targets.one(self._connection, restart.kind, restart.namespace, restart.name).pods
        except RevError:
            return None

    def last_event(self, restart: Restart, pods: Sequence[str]) -> str:
        """`FailedCreate: exceeded quota`, about a workload, a ReplicaSet of it, or these pods; warnings first."""
        try:
            events = lists.in_json(self._connection, lists.path("api/v1/events", restart.namespace), _Event)
        except (RevError, msgspec.MsgspecError):
            return ""
        about = [event for event in events if _is_about(event.involved_object, restart, pods)]
        newest = max(about, key=lambda event: (event.type == "Warning", event.when), default=None)
        return f"{newest.reason}: {newest.message}" if newest else ""

    def _started(self, spaces: Iterable[str]) -> Pods:
        pods = Pods(self._connection, spaces, self._revision_of)
        pods.start()
        return pods

    def _revision_of(self, pod: Pod) -> str | None:
        proxy = proxy_of(self._mesh, pod, None)
        return proxy.revision if proxy is not None else None


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


def _is_about(involved: _Involved, restart: Restart, pods: Sequence[str]) -> bool:
    if involved.kind == "Pod":
        return involved.name in pods
    if (middle := facts_of(restart.kind).middle) is not None and involved.kind == middle.kind:
        return involved.name.rpartition("-")[0] == restart.name
    return (involved.kind, involved.name) == (restart.kind, restart.name)
