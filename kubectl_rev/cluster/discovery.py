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


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    versions: list[_Version] = []


class _Metadata(msgspec.Struct):
    name: str = ""


class _Kind(msgspec.Struct):
    kind: str = ""


class _Found(msgspec.Struct, rename="camel"):
    resource: str
    scope: str = ""
    response_kind: _Kind | None = None
    verbs: list[str] = []


class _FoundVersion(msgspec.Struct):
    version: str
    resources: list[_Found] = []


class _FoundGroup(msgspec.Struct):
    metadata: _Metadata
    versions: list[_FoundVersion] = []


class _Answer(msgspec.Struct):
    """An APIGroupDiscoveryList (`items`), or an APIGroupList (`groups`)."""

    items: list[_FoundGroup] = []
    groups: list[_Group] = []


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool
    verbs: list[str] = []


class _Resources(msgspec.Struct):
    resources: list[_Resource] = []


def served(connection: Connection, groups: Collection[str], accept: str = AGGREGATED) -> list[Served]:
    """The resources of these groups that can be listed, each once, by the version that the server prefers; sorted.

    No version has them all: EnvoyFilter is v1alpha3's alone.
    """
    answer = lists.decoded(connection, "/apis", connection.get("/apis", accept=accept), _Answer)
    found = [each for group in answer.items if group.metadata.name in groups for each in _aggregated(group)]
    wanted = [version for group in answer.groups if group.name in groups for version in group.versions]
    if wanted:
        with Workers(_THREADS) as workers:
            asked = [workers.start(partial(_of_version, connection, each.group_version)) for each in wanted]
            found = [each for task in asked for each in result(task)]
    preferred = {each.resource: each for each in reversed(found)}
    return [preferred[name] for name in sorted(preferred)]


def _aggregated(group: _FoundGroup) -> list[Served]:
    name = group.metadata.name
    return [
        Served(
            f"/apis/{name}/{version.version}/{resource.resource}",
            f"{resource.resource}.{name}",
            resource.response_kind.kind if resource.response_kind else "",
            resource.scope == "Namespaced",
        )
        for version in group.versions
        for resource in version.resources
        if "list" in resource.verbs
    ]


def _of_version(connection: Connection, group_version: str) -> list[Served]:
    where = f"/apis/{group_version}"
    group = group_version.partition("/")[0]
    return [
        Served(f"{where}/{resource.name}", f"{resource.name}.{group}", resource.kind, resource.namespaced)
        for resource in lists.one(connection, where, _Resources).resources
        if "list" in resource.verbs and "/" not in resource.name
    ]
