"""The objects that a migration may change, whole: one list per kind, in JSON, since patches test whole templates."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh.resources import TOP_WORKLOADS
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.errors import Forbidden, NotFound

_KINDS = {workload.kind: workload.path for workload in TOP_WORKLOADS}
_NAMESPACES = "/api/v1/namespaces"


def read(connection: Connection, namespace: str, workers: Workers) -> PatchTargets:
    """Those of the whole cluster, or of one namespace. What may not be listed is not there: nothing can change it."""
    tasks = [workers.start(partial(_namespaces, connection, namespace))]
    tasks += [workers.start(partial(_workloads, connection, kind, namespace)) for kind in _KINDS]
    return PatchTargets([each for task in tasks for each in result(task)])


def one(connection: Connection, kind: str, namespace: str, name: str) -> PatchTarget:
    """One workload as it is now."""
    found = lists.one(connection, lists.path(_KINDS[kind], namespace, name), PatchTarget)
    return _named(found, kind)


def _namespaces(connection: Connection, namespace: str) -> list[PatchTarget]:
    try:
        if namespace:
            return [_named(lists.one(connection, f"{_NAMESPACES}/{namespace}", PatchTarget), "Namespace")]
        return [_named(item, "Namespace") for item in lists.items(connection, _NAMESPACES, PatchTarget)]
    except (Forbidden, NotFound):
        return []


def _workloads(connection: Connection, kind: str, namespace: str) -> list[PatchTarget]:
    try:
        found: Iterable[PatchTarget] = lists.items(connection, lists.path(_KINDS[kind], namespace), PatchTarget)
    except (Forbidden, NotFound):
        return []
    return [_named(each, kind) for each in found]


def _named(each: PatchTarget, kind: str) -> PatchTarget:
    """The items of a list do not say their kind."""
    each.kind = kind
    return each
