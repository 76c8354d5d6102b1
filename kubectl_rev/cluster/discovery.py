"""Which resources does the API server serve in some groups? One request, since 1.26 (1.30 by default).

An older server, or one in front of it that does not pass the header on, answers with the groups alone; then each
version of them is asked. Everybody who is logged in may ask this.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import msgspec

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import JSON, Connection
from kubectl_rev.cluster.error_mapping import ServerFault
from kubectl_rev.cluster.workers import Workers, result

# k8s.io/apiserver/pkg/endpoints/discovery/aggregated: what is wanted first
AGGREGATED = ",".join(
    [*(f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")), JSON]
)
_KINDS = ("APIGroupDiscoveryList", "APIGroupList")
_THREADS = 8


class Served(msgspec.Struct, frozen=True):
    """A resource that can be listed: `/apis/networking.istio.io/v1/virtualservices`, and its plural with its group."""

    path: str
    resource: str
    kind: str
    namespaced: bool

    @property
    def plural(self) -> str:
        return self.resource.partition(".")[0]

    @property
    def group(self) -> str:
        return self.resource.partition(".")[2]


class _Resource(msgspec.Struct, rename="camel"):
    """As an APIGroupDiscoveryList has it (`resource`, `scope`, `responseKind`), or else as an APIResourceList."""

    verbs: list[str] = []
    resource: str = ""
    scope: str = ""
    response_kind: dict[str, str] = {}
    name: str = ""
    namespaced: bool = False
    kind: str = ""


class _Version(msgspec.Struct):
    """One of a group's; as an APIResourceList it says its kind."""

    version: str = ""
    resources: list[_Resource] = []
    kind: str = ""
    freshness: str = ""  # `Stale` where the API server cannot reach who serves the group


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct):
    name: str = ""
    metadata: _Name = _Name()
    versions: list[_Version] = []


class _Answer(msgspec.Struct):
    """An APIGroupDiscoveryList (`items`), or an APIGroupList (`groups`), whose versions have no resources."""

    kind: str = ""
    items: list[_Group] = []
    groups: list[_Group] = []


def served(
    connection: Connection, groups: Collection[str], accept: str = AGGREGATED
) -> tuple[list[Served], dict[str, str]]:
    """The resources of these groups that can be listed, each once, by the version that the server prefers; sorted.
    And the groups that are down, with the reason. Raises NoList where the answer names no group at all.

    No version has them all: EnvoyFilter is v1alpha3's alone.
    """
    answer = lists.decoded(connection, "/apis", connection.get("/apis", accept=accept), _Answer)
    if answer.kind not in _KINDS or not (answer.items or answer.groups):  # every API server has some
        raise lists.NoList(connection, "/apis", "a list of API groups")
    versions = [(group.metadata.name, version) for group in answer.items for version in group.versions]
    resources = [resource for name, version in versions if name in groups for resource in _listable(name, version)]
    stale = [name for name, version in versions if name in groups and version.freshness == "Stale"]
    down = dict.fromkeys(stale, "the API server cannot reach who serves it")
    if answer.groups:
        with Workers(_THREADS) as workers:
            wanted = [group for group in answer.groups if group.name in groups]
            asked = [partial(_asked, connection, group.name, version) for group in wanted for version in group.versions]
            tasks = [workers.start(work) for work in asked]
            answers = [result(task) for task in tasks]
        resources = [resource for found, _ in answers for resource in found]
        down = {group: reason for _, gap in answers for group, reason in gap.items()}
    preferred = {resource.resource: resource for resource in reversed(resources)}
    return [preferred[name] for name in sorted(preferred)], down


def _asked(connection: Connection, group: str, version: _Version) -> tuple[list[Served], dict[str, str]]:
    where = f"/apis/{group}/{version.version}"
    try:
        answer = lists.one(connection, where, _Version)
    except ServerFault as error:
        return [], {group: str(error)}
    if answer.kind != "APIResourceList" or not answer.resources:
        return [], {group: lists.NoList(connection, where, "a list of resources").reason}
    return _listable(group, _Version(version.version, answer.resources)), {}


def _listable(group: str, version: _Version) -> list[Served]:
    return [
        Served(
            f"/apis/{group}/{version.version}/{resource.resource or resource.name}",
            f"{resource.resource or resource.name}.{group}",
            resource.response_kind.get("kind", resource.kind),
            resource.namespaced or resource.scope == "Namespaced",
        )
        for resource in version.resources
        if "list" in resource.verbs and "/" not in resource.name
    ]
