"""Which config is there, by its label `istio.io/rev`, and which of it does no validator select?

Validators select config by that label alone. A tag is no revision here: neither the charts' validators nor istiod
itself (pkg/config/model.go: ObjectInRevision) resolve tags for config, so an object labelled with one is unvalidated
where the default validator leaves labelled objects alone (istioctl's), and inert everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import IstioConfig
from kubectl_rev.core.mesh.revisions import Mesh

UNLABELLED = ""  # the scope of config without the label istio.io/rev; all other scopes are values of that label


class Uncovered(msgspec.Struct, frozen=True):
    """Config that no validator selects. `objects` are those seen with that label; `resolves`: a tag's revision."""

    scope: str
    because: str
    objects: tuple[IstioConfig, ...] = ()
    resolves: str | None = None


def scopes_of(mesh: Mesh, alive: Iterable[str]) -> list[str]:
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
    used = _by_scope(mesh.snapshot.config)
    return [UNLABELLED, *sorted(({*alive, *(tag.name for tag in mesh.tags)} | named | set(used)) - {UNLABELLED})]


def uncovered(mesh: Mesh, covered: set[str], *, some: bool) -> Iterator[Uncovered]:
    """What is in no validator's scope; `some` says whether there is any validator.

    A remote cluster needs none: its config lives with its control plane.
    """
    local = sorted({plane.revision for plane in mesh.control_planes if plane.kind == "local"})
    if local and not some:
        yield Uncovered(UNLABELLED, "there is no validator at all (values.global.configValidation=false?)")
    if not some:
        return
    if local and UNLABELLED not in covered:
        yield Uncovered(UNLABELLED, "there is no default validator")
    for revision in local:
        if revision not in covered:
            yield Uncovered(revision, f"revision {revision} has no validator of its own")
    for scope, found in sorted(_by_scope(mesh.snapshot.config).items()):
        if scope not in covered and scope not in local:
            meant = mesh.resolve(scope)
            what = "a tag" if meant else "neither a revision nor a tag"
            because = f"{scope} is {what}: no validator selects it, and no istiod reads it"
            yield Uncovered(scope, because, tuple(found), meant)


def _by_scope(config: Iterable[IstioConfig]) -> dict[str, list[IstioConfig]]:
    """What Istio's validators may select; the Gateway API's objects are none of their business."""
    found = defaultdict(list)
    for config_object in sorted(config, key=lambda c: (c.resource, c.namespace, c.name)):
        scope = config_object.labels.get(labels.REV)
        if scope and config_object.resource.partition(".")[2] in labels.CONFIG_GROUPS:
            found[scope].append(config_object)
    return found
