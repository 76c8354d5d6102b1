"""What does it take to move these namespaces? Survey, originals and request in; a Plan out.

The plan is made against the mesh as it will be: the same snapshot with the new labels in it is surveyed again, so what
is restarted is what drifts then, by the same rules as rev-status. A restart that is under way already (the template
carries another `restartedAt` than the pods that drift, and the labels were right before) is waited for, not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.enrollment import pinned
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.objects import Namespace, WorkloadObject
from kubectl_rev.core.mesh.resources import Key, facts_of
from kubectl_rev.core.mesh.resources import Restart as RestartBy
from kubectl_rev.core.mesh.revision_names import Kind, Named
from kubectl_rev.core.migration import patches
from kubectl_rev.core.migration.choosing import Choice, Request
from kubectl_rev.core.migration.gitops_owners import owner_of
from kubectl_rev.core.migration.origin import running
from kubectl_rev.core.migration.patch_targets import Identity, PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Left, Move, Plan, Restart, Skipped
from kubectl_rev.core.migration.proofs import proofs
from kubectl_rev.core.migration.reasons import Reason, SkipReason, words
from kubectl_rev.core.migration.skip_reasons import Kept, keeps, left, partition
from kubectl_rev.core.writes import Step

Wanted = Mapping[str, dict[str, str]]  # by namespace: its injection labels afterwards
Pins = Mapping[Key, dict[str, str]]  # by what holds the template: its revision label afterwards


def plan(survey: Survey, originals: PatchTargets, request: Request, choice: Choice, to: Named, now: str) -> Plan:
    """Everything in order: namespaces by name, gateways last. `now` is what `restartedAt` will say."""
    pins = {
        workload.template_holder: {labels.REV: to.name}
        for name in choice.chosen
        if not request.enroll and name not in choice.keep_label
        for workload in survey.by_namespace.get(name, ())
        if f"{workload.kind}/{workload.name}" in pinned(survey, name) and workload.selected.revision != to.revision
    }
    wanted = {
        name: {labels.REV: to.name}
        for name in choice.chosen
        if name not in choice.keep_label
        if request.enroll or not pinned(survey, name)
        if request.named or survey.selected_for_namespace(name).revision != to.revision
    }
    after = surveyed_after(survey, wanted, pins)
    moves = [
        move(survey, after, originals, name, request, now, wanted=wanted.get(name), pins=pins, to=to)
        for name in choice.chosen
    ]
    owned = tuple(_owned(moves, originals)) if request.skip_owned else ()
    moves = [move for move in moves if move.namespace not in {skipped.namespace for skipped in owned}]
    return Plan(
        to=to.name,
        revision=to.revision,
        is_tag=to.kind is Kind.TAG,
        moves=tuple(gateways_last(moves)),
        skipped=choice.skipped + owned,
    )


def _owned(moves: Iterable[Move], originals: PatchTargets) -> Iterator[Skipped]:
    """What --skip-owned leaves: the namespaces that would be relabelled against their owner."""
    for move in moves:
        original = originals.namespace(move.namespace)
        if move.label and original and (owner := owner_of(original)):
            yield Skipped(move.namespace, words(SkipReason.OWNED, owner), SkipReason.OWNED)


def surveyed_after(survey: Survey, wanted: Wanted, pins: Pins) -> Survey:
    """The mesh as it will be once the labels are written."""
    snapshot = survey.snapshot
    namespaces = [
        Namespace(metadata=replace(ns.metadata, labels=patches.relabelled(ns.labels, wanted[ns.name])))
        if ns.name in wanted
        else ns
        for ns in snapshot.namespaces
    ]
    workloads = [_repinned(w, pins[Key.of(w)]) if Key.of(w) in pins else w for w in snapshot.workloads]
    return Survey(replace(snapshot, namespaces=namespaces, workloads=workloads))


def move(
    before: Survey,
    after: Survey,
    originals: PatchTargets,
    name: str,
    request: Request,
    now: str,
    *,
    wanted: dict[str, str] | None,
    pins: Pins,
    to: Named | None = None,
    undo: bool = False,
    retagged: bool = False,
) -> Move:
    """One namespace: `wanted` are its labels afterwards, None to leave them; `retagged` if its tag moves instead.

    `to` is where it goes; None for an undo or a tag, which lead each namespace to where it leads.
    """
    given = patches.injection_labels(before.namespace_labels.get(name, {}))
    original = originals.namespace(name) or _bare(name, before)
    changed = retagged or (wanted is not None and wanted != given)
    was = {(workload.kind, workload.name): workload for workload in before.by_namespace.get(name, ())}
    restarts: list[Restart] = []
    stay, unchanged = [], 0
    for workload in after.by_namespace.get(name, ()):
        pin = pins.get(workload.template_holder)
        made = _of_workload(
            workload, was.get((workload.kind, workload.name)), originals, request, now, pin, changed, undo, to
        )
        match made:
            case Restart():
                # A template that two workloads use is changed once; both restart.
                again = pin is not None and any(
                    each.step and _target(each.step) == _target(made.step) for each in restarts
                )
                restarts.append(replace(made, step=None) if again else made)
            case Left():
                stay.append(made)
            case None:
                unchanged += 1
    return Move(
        namespace=name,
        before=given,
        after=wanted if wanted is not None else given,
        label=patches.relabel(original, wanted, record=not undo) if changed and wanted is not None else None,
        back=patches.unlabel(original, wanted) if changed and wanted is not None and not undo else None,
        close=patches.forget(original) if undo and labels.PREVIOUS in original.annotations else None,
        proofs=tuple(proofs(after, originals, name, restarts, changed=changed)),
        restarts=tuple(sorted(restarts, key=lambda restart: restart.gateway is not None)),
        left=tuple(stay),
        unchanged=unchanged,
    )


def gateways_last(moves: list[Move]) -> Iterator[Move]:
    """Namespaces whose relabelling moves gateways come after all others."""
    yield from sorted(moves, key=lambda each: any(restart.gateway for restart in each.restarts))


def _of_workload(
    workload: Workload,
    was: Workload | None,
    originals: PatchTargets,
    request: Request,
    now: str,
    pin: dict[str, str] | None,
    relabelled: bool,
    undo: bool,
    to: Named | None,
) -> Restart | Left | None:
    """What becomes of a workload: a restart, something that is left with its reason, or nothing, since it is fine."""
    original = originals.get(workload.kind, workload.namespace, workload.name)
    drifting = [group for group in workload.groups if group.drifted]
    name = to.name if to else ""
    if not drifting and pin is None:
        return _fixed(workload, to)
    moved = drifting if pin is None else [group for group in workload.groups if not group.pod.terminating]
    pods = sum(group.count for group in moved)
    if kept := keeps(workload, was, original, request, undo=undo, pinning=pin is not None):
        return left(workload, kept, pods, name)
    if workload.gateway in RENDERED:  # istiod renders it anew by itself as soon as the label is there
        return _restart(workload, None, None, original)
    if original is None or (pin is not None and workload.lender is not None and original.lender is None):
        unread = Kept(Reason.UNREADABLE)
        if pin is not None:
            unread = Kept(Reason.UNREADABLE_LABEL, _own_label(was or workload))
        return left(workload, unread, pods, name)
    stamp = stamp_of(original)
    if pin is not None and request.skip_owned and (owner := owner_of(original.template_holder)):
        return left(workload, Kept(Reason.OWNED, owner), sum(running(workload).values()), name)
    if pin is not None:
        step = patches.repin(original, pin, _differs(now, stamp), undo=undo)
        restart = _restart(workload, step, _differs(now, stamp), original)
        return replace(restart, before=patches.injection_labels(was.subject.labels) if was else {}, after=pin)
    if not relabelled and stamp is not None and all(_stamp_of(group) != stamp for group in drifting):
        return _restart(workload, None, stamp, original)
    new = _differs(now, stamp)
    return _restart(workload, patches.restart(original, new), new if stamp is not None else None, original)


def _restart(workload: Workload, step: Step | None, stamp: str | None, original: PatchTarget | None) -> Restart:
    known = original is not None and original.metadata.uid  # a saved snapshot does not say how many are wanted
    pods = original.pods if original and known else sum(g.count for g in workload.groups if not g.pod.terminating)
    return Restart(
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
        step=step,
        revision=workload.selected.revision if workload.selected.state is State.INJECTED else None,
        proxies=dict(sorted(workload.proxies.items())),
        pods=pods,
        stays=min(partition(original), pods),
        stamp=stamp,
        gateway=workload.gateway.value if workload.gateway else None,
    )


def _fixed(workload: Workload, to: Named | None) -> Left | None:
    """What does not drift and yet runs on another revision: only its installation, or its Gateway's label, moves it.

    Where new pods would be rejected, or it cannot be told what becomes of them, the old ones stay as well.
    """
    name = to.name if to else ""
    target = to.revision if to else workload.selected.revision
    elsewhere = [
        group
        for group in workload.groups
        if group.proxy and group.proxy.revision != target and not group.pod.terminating
    ]
    kept = {
        Effect.FIXED: Kept(Reason.INJECTED_BY_HAND if manual(workload.template) else Reason.GATEWAY_IN_PLACE),
        Effect.REJECTED: Kept(Reason.REJECTED, workload.selected.because),
        Effect.UNDECIDED: Kept(Reason.UNDECIDED, workload.selected.because),
    }
    if to and workload.gateway in RENDERED:
        kept[Effect.NOTHING] = Kept(Reason.GATEWAY_OWNER, workload.selected.because)
    for effect, reason in kept.items():
        if count := sum(group.count for group in elsewhere if group.effect is effect):
            return left(workload, reason, count, name)
    return None


def stamp_of(original: PatchTarget) -> str | None:
    """When the template was last restarted; empty if never, None where pods do not show it."""
    if facts_of(original.kind).restart is not RestartBy.ANNOTATION or original.template is None:
        return None
    metadata = original.template.get("metadata") or {}
    return str((metadata.get("annotations") or {}).get(labels.RESTARTED_AT, ""))


def _stamp_of(group: PodGroup) -> str:
    return group.pod.metadata.annotations.get(labels.RESTARTED_AT, "")


def _differs(now: str, stamp: str | None) -> str:
    """A template that already says `now` would not change: then half a second later."""
    return now if now != stamp else now.replace("Z", ".5Z")


def _own_label(workload: Workload) -> str:
    """The label by which a template asks for injection itself."""
    given = workload.subject.labels
    return f"{labels.REV}={given[labels.REV]}" if labels.REV in given else f"{labels.INJECT}={given[labels.INJECT]}"


def _target(step: Step | None) -> tuple[str, str, str] | None:
    return (step.resource, step.namespace, step.name) if step else None


def _repinned(workload: WorkloadObject, pin: dict[str, str]) -> WorkloadObject:
    template = workload.spec.template
    if template is None:
        return workload
    kept = {key: value for key, value in template.metadata.labels.items() if key != labels.REV}
    metadata = replace(template.metadata, labels=kept | pin)
    return replace(workload, spec=replace(workload.spec, template=replace(template, metadata=metadata)))


def _bare(name: str, survey: Survey) -> PatchTarget:
    """A namespace of which only the labels are known, from a dump that was saved."""
    return PatchTarget(kind="Namespace", metadata=Identity(name=name, labels=survey.namespace_labels.get(name, {})))
