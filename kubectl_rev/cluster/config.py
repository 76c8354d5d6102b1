"""Istio's config objects that have a label `istio.io/rev`: metadata of all its resources, whichever are installed."""

from __future__ import annotations

from functools import partial

import msgspec

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core import labels
from kubectl_rev.core.objects import IstioConfig, Metadata
from kubectl_rev.core.snapshot import Gap
from kubectl_rev.errors import Forbidden, NotFound

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_THREADS = 8


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    versions: list[_Version]


class _Resource(msgspec.Struct):
    name: str
    namespaced: bool
    verbs: list[str] = []


class _Resources(msgspec.Struct):
    resources: list[_Resource] = []


class _Item(msgspec.Struct):
    metadata: Metadata


class _List(msgspec.Struct):
    items: list[_Item] | None = None


def labelled(connection: Connection) -> tuple[list[IstioConfig], list[Gap]]:
    """The objects, and what could not be listed."""
    with Workers(_THREADS) as workers:
        groups = [workers.start(partial(_resources, connection, group)) for group in labels.CONFIG_GROUPS]
        where = [each for group in groups for each in result(group)]
        found = [workers.start(partial(_labelled, connection, *each)) for each in where]
        answers = [result(each) for each in found]
    return [c for config, _ in answers for c in config], [gap for _, gaps in answers for gap in gaps]


def _resources(connection: Connection, group: str) -> list[tuple[str, str]]:
    """Path and name of the resources of a group; none where the group is not installed.

    No version has them all: EnvoyFilter is v1alpha3's alone.
    """
    paths: dict[str, str] = {}
    try:
        for version in lists.one(connection, f"/apis/{group}", _Group).versions:
            for each in lists.one(connection, f"/apis/{version.group_version}", _Resources).resources:
                if each.namespaced and "list" in each.verbs and "/" not in each.name:
                    paths.setdefault(each.name, f"/apis/{version.group_version}/{each.name}")
    except (Forbidden, NotFound):
        return []
    return [(path, f"{name}.{group}") for name, path in paths.items()]


def _labelled(connection: Connection, path: str, resource: str) -> tuple[list[IstioConfig], list[Gap]]:
    try:
        body = connection.get(path, {"labelSelector": labels.REV}, _METADATA)
    except Forbidden as error:
        return [], [Gap(error.verb, error.resource, error.namespace, error.reason)]
    except NotFound:
        return [], []
    items = lists.decoded(connection, path, body, _List).items or []
    return [IstioConfig(metadata=item.metadata, resource=resource) for item in items], []
