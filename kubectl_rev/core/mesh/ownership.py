"""Who owns an object, so that a change to it would be reverted or collide: Helm, Git's tools, or an operator.

istioctl owns nothing in this sense: it changes objects when it is run, and never by itself. The label
`app.kubernetes.io/managed-by: Helm` is no evidence, since the charts put it into what istioctl installs too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Metadata

Tool = Literal["Helm", "Argo CD", "Flux", "Sail", "Deckhouse", "an operator"]


class Owner(msgspec.Struct, frozen=True):
    """`name` is the Helm release, Argo CD's application, Deckhouse's module, or the owning object; may be empty."""

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


def _tracked(tracking_id: str, metadata: Metadata, kind: str) -> bool:
    """Whether Argo CD's annotation names this very object: it is copied with others, and counts on no copy.

    `APP:GROUP/KIND:NAMESPACE/NAME`; of what is in no namespace it has the application's (argo-cd: util/argo,
    resource_tracking.go). One that names no object at all is no copy.
    """
    _, _, rest = tracking_id.partition(":")
    group_kind, _, place = rest.partition(":")
    namespace, slash, name = place.rpartition("/")
    if place and not slash:
        return True
    same = name == metadata.name and metadata.namespace in ("", namespace)
    return same and kind in ("", group_kind.rpartition("/")[2])


def owner_of(metadata: Metadata, kind: str = "") -> Owner | None:
    """The tool that will write this object again; what the others render with Helm is theirs, not Helm's.

    `kind` is the object's, where it is known. An object with a controller belongs to an operator, which makes it by
    its own resource (metav1.OwnerReference); Deckhouse labels all that its modules make (lib-helm, _module_labels.tpl).
    """
    given = metadata.annotations | metadata.labels
    tracking_id = metadata.annotations.get(labels.ARGOCD_TRACKING, "")
    if tracking_id and _tracked(tracking_id, metadata, kind):
        return Owner("Argo CD", tracking_id.partition(":")[0])
    if labels.ARGOCD_INSTANCE in given:
        return Owner("Argo CD", given[labels.ARGOCD_INSTANCE])
    for key in labels.FLUX:
        if key in given:
            return Owner("Flux", given[key], given.get(key.replace("/name", "/namespace"), ""))
    for reference in metadata.owner_references:
        if reference.api_version.startswith("sailoperator.io/"):
            return Owner("Sail", f"{reference.kind}/{reference.name}")
    if metadata.labels.get(labels.SAIL_MANAGED_BY) == labels.SAIL_OPERATOR:
        return Owner("Sail")
    if metadata.labels.get(labels.HERITAGE) == labels.DECKHOUSE:
        return Owner("Deckhouse", metadata.labels.get("module", ""))
    if above := metadata.controller:
        return Owner("an operator", f"{above.kind}/{above.name}")
    release = release_of(metadata)
    return Owner("Helm", release.name, release.namespace) if release else None
