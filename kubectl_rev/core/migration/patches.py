"""The JSON patches of a migration: what they test, what they change, what they write down for the way back.

Labels change in one patch that tests what was read; a `test` for null holds where the key is absent (so it does in
evanphx/json-patch, which the API server uses). A workload's patch tests its uid and its whole template: status churn
moves its resourceVersion, but a template that somebody else has changed is rolled by that already.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.resources import BY_KIND, Restart, facts_of, printed
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.writes import Op, Step, pointer


def spoken(kind: str, name: str) -> str:
    """As kubectl says it: `deployment.apps/web`."""
    return f"{printed(kind)}/{name}"


def injection_labels(given: dict[str, str]) -> dict[str, str]:
    """The labels that are ours to change."""
    return {key: given[key] for key in labels.INJECTION_LABELS if key in given}


def relabelled(given: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    """All labels of an object whose own are changed to these."""
    return {key: value for key, value in given.items() if key not in labels.INJECTION_LABELS} | wanted


def written(previous: dict[str, str]) -> str:
    """Labels as the annotation keeps them."""
    return msgspec.json.encode(previous, order="sorted").decode()


def recorded(annotations: dict[str, str]) -> dict[str, str] | None:
    """The labels that the annotation keeps; None where there is none, or one that nobody of us wrote."""
    try:
        found = msgspec.json.decode(annotations.get(labels.PREVIOUS, ""), type=dict[str, str])
    except msgspec.MsgspecError:
        return None
    return found if set(found) <= set(labels.INJECTION_LABELS) else None


def relabel(original: PatchTarget, wanted: dict[str, str], *, record: bool) -> Step:
    """Give a namespace these injection labels; `record` keeps the present ones, unless earlier ones are kept."""
    meta = original.metadata
    ops = [*_is(meta.uid), *_label_ops("/metadata", injection_labels(meta.labels), wanted)]
    if record and labels.PREVIOUS not in original.annotations:
        ops += _annotate(original, labels.PREVIOUS, written(injection_labels(meta.labels)))
    return _step("Namespace", original, ops, "labeled")


def unlabel(original: PatchTarget, wanted: dict[str, str]) -> Step:
    """Take `relabel` back in the same run, with the record of the old labels if that made one."""
    meta = original.metadata
    ops = [*_is(meta.uid), *_label_ops("/metadata", wanted, injection_labels(meta.labels))]
    if labels.PREVIOUS not in original.annotations:
        ops.append(Op("remove", pointer("metadata", "annotations", labels.PREVIOUS)))
    return _step("Namespace", original, ops, "labels put back")


def forget(original: PatchTarget) -> Step:
    """Remove the record: the last write of an undo."""
    path = pointer("metadata", "annotations", labels.PREVIOUS)
    ops = [*_is(original.metadata.uid), Op("test", path, original.annotations[labels.PREVIOUS]), Op("remove", path)]
    return _step("Namespace", original, ops, "undone")


def restart(original: PatchTarget, now: str) -> Step:
    """Replace a workload's pods as `kubectl rollout restart` does, or by the field that its kind has for it."""
    ops = _is(original.metadata.uid)
    if facts_of(original.kind).restart is Restart.RESTART_AT:
        ops.append(Op("add", "/spec/restartAt", now))
        return _step(original.kind, original, ops, "restarted")
    return _step(original.kind, original, [*ops, *_stamp(original, now)], "restarted")


def repin(original: PatchTarget, wanted: dict[str, str], now: str, *, undo: bool = False) -> Step:
    """Give a workload's template another revision label; this replaces its pods too. A template that is another
    workload's is changed there.
    """
    done = "labeled and restarted"
    if original.lender is not None:
        done = f"labeled: {spoken(original.kind, original.metadata.name)} restarts"
        original = original.lender
    metadata = (original.template or {}).get("metadata") or {}
    given = metadata.get("labels") or {}
    before = {labels.REV: given[labels.REV]} if labels.REV in given else {}
    ops = [*_is(original.metadata.uid), *_stamp(original, now)]
    where = f"{facts_of(original.kind).template}/metadata/labels"
    if "labels" not in metadata:
        ops.append(Op("add", where, {}))
    path = f"{where}{pointer(labels.REV)}"
    if labels.REV in wanted:
        ops.append(Op("add", path, wanted[labels.REV]))
    elif before:
        ops.append(Op("remove", path))
    if undo:
        ops.append(Op("remove", pointer("metadata", "annotations", labels.PREVIOUS)))
    elif labels.PREVIOUS not in original.annotations:
        ops += _annotate(original, labels.PREVIOUS, written(before))
    return _step(original.kind, original, ops, done)


def holds(step: Step, found: dict[str, Any]) -> bool:
    """Whether an object is already as a patch would make it: what a request without an answer may have done."""
    for op in step.operations:
        value = _at(found, op.path)
        if (op.op in ("add", "replace") and not _equal(value, op.value)) or (op.op == "remove" and value is not None):
            return False
    return True


def _equal(found: Any, wanted: Any) -> bool:
    """A map that was added may have got more entries by the next operation."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return all(found.get(key) == value for key, value in wanted.items())
    return bool(found == wanted)


def _at(found: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        if isinstance(found, dict):
            found = found.get(part.replace("~1", "/").replace("~0", "~"))
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _is(uid: str) -> list[Op]:
    return [Op("test", "/metadata/uid", uid)] if uid else []


def _label_ops(where: str, given: dict[str, str], wanted: dict[str, str]) -> list[Op]:
    paths = {key: f"{where}{pointer('labels', key)}" for key in labels.INJECTION_LABELS}
    ops = [Op("test", path, given.get(key)) for key, path in paths.items()]
    for key, path in paths.items():
        if key in wanted and given.get(key) != wanted[key]:
            ops.append(Op("add", path, wanted[key]))
        elif key in given and key not in wanted:
            ops.append(Op("remove", path))
    return ops


def _annotate(original: PatchTarget, key: str, value: str) -> list[Op]:
    if original.metadata.annotations is None:
        return [Op("test", "/metadata/annotations", None), Op("add", "/metadata/annotations", {key: value})]
    path = pointer("metadata", "annotations", key)
    return [Op("test", path, original.annotations.get(key)), Op("add", path, value)]


def _stamp(original: PatchTarget, now: str) -> list[Op]:
    template = original.template or {}
    where = facts_of(original.kind).template
    path = f"{where}/metadata"
    ops = [Op("test", where, template)] if "spec" in template else []  # a saved snapshot has no whole one
    if "metadata" not in template:
        return [*ops, Op("add", path, {"annotations": {labels.RESTARTED_AT: now}})]
    if not template["metadata"].get("annotations"):
        return [*ops, Op("add", f"{path}/annotations", {labels.RESTARTED_AT: now})]
    return [*ops, Op("add", f"{path}{pointer('annotations', labels.RESTARTED_AT)}", now)]


def _step(kind: str, original: PatchTarget, ops: list[Op], done: str) -> Step:
    meta = original.metadata
    return Step(
        action="patch",
        resource=BY_KIND[kind].resource,
        version=BY_KIND[kind].version,
        namespace=meta.namespace,
        name=meta.name,
        operations=tuple(ops),
        says=f"{spoken(kind, meta.name)} {done}",
    )
