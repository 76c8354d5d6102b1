"""Everything a verdict rests on, read side by side: the Snapshot, every istiod's connections, and a few lists more.

The number of requests is bounded by the kinds of configuration that are installed and the istiods there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import msgspec

from kubectl_rev.cluster import lists, syncz
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.faults import ServerFault
from kubectl_rev.cluster.read import read
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core import labels
from kubectl_rev.core.connections import Answer, Connections, running
from kubectl_rev.core.evidence import SAIL_GROUP, Config, Evidence, Extras, Sail, VirtualService
from kubectl_rev.core.objects import Object, Pod
from kubectl_rev.core.snapshot import Gap, Snapshot
from kubectl_rev.core.survey import Survey
from kubectl_rev.errors import Forbidden, NotFound

T = TypeVar("T")
K = TypeVar("K", bound=Object)

_THREADS = 12
_ISTIO_SYSTEM = "istio-system"
_ASK_TIMEOUT = 15.0
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CONFIG_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
)
_VMS = ("workloadentries", "workloadgroups")
_SAIL_KINDS = ("Istio", "IstioRevision", "IstioRevisionTag")


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    preferred_version: _Version
    versions: list[_Version] = []


def _by_preference(group: _Group) -> list[_Version]:
    return [group.preferred_version, *group.versions]


class _Groups(msgspec.Struct):
    groups: list[_Group] = []


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = True
    verbs: list[str] = []


class _Resources(msgspec.Struct):
    resources: list[_Resource] = []


def gather(connection: Connection, *, istio_namespace: str | None = None) -> Evidence:
    """Read it all, for the whole mesh. Raises what `cluster.read.read` raises."""
    with Workers(_THREADS) as workers:
        asking = _Asking(connection, workers, istio_namespace or _ISTIO_SYSTEM)
        extras = workers.start(asking.groups)
        istiods = workers.start(asking.istiods)
        read_all = workers.start(
            lambda: read(connection, pods="whole", istio_namespace=istio_namespace, ask_versions=True)
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

    def groups(self) -> dict[str, list[str]]:
        """The groups we look into that are served: name to paths of their versions, the preferred one first.

        Everybody may ask this. All versions, since some kinds have none of the preferred one (EnvoyFilter).
        """
        body = self._connection.get("/apis")
        found = lists.decoded(self._connection, "/apis", body, _Groups).groups
        wanted = (*_CONFIG_GROUPS, SAIL_GROUP)
        return {
            group.name: [f"/apis/{v}" for v in dict.fromkeys(v.group_version for v in _by_preference(group))]
            for group in found
            if group.name in wanted
        }

    def extras(self, groups: dict[str, list[str]], homes: Iterable[str]) -> list[tuple[str, Future[list[Object]]]]:
        """The lists that are under way, by the field of Extras that they belong to."""
        started: list[tuple[str, Future[list[Object]]]] = []
        served = {
            where: self._workers.start(partial(self._served, where)) for paths in groups.values() for where in paths
        }
        for group, paths in groups.items():
            known: dict[str, tuple[str, _Resource]] = {}
            for where in paths:
                for each in result(served[where]):
                    known.setdefault(each.name, (where, each))
            for where, each in known.values():
                plural, full = each.name, f"{each.name}.{group}"
                if group == SAIL_GROUP:
                    if each.kind in _SAIL_KINDS:
                        started.append(("sail", self._list(partial(self._sail, where, each), full)))
                    continue
                started.append(("configs", self._list(partial(self._labelled, where, each, full), full)))
                if plural in _VMS and group == _CONFIG_GROUPS[0]:
                    started.append(("vms", self._list(partial(self._metadata, where, each, full), full)))
                if plural == "virtualservices":
                    for home in sorted(homes):
                        started.append(("routes", self._list(partial(self._routes, where, home), full)))
        return started

    def _served(self, where: str) -> list[_Resource]:
        found = lists.decoded(self._connection, where, self._connection.get(where), _Resources).resources
        return [each for each in found if "list" in each.verbs and "/" not in each.name and each.kind != "GatewayClass"]

    def _list(self, work: Callable[[], list[K]], resource: str) -> Future[list[Object]]:
        def or_gap() -> list[Object]:
            try:
                return list(work())
            except Forbidden as error:
                self.gaps.add(Gap(error.verb, error.resource, error.namespace, error.reason))
            except ServerFault as error:  # a broken conversion webhook of theirs must not hide all the rest
                self.gaps.add(Gap("list", resource, "", str(error)))
            except NotFound:  # uninstalled meanwhile
                pass
            return []

        return self._workers.start(or_gap)

    def _labelled(self, where: str, each: _Resource, full: str) -> list[Config]:
        return self._metadata(where, each, full, {"labelSelector": labels.REV})

    def _metadata(self, where: str, each: _Resource, full: str, query: dict[str, str] | None = None) -> list[Config]:
        found = lists.in_json(self._connection, f"{where}/{each.name}", Config, query, _METADATA)
        for config in found:
            config.kind, config.resource = each.kind, full
        return found

    def _routes(self, where: str, namespace: str) -> list[VirtualService]:
        path = f"{where}/namespaces/{namespace}/virtualservices"
        return lists.in_json(self._connection, path, VirtualService)

    def _sail(self, where: str, each: _Resource) -> list[Sail]:
        found = lists.in_json(self._connection, f"{where}/{each.name}", Sail)
        for sail in found:
            sail.kind = each.kind
        return found
