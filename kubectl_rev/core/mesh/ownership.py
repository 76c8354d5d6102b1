"""Who owns an object, so that a change to it would be reverted or collide: Helm, Argo CD, Flux or Sail.

istioctl owns nothing in this sense: it changes objects when it is run, and never by itself. The label
`app.kubernetes.io/managed-by: Helm` is no evidence, since the charts put it into what istioctl installs too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

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


class Release(NamedTuple):
    """A Helm release; `name` is empty where a chart was applied without Helm."""

    name: str
    namespace: str


def made_by_tag_set(metadata: Metadata) -> bool:
    """Whether `istioctl tag set` wrote this webhook configuration last.

    It copies labels and annotations of the revision's own injector, Helm's too, but not the operator's labels, which
    the charts put on every tag of theirs, and it gives the default validator a tag, which no chart does. Source:
    pkg/revisions/tag_generate.go; seen on objects that Helm 3.18 and istioctl 1.31 made.
    """
    return labels.TAG in metadata.labels and labels.OPERATOR_COMPONENT not in metadata.labels


def release_of(metadata: Metadata, namespace: str = "") -> Release | None:
    """The Helm release whose manifest has this object; `namespace` is what an old Helm did not write down."""
    annotations = metadata.annotations
    if labels.HELM_RELEASE not in annotations or made_by_tag_set(metadata):
        return None
    return Release(annotations[labels.HELM_RELEASE], annotations.get(labels.HELM_NAMESPACE, namespace))


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
    release = release_of(metadata)
    return Owner("Helm", release.name, release.namespace) if release else None
