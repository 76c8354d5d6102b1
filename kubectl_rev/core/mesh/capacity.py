"""What may keep pods from being replaced: disruption budgets, autoscalers, quotas. Only a migration asks for them."""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import Object, Shape
from kubectl_rev.core.mesh.selectors import LabelSelector


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
