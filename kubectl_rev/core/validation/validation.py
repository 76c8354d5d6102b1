"""Is Istio's config validated, by whom, and if not, why? The one diagnosis that every command shows.

Each webhook entry of Istio's validators is judged by what the API server does with it (Service, endpoints of the port,
caBundle, failurePolicy) and by who maintains it: istiod fills in the caBundle and turns `Ignore` into `Fail` for those
that carry its own revision as the label `istio.io/rev` (pkg/webhooks/validation/controller/controller.go), so label and
Service belong together. Then the reverse: which config does no entry select? Other people's webhooks are not looked at.

What follows from it is `repair`'s question; whether it is true, `probe`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.istiod_veto import may_be_at_least
from kubectl_rev.core.mesh.objects import Webhook, WebhookConfiguration
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.webhook_targets import Target
from kubectl_rev.core.validation.coverage import UNLABELLED, Uncovered, scopes_of, uncovered

_VALIDATOR_FOLLOWS_TAG = (1, 12)  # istioctl/pkg/tag/generate.go at 1.12


class Health(Enum):
    """What becomes of a write that an entry selects; the first that fits."""

    LEFTOVER = "leftover"  # of a revision that is gone, and nothing that lives needs it
    DANGLING = "dangling"  # the call fails and failurePolicy is Fail: rejected
    FAIL_OPEN = "fail-open"  # failurePolicy is Ignore: when the call fails, accepted unseen
    MISLABELLED = "mislabelled"  # validated, but maintained by another istiod than the one called, or by none
    UNSEEN = "unseen"  # calls something outside this cluster, or that may not be read: only a probe can tell
    HEALTHY = "healthy"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook entry of a validator, and where it calls."""

    config: WebhookConfiguration
    webhook: Webhook
    target: Target

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def labelled(self) -> str | None:
        """Who should maintain it."""
        return self.config.labels.get(labels.REV)

    @property
    def broken(self) -> str:
        """Why every call of it fails, empty when none must."""
        if self.target.alive is False:
            return self.target.problem
        client = self.webhook.client_config
        return "no caBundle: istiod's certificate is not trusted" if client.service and not client.ca_bundle else ""

    @property
    def fails_closed(self) -> bool:
        return self.webhook.failure_policy != "Ignore"

    def selects(self, scope: str) -> bool:
        """Whether it validates config of this scope."""
        return self.webhook.object_selector.matches({labels.REV: scope} if scope else {})


class Entry(Call, frozen=True, kw_only=True):
    """A call, judged.

    `scopes`: which of the known scopes it selects. `frozen`: those of them whose writes are rejected because of it.
    `serves`: the living revisions among the scopes.
    """

    scopes: tuple[str, ...]
    serves: tuple[str, ...]
    health: Health
    because: str

    @property
    def is_default(self) -> bool:
        """Whether it validates config without a revision label."""
        return UNLABELLED in self.scopes

    @property
    def frozen(self) -> tuple[str, ...]:
        dead = self.broken or self.health is Health.DANGLING
        return self.scopes if dead and self.fails_closed else ()

    @property
    def harms(self) -> bool:
        """Whether it rejects writes that somebody may still want to make: unlabelled ones, or of a living revision."""
        return bool(self.frozen) and (self.is_default or bool(self.serves))


class Split(msgspec.Struct, frozen=True):
    """istio-injection=enabled means one revision, unlabelled config is validated by another."""

    injection: str
    validation: str


class Diagnosis(msgspec.Struct, frozen=True):
    """Entries by validator, then as written. `blind`: the validators could not be read."""

    entries: tuple[Entry, ...]
    uncovered: tuple[Uncovered, ...]
    split: Split | None
    blind: bool

    @property
    def healthy(self) -> bool:
        fine = (Health.HEALTHY, Health.UNSEEN)
        return not (self.uncovered or self.split) and all(entry.health in fine for entry in self.entries)

    @property
    def default(self) -> Entry | None:
        """The entry that validates unlabelled config; of several the one that works, then the one of the usual name."""
        return _first_default(self.entries)

    def of(self, revision: str) -> Entry | None:
        """The entry through which a revision validates config with its own label, the best where there are several."""
        order = list(reversed(Health))
        own = [e for e in self.entries if revision in e.scopes]
        return min(own, key=lambda e: (order.index(e.health), e.is_default, e.name), default=None)


def diagnose(survey: Survey) -> Diagnosis:
    """Judge every Istio validator of the mesh, and find what none of them selects."""
    mesh, snapshot = survey.mesh, survey.snapshot
    if snapshot.has_gap(labels.VALIDATORS):
        return Diagnosis((), (), None, blind=True)
    scopes = scopes_of(mesh)
    calls = [
        Call(config=config, webhook=webhook, target=mesh.target(webhook.client_config))
        for config in sorted(snapshot.validators, key=lambda c: c.name)
        for webhook in config.webhooks
        if validates(mesh, config, webhook)
    ]
    entries = tuple(_judged(mesh, call, calls, scopes) for call in calls)
    missing = uncovered(mesh, {scope for entry in entries for scope in entry.scopes}, some=bool(entries))
    return Diagnosis(entries, tuple(missing), _split(survey, entries), blind=False)


def validates(mesh: Mesh, config: WebhookConfiguration, webhook: Webhook) -> bool:
    """Whether this entry is Istio's: the charts' names (`rev.validation.istio.io`), or a hand-made one for istiod.

    Any other webhook is somebody else's, even if it looks at Istio's config.
    """
    if webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX):
        return True
    service = webhook.client_config.service
    return (
        service is not None
        and service.path.startswith("/validate")
        and labels.REV in config.labels
        and bool(mesh.target(webhook.client_config).revisions)
    )


C = TypeVar("C", Call, Entry)


def _first_default(calls: Iterable[C]) -> C | None:
    def rank(call: C) -> tuple[bool, bool, str]:
        return bool(call.broken), call.name != labels.DEFAULT_VALIDATOR, call.name

    return min((call for call in calls if call.selects(UNLABELLED)), key=rank, default=None)


def _split(survey: Survey, entries: Iterable[Entry]) -> Split | None:
    """In 1.11 every revision validates unlabelled config: then one of them is the holder of injection, too.

    Before that, one validator calls Service `istiod`, wherever injection is: only since 1.12 does it follow the tag.
    A holder of injection that is dead is REV101's: validation by one that lives is then no disagreement.
    """
    working = [entry for entry in entries if entry.is_default and not entry.broken]
    served = [survey.mesh.served_by(entry.target, entry.labelled) for entry in working]
    validating = sorted(revision for revision in served if revision in survey.mesh.existing)
    injection = survey.default.injection
    if injection and not may_be_at_least(survey.mesh.versions_of(injection), _VALIDATOR_FOLLOWS_TAG):
        return None
    if injection not in survey.mesh.existing or not validating or injection in validating:
        return None
    return Split(injection, validating[0])


def _judged(mesh: Mesh, call: Call, calls: Iterable[Call], scopes: Iterable[str]) -> Entry:
    config, target, alive = call.config, call.target, {*map(label_of, mesh.existing)}
    selected = tuple(scope for scope in scopes if call.selects(scope))
    serves = tuple(scope for scope in selected if mesh.resolve(scope) in mesh.existing)
    health, because = _health(call, alive)
    needed = bool(serves)
    if UNLABELLED in selected:
        first = _first_default(calls)
        superseded = first is not None and first.config is not config
        others = [other for other in calls if other.config is not config and not other.broken]
        covered = all(any(other.selects(scope) for other in others) for scope in serves)
        needed = bool(alive) and not (superseded and covered)
    pods_unread = mesh.snapshot.has_gap("pods", target.namespace)
    if target.alive is False and call.labelled not in alive and not needed and not pods_unread:
        gone = f"revision {call.labelled} is gone" if call.labelled else "nothing that lives needs it"
        health, because = Health.LEFTOVER, f"{target.problem}, and {gone}"
    return Entry(
        config=config,
        webhook=call.webhook,
        target=target,
        scopes=selected,
        serves=serves,
        health=health,
        because=because,
    )


def _health(call: Call, alive: set[str]) -> tuple[Health, str]:
    target, labelled = call.target, call.labelled
    if not call.fails_closed:
        what = f"{call.broken}, and failurePolicy Ignore lets everything through" if call.broken else ""
        return Health.FAIL_OPEN, f"{what or 'failurePolicy is Ignore'}; {_keeper(call, alive)}"
    if call.broken:
        return Health.DANGLING, call.broken
    if target.kind != "local":
        where = f"service {target.service} has no selector" if target.kind == "remote" else "calls a url"
        return Health.UNSEEN, f"{where}: only a probe can tell"
    if target.alive is None:
        return Health.UNSEEN, "its Service or endpoints may not be read"
    if labelled and target.revisions and labelled not in map(label_of, target.revisions):
        leads = ", ".join(target.revisions)
        keeper = f"istiod {labelled} maintains it" if labelled in alive else "no istiod maintains it"
        return Health.MISLABELLED, f"labelled {labelled}, but its Service leads to {leads}: {keeper}"
    return Health.HEALTHY, f"answered by {', '.join(target.revisions) or 'its Service'}"


def _keeper(call: Call, alive: set[str]) -> str:
    """Who is to turn Ignore into Fail."""
    target, labelled = call.target, call.labelled
    if labelled is None:
        return "it has no label istio.io/rev, so that no istiod since 1.11 maintains it"
    if labelled not in alive:
        return f"no istiod has revision {labelled}, so that nobody maintains it"
    if target.revisions and labelled not in map(label_of, target.revisions):
        return f"istiod {labelled} maintains it, but its Service leads to {', '.join(target.revisions)}"
    return f"istiod {labelled} has not proved yet that it rejects invalid config"
