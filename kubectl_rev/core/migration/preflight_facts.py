"""What a migration must know of its surroundings: budgets, autoscalers, quotas, mesh configuration, permissions.

Read by cluster/preflight.py, and only by rev-migrate. What could not be read is a Gap; what is not there is not there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import IstioConfig, Object, Shape
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.mesh.snapshot import Gap


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
    name: str = ""


class PreflightFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`meshes` by (namespace of the control plane, revision); `configs` are those that name a revision by label."""

    budgets: tuple[Budget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    quotas: tuple[Quota, ...] = ()
    meshes: dict[tuple[str, str], MeshConfig] = msgspec.field(default_factory=dict)
    configs: tuple[IstioConfig, ...] = ()
    denied: tuple[Denied, ...] = ()
    gaps: tuple[Gap, ...] = ()


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
