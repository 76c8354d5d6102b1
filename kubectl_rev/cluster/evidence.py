"""Everything a verdict rests on, read side by side: the Snapshot, every istiod's connections, and a few lists more.

The number of requests is bounded by the kinds of configuration that are installed and the istiods there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from kubectl_rev.cluster import lists, syncz
from kubectl_rev.cluster.config import metadata
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.discovery import Served, served
from kubectl_rev.cluster.gaps import or_gap
from kubectl_rev.cluster.read import read
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Object, Pod
from kubectl_rev.core.mesh.resources import INSTALLER_GROUPS
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.verification.connections import Answer, Connections, running
from kubectl_rev.core.verification.evidence import Evidence, Extras, VirtualService
from kubectl_rev.errors import Forbidden

T = TypeVar("T")
K = TypeVar("K", bound=Object)

_THREADS = 12
_ISTIO_SYSTEM = "istio-system"
_ASK_TIMEOUT = 15.0
_CONFIG_GROUPS = (*labels.CONFIG_GROUPS, labels.GATEWAY_API, *INSTALLER_GROUPS)
_VIRTUAL_SERVICES = "virtualservices.networking.istio.io"
_VMS = ("workloadentries.networking.istio.io", "workloadgroups.networking.istio.io")


def gather(connection: Connection, *, istio_namespace: str | None = None) -> Evidence:
    """Read it all, for the whole mesh. Raises what `cluster.read.read` raises."""
    with Workers(_THREADS) as workers:
        asking = _Asking(connection, workers, istio_namespace or _ISTIO_SYSTEM)
        extras = workers.start(partial(served, connection, labels.CONFIG_GROUPS[:1]))
        istiods = workers.start(asking.istiods)
        read_all = workers.start(
            lambda: read(connection, pods="whole", istio_namespace=istio_namespace, config=_CONFIG_GROUPS)
        )
        answers = [workers.start(partial(_ask, connection, pod)) for pod in result(istiods) if running(pod)]
        lists_of = asking.extras(result(extras), {pod.namespace for pod in result(istiods)} | {asking.fallback})
        snapshot: Snapshot = result(read_all)
        found = Extras(gaps=[])
        for field, task in lists_of:
            getattr(found, field).extend(result(task))
        found.gaps = sorted(asking.gaps)
        return Evidence(Survey(snapshot), Connections(result(answer) for answer in answers), found)


def _ask(connection: Connection, pod: Pod) -> Answer:
    return syncz.ask(connection, pod, _ASK_TIMEOUT)


class _Asking:
    def __init__(self, connection: Connection, workers: Workers, fallback: str) -> None:
        self._connection, self._workers, self.fallback = connection, workers, fallback
        self.gaps: set[Gap] = set()

    def istiods(self) -> list[Pod]:
        """The istiods to ask; that they may not be listed everywhere is a gap of the snapshot's own list."""
        for namespace in ("", self.fallback):
            try:
                return lists.istiods(self._connection, namespace)
            except Forbidden:
                continue
        return []

    def extras(self, there: list[Served], homes: Iterable[str]) -> list[tuple[str, Future[list[Object]]]]:
        """The lists that are under way, by the field of Extras that they belong to."""
        started: list[tuple[str, Future[list[Object]]]] = []
        for each in there:
            if each.resource in _VMS:
                started.append(("vms", self._list(partial(metadata, self._connection, each), each.resource)))
            if each.resource == _VIRTUAL_SERVICES:
                for home in sorted(homes):
                    started.append(("routes", self._list(partial(self._routes, each, home), each.resource)))
        return started

    def _list(self, work: Callable[[], list[K]], resource: str) -> Future[list[Object]]:
        return self._workers.start(lambda: or_gap(lambda: [*work()], self.gaps, custom=resource))

    def _routes(self, each: Served, namespace: str) -> list[VirtualService]:
        where = lists.path(each.path.strip("/"), namespace)
        return lists.in_json(self._connection, where, VirtualService)
