"""Which config is there, by its label `istio.io/rev`, and which of it does no validator select?

Validators select config by that label alone. A tag is no revision here: neither the charts' validators nor istiod
itself (pkg/config/model.go: ObjectInRevision) resolve tags for config, so an object labelled with one is unvalidated
where the default validator leaves labelled objects alone (istioctl's), and inert everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.objects import IstioConfig
from kubectl_rev.core.mesh.revisions import Mesh

UNLABELLED = ""  # the scope of config without the label istio.io/rev; all other scopes are values of that label


class Uncovered(msgspec.Struct, frozen=True):
    """Config that no validator selects. `objects` are those seen with that label; `resolves`: a tag's revision."""

    scope: str
    because: str
    objects: tuple[IstioConfig, ...] = ()
    resolves: str | None = None


def scopes_of(mesh: Mesh) -> list[str]:
    """Every scope that means anything here: what lives, tags, what validators select, what config is labelled with."""
    named = {
        value
        for config in mesh.snapshot.validators
        for webhook in config.webhooks
        if webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX)
        for requirement in webhook.object_selector.requirements
        if requirement.key == labels.REV
        for value in requirement.values
    }
    scopes = named.union(map(label_of, mesh.existing), _by_scope(mesh), (tag.name for tag in mesh.tags))
    return [UNLABELLED, *sorted(scopes - {UNLABELLED})]


def uncovered(mesh: Mesh, covered: set[str], *, some: bool) -> Iterator[Uncovered]:
    """What is in no validator's scope; `some` says whether there is any validator.

    A remote cluster needs none: its config lives with its control plane.
    """
    local = sorted({label_of(plane.revision) for plane in mesh.control_planes if plane.kind == "local"})
    if local and not some:
        yield Uncovered(UNLABELLED, "there is no validator at all (values.global.configValidation=false?)")
    if not some:
        return
    if local and UNLABELLED not in covered:
        yield Uncovered(UNLABELLED, "there is no default validator")
    for revision in local:
        if revision not in covered:
            yield Uncovered(revision, f"revision {revision} has no validator of its own")
    for scope, objects in sorted(_by_scope(mesh).items()):
        if scope not in covered and scope not in local:
            meant = mesh.resolve(scope)
            what = "a tag" if meant else "neither a revision nor a tag"
            because = f"{scope} is {what}: no validator selects it, and no istiod reads it"
            yield Uncovered(scope, because, tuple(objects), meant)


def _by_scope(mesh: Mesh) -> dict[str, list[IstioConfig]]:
    """What Istio's validators may select; the Gateway API's objects are none of their business."""
    objects = defaultdict(list)
    for config in sorted(mesh.snapshot.config, key=lambda config: (config.resource, config.namespace, config.name)):
        scope = config.labels.get(labels.REV)
        if scope and config.resource.partition(".")[2] in labels.CONFIG_GROUPS:
            objects[scope].append(config)
    return objects
