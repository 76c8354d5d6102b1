"""Moving a tag itself: what is written, and everything that moves with it.

Like `istioctl tag set` (istioctl/pkg/tag/generate.go): the tag's injector calls the target's Service with the target's
caBundle and is labelled with its revision; since 1.28 so is the tag's Service. The default tag also has the default
validator, and by its label the leader election and Gateways without a label. One patch per object, with a test on what
was read; the revision that it was is kept on the injector.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of, revision_of
from kubectl_rev.core.mesh.defaults import default_validator
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Object, WebhookConfiguration
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.revision_names import Named
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.migration.choosing import Request, Unknown
from kubectl_rev.core.migration.migration import Planner, gateways_last
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.patches import NO_RECORD, record, unrecord, written
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.writes import Op, Step, patch, pointer

_REV = pointer("metadata", "labels", labels.REV)


def plan(survey: Survey, originals: PatchTargets, request: Request, to: Named, now: str) -> tuple[Plan, Survey]:
    """The plan that moves the request's tag, and the mesh as it will be.

    Raises Unknown when there is no such tag, or the target is none that a tag can point at.
    """
    return _plan(survey, originals, request, to.revision, now, undo=False)


def undo(survey: Survey, originals: PatchTargets, request: Request, now: str) -> tuple[Plan, Survey]:
    """Back to the revision that is kept on the tag's injector, and kept there until all is back.

    Raises Unknown when none is.
    """
    kept = _injector(survey, request.tag).metadata.annotations.get(labels.PREVIOUS)
    if not kept:
        raise Unknown(f"nothing to undo: tag {request.tag} has no annotation {labels.PREVIOUS}")
    return _plan(survey, originals, request, kept, now, undo=True)


def _plan(
    survey: Survey, originals: PatchTargets, request: Request, revision: str, now: str, *, undo: bool
) -> tuple[Plan, Survey]:
    plan, after = _moved(survey, request.tag, revision, undo=undo)
    retagged = bool(plan.first)
    planner = Planner(before=survey, after=after, originals=originals, request=request, now=now, retagged=retagged)
    moves = gateways_last(planner.move(name) for name in sorted(_follows(survey, after, request.tag)))
    return replace(plan, moves=moves), after


def _follows(survey: Survey, after: Survey, tag: str) -> set[str]:
    """The namespaces in which anything is selected by the tag; also when it has been moved already."""
    ours = {injector.name for injector in survey.snapshot.injectors if injector.labels.get(labels.TAG) == tag}
    was = {Key.of(workload): workload.selected.revision for workload in survey.workloads}
    names = survey.namespace_labels.keys()
    following = {name for name in names if ours.intersection(after.selected_for_namespace(name).injectors)}
    for workload in after.workloads:
        if ours.intersection(workload.selected.injectors) or workload.selected.revision != was[Key.of(workload)]:
            following.add(workload.namespace)
    return following & names


def _injector(survey: Survey, tag: str) -> WebhookConfiguration:
    for injector in survey.snapshot.injectors:
        if injector.labels.get(labels.TAG) == tag:
            return injector
    there = ", ".join(sorted({tag.name for tag in survey.mesh.tags})) or "none"
    raise Unknown(f'no tag "{tag}" to move: there are {there}; istioctl tag set makes one')


def _canonical(survey: Survey, revision: str) -> WebhookConfiguration:
    """The revision's own injector: generate.go asks for `istio.io/rev=X,!istio.io/tag`."""
    for injector in survey.snapshot.injectors:
        own = labels.TAG not in injector.labels and bool(injector.webhooks)
        if own and labels.REV in injector.labels and _named_by(survey, injector) == revision:
            return injector
    raise Unknown(f'revision "{revision}" has no injector of its own that a tag could point at')


def _moved(survey: Survey, tag: str, revision: str, *, undo: bool) -> tuple[Plan, Survey]:
    """The writes that move the tag itself, and the mesh as it will be.

    Nothing for an object that is there already: a run that was cut off may have moved some of them. One that was there
    before the first run is noted all the same, so that an undo leaves it where it was.
    """
    snapshot, injector, target = survey.snapshot, _injector(survey, tag), _canonical(survey, revision)
    was = _named_by(survey, injector)
    goals: list[tuple[str, Any, Any]] = [(labels.INJECTORS, injector, _pointed(injector, target, revision))]
    for service in snapshot.services:
        if service.labels.get(labels.TAG) == tag:
            goals.append(("services", service, _selecting(survey, service, target, revision, undo=undo)))
    validator = default_validator(survey.mesh) if tag == labels.DEFAULT else None
    if validator is not None and validator.name == labels.DEFAULT_VALIDATOR:
        theirs = _kept(survey, validator, revision) if undo else revision
        goals.append((labels.VALIDATORS, validator, _pointed(validator, _canonical(survey, theirs), theirs)))
    first, back = [], []
    begun = injector != goals[0][2] or _is_recorded(injector)
    for resource, old, new in goals:
        if old == new and (undo or _is_recorded(old) or not begun):
            continue
        previous = _named_by(survey, old) if labels.REV in old.labels else was
        step = _step(resource, old, new, f"now leads to {new.labels[labels.REV]}")
        undone = _step(resource, new, old, f"put back to {previous}")
        if not undo and not _is_recorded(old):
            kept = written(old.spec.selector) if isinstance(old, Service) else previous
            step = replace(step, operations=(*step.operations, *record(old.metadata, kept)))
            undone = replace(undone, operations=(*undone.operations, NO_RECORD))
        first.append(step)
        back.append(undone)
    # The injector's record last: it is the one that an undo which was cut off begins with.
    noted = [(resource, old.metadata) for resource, old, _ in reversed(goals) if undo and _is_recorded(old)]
    last = [patch(resource, metadata, unrecord(metadata), "undone") for resource, metadata in noted]
    moved = {id(old): new for _, old, new in goals}
    after = replace(
        snapshot,
        injectors=[moved.get(id(injector), injector) for injector in snapshot.injectors],
        validators=[moved.get(id(validator), validator) for validator in snapshot.validators],
        services=[moved.get(id(service), service) for service in snapshot.services],
    )
    plan = Plan(
        undo=undo,
        to=tag,
        revision=revision,
        is_tag=True,
        tag=tag,
        first=tuple(first),
        first_back=tuple(back),
        last=tuple(last),
    )
    return plan, Survey(after)


def _kept(survey: Survey, validator: WebhookConfiguration, revision: str) -> str:
    """Whose the default validator was, which need not be the tag's; one that is gone cannot have it back."""
    kept = validator.metadata.annotations.get(labels.PREVIOUS, revision)
    try:
        _canonical(survey, kept)
    except Unknown:
        return revision
    return kept


def _named_by(survey: Survey, target: WebhookConfiguration | Service) -> str:
    """The revision that a webhook configuration or Service is labelled with; of namesakes, the one that it leads to."""
    calls = target.webhooks[0].client_config.service if isinstance(target, WebhookConfiguration) else None
    return survey.mesh.called(revision_of(target.labels), calls.namespace if calls else target.namespace)


def _is_recorded(target: Object) -> bool:
    return labels.PREVIOUS in target.metadata.annotations


def _pointed(config: WebhookConfiguration, target: WebhookConfiguration, revision: str) -> WebhookConfiguration:
    """Its webhooks call whom the target's injector calls; a validator keeps its own path."""
    client = target.webhooks[0].client_config
    webhooks = []
    for webhook in config.webhooks:
        own = webhook.client_config
        service = client.service
        if service is not None and own.service is not None:
            service = replace(service, path=own.service.path)
        webhooks.append(replace(webhook, client_config=replace(client, service=service)))
    metadata = replace(config.metadata, labels=config.labels | {labels.REV: label_of(revision)})
    return replace(config, metadata=metadata, webhooks=webhooks)


def _selecting(survey: Survey, service: Service, target: WebhookConfiguration, revision: str, *, undo: bool) -> Service:
    """The tag's Service with a revision's pods behind it; for an undo, as it was recorded.

    Its own selector with another revision if it names one (as istioctl renders it), else the revision's Service's.
    """
    called = target.webhooks[0].client_config.service
    services = {(own.namespace, own.name): own for own in survey.snapshot.services}
    theirs = services.get((called.namespace, called.name), service) if called else service
    metadata = replace(service.metadata, labels=service.labels | {labels.REV: label_of(revision)})
    selector = theirs.spec.selector
    if labels.REV in service.spec.selector:
        selector = service.spec.selector | {labels.REV: label_of(revision)}
    if undo and (kept := service.metadata.annotations.get(labels.PREVIOUS)):
        with suppress(msgspec.MsgspecError):
            selector = msgspec.json.decode(kept, type=dict[str, str])
    return replace(service, metadata=metadata, spec=replace(service.spec, selector=selector))


def _step(resource: str, old: Any, new: Any, done: str) -> Step:
    ops = [Op("test", _REV, old.labels.get(labels.REV)), Op("add", _REV, new.labels[labels.REV])]
    if isinstance(old, WebhookConfiguration):
        for n, (before, after) in enumerate(zip(old.webhooks, new.webhooks, strict=True)):
            path = f"/webhooks/{n}"
            ops.append(Op("test", f"{path}/name", before.name))
            ops.append(Op("replace", f"{path}/clientConfig", msgspec.to_builtins(after.client_config)))
    else:
        ops.append(Op("test", "/spec/selector", old.spec.selector))
        ops.append(Op("replace", "/spec/selector", new.spec.selector))
    return patch(resource, old.metadata, ops, done)
