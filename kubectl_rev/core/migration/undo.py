"""The way back: what the annotation `kubectl-rev/previous` says, as a plan.

An undo restores the labels and restarts what drifts then; the record goes last, in a write of its own, so that an undo
that was cut off is taken up by the same command. Where there is no record nothing is restarted, only what is under way
is waited for: the record may be gone because all was done.
"""

from __future__ import annotations

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.migration import choosing, patches
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.migration import gateways_last, move, surveyed_after
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Move, Plan, Skipped
from kubectl_rev.core.migration.reasons import SkipReason, words


def records(originals: PatchTargets) -> dict[str, dict[str, str]]:
    """The namespaces that were moved, with the labels they had."""
    found = {}
    for original in originals:
        if original.kind == "Namespace" and (was := patches.recorded(original.annotations)) is not None:
            found[original.metadata.name] = was
    return found


def pins(originals: PatchTargets, namespaces: set[str]) -> dict[Key, dict[str, str]]:
    """The workloads there whose template was changed, with the label it had."""
    return {
        original.key: was
        for original in originals
        if original.kind != "Namespace"
        and original.metadata.namespace in namespaces
        and (was := patches.recorded(original.annotations)) is not None
    }


def plan(survey: Survey, originals: PatchTargets, request: Request, names: list[str], now: str) -> Plan:
    """Back to what each of these namespaces was."""
    wanted = {name: was for name, was in records(originals).items() if name in names}
    changed = pins(originals, set(names))
    after = surveyed_after(survey, wanted, changed)
    moves: list[Move] = []
    skipped: list[Skipped] = []
    for name in names:
        recorded = name in wanted or any(key[0] == name for key in changed)
        made = move(survey, after, originals, name, request, now, wanted=wanted.get(name), pins=changed, undo=True)
        if recorded or any(restart.step is None for restart in made.restarts):
            moves.append(made)
        else:
            reason = SkipReason.NO_RECORD
            skipped.append(Skipped(name, words(reason, labels.PREVIOUS), reason))
    return Plan(undo=True, moves=tuple(gateways_last(moves)), skipped=tuple(skipped))


def named(originals: PatchTargets, survey: Survey, request: Request) -> list[str]:
    """The namespaces that an undo speaks of: those named, else those recorded that the request chooses.

    Raises Unknown for one that does not exist.
    """
    choosing.existing(survey, request.exclude)
    if request.names:
        return [name for name in choosing.named(survey, request) if name not in request.exclude]
    recorded = records(originals)
    kept = set(recorded) | {key[0] for key in pins(originals, set(survey.namespace_labels))}
    return sorted(name for name in kept - {*request.exclude} if _selected(survey, request, name, recorded.get(name)))


def _selected(survey: Survey, request: Request, name: str, record: dict[str, str] | None) -> bool:
    """By its labels, or because an undo that was cut off has put them back: the selector may name what is gone."""
    given = survey.namespace_labels.get(name, {})
    return request.selector is None or request.selector.matches(given) or patches.injection_labels(given) == record
