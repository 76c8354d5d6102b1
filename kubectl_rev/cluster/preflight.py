"""What only a migration asks before it writes: budgets, autoscalers, quotas, mesh configuration, permissions.

A constant number of lists; permissions are asked for the whole cluster, and by namespace only where that is denied.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import msgspec

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.config import read_groups
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.mesh_config import mesh_configs, of_revision
from kubectl_rev.core.mesh.objects import ConfigMap, IstioConfig
from kubectl_rev.core.mesh.resources import PREFLIGHT
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.preflight_facts import Denied, PreflightFacts
from kubectl_rev.errors import NotFound

_THREADS = 8
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def read(connection: Connection, plan: Plan, mesh: Mesh) -> PreflightFacts:
    """For the namespaces of a plan."""
    spaces = [move.namespace for move in plan.moves]
    scope = spaces[0] if len(spaces) == 1 else ""
    gaps: set[Gap] = set()

    def listed(kind: str) -> list[Any]:
        return lists.or_gap(lambda: lists.installed(connection, kind, scope), gaps)

    with Workers(_THREADS) as workers:
        found = {kind.field: workers.start(partial(listed, kind.kind)) for kind in PREFLIGHT}
        planes = {(plane.namespace, label_of(plane.revision)) for plane in mesh.control_planes if plane.namespace}
        told = [workers.start(partial(_mesh, connection, *key, gaps)) for key in sorted(planes)]
        meshes = mesh_configs(one for task in told for one in result(task))
        # What one namespace's proxies get is its own config and the root namespace's.
        roots = {meshes[key].root_namespace if key in meshes else key[0] for key in planes}
        configs = [
            (where, workers.start(partial(read_groups, connection, labels.CONFIG_GROUPS, where)))
            for where in (sorted({scope, *roots}) if scope else [""])
        ]
        needs = _needs(plan)
        reviews = {need: workers.start(partial(_may, connection, *need, "")) for need in sorted(needs)}
        closer = {
            Denied(*need, namespace): workers.start(partial(_may, connection, *need, namespace))
            for need, review in reviews.items()
            if not result(review)
            for namespace in sorted(needs[need])
        }
        unlisted = [(where, hidden[0]) for where, task in configs if (hidden := result(task)[1])]
        gaps |= {Gap("list", labels.CONFIGURATION, where, gap.reason) for where, gap in unlisted}
        return PreflightFacts(
            **{field: (*result(task),) for field, task in found.items()},
            meshes=meshes,
            configs=tuple(one for _, task in configs for one in result(task)[0] if isinstance(one, IstioConfig)),
            denied=tuple(sorted(denied for denied, review in closer.items() if not result(review))),
            gaps=tuple(sorted(gaps)),
        )


def _needs(plan: Plan) -> dict[tuple[str, str], set[str]]:
    """Verbs and resources that carrying out the plan takes, each with the namespaces in which it is needed."""
    needs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for step in (*plan.first, *plan.last):
        needs["patch", step.resource].add(step.namespace)
    for move in plan.moves:
        wanted = {("patch", restart.step.resource) for restart in move.restarts if restart.step}
        if move.label or move.close:
            wanted.add(("patch", "namespaces"))
        if move.proofs:
            wanted.add(("create", "pods"))
        if move.restarts:
            wanted |= {("list", "pods"), ("watch", "pods")}
        for need in wanted:
            needs[need].add(move.namespace)
    return needs


class _Review(msgspec.Struct):
    status: dict[str, Any] = {}


def _may(connection: Connection, verb: str, resource: str, namespace: str) -> bool:
    """A SelfSubjectAccessReview. The namespace object X counts as being in namespace X (RequestInfo)."""
    plural, _, group = resource.partition(".")
    attributes = {"verb": verb, "resource": plural, "group": group, "namespace": namespace}
    if plural == "namespaces":
        attributes["name"] = namespace
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = connection.send("POST", _REVIEWS, msgspec.json.encode(body))
    return from_json(answer, _Review).status.get("allowed") is True


def _mesh(connection: Connection, namespace: str, revision: str, gaps: set[Gap]) -> list[ConfigMap]:
    """The ConfigMap of a control plane's mesh, if it has one here."""
    where = f"/api/v1/namespaces/{namespace}/configmaps/{of_revision(revision)}"
    try:
        return lists.or_gap(lambda: [lists.one(connection, where, ConfigMap)], gaps)
    except NotFound:
        return []
