"""The ways to remove a control plane; apart from what each deletes (removal), for the flag that names one."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from kubectl_rev.core.mesh.istiod_veto import Release, release
from kubectl_rev.errors import UsageError


class Method(Enum):
    """Who removes it. OPERATOR is Istio's in-cluster operator, up to 1.23: it removes what its resource describes."""

    ISTIOCTL = "istioctl"
    OPERATOR = "operator"
    HELM = "helm"
    SAIL = "sail"
    AKS = "aks"


class By(NamedTuple):
    """The method that a person names, and the release of the tool: `istioctl@1.23`."""

    method: Method
    release: Release | None = None


def parsed(text: str) -> By:
    """Raises UsageError."""
    name, at, version = text.partition("@")
    method = next((method for method in Method if method.value == name), None)
    if method is None:
        raise UsageError(f'--by "{text}" is none of {", ".join(method.value for method in Method)}')
    known = release(version)
    if at and known is None:
        raise UsageError(f'--by "{text}": "{version}" is not a release such as 1.23')
    return By(method, known)
