"""The JSON patches of a migration: what they test, what they change, what they write down for the way back.

Labels change in one patch that tests what was read; a `test` for null holds where the key is absent (so it does in
evanphx/json-patch, which the API server uses). A workload's patch tests its uid and its whole template: status churn
moves its resourceVersion, but a template that somebody else has changed is rolled by that already.
"""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Metadata
from kubectl_rev.core.mesh.resources import BY_KIND, Restart, facts_of, printed
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.writes import Op, Step, patch, pointer

_ANNOTATIONS = "/metadata/annotations"
_PREVIOUS = pointer("metadata", "annotations", labels.PREVIOUS)
NO_RECORD = Op("remove", _PREVIOUS)


def spoken(kind: str, name: str) -> str:
    """As kubectl says it: `deployment.apps/web`."""
    return f"{printed(kind)}/{name}"


def injection_labels(given: dict[str, str]) -> dict[str, str]:
    """The labels that are ours to change."""
    return {key: given[key] for key in labels.INJECTION_LABELS if key in given}


def relabelled(given: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    """All labels of an object whose own are changed to these."""
    return {key: value for key, value in given.items() if key not in labels.INJECTION_LABELS} | wanted


def recorded(original: PatchTarget) -> dict[str, str] | None:
    """The labels that the annotation keeps; None where there is none, or one that nobody of us wrote."""
    try:
        kept = msgspec.json.decode(original.metadata.annotations.get(labels.PREVIOUS, ""), type=dict[str, str])
    except msgspec.MsgspecError:
        return None
    return kept if set(kept) <= set(labels.INJECTION_LABELS) else None


def record(metadata: Metadata, value: str) -> list[Op]:
    """What notes a value from before the first change, for the way back; nothing where one is noted already."""
    if labels.PREVIOUS in metadata.annotations:
        return []
    if not metadata.annotations:
        return [Op("test", _ANNOTATIONS, None), Op("add", _ANNOTATIONS, {labels.PREVIOUS: value})]
    return [Op("test", _PREVIOUS, None), Op("add", _PREVIOUS, value)]


def unrecord(metadata: Metadata) -> list[Op]:
    """What removes that note."""
    return [Op("test", _PREVIOUS, metadata.annotations[labels.PREVIOUS]), NO_RECORD]


def written(previous: dict[str, str]) -> str:
    """Labels as the annotation keeps them."""
    return msgspec.json.encode(previous, order="sorted").decode()


def relabel(original: PatchTarget, wanted: dict[str, str], *, note: bool) -> Step:
    """Give a namespace these injection labels; `note` keeps the present ones, unless earlier ones are kept."""
    present = injection_labels(original.labels)
    noted = record(original.metadata, written(present)) if note else []
    return _step(original, [*_label_ops(present, wanted), *noted], "labeled")


def unlabel(original: PatchTarget, wanted: dict[str, str]) -> Step:
    """Take `relabel` back in the same run, with the record of the old labels if that made one."""
    forgotten = [] if labels.PREVIOUS in original.metadata.annotations else [NO_RECORD]
    operations = _label_ops(wanted, injection_labels(original.labels))
    return _step(original, [*operations, *forgotten], "labels put back")


def forget(original: PatchTarget) -> Step:
    """Remove the record: the last write of an undo."""
    return _step(original, unrecord(original.metadata), "undone")


def restart(original: PatchTarget, now: str) -> Step:
    """Replace a workload's pods as `kubectl rollout restart` does, or by the field that its kind has for it."""
    match how := facts_of(original.kind).restart:
        case Restart.RESTART_AT:
            ops = [Op("add", "/spec/restartAt", now)]
        case Restart.ANNOTATION:
            ops = _stamp(original, now)
        case _:
            raise ValueError(f"{original.kind}: {how.value}")  # WorkloadFacts.rolled says which have a patch
    return _step(original, ops, "restarted")


def repin(original: PatchTarget, wanted: dict[str, str], now: str, *, undo: bool = False) -> Step:
    """Give a workload's template, where it is, another revision label; this replaces its pods too."""
    done = "labeled and restarted"
    if original.lender is not None:
        done = f"labeled: {spoken(original.kind, original.name)} restarts"
        original = original.lender
    given = original.template_metadata.get("labels")
    where = f"{facts_of(original.kind).template}/metadata/labels"
    path = f"{where}{pointer(labels.REV)}"
    before = {key: value for key, value in (given or {}).items() if key == labels.REV}
    ops = _stamp(original, now)
    if given is None:
        ops.append(Op("add", where, {}))
    if labels.REV in wanted:
        ops.append(Op("add", path, wanted[labels.REV]))
    elif before:
        ops.append(Op("remove", path))
    ops += [NO_RECORD] if undo else record(original.metadata, written(before))
    return _step(original, ops, done)


def _label_ops(given: dict[str, str], wanted: dict[str, str]) -> list[Op]:
    paths = {key: pointer("metadata", "labels", key) for key in labels.INJECTION_LABELS}
    ops = [Op("test", path, given.get(key)) for key, path in paths.items()]
    for key, path in paths.items():
        if key in wanted and given.get(key) != wanted[key]:
            ops.append(Op("add", path, wanted[key]))
        elif key in given and key not in wanted:
            ops.append(Op("remove", path))
    return ops


def _stamp(original: PatchTarget, now: str) -> list[Op]:
    where = facts_of(original.kind).template
    path = f"{where}/metadata"
    ops = [Op("test", where, original.template)] if "spec" in original.template else []  # a saved snapshot has no spec
    if "metadata" not in original.template:
        return [*ops, Op("add", path, {"annotations": {labels.RESTARTED_AT: now}})]
    if not original.template_metadata.get("annotations"):
        return [*ops, Op("add", f"{path}/annotations", {labels.RESTARTED_AT: now})]
    return [*ops, Op("add", f"{path}{pointer('annotations', labels.RESTARTED_AT)}", now)]


def _step(original: PatchTarget, operations: list[Op], done: str) -> Step:
    kind, uid = BY_KIND[original.kind], original.metadata.uid
    same = [Op("test", "/metadata/uid", uid)] if uid else []
    return patch(kind.resource, original.metadata, [*same, *operations], done, kind.version)
