"""Who owns an object's labels, other than the person at the keyboard, and what would have to change there?

Argo CD and Flux put back what differs from Git; Helm at the next upgrade; Sail's operator at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_rev.core.mesh import ownership
from kubectl_rev.core.mesh.objects import Metadata, OwnerReference
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.migration.plan import Move, Restart


def owner_of(original: PatchTarget) -> str:
    """`Argo CD (shop-app)`; empty when nobody claims it."""
    found = original.metadata
    return owner_by(found.labels, original.annotations, found.owner_references)


def owner_by(given: dict[str, str], annotations: dict[str, str], owners: Sequence[OwnerReference] = ()) -> str:
    """The same, of labels, annotations and owner references."""
    return str(_claimed(given, annotations, owners) or "")


def _claimed(
    given: dict[str, str], annotations: dict[str, str], owners: Sequence[OwnerReference]
) -> ownership.Owner | None:
    return ownership.owner_of(Metadata(labels=given, annotations=annotations, owner_references=list(owners)))


def reverts_restarts(original: PatchTarget) -> str:
    """Argo CD with self-heal and Flux remove an annotation of a template that is not in Git (Flux FAQ)."""
    owner = _claimed(original.metadata.labels, original.annotations, original.metadata.owner_references)
    return str(owner) if owner and owner.tool in ("Argo CD", "Flux") else ""


def change_at_source(move: Move) -> str:
    """The change of a namespace's manifest, in words that can be pasted."""
    return f"in the manifest of Namespace {move.namespace}: {_change(move.before, move.after)}"


def change_of_template(restart: Restart, holder: PatchTarget) -> str:
    """The same of a workload's template, where it is."""
    change = _change(restart.before, restart.after)
    return f"in the pod template of {holder.kind} {holder.metadata.name} in namespace {restart.namespace}: {change}"


def _change(before: dict[str, str], after: dict[str, str]) -> str:
    gone = [f"remove the label {key}" for key in before if key not in after]
    new = [f"set the label {key}: {value}" for key, value in after.items() if before.get(key) != value]
    return ", ".join(gone + new)
