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
from kubectl_rev.core.migration.migration import Labels, Planner, gateways_last, surveyed_after
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Plan, SkipReason, skipped


def records(originals: PatchTargets) -> dict[str, Labels]:
    """The namespaces that were moved, with the labels they had."""
    return {name: was for (_, kind, name), was in _recorded(originals).items() if kind == "Namespace"}


def _recorded(originals: PatchTargets) -> dict[Key, Labels]:
    """All that was moved, with the labels that it, or its template, had."""
    return {Key.of(target): was for target in originals if (was := patches.recorded(target)) is not None}


def plan(survey: Survey, originals: PatchTargets, request: Request, names: list[str], now: str) -> Plan:
    """Back to what each of these namespaces was."""
    wanted = {name: was for name, was in records(originals).items() if name in names}
    pins = {key: was for key, was in _recorded(originals).items() if key[0] in names}
    after = surveyed_after(survey, wanted, pins)
    planner = Planner(before=survey, after=after, originals=originals, request=request, now=now, pins=pins, undo=True)
    recorded = {*wanted, *(namespace for namespace, _, _ in pins)}
    moves, unrecorded = [], []
    for name in names:
        move = planner.move(name, wanted.get(name))
        if name in recorded or any(restart.step is None for restart in move.restarts):
            moves.append(move)
        else:
            unrecorded.append(skipped(name, SkipReason.NO_RECORD, labels.PREVIOUS))
    return Plan(undo=True, moves=gateways_last(moves), skipped=tuple(unrecorded))


def named(originals: PatchTargets, survey: Survey, request: Request) -> list[str]:
    """The namespaces that an undo speaks of: those named, else those recorded that the request chooses.

    Raises Unknown for one that does not exist.
    """
    choosing.existing(survey, request.exclude)
    if request.names:
        return [name for name in choosing.named(survey, request) if name not in request.exclude]
    of_namespaces = records(originals)
    recorded = of_namespaces.keys() | {key[0] for key in _recorded(originals) if key[0] in survey.namespace_labels}
    return sorted(
        name for name in recorded - {*request.exclude} if _selected(survey, request, name, of_namespaces.get(name))
    )


def _selected(survey: Survey, request: Request, name: str, record: Labels | None) -> bool:
    """By its labels, or because an undo that was cut off has put them back: the selector may name what is gone."""
    given = survey.namespace_labels.get(name, {})
    return request.selector is None or request.selector.matches(given) or patches.injection_labels(given) == record
