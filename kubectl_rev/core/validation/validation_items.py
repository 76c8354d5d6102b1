"""`kind: Validation`, the public JSON of rev-fix-validation, and the verdict in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict

from kubectl_rev.core.checks.hints import Hint
from kubectl_rev.core.checks.model import Catalogue, Finding, find
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.validation.probe import Probe, Reply, Works
from kubectl_rev.core.validation.repair import Plan, Write
from kubectl_rev.core.validation.validation import Diagnosis, Entry, Health, Split
from kubectl_rev.core.writes import Op

Verdict = Literal["HEALTHY", "BROKEN", "UNKNOWN"]

# What the diagnosis rests on; a gap in anything else changes nothing about it.
_NEEDED = ("pods", "services", "endpointslices.discovery.k8s.io", labels.VALIDATORS, labels.INJECTORS)


class Item(msgspec.Struct, rename="camel", kw_only=True):
    """Base of all items here: camelCase, every field always there."""


class ServiceItem(Item, kw_only=True):
    """Where an entry calls; `revisions` are of the istiods behind it, `answers` is null when it cannot be seen."""

    namespace: str
    name: str
    revisions: list[str]
    answers: bool | None


class ValidatorItem(Item, kw_only=True):
    """One webhook entry of a validator; it validates unlabelled config and config labelled with `selects`."""

    kind: str = "ValidatingWebhookConfiguration"
    name: str
    webhook: str
    revision: str | None
    tag: str | None
    service: ServiceItem | None
    url: str | None
    failure_policy: str
    ca_bundle: bool
    unlabelled: bool
    selects: list[str]
    health: Health
    because: str
    rejects_all: bool
    owner: str | None


class ConfigItem(Item, kw_only=True):
    """An Istio object."""

    resource: str
    namespace: str
    name: str


class UncoveredItem(Item, kw_only=True):
    """Config that no validator selects; `revision` is the value of its label, null for unlabelled config."""

    revision: str | None
    because: str
    objects: list[ConfigItem]


class ProbeItem(Item, kw_only=True):
    """What became of a dry run of invalid and of valid config with this label; null is unlabelled."""

    revision: str | None
    works: Works
    because: str
    invalid: Reply
    valid: Reply


class StepItem(Item, kw_only=True):
    """One write of the plan."""

    action: str
    resource: str
    namespace: str
    name: str
    operations: tuple[Op, ...]
    manifest: dict[str, Any] | None
    says: str
    why: str
    done: bool


class Validation(Item, kw_only=True):
    """`to` is the revision that is to validate unlabelled config, where that changes. `undo` are commands."""

    verdict: Verdict
    to: str | None
    validators: list[ValidatorItem]
    uncovered: list[UncoveredItem]
    split: Split | None
    findings: list[Finding]
    probes: list[ProbeItem]
    steps: list[StepItem]
    settling: list[str]
    elsewhere: list[Hint]
    obstacles: list[Hint]
    warnings: list[str]
    advice: list[Hint]
    undo: list[Hint]
    gaps: list[Gap]


def validation(
    survey: Survey,
    diagnosis: Diagnosis,
    probes: Sequence[Probe],
    plan: Plan,
    checks: Catalogue,
    *,
    done: Sequence[Write] = (),
    undo: Sequence[Hint] = (),
) -> Validation:
    """Everything about it at once."""
    gaps = [gap for gap in sorted(survey.snapshot.gaps) if gap.resource in _NEEDED or gap.of_config]
    return Validation(
        verdict=_verdict(diagnosis, probes, gaps),
        to=plan.to,
        validators=[_validator(entry) for entry in diagnosis.entries],
        uncovered=[
            UncoveredItem(
                revision=config.scope or None,
                because=config.because,
                objects=[ConfigItem(resource=o.resource, namespace=o.namespace, name=o.name) for o in config.objects],
            )
            for config in diagnosis.uncovered
        ],
        split=diagnosis.split,
        findings=_findings(survey, diagnosis, checks),
        probes=[
            ProbeItem(
                revision=probe.scope or None,
                works=probe.works,
                because="" if probe.works is Works.YES else probe.because,
                invalid=probe.invalid,
                valid=probe.valid,
            )
            for probe in probes
        ],
        steps=[_step(write, write in done) for write in plan.writes],
        settling=plan.settle,
        elsewhere=plan.elsewhere,
        obstacles=plan.obstacles,
        warnings=plan.warnings,
        advice=plan.advice,
        undo=list(undo),
        gaps=gaps,
    )


def _verdict(diagnosis: Diagnosis, probes: Sequence[Probe], gaps: Sequence[Gap]) -> Verdict:
    """BROKEN beats UNKNOWN. Without probes (a dump) an entry that calls out of the cluster is unknown."""
    works = {probe.works for probe in probes}
    if not diagnosis.healthy or works & {Works.OPEN, Works.FROZEN}:
        return "BROKEN"
    unseen = not probes and any(entry.health is Health.UNSEEN for entry in diagnosis.entries)
    return "UNKNOWN" if diagnosis.blind or unseen or Works.UNKNOWN in works or gaps else "HEALTHY"


def _findings(survey: Survey, diagnosis: Diagnosis, checks: Catalogue) -> list[Finding]:
    """The catalogue's findings about validation: REV5xx, and REV105 where it is validation that disagrees."""
    return [
        finding
        for finding in find(survey, checks)
        if finding.code.startswith("REV5") or (finding.code == "REV105" and diagnosis.split is not None)
    ]


def _validator(entry: Entry) -> ValidatorItem:
    target, client = entry.target, entry.webhook.client_config
    revisions = list(target.revisions)
    called = ServiceItem(namespace=target.namespace, name=target.service, revisions=revisions, answers=target.alive)
    owner = owner_of(entry.config.metadata)
    return ValidatorItem(
        name=entry.name,
        webhook=entry.webhook.name,
        revision=entry.labelled,
        tag=entry.config.labels.get(labels.TAG),
        service=called if client.service else None,
        url=client.url,
        failure_policy=entry.webhook.failure_policy,
        ca_bundle=bool(client.ca_bundle),
        unlabelled=entry.is_default,
        selects=[scope for scope in entry.scopes if scope],
        health=entry.health,
        because=entry.because,
        rejects_all=bool(entry.frozen),
        owner=str(owner) if owner else None,
    )


def _step(write: Write, done: bool) -> StepItem:
    step = asdict(write.step)
    del step["version"]
    return StepItem(**step, why=write.why, done=done)
