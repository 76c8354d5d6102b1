"""Who owns an object, so that a change to it would be reverted or collide: Helm, Argo CD, Flux or Sail.

istioctl owns nothing in this sense: it changes objects when it is run, and never by itself. The label
`app.kubernetes.io/managed-by: Helm` is no evidence, since the charts put it into what istioctl installs too.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Metadata

Tool = Literal["Helm", "Argo CD", "Flux", "Sail"]


class Owner(msgspec.Struct, frozen=True):
    """`name` is the Helm release, the Argo CD application, the Flux object or Sail's resource; may be empty."""

    tool: Tool
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.tool} ({self.name})" if self.name else self.tool


def owner_of(metadata: Metadata) -> Owner | None:
    """The tool that will write this object again; what Argo CD, Flux or Sail render with Helm is theirs, not Helm's."""
    given = metadata.annotations | metadata.labels
    for key in labels.ARGOCD:
        if key in given:
            return Owner("Argo CD", given[key].partition(":")[0])
    for key in labels.FLUX:
        if key in given:
            return Owner("Flux", given[key], given.get(key.replace("/name", "/namespace"), ""))
    for reference in metadata.owner_references:
        if reference.api_version.startswith("sailoperator.io/"):
            return Owner("Sail", f"{reference.kind}/{reference.name}")
    if metadata.labels.get(labels.SAIL_MANAGED_BY) == labels.SAIL_OPERATOR:
        return Owner("Sail")
    if labels.HELM_RELEASE in metadata.annotations:
        return Owner(
            "Helm", metadata.annotations[labels.HELM_RELEASE], metadata.annotations.get(labels.HELM_NAMESPACE, "")
        )
    return None
