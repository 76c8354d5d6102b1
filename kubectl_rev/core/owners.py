"""Who owns an object's labels, other than the person at the keyboard, and what would have to change there?

Argo CD and Flux put back what differs from Git; Helm at the next upgrade; Sail's operator at once.
"""

from __future__ import annotations

from kubectl_rev.core import labels
from kubectl_rev.core.moves import Move
from kubectl_rev.core.originals import Original


def owner_of(original: Original) -> str:
    """`Argo CD (shop-app)`; empty when nobody claims it."""
    return owner_by(original.metadata.labels, original.annotations)


def owner_by(given: dict[str, str], annotations: dict[str, str]) -> str:
    """The same, of labels and annotations."""
    said = given | annotations
    for who, keys in (("Argo CD", labels.ARGOCD), ("Flux", labels.FLUX), ("Helm", (labels.HELM_RELEASE,))):
        for key in keys:
            if key in said:
                return f"{who} ({said[key].partition(':')[0]})"
    return "Sail" if given.get(labels.SAIL_MANAGED_BY) == labels.SAIL_OPERATOR else ""


def reverts_restarts(original: Original) -> str:
    """Argo CD with self-heal and Flux remove an annotation of a template that is not in Git (Flux FAQ)."""
    owner = owner_of(original)
    return owner if owner.startswith(("Argo CD", "Flux")) else ""


def change_at_source(move: Move) -> str:
    """The change of a namespace's manifest, in words that can be pasted."""
    gone = [f"remove the label {key}" for key in move.before if key not in move.after]
    new = [f"set the label {key}: {value}" for key, value in move.after.items() if move.before.get(key) != value]
    return f"in the manifest of Namespace {move.namespace}: {', '.join(gone + new)}"
