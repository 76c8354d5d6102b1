"""Moving a tag itself: what is written, and everything that moves with it.

Like `istioctl tag set` (istioctl/pkg/tag/generate.go): the tag's injector calls the target's Service with the target's
caBundle and is labelled with its revision; since 1.28 so is the tag's Service. The default tag also has the default
validator, and by its label the leader election and Gateways without a label. One patch per object, with a test on what
was read; the revision that it was is kept on the injector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.defaults import default_validator
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Service, WebhookConfiguration
from kubectl_rev.core.mesh.revision_names import Named
from kubectl_rev.core.migration.choosing import Request, Unknown
from kubectl_rev.core.migration.migration import gateways_last, move
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.writes import Op, Step, patch, pointer

_REV = pointer("metadata", "labels", labels.REV)
_PREVIOUS = pointer("metadata", "annotations", labels.PREVIOUS)

Configuration = WebhookConfiguration


class _Writes(msgspec.Struct, frozen=True):
    """The writes that move a tag, those that take them back, those that end an undo; and the mesh as it will be."""

    first: list[Step]
    back: list[Step]
    last: list[Step]
    after: Survey


def plan(
    survey: Survey, originals: PatchTargets, request: Request, tag: str, to: Named, now: str
) -> tuple[Plan, Survey]:
    """The plan, and the mesh as it will be.

    Raises Unknown when there is no such tag, or the target is none that a tag can point at.
    """
    writes = _moved(survey, tag, to.revision, undo=False)
    return _plan(survey, originals, request, tag, to.revision, now, writes), writes.after


def undo(survey: Survey, originals: PatchTargets, request: Request, tag: str, now: str) -> tuple[Plan, Survey]:
    """Back to the revision that is kept on the tag's injector, and kept there until all is back.

    Raises Unknown when none is.
    """
    kept = _injector(survey, tag).metadata.annotations.get(labels.PREVIOUS)
    if not kept:
        raise Unknown(f"nothing to undo: tag {tag} has no annotation {labels.PREVIOUS}")
    writes = _moved(survey, tag, kept, undo=True)
    return replace(_plan(survey, originals, request, tag, kept, now, writes), undo=True), writes.after


def _plan(
    survey: Survey, originals: PatchTargets, request: Request, tag: str, revision: str, now: str, writes: _Writes
) -> Plan:
    retagged = bool(writes.first)
    moves = [
        move(survey, writes.after, originals, name, request, now, wanted=None, pins={}, retagged=retagged)
        for name in sorted(survey.namespace_labels)
        if name in _follows(survey, writes.after, tag)
    ]
    return Plan(
        to=tag,
        revision=revision,
        is_tag=True,
        tag=tag,
        first=tuple(writes.first),
        first_back=tuple(writes.back),
        last=tuple(writes.last),
        moves=tuple(gateways_last(moves)),
    )


def _follows(survey: Survey, after: Survey, tag: str) -> set[str]:
    """The namespaces in which anything is selected by the tag; also when it has been moved already."""
    found = set()
    ours = {injector.name for injector in survey.snapshot.injectors if injector.labels.get(labels.TAG) == tag}
    for name in survey.namespace_labels:
        if set(after.selected_for_namespace(name).injectors) & ours:
            found.add(name)
        for workload, was in zip(after.by_namespace.get(name, ()), survey.by_namespace.get(name, ()), strict=False):
            if set(workload.selected.injectors) & ours or workload.selected.revision != was.selected.revision:
                found.add(name)
    return found


def _injector(survey: Survey, tag: str) -> Configuration:
    for injector in survey.snapshot.injectors:
        if injector.labels.get(labels.TAG) == tag:
            return injector
    there = sorted({each.name for each in survey.mesh.tags})
    raise Unknown(f'no tag "{tag}" to move: there are {", ".join(there) or "none"}; istioctl tag set makes one')


def _canonical(survey: Survey, revision: str) -> Configuration:
    """The revision's own injector: generate.go asks for `istio.io/rev=X,!istio.io/tag`."""
    for injector in survey.snapshot.injectors:
        if injector.labels.get(labels.REV) == revision and labels.TAG not in injector.labels and injector.webhooks:
            return injector
    raise Unknown(f'revision "{revision}" has no injector of its own that a tag could point at')


def _moved(survey: Survey, tag: str, revision: str, *, undo: bool) -> _Writes:
    """Nothing for an object that is there already: a run that was cut off may have moved some of them.

    One that was there before the first run is noted all the same, so that an undo leaves it where it was.
    """
    snapshot, injector, target = survey.snapshot, _injector(survey, tag), _canonical(survey, revision)
    was = injector.labels.get(labels.REV, labels.DEFAULT)
    goals: list[tuple[str, Any, Any]] = [(labels.INJECTORS, injector, _pointed(injector, target, revision))]
    for service in snapshot.services:
        if service.labels.get(labels.TAG) == tag:
            goals.append(("services", service, _selecting(survey, service, target, revision, undo=undo)))
    validator = default_validator(survey.mesh) if tag == labels.DEFAULT else None
    if validator is not None and validator.name == labels.DEFAULT_VALIDATOR:
        theirs = _kept(survey, validator, revision) if undo else revision
        goals.append((labels.VALIDATORS, validator, _pointed(validator, _canonical(survey, theirs), theirs)))
    first, back = [], []
    begun = goals[0][1] != goals[0][2] or _is_recorded(injector)
    for resource, old, new in goals:
        if old == new and (undo or _is_recorded(old) or not begun):
            continue
        step = _step(resource, old, new, f"now leads to {new.labels[labels.REV]}")
        undone = _step(resource, new, old, f"put back to {old.labels.get(labels.REV, was)}")
        if not undo and labels.PREVIOUS not in old.metadata.annotations:
            kept = _selector(old) if isinstance(old, Service) else old.labels.get(labels.REV, was)
            step = replace(step, operations=step.operations + tuple(_record(old, kept)))
            undone = replace(undone, operations=(*undone.operations, Op("remove", _PREVIOUS)))
        first.append(step)
        back.append(undone)
    # The injector's record last: it is the one that an undo which was cut off begins with.
    last = [_forget(resource, old) for resource, old, _ in reversed(goals) if undo and _is_recorded(old)]
    moved = {id(old): new for _, old, new in goals}
    after = replace(
        snapshot,
        injectors=[moved.get(id(each), each) for each in snapshot.injectors],
        validators=[moved.get(id(each), each) for each in snapshot.validators],
        services=[moved.get(id(each), each) for each in snapshot.services],
    )
    return _Writes(first, back, last, Survey(after))


def _kept(survey: Survey, validator: Configuration, revision: str) -> str:
    """Whose the default validator was, which need not be the tag's; one that is gone cannot have it back."""
    kept = validator.metadata.annotations.get(labels.PREVIOUS, revision)
    try:
        _canonical(survey, kept)
    except Unknown:
        return revision
    return kept


def _record(each: Configuration | Service, was: str) -> Iterator[Op]:
    """On every changed object; the first value is kept until an undo removes it."""
    annotations = each.metadata.annotations
    yield Op("test", _PREVIOUS if annotations else "/metadata/annotations", None)
    if annotations:
        yield Op("add", _PREVIOUS, was)
    else:
        yield Op("add", "/metadata/annotations", {labels.PREVIOUS: was})


def _is_recorded(each: Configuration | Service) -> bool:
    return labels.PREVIOUS in each.metadata.annotations


def _forget(resource: str, each: Configuration | Service) -> Step:
    kept = each.metadata.annotations[labels.PREVIOUS]
    return patch(resource, each.metadata, [Op("test", _PREVIOUS, kept), Op("remove", _PREVIOUS)], "undone")


def _pointed(config: Configuration, target: Configuration, revision: str) -> Configuration:
    """Its webhooks call whom the target's injector calls; a validator keeps its own path."""
    client = target.webhooks[0].client_config
    webhooks = []
    for webhook in config.webhooks:
        own = webhook.client_config
        service = client.service
        if service is not None and own.service is not None:
            service = replace(service, path=own.service.path)
        webhooks.append(replace(webhook, client_config=replace(client, service=service)))
    metadata = replace(config.metadata, labels=config.labels | {labels.REV: revision})
    return replace(config, metadata=metadata, webhooks=webhooks)


def _selector(service: Service) -> str:
    return msgspec.json.encode(service.spec.selector, order="sorted").decode()


def _selecting(survey: Survey, service: Service, target: Configuration, revision: str, *, undo: bool) -> Service:
    """The tag's Service with a revision's pods behind it; for an undo, as it was recorded.

    Its own selector with another revision if it names one (as istioctl renders it), else the revision's Service's.
    """
    reference = target.webhooks[0].client_config.service
    canonical = next(
        (
            s
            for s in survey.snapshot.services
            if reference and (s.namespace, s.name) == (reference.namespace, reference.name)
        ),
        None,
    )
    metadata = replace(service.metadata, labels=service.labels | {labels.REV: revision})
    selector = canonical.spec.selector if canonical else service.spec.selector
    if labels.REV in service.spec.selector:
        selector = service.spec.selector | {labels.REV: revision}
    if undo and (kept := service.metadata.annotations.get(labels.PREVIOUS)):
        with suppress(msgspec.MsgspecError):
            selector = msgspec.json.decode(kept, type=dict[str, str])
    spec = replace(service.spec, selector=selector)
    return replace(service, metadata=metadata, spec=spec)


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
