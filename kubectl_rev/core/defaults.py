"""What does "default" mean here? Four things that can disagree: injection, validation, gateways, a revision's name."""

from __future__ import annotations

import msgspec

from kubectl_rev.core import labels
from kubectl_rev.core.injection import State, Subject, select
from kubectl_rev.core.objects import WebhookConfiguration
from kubectl_rev.core.revisions import Mesh


class Default(msgspec.Struct, frozen=True):
    """The four things that "default" means: who holds each (None: nobody), and whether a revision is named so."""

    injection: str | None
    validation: str | None
    gateways: str | None
    named: bool

    @property
    def agrees(self) -> bool:
        return len({holder for holder in (self.injection, self.validation, self.gateways) if holder}) <= 1

    def held_by(self, revision: str) -> list[str]:
        """Which of the four a revision holds: injection, validation, gateways, name."""
        holders = {"injection": self.injection, "validation": self.validation, "gateways": self.gateways}
        named = ["name"] if self.named and revision == labels.DEFAULT else []
        return [what for what, holder in holders.items() if holder == revision] + named


def default_of(mesh: Mesh) -> Default:
    """Who holds each."""
    chosen = select(mesh, Subject("", {labels.INJECTION: "enabled"}))
    injection = chosen.revision
    if chosen.state is State.REJECTED:  # whoever holds it does not answer, and holds it nevertheless
        injection = next(i.revision for i in mesh.injectors if i.name in chosen.injectors)
    named = any(plane.revision == labels.DEFAULT for plane in mesh.control_planes)
    return Default(injection, validation_default(mesh), gateway_default(mesh), named)


def default_validator(mesh: Mesh) -> WebhookConfiguration | None:
    """The validator of objects without a revision label: one entry selects an object that has no labels at all.

    Before 1.12 it is `istiod-<namespace>` with Service `istiod`, since then `istiod-default-validator`.
    """
    for config in sorted(mesh.snapshot.validators, key=lambda c: (c.name != labels.DEFAULT_VALIDATOR, c.name)):
        for webhook in config.webhooks:
            if webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) and webhook.object_selector.matches({}):
                return config
    return None


def validation_default(mesh: Mesh) -> str | None:
    """The revision that the default validator calls, None when there is none or its Service leads nowhere."""
    config = default_validator(mesh)
    if config is None:
        return None
    target = mesh.target(config.webhooks[0].client_config)
    if target.alive is False and not target.revisions:
        return None
    return mesh.served_by(target, config.labels.get(labels.REV))


def gateway_default(mesh: Mesh) -> str | None:
    """The revision that owns Gateway API gateways without a label: pkg/revisions/tag_watcher.go.

    The tag `default`, looked up by the literal name of its injector, else the label of the default validator.
    """
    for injector in mesh.injectors:
        if injector.name == labels.DEFAULT_TAG_INJECTOR:
            return injector.labelled
    for config in mesh.snapshot.validators:
        if config.name == labels.DEFAULT_VALIDATOR:
            return config.labels.get(labels.REV)
    return None
