"""The objects that a migration may change, whole: one list per kind, in JSON, since patches test whole templates."""

from __future__ import annotations

from functools import partial

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh.resources import BY_KIND, TOP_WORKLOADS
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.errors import Forbidden, NotFound


def read(connection: Connection, namespace: str, workers: Workers) -> PatchTargets:
    """Those of the whole cluster, or of one namespace. What may not be listed is not there: nothing can change it."""
    kinds = ("Namespace", *(workload.kind for workload in TOP_WORKLOADS))
    tasks = [workers.start(partial(_listed, connection, kind, namespace)) for kind in kinds]
    return PatchTargets([target for task in tasks for target in result(task)])


def one(connection: Connection, kind: str, namespace: str, name: str) -> PatchTarget:
    """One object as it is now."""
    target = lists.one(connection, lists.path(BY_KIND[kind].path, namespace, name), PatchTarget)
    target.kind = kind
    return target


def _listed(connection: Connection, kind: str, namespace: str) -> list[PatchTarget]:
    try:
        if kind == "Namespace" and namespace:
            return [one(connection, kind, "", namespace)]
        targets = lists.items(connection, lists.path(BY_KIND[kind].path, namespace), PatchTarget)
    except (Forbidden, NotFound):
        return []
    for target in targets:  # the items of a list do not say their kind
        target.kind = kind
    return targets
