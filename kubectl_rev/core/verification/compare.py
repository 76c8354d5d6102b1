"""What changed between two reads of a mesh: control planes, tags, labels, and which revision runs where."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.checks.model import Ref, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey


class Change(msgspec.Struct, frozen=True, order=True):
    """One fact about a subject before and now; None where the subject was not there, or is not any more."""

    subject: Ref
    what: str
    before: str | None
    now: str | None


def changes(before: Survey, now: Survey) -> list[Change]:
    """Everything that differs, sorted by subject."""
    old, new = _facts(before), _facts(now)
    differing = (fact for fact in old.keys() | new.keys() if old.get(fact) != new.get(fact))
    return sorted(Change(*fact, old.get(fact), new.get(fact)) for fact in differing)


def _facts(survey: Survey) -> dict[tuple[Ref, str], str]:
    facts = {}
    for plane in survey.mesh.control_planes:
        ready = f"{plane.ready} of {len(plane.istiods)} ready" if plane.kind == "local" else plane.kind
        facts[Ref("Revision", plane.namespace, label_of(plane.revision)), "istiod"] = ready
        if plane.versions:
            facts[Ref("Revision", plane.namespace, label_of(plane.revision)), "version"] = ", ".join(plane.versions)
    for tag in survey.mesh.tags:
        facts[Ref("Tag", "", tag.name), "revision"] = tag.revision
    for name, given in survey.namespace_labels.items():
        said = ", ".join(f"{key}={given[key]}" for key in labels.INJECTION_LABELS if key in given)
        facts[namespace_ref(name), "labels"] = said or "none"
    for workload in survey.workloads:
        runs = ", ".join(f"{revision} {count}" for revision, count in sorted(workload.proxies.items()))
        if runs or workload.selected.revision:
            subject = ref_of(workload)
            facts[subject, "proxies"] = runs or "none"
            facts[subject, "selected"] = workload.selected.revision or workload.selected.state.value
    return facts
