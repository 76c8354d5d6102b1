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
from kubectl_rev.cluster.workers import Workers, result

# k8s.io/apiserver/pkg/endpoints/discovery/aggregated: what is wanted first
AGGREGATED = ",".join(
    [*(f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")), JSON]
)
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
    version: str = ""
    resources: list[_Resource] = []


class _Name(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct):
    name: str = ""
    metadata: _Name = _Name()
    versions: list[_Version] = []


class _Answer(msgspec.Struct):
    """An APIGroupDiscoveryList (`items`), or an APIGroupList (`groups`), whose versions have no resources."""

    items: list[_Group] = []
    groups: list[_Group] = []


def served(connection: Connection, groups: Collection[str], accept: str = AGGREGATED) -> list[Served]:
    """The resources of these groups that can be listed, each once, by the version that the server prefers; sorted.
    Raises NoList where it names no group at all, or none of the resources of a group that is there.

    No version has them all: EnvoyFilter is v1alpha3's alone.
    """
    answer = lists.decoded(connection, "/apis", connection.get("/apis", accept=accept), _Answer)
    if not (answer.items or answer.groups):  # every API server has some
        raise lists.NoList(connection, "/apis", "a list of API groups")
    versions = [(group.metadata.name, version) for group in answer.items for version in group.versions]
    resources = [resource for name, version in versions if name in groups for resource in _listable(name, version)]
    if answer.groups:
        with Workers(_THREADS) as workers:
            wanted = [group for group in answer.groups if group.name in groups]
            asked = [partial(_asked, connection, group.name, version) for group in wanted for version in group.versions]
            tasks = [workers.start(work) for work in asked]
            resources = [resource for task in tasks for resource in result(task)]
    preferred = {resource.resource: resource for resource in reversed(resources)}
    return [preferred[name] for name in sorted(preferred)]


def _asked(connection: Connection, group: str, version: _Version) -> list[Served]:
    resources = lists.one(connection, f"/apis/{group}/{version.version}", _Version).resources
    if not resources:
        raise lists.NoList(connection, f"/apis/{group}/{version.version}", "a list of resources")
    return _listable(group, _Version(version.version, resources))


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
