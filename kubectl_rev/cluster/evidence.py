"""Everything a verdict rests on, read side by side: the Snapshot, every istiod's connections, and a few lists more.

The number of requests is bounded by the kinds of configuration that are installed and the istiods there are.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

from kubectl_rev.cluster import lists, syncz
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.discovery import Served, served
from kubectl_rev.cluster.read import ISTIO_SYSTEM, read
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.outside import Outside
from kubectl_rev.core.mesh.resources import INSTALLER_GROUPS
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.verification.connections import Connections, running
from kubectl_rev.core.verification.evidence import Evidence, Extras
from kubectl_rev.errors import Forbidden

T = TypeVar("T")

_THREADS = 12
_ASK_TIMEOUT = 15.0
_CONFIG_GROUPS = (*labels.CONFIG_GROUPS, labels.GATEWAY_API, *INSTALLER_GROUPS)
_VIRTUAL_SERVICES = "virtualservices.networking.istio.io"
_VMS = ("workloadentries.networking.istio.io", "workloadgroups.networking.istio.io")


def gather(connection: Connection, *, istio_namespace: str | None = None) -> Evidence:
    """Read it all, for the whole mesh. Raises what `cluster.read.read` raises."""
    fallback = istio_namespace or ISTIO_SYSTEM
    gaps: set[Gap] = set()
    with Workers(_THREADS) as workers:

        def listed(work: Callable[[], list[T]], resource: str) -> Future[list[T]]:
            return workers.start(lambda: lists.or_gap(work, gaps, custom=resource))

        kinds = workers.start(partial(served, connection, labels.CONFIG_GROUPS[:1]))
        istiods = workers.start(partial(_istiods, connection, fallback))
        everything = partial(read, connection, pods="whole", istio_namespace=istio_namespace, config=_CONFIG_GROUPS)
        snapshot = workers.start(everything)
        answers = [
            workers.start(partial(syncz.ask, connection, pod, _ASK_TIMEOUT)) for pod in result(istiods) if running(pod)
        ]
        served_kinds, down = result(kinds)
        there = {kind.resource: kind for kind in served_kinds}
        gaps |= {Gap("list", name, "", why) for why in down.values() for name in (*_VMS, _VIRTUAL_SERVICES)}
        outside = [listed(partial(_outside, connection, there[name], ""), name) for name in _VMS if name in there]
        if (routes := there.get(_VIRTUAL_SERVICES)) is not None:
            homes = sorted({pod.namespace for pod in result(istiods)} | {fallback})
            outside += [listed(partial(_outside, connection, routes, home), routes.resource) for home in homes]
        found = result(snapshot)
        found.outside = [one for task in outside for one in result(task)]
        survey, extras = Survey(found), Extras(gaps=sorted(gaps))
        return Evidence(survey, Connections(map(result, answers)), extras)


def _outside(connection: Connection, resource: Served, namespace: str) -> list[Outside]:
    """The objects of one resource; the items of a list do not always say their kind."""
    found = lists.in_json(connection, lists.path(resource.path.strip("/"), namespace), Outside)
    for one in found:
        one.kind = resource.kind
    return found


def _istiods(connection: Connection, fallback: str) -> list[Pod]:
    """The istiods to ask; that they may not be listed everywhere is a gap of the snapshot's own list."""
    for namespace in ("", fallback):
        with suppress(Forbidden):
            return lists.istiods(connection, namespace)
    return []
