"""REV420 and REV436 to REV439: the labels that a migration changes: whose they are, and what they lead away from."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_rev.core.checks import sources
from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command, sentence
from kubectl_rev.core.checks.messages import Message
from kubectl_rev.core.checks.model import Check, Found, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.migration.plan import Move, Restart
from kubectl_rev.core.migration.preflight_facts import PreflightContext

_INSTANCE = "app.kubernetes.io/instance"  # by it Argo CD tells what is its own, before 3.0 and by default


def _namespaces(situation: PreflightContext) -> Iterator[tuple[Move, PatchTarget]]:
    """Those that are given another label."""
    for move in situation.plan.moves:
        original = situation.originals.namespace(move.namespace)
        if original is not None and move.label:
            yield move, original


def _owned(situation: PreflightContext) -> Found:
    if situation.request.force_owned:
        return
    put_back = "which may put them back: change them there, or say --force-owned"
    for move, original in _namespaces(situation):
        if owner := owner_of(original.metadata, "Namespace"):
            message = f"its labels belong to {owner}, {put_back}"
            yield namespace_ref(move.namespace), message, _change_at_source(move)
    for restart, original in situation.rolled():
        holder = original.template_holder
        if restart.before != restart.after and (owner := owner_of(holder.metadata, holder.kind)):
            yield ref_of(restart), f"its template's labels belong to {owner}, {put_back}", _in_template(restart, holder)


def _tracked_by_label(situation: PreflightContext) -> Found:
    """Charts set the label, too, but then Helm's annotation says whose it is where Helm itself has installed them."""
    text = f"its label {_INSTANCE}={{}} may be Argo CD's, which tracks by it before 3.0 and puts labels back"
    for move, original in _namespaces(situation):
        if _INSTANCE in original.labels and not owner_of(original.metadata, "Namespace"):
            yield namespace_ref(move.namespace), Message(text, original.labels[_INSTANCE]), _change_at_source(move)
    for restart, original in situation.rolled():
        holder = original.template_holder
        tracked = _INSTANCE in holder.labels and not owner_of(holder.metadata, holder.kind)
        if tracked and restart.before != restart.after:
            yield ref_of(restart), Message(text, holder.labels[_INSTANCE]), _in_template(restart, holder)


def _in_template(restart: Restart, holder: PatchTarget) -> Hint:
    what = f"the pod template of {holder.kind} {holder.name} in namespace {restart.namespace}"
    return sentence(f"in {what}: {_change(restart.before, restart.after)}")


def _change_at_source(move: Move) -> Hint:
    return sentence(f"in the manifest of Namespace {move.namespace}: {_change(move.before, move.after)}")


def _change(before: dict[str, str], after: dict[str, str]) -> str:
    """In words that can be pasted."""
    gone = [f"remove the label {key}" for key in before if key not in after]
    new = [f"set the label {key}: {value}" for key, value in after.items() if before.get(key) != value]
    return ", ".join(gone + new)


def _leaves_its_tag(situation: PreflightContext) -> Found:
    plan = situation.plan
    if plan.undo or plan.is_tag:
        return
    tags = {tag.name for tag in situation.before.mesh.tags}
    for move, _ in _namespaces(situation):
        tag = move.before.get(labels.REV, "")
        if tag in tags and labels.INJECTION not in move.before:
            message = Message("it follows tag {} now; after this migration, moving the tag no longer moves it", tag)
            hint = command("rev-migrate", Flag("--tag", tag), Flag("--to", plan.revision))
            yield namespace_ref(move.namespace), message, hint


def _keeps_its_label(situation: PreflightContext) -> Found:
    plan = situation.plan
    if plan.undo or plan.tag:
        return
    for move in situation.plan.moves:
        selected = situation.before.selected_for_namespace(move.namespace)
        if move.restarts and not move.label and selected.revision not in (None, plan.revision):
            message = f"its label leads to {selected.revision}, and stays: what is restarted moves there"
            hint = command("rev-migrate", move.namespace, Flag("--to", plan.to))
            yield namespace_ref(move.namespace), message, hint


def _of_a_control_plane(situation: PreflightContext) -> Found:
    homes = {plane.namespace for plane in situation.before.mesh.control_planes if plane.istiods}
    for move, _ in _namespaces(situation):
        if move.namespace in homes and not move.before and not situation.plan.undo:
            message = "istiod runs there: a sidecar in front of it or of what serves it can keep it from starting"
            yield namespace_ref(move.namespace), message, NO_HINT


_E, _W = Severity.ERROR, Severity.WARNING
CHECKS: tuple[Check[PreflightContext], ...] = (
    Check("REV420", _E, "the labels belong to Git, Helm or an operator", "they would be put back", _owned, sources.GIT),
    Check("REV436", _W, "a namespace of a third revision keeps its label",
          "only what still runs on the revision that is left is restarted", _keeps_its_label, sources.SELECTORS),
    Check("REV437", _W, "a namespace leaves its tag", "it would not move with the tag any more", _leaves_its_tag,
          sources.TAGS),
    Check("REV438", _W, "the labels may be Argo CD's", "its resource tracking was by label before 3.0",
          _tracked_by_label, "argo-cd.readthedocs.io: Resource Tracking"),
    Check("REV439", _W, "a control plane's own namespace is enrolled", "istio.io: do not inject istio-system",
          _of_a_control_plane, sources.INJECTION),
)  # fmt: skip
