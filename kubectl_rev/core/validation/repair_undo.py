"""How to take back what a validation repair did, from the notes that it left on the objects themselves.

The label and the Service of a validator go back, failurePolicy and caBundle stay istiod's. Where the old place does not
answer, the same write says Ignore, as when a validator is moved: an undo does not freeze what it can leave open.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.validation.repair import Plan, Write
from kubectl_rev.core.validation.repair_target import bundles
from kubectl_rev.core.validation.validation import Diagnosis
from kubectl_rev.core.validation.validator_steps import Before, before, move_back, service_back


def undo(survey: Survey, diagnosis: Diagnosis) -> Plan:
    """The writes that take every repair back; none where nothing was noted."""
    plan = Plan()
    for config in sorted(survey.snapshot.validators, key=lambda c: c.name):
        noted = before(config.metadata)
        if noted is not None and noted.calls:
            plan.writes.append(_validator(survey, config, noted))
            plan.warnings += _dead_again(survey, config, noted)
    for service in survey.snapshot.services:
        noted = before(service.metadata)
        if noted is not None and (noted.absent or noted.selector is not None):
            selector = ",".join(f"{key}={value}" for key, value in sorted((noted.selector or {}).items()))
            why = "it was made by rev-fix-validation" if noted.absent else f"back to selecting {selector}"
            plan.writes.append(Write(step=service_back(service, noted), why=why))
            plan.warnings += _left_hanging(diagnosis, service) if noted.absent else ()
    return plan


def _validator(survey: Survey, config: WebhookConfiguration, noted: Before) -> Write:
    """A revision that still answers there, under the same CA, can be trusted at once."""
    mesh = survey.mesh
    known = {bundle for revision in mesh.all_called(noted.label or "") for bundle in bundles(mesh, revision)}
    trusted = all(
        mesh.target(call).alive and webhook.client_config.ca_bundle in known and webhook.failure_policy != "Ignore"
        for webhook in config.webhooks
        if (call := (noted.calls or {}).get(webhook.name)) is not None
    )
    calls = (noted.calls or {}).values()
    where = sorted({f"service {c.service.namespace}/{c.service.name}" if c.service else c.url or "" for c in calls})
    label = f"{labels.REV}={noted.label}" if noted.label else f"no label {labels.REV}"
    why = f"back to {label}, {', '.join(where)}"
    if not trusted:
        why += ", failurePolicy Ignore until an istiod closes it"
    return Write(step=move_back(config, noted, trusted=trusted), why=why)


def _dead_again(survey: Survey, config: WebhookConfiguration, noted: Before) -> Iterator[str]:
    """An istiod that lives without its Service closes the validator all the same: it proves itself once, not per write.

    pkg/webhooks/validation/controller/controller.go: dryRunOfInvalidConfigRejected.
    """
    targets = [survey.mesh.target(call) for call in (noted.calls or {}).values()]
    if problem := next((target.problem for target in targets if target.alive is False), ""):
        after = "lets everything through"
        if survey.mesh.all_called(noted.label or "") & survey.mesh.existing:
            after = f"rejects every write once istiod {noted.label} closes it"
        yield f"{config.name} goes back to where it did not work ({problem}): it {after}"


def _left_hanging(diagnosis: Diagnosis, service: Service) -> Iterator[str]:
    """A Service that goes takes its validators' answers along, and they have no istiod that would open them."""
    where = (service.namespace, service.name)
    held = [e for e in diagnosis.entries if (e.target.namespace, e.target.service) == where and e.fails_closed]
    if names := list(dict.fromkeys(entry.name for entry in held)):
        call = "calls" if len(names) == 1 else "call"
        yield f"config writes are rejected again afterwards: {', '.join(names)} {call} this Service"
