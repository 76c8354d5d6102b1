"""What a preflight looks at: a plan in its surroundings, which are budgets, quotas, mesh configuration, permissions.

They are read by cluster/preflight.py. What could not be read is a Gap; what is not there is not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.objects import IstioConfig, Object, Shape
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Move, Plan, Restart


class BudgetSpec(Shape):
    selector: LabelSelector = LabelSelector()


class BudgetStatus(Shape):
    disruptions_allowed: int = 0
    expected_pods: int = 0


class Budget(Object):
    """policy/v1 PodDisruptionBudget."""

    spec: BudgetSpec = msgspec.field(default_factory=BudgetSpec)
    status: BudgetStatus = msgspec.field(default_factory=BudgetStatus)


class ScaleTarget(Shape):
    kind: str = ""
    name: str = ""


class AutoscalerSpec(Shape):
    scale_target_ref: ScaleTarget = msgspec.field(default_factory=ScaleTarget)
    max_replicas: int = 0


class AutoscalerStatus(Shape):
    current_replicas: int = 0
    desired_replicas: int = 0


class Autoscaler(Object):
    """autoscaling/v2 HorizontalPodAutoscaler."""

    spec: AutoscalerSpec = msgspec.field(default_factory=AutoscalerSpec)
    status: AutoscalerStatus = msgspec.field(default_factory=AutoscalerStatus)

    @property
    def at_maximum(self) -> bool:
        return max(self.status.current_replicas, self.status.desired_replicas) >= self.spec.max_replicas > 0


class QuotaStatus(Shape):
    hard: dict[str, str] = msgspec.field(default_factory=dict)
    used: dict[str, str] = msgspec.field(default_factory=dict)


class QuotaSpec(Shape):
    scopes: list[str] = msgspec.field(default_factory=list)
    scope_selector: dict[str, Any] | None = None


class Quota(Object):
    """v1 ResourceQuota."""

    spec: QuotaSpec = msgspec.field(default_factory=QuotaSpec)
    status: QuotaStatus = msgspec.field(default_factory=QuotaStatus)

    @property
    def counts_all(self) -> bool:
        """Whether it counts every pod: a scope leaves some out."""
        return not self.spec.scopes and self.spec.scope_selector is None


class _ProxyDefaults(Shape):
    mesh_id: str = ""


class MeshConfig(Shape):
    """Key `mesh` of ConfigMap `istio[-REV]`: istio/api mesh/v1alpha1/config.proto. Defaults are Istio's."""

    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    default_config: _ProxyDefaults = msgspec.field(default_factory=_ProxyDefaults)
    discovery_selectors: list[LabelSelector] = msgspec.field(default_factory=list)

    @property
    def mesh_id(self) -> str:
        """pkg/config/mesh: the trust domain stands in for a mesh ID that is not set."""
        return self.default_config.mesh_id or self.trust_domain

    def discovers(self, namespace_labels: dict[str, str]) -> bool:
        """pkg/kube/namespace/filter.go: any selector suffices, none selects all."""
        chosen = self.discovery_selectors
        return not chosen or any(selector.matches(namespace_labels) for selector in chosen)


class Denied(msgspec.Struct, frozen=True, order=True):
    """Something that the migration needs and this person may not do."""

    verb: str
    resource: str
    namespace: str


class PreflightFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`meshes` by (namespace of the control plane, revision); `configs` are those that name a revision by label."""

    budgets: tuple[Budget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    quotas: tuple[Quota, ...] = ()
    meshes: dict[tuple[str, str], MeshConfig] = msgspec.field(default_factory=dict)
    configs: tuple[IstioConfig, ...] = ()
    denied: tuple[Denied, ...] = ()
    gaps: tuple[Gap, ...] = ()


class PreflightContext(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in its surroundings: the mesh as it is and as it will be. `learned`: its injectors could not be read."""

    before: Survey
    after: Survey
    plan: Plan
    originals: PatchTargets
    request: Request
    facts: PreflightFacts
    learned: bool = False

    def runs_on(self, namespace: str) -> str | None:
        """The revision that a namespace is selected by now, or most of its proxies run on."""
        if (selected := self.before.selected_for_namespace(namespace).revision) is not None:
            return selected
        proxies = [p for workload in self.before.by_namespace.get(namespace, ()) for p in workload.proxies.elements()]
        return max(sorted(set(proxies)), key=proxies.count) if proxies else None

    def mesh_config(self, revision: str) -> MeshConfig | None:
        meshes = sorted(self.facts.meshes.items())
        return next((config for (_, name), config in meshes if name == revision), None)

    def workloads(self) -> Iterator[Workload]:
        """The workloads of the plan's namespaces, as they will be."""
        for move in self.plan.moves:
            yield from self.after.by_namespace.get(move.namespace, ())

    def rolled(self) -> Iterator[tuple[Restart, PatchTarget]]:
        """What will be restarted, with what is known of it."""
        for restart in self.plan.restarts:
            original = self.originals.of(restart)
            if original is not None and restart.step is not None:
                yield restart, original


def targets(situation: PreflightContext) -> dict[str, list[str]]:
    """The revisions that are moved to, with the namespaces that go there."""
    namespaces = defaultdict(list)
    for move in situation.plan.moves:
        if revision := situation.plan.revision or _revision_after(situation, move):
            namespaces[revision].append(move.namespace)
    return namespaces


def _revision_after(situation: PreflightContext, move: Move) -> str | None:
    """Where an undo leads: by label, since a dead injector's answer names no revision."""
    if move.after.get(labels.INJECTION) == "enabled":
        return situation.before.default.injection or situation.after.selected_for_namespace(move.namespace).revision
    name = move.after.get(labels.REV)
    if name is None or labels.INJECTION in move.after:
        return None
    return situation.before.mesh.resolve(name) or name


_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_UNITS |= {unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}


def quantity(text: str | float) -> float:
    """`500m`, `2Gi`, `3`: k8s.io/apimachinery/pkg/api/resource. Raises ValueError."""
    text = str(text)
    number = text.rstrip("EPTGMKiknmu")
    unit = text[len(number) :]
    if number.endswith(("e", "E")) or unit not in _UNITS:
        return float(text)
    return float(number) * _UNITS[unit]
