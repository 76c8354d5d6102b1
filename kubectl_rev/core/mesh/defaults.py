"""What does "default" mean here? Four things that can disagree: injection, validation, gateways, a revision's name."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject, called, matching
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.istiod_veto import may_be_at_least
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.webhook_targets import Target

_VALIDATOR_COUNTS = (1, 25)
_ASKS = Subject("", {labels.INJECTION: "enabled"})


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
        named = ["name"] if self.named and label_of(revision) == labels.DEFAULT else []
        return [what for what, holder in self.holders.items() if holder == revision] + named


def default_of(mesh: Mesh) -> Default:
    """Who holds each."""
    holders = _injecting(mesh)
    injection = holders[0] if len(holders) == 1 else None
    return Default(
        injection,
        _validation_default(mesh),
        gateway_default(mesh),
        bool(mesh.all_called(labels.DEFAULT) & mesh.revisions),
    )


def meant_default(mesh: Mesh) -> Default:
    """The same as it is to be: each object leads to whom its label names, and of two injectors it is the tag's."""
    default, config = default_of(mesh), default_validator(mesh)
    injectors = [match.injector for match in matching(mesh, _ASKS)]
    injectors.sort(key=lambda injector: injector.tag != labels.DEFAULT)
    injection, validation = default.injection, default.validation
    if injectors and (injection or injectors[0].tag == labels.DEFAULT):
        injection = _labelled(mesh, injectors[0].labelled, injectors[0].target) or injectors[0].revision
    if validation and config and (named := _labelled(mesh, config.labels.get(labels.REV), _target(mesh, config))):
        validation = named
    return msgspec.structs.replace(default, injection=injection, validation=validation)


def _labelled(mesh: Mesh, name: str | None, target: Target) -> str | None:
    """The revision of this name, None where it is not there any more."""
    revision = mesh.called(name, target.namespace) if name else None
    return revision if revision in mesh.existing else None


def _target(mesh: Mesh, validator: WebhookConfiguration) -> Target:
    return mesh.target(validator.webhooks[0].client_config)


def _injecting(mesh: Mesh) -> tuple[str, ...]:
    """The revisions that are called for istio-injection=enabled: one that does not answer holds it nevertheless, and
    so does one whose istiod is told to inject only where a pod asks for it.
    """
    return called(mesh, _ASKS)


def default_validator(mesh: Mesh) -> WebhookConfiguration | None:
    """The validator of objects without a revision label: one entry selects an object that has no labels at all.

    Before 1.11 it is `istiod-<namespace>` with Service `istiod`, since 1.12 `istiod-default-validator`; in 1.11 that of
    every revision is one, and then the one of the revision that injects by default is the one to speak of.
    """

    def rank(config: WebhookConfiguration) -> tuple[bool, bool, str]:
        injects = config.labels.get(labels.REV) in {*map(label_of, injecting)}
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
    target = _target(mesh, config)
    if target.alive is False and not target.revisions:
        return None
    return mesh.served_by(target, config.labels.get(labels.REV))


def gateway_default(mesh: Mesh) -> str | None:
    """The revision that is meant to own Gateway API gateways without a label; `claimants` has all that take them.

    The holder of the tag `default`, whatever its objects are called, else whom the default validator names, else the
    unrevisioned control plane. None where nobody is, or several hold the tag.
    """
    tagged = {revision for tag, revision in mesh.labelled_tags if tag == labels.DEFAULT}
    unrevisioned = mesh.all_called(labels.DEFAULT) & mesh.existing
    meant = tagged or _named_by_validator(mesh) or unrevisioned
    return meant.pop() if len(meant) == 1 else None


def claimants(mesh: Mesh, name: str) -> list[str]:
    """The revisions whose istiod takes for its own what is labelled `istio.io/rev=NAME`; with "", what has no label.

    Every istiod answers to its own revision and to the tags that are labelled with it, wherever their webhooks lead:
    pkg/revisions/tag_watcher.go, GetMyTags and IsMine. So the unrevisioned one goes on to answer to `default` after
    that tag was given to another (istio#54280). The default validator counts beside a tag `default` too, unless that
    tag's injector has its literal name. One without istiods counts only where nobody else does.
    """
    wanted = name or labels.DEFAULT
    claim = {revision for tag, revision in mesh.labelled_tags if tag == wanted} | mesh.all_called(wanted)
    if not name and labels.DEFAULT_TAG_INJECTOR not in mesh.served:
        claim |= _named_by_validator(mesh)
    claim &= mesh.revisions if name else mesh.existing  # a default that is gone is none
    awake = {p.revision for p in mesh.control_planes if p.istiods or p.kind not in ("local", "missing")}
    return sorted(claim & awake or claim)


def _named_by_validator(mesh: Mesh) -> set[str]:
    """The revision that the default validator is labelled with, where its release asks for that (1.25 and later)."""
    names = {v.labels.get(labels.REV, "") for v in mesh.snapshot.validators if v.name == labels.DEFAULT_VALIDATOR}
    named = {revision for name in names - {""} for revision in mesh.all_called(name)}
    return {revision for revision in named if may_be_at_least(mesh.versions_of(revision), _VALIDATOR_COUNTS)}
