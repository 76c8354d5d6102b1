"""Sail's own resources, as far as we read them: what it counts, and what it will delete by itself.

Source: sail-operator, api/v1: istio_types.go, istiorevision_types.go, istiorevisiontag_types.go.
"""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import objects
from kubectl_rev.core.mesh.objects import Object, Shape

GROUP = "sailoperator.io"
REVISIONS = f"istiorevisions.{GROUP}"


class Condition(objects.Condition):
    """`status.conditions[]` of a Sail resource, with its words."""

    message: str = ""


class Status(Shape):
    """`status` of an IstioRevision."""

    conditions: tuple[Condition, ...] = ()


class Strategy(Shape):
    """`spec.updateStrategy` of an Istio."""

    type: str = ""
    inactive_revision_deletion_grace_period_seconds: int | None = None


class Spec(Shape):
    """What we read of the specs of Istio and IstioRevision."""

    namespace: str = ""
    version: str = ""
    update_strategy: Strategy | None = None


class Sail(Object):
    """An Istio, IstioRevision or IstioRevisionTag of the Sail operator."""

    kind: str
    spec: Spec = msgspec.field(default_factory=Spec)
    status: Status = msgspec.field(default_factory=Status)

    def condition(self, name: str) -> Condition | None:
        return next((condition for condition in self.status.conditions if condition.type == name), None)
