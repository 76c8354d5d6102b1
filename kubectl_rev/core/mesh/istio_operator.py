"""The resource of Istio's in-cluster operator (up to 1.23), as far as it is read: which revision it installs."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh.objects import Object, Shape


class Spec(Shape):
    """`spec` of an IstioOperator; no revision means the unrevisioned control plane."""

    revision: str = ""


class IstioOperator(Object):
    """install.istio.io IstioOperator: operator/pkg/apis/istio/v1alpha1/types.proto, 1.23."""

    spec: Spec = msgspec.field(default_factory=Spec)
