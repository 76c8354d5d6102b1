"""The resources of what installs Istio in a cluster by itself, as far as we read them: Sail, and Istio's own operator.

Sail's count what uses a revision, and say what it will delete by itself. Sources: sail-operator, api/v1:
istio_types.go, istiorevision_types.go, istiorevisiontag_types.go; operator/pkg/apis/istio/v1alpha1/types.proto, 1.23.
"""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import objects
from kubectl_rev.core.mesh.objects import Object, Shape

SAIL_GROUP = "sailoperator.io"
REVISIONS = f"istiorevisions.{SAIL_GROUP}"


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


class OperatorSpec(Shape):
    """`spec` of an IstioOperator; no revision means the unrevisioned control plane."""

    revision: str = ""


class IstioOperator(Object):
    """install.istio.io IstioOperator, of Istio's in-cluster operator (up to 1.23): which revision it installs."""

    spec: OperatorSpec = msgspec.field(default_factory=OperatorSpec)
