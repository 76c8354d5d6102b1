"""What does "default" mean here? Four things that can disagree: injection, validation, gateways, a revision's name."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject, called
from kubectl_rev.core.mesh.istiod_veto import may_be_at_least
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.core.mesh.revisions import Mesh

_VALIDATOR_COUNTS = (1, 25)


class Default(msgspec.Struct, frozen=True):
    """The four things that "default" means: who holds each (None: nobody), and whether a revision is named so."""

    injection: str | None
    validation: str | None
    gateways: str | None
    named: bool

    @property
    def agrees(self) -> bool:
        return len({*self.holders.values()} - {None}) <= 1

    @property
    def holders(self) -> dict[str, str | None]:
        """The three that differ, with who holds each."""
        return {"injection": self.injection, "validation": self.validation, "gateways": self.gateways}

    def held_by(self, revision: str) -> list[str]:
        """Which of the four a revision holds: injection, validation, gateways, name."""
        named = ["name"] if self.named and revision == labels.DEFAULT else []
        return [what for what, holder in self.holders.items() if holder == revision] + named


def default_of(mesh: Mesh) -> Default:
    """Who holds each."""
    holders = _injecting(mesh)
    injection = holders[0] if len(holders) == 1 else None
    return Default(injection, _validation_default(mesh), gateway_default(mesh), labels.DEFAULT in mesh.revisions)


def _injecting(mesh: Mesh) -> tuple[str, ...]:
    """The revisions that are called for istio-injection=enabled: one that does not answer holds it nevertheless, and
    so does one whose istiod is told to inject only where a pod asks for it.
    """
    return called(mesh, Subject("", {labels.INJECTION: "enabled"}))


def default_validator(mesh: Mesh) -> WebhookConfiguration | None:
    """The validator of objects without a revision label: one entry selects an object that has no labels at all.

    Before 1.11 it is `istiod-<namespace>` with Service `istiod`, since 1.12 `istiod-default-validator`; in 1.11 that of
    every revision is one, and then the one of the revision that injects by default is the one to speak of.
    """

    def rank(config: WebhookConfiguration) -> tuple[bool, bool, str]:
        injects = config.labels.get(labels.REV) in injecting
        return config.name != labels.DEFAULT_VALIDATOR, not injects, config.name

    injecting = _injecting(mesh)
    for config in sorted(mesh.snapshot.validators, key=rank):
        for webhook in config.webhooks:
            if webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) and webhook.object_selector.matches({}):
                return config
    return None


def _validation_default(mesh: Mesh) -> str | None:
    """The revision that the default validator calls, None when there is none or its Service leads nowhere."""
    config = default_validator(mesh)
    if config is None:
        return None
    target = mesh.target(config.webhooks[0].client_config)
    if target.alive is False and not target.revisions:
        return None
    return mesh.served_by(target, config.labels.get(labels.REV))


def gateway_default(mesh: Mesh) -> str | None:
    """The revision that owns Gateway API gateways without a label: pkg/revisions/tag_watcher.go, IsMine.

    The tag `default`, looked up by the literal name of its injector, else the label of the default validator (since
    1.25), else the unrevisioned control plane, which is called so. `gateways.owner` knows when there are two.
    """
    for injector in mesh.injectors:
        if injector.name == labels.DEFAULT_TAG_INJECTOR:
            return injector.labelled
    for config in mesh.snapshot.validators:
        labelled = config.labels.get(labels.REV)
        named = config.name == labels.DEFAULT_VALIDATOR
        if named and labelled and may_be_at_least(mesh.versions_of(labelled), _VALIDATOR_COUNTS):
            return labelled
    return labels.DEFAULT if labels.DEFAULT in mesh.existing else None
