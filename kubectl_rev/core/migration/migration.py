"""What does it take to move these namespaces? Survey, patch targets and request in; a Plan out.

The plan is made against the mesh as it will be: the same snapshot with the new labels in it is surveyed again, so what
is restarted is what drifts then, by the same rules as rev-status. A restart that is under way already (the template
carries another `restartedAt` than the pods that drift, and the labels were right before) is waited for, not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.enrollment import pinned
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.objects import Metadata, WorkloadObject
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.mesh.resources import Key, facts_of
from kubectl_rev.core.mesh.resources import Restart as RestartBy
from kubectl_rev.core.mesh.revision_names import Kind, Named
from kubectl_rev.core.migration import patches
from kubectl_rev.core.migration.choosing import Choice, Request, running
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Left, Move, Plan, Reason, Restart, Skipped, SkipReason, skipped
from kubectl_rev.core.migration.proofs import proofs
from kubectl_rev.core.migration.skip_reasons import Kept, keeps, next_step
from kubectl_rev.core.writes import Step

Labels = dict[str, str]
Wanted = Mapping[str, Labels]  # by namespace: its injection labels afterwards
Pins = Mapping[Key, Labels]  # by what holds a template: its revision label afterwards


def plan(survey: Survey, originals: PatchTargets, request: Request, choice: Choice, to: Named, now: str) -> Plan:
    """Everything in order: namespaces by name, gateways last. `now` is what `restartedAt` will say."""
    moving = [name for name in choice.chosen if name not in choice.keep_label]
    pins = {
        workload.template_holder: {labels.REV: to.name}
        for name in moving
        if not request.enroll
        for workload in pinned(survey, name)
        if workload.selected.revision != to.revision
    }
    wanted = {
        name: {labels.REV: to.name}
        for name in moving
        if request.enroll or not pinned(survey, name)
        if request.names or survey.selected_for_namespace(name).revision != to.revision
    }
    after = surveyed_after(survey, wanted, pins)
    planner = Planner(before=survey, after=after, originals=originals, request=request, now=now, pins=pins, to=to)
    moves = [planner.move(name, wanted.get(name)) for name in choice.chosen]
    owned = tuple(_owned(moves, originals)) if request.skip_owned else ()
    stay = {namespace.namespace for namespace in owned}
    return Plan(
        to=to.name,
        revision=to.revision,
        is_tag=to.kind is Kind.TAG,
        moves=gateways_last(move for move in moves if move.namespace not in stay),
        skipped=choice.skipped + owned,
    )


def _owned(moves: Iterable[Move], originals: PatchTargets) -> Iterator[Skipped]:
    """What --skip-owned leaves: the namespaces that would be relabelled against their owner."""
    for move in moves:
        original = originals.namespace(move.namespace)
        if move.label and original and (owner := owner_of(original.metadata, original.kind)):
            yield skipped(move.namespace, SkipReason.OWNED, str(owner))


def surveyed_after(survey: Survey, wanted: Wanted, pins: Pins) -> Survey:
    """The mesh as it will be once the labels are written."""
    snapshot = survey.snapshot
    namespaces = [
        replace(ns, metadata=replace(ns.metadata, labels=patches.relabelled(ns.labels, wanted[ns.name])))
        if ns.name in wanted
        else ns
        for ns in snapshot.namespaces
    ]
    workloads = [_repinned(w, pins[Key.of(w)]) if Key.of(w) in pins else w for w in snapshot.workloads]
    return Survey(replace(snapshot, namespaces=namespaces, workloads=workloads))


def _repinned(workload: WorkloadObject, pin: Labels) -> WorkloadObject:
    template = workload.spec.template
    if template is None:
        return workload
    kept = {key: value for key, value in template.metadata.labels.items() if key != labels.REV}
    stamp = {labels.RESTARTED_AT: "then"}  # the pods that run are of the template as it was
    metadata = replace(template.metadata, labels=kept | pin, annotations=template.metadata.annotations | stamp)
    return replace(workload, spec=replace(workload.spec, template=replace(template, metadata=metadata)))


def gateways_last(moves: Iterable[Move]) -> tuple[Move, ...]:
    """Namespaces whose relabelling moves gateways come after all others."""
    return tuple(sorted(moves, key=lambda move: any(restart.gateway for restart in move.restarts)))


class Planner(msgspec.Struct, frozen=True, kw_only=True):
    """What all moves of a plan have in common: the mesh before and after, and what was asked for.

    `to` is where they go; None for an undo or a tag, which lead each namespace to where it leads. `retagged`: its tag
    moves instead of a namespace's label.
    """

    before: Survey
    after: Survey
    originals: PatchTargets
    request: Request
    now: str
    pins: Pins = {}
    to: Named | None = None
    undo: bool = False
    retagged: bool = False

    def move(self, name: str, wanted: Labels | None = None) -> Move:
        """One namespace: `wanted` are its labels afterwards, None to leave them."""
        all_labels = self.before.namespace_labels.get(name, {})
        given = patches.injection_labels(all_labels)
        bare = PatchTarget(kind="Namespace", metadata=Metadata(name=name, labels=all_labels))  # of a saved snapshot
        original = self.originals.namespace(name) or bare
        after = given if wanted is None else wanted
        relabelled = after != given
        changed = relabelled or self.retagged
        was = {Key.of(workload): workload for workload in self.before.by_namespace.get(name, ())}
        fates = [self._fate(w, was.get(Key.of(w)), changed) for w in self.after.by_namespace.get(name, ())]
        restarts = list(_once(fate for fate in fates if isinstance(fate, Restart)))
        return Move(
            namespace=name,
            before=given,
            after=after,
            label=patches.relabel(original, after, note=not self.undo) if relabelled else None,
            back=patches.unlabel(original, after) if relabelled and not self.undo else None,
            close=patches.forget(original) if self.undo and labels.PREVIOUS in original.metadata.annotations else None,
            proofs=tuple(proofs(self.after, self.originals, name, restarts, changed=changed)),
            restarts=tuple(sorted(restarts, key=lambda restart: restart.gateway is not None)),
            left=tuple(fate for fate in fates if isinstance(fate, Left)),
            unchanged=fates.count(None),
        )

    def _fate(self, workload: Workload, was: Workload | None, relabelled: bool) -> Restart | Left | None:
        """What becomes of a workload: a restart, pods that stay with the reason, or nothing, since it is fine."""
        original = self.originals.of(workload)
        pin = self.pins.get(workload.template_holder)
        drifting = [group for group in workload.groups if group.drifted]
        if not drifting and pin is None:
            return self._fixed(workload)
        moved = drifting if pin is None else [group for group in workload.groups if not group.pod.terminating]
        pods = sum(group.count for group in moved)
        may_lose = self.undo and was is not None and was.selected.state is State.INJECTED
        if kept := keeps(workload, original, self.request, pinning=pin is not None, may_lose=may_lose):
            return self._left(workload, kept, pods)
        if workload.gateway in RENDERED:  # istiod renders it anew by itself as soon as the label is there
            return _restart(workload, original)
        if original is None or (pin is not None and workload.lender is not None and original.lender is None):
            own_label = Kept(Reason.UNREADABLE_LABEL, _own_label(was or workload)) if pin is not None else None
            return self._left(workload, own_label or Kept(Reason.UNREADABLE), pods)
        stamp = _stamp(original)
        # A template that already says `now` would not change: then half a second later.
        new = self.now if self.now != stamp else self.now.replace("Z", ".5Z")
        if pin is not None:
            if self.request.skip_owned and (
                owner := owner_of(original.template_holder.metadata, original.template_holder.kind)
            ):
                return self._left(workload, Kept(Reason.OWNED, str(owner)), running(workload).total())
            restart = _restart(workload, original, patches.repin(original, pin, new, undo=self.undo), new)
            return replace(restart, before=patches.injection_labels(was.subject.labels) if was else {}, after=pin)
        if not relabelled and stamp is not None and stamp not in map(_pod_stamp, drifting):
            return _restart(workload, original, stamp=stamp)
        step = patches.restart(original, new)
        return _restart(workload, original, step, new if stamp is not None else None)

    def _fixed(self, workload: Workload) -> Left | None:
        """What does not drift and yet runs on another revision: its installation or its Gateway's label moves it.

        Where new pods would be rejected, or it cannot be told what becomes of them, the old ones stay as well.
        """
        target = self.to.revision if self.to else workload.selected.revision
        elsewhere = [g for g in workload.staying if g.proxy and g.proxy.revision != target]
        because = workload.selected.because
        kept = {
            Effect.FIXED: Kept(Reason.INJECTED_BY_HAND if manual(workload.template) else Reason.GATEWAY_IN_PLACE),
            Effect.REJECTED: Kept(Reason.REJECTED, because),
            Effect.UNDECIDED: Kept(Reason.UNDECIDED, because),
        }
        if self.to and workload.gateway in RENDERED:
            kept[Effect.NOTHING] = Kept(Reason.GATEWAY_OWNER, because)
        for effect, reason in kept.items():
            if count := sum(group.count for group in elsewhere if group.effect is effect):
                return self._left(workload, reason, count)
        return None

    def _left(self, workload: Workload, kept: Kept, pods: int) -> Left:
        return Left(
            kind=workload.kind,
            namespace=workload.namespace,
            name=workload.name,
            pods=pods,
            reason=kept.reason,
            why=kept.reason.says(kept.detail),
            hint=next_step(workload, kept.reason, self.to.name if self.to else ""),
        )


def _once(restarts: Iterable[Restart]) -> Iterator[Restart]:
    """A template that two workloads use is changed once; both restart."""
    changed = set()
    for restart in restarts:
        step = restart.step
        target = (step.resource, step.namespace, step.name) if step else None
        yield replace(restart, step=None) if target in changed else restart
        changed.add(target)


def _restart(
    workload: Workload, original: PatchTarget | None, step: Step | None = None, stamp: str | None = None
) -> Restart:
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
        stays=min(original.partition, pods) if original else 0,
        stamp=stamp,
        gateway=workload.gateway.value if workload.gateway else None,
    )


def _stamp(original: PatchTarget) -> str | None:
    """When the template was last restarted; empty if never, None where pods do not show it."""
    if facts_of(original.kind).restart is not RestartBy.ANNOTATION or not original.template:
        return None
    return str((original.template_metadata.get("annotations") or {}).get(labels.RESTARTED_AT, ""))


def _pod_stamp(group: PodGroup) -> str:
    return group.pod.metadata.annotations.get(labels.RESTARTED_AT, "")


def _own_label(workload: Workload) -> str:
    """The label by which a template asks for injection itself."""
    key = labels.REV if labels.REV in workload.subject.labels else labels.INJECT
    return f"{key}={workload.subject.labels[key]}"
