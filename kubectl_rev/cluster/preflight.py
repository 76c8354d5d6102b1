"""What only a migration asks before it writes: budgets, autoscalers, quotas, mesh configuration, permissions.

A constant number of lists; permissions are asked for the whole cluster, and by namespace only where that is denied.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any, TypeVar

import msgspec

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.config import read_groups
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.json_decoders import from_json, resolved
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import ConfigMap, IstioConfig
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.preflight_facts import Autoscaler, Budget, Denied, MeshConfig, PreflightFacts, Quota
from kubectl_rev.errors import ClusterError, NotFound

T = TypeVar("T")

_THREADS = 8
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_BUDGETS = "apis/policy/v1/poddisruptionbudgets"
_AUTOSCALERS = "apis/autoscaling/v2/horizontalpodautoscalers"
_QUOTAS = "api/v1/resourcequotas"


def read(connection: Connection, plan: Plan, mesh: Mesh) -> PreflightFacts:
    """For the namespaces of a plan."""
    spaces = [move.namespace for move in plan.moves]
    scope = spaces[0] if len(spaces) == 1 else ""
    gaps: set[Gap] = set()

    def listed(where: str, kind: type[T]) -> list[T]:
        try:
            return lists.or_gap(lambda: lists.items(connection, lists.path(where, scope), kind), gaps)
        except NotFound:  # a server without this API
            return []

    with Workers(_THREADS) as workers:
        budgets = workers.start(partial(listed, _BUDGETS, Budget))
        autoscalers = workers.start(partial(listed, _AUTOSCALERS, Autoscaler))
        quotas = workers.start(partial(listed, _QUOTAS, Quota))
        planes = {(plane.namespace, plane.revision) for plane in mesh.control_planes if plane.namespace}
        meshes = {key: workers.start(partial(_mesh, connection, *key)) for key in sorted(planes)}
        # Of its gaps nothing is said: what depends on them is a warning at most.
        configs = workers.start(partial(read_groups, connection, labels.CONFIG_GROUPS, scope))
        needs = _needs(plan)
        reviews = {need: workers.start(partial(_may, connection, *need, "")) for need in sorted(needs)}
        closer = {
            Denied(*need, namespace): workers.start(partial(_may, connection, *need, namespace))
            for need, review in reviews.items()
            if not result(review)
            for namespace in sorted(needs[need])
        }
        return PreflightFacts(
            budgets=(*result(budgets),),
            autoscalers=(*result(autoscalers),),
            quotas=(*result(quotas),),
            meshes={key: mesh_config for key, task in meshes.items() if (mesh_config := result(task))},
            configs=tuple(config for config in result(configs)[0] if isinstance(config, IstioConfig)),
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


def _mesh(connection: Connection, namespace: str, revision: str) -> MeshConfig | None:
    """templates/configmap.yaml: `istio`, or `istio-REV`."""
    name = "istio" if revision == labels.DEFAULT else f"istio-{revision}"
    try:
        found = lists.one(connection, f"/api/v1/namespaces/{namespace}/configmaps/{name}", ConfigMap)
        resolved(MeshConfig)
        return msgspec.yaml.decode(found.data.get("mesh", "") or "{}", type=MeshConfig)
    except (ClusterError, msgspec.MsgspecError, ValueError):
        return None
