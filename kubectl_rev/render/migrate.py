"""How rev-migrate looks: the plan before, the result after, in kubectl's words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import msgspec

from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Left, Move, Plan, Restart
from kubectl_rev.core.migration.run import Outcome, Result, What
from kubectl_rev.core.writes import Step
from kubectl_rev.render.text import Style, clean, counts, gap_place, gap_why, pairs, plural, table, within, wrap

_FEW = 3  # rows that are not worth a line that counts them


def plan(found: Plan, style: Style) -> str:
    """Every patch and every restart, in order."""
    lines = [_headline(found)]
    for step in found.first:
        lines.append(f"{step.says.partition(' ')[0]}   -> {found.revision}")
        lines += [f"    {patch(step)}"] if style.wide else []
    for move in found.moves:
        lines += _move(move, style)
    lines += ["Skipped:"] if found.skipped else []
    for skipped in found.skipped:
        lines += wrap(f"  namespace/{skipped.namespace}   ", skipped.why, style.width)
    return "\n".join(clean(line) for line in lines)


def _headline(found: Plan) -> str:
    spaces = plural(len(found.moves), "namespace")
    restarts = plural(sum(1 for restart in found.restarts if restart.step), "workload")
    if found.tag:
        back = " back" if found.undo else ""
        return f"Tag {found.tag}{back} to revision {found.revision}: {spaces} with it, {restarts} to restart"
    if found.undo:
        return f"Undo: {spaces} back to what they were, {restarts} to restart"
    what = f"tag {found.to} (revision {found.revision})" if found.is_tag else f"revision {found.revision}"
    return f"To {what}: {spaces}, {restarts} to restart"


def _move(move: Move, style: Style) -> Iterable[str]:
    before, after = _labels(move.before), _labels(move.after)
    yield f"namespace/{move.namespace}   " + (f"{before} -> {after}" if move.label else f"{after}, unchanged")
    if style.wide and move.label:
        yield f"    {patch(move.label)}"
    for restart in move.restarts:
        verb = "restart" if restart.step else "wait for"
        yield f"  {spoken(restart.kind, restart.name)}   {verb}: {_change(restart)}"
        if style.wide and restart.step:
            changed = restart.step.says.partition(" ")[0]
            where = "" if changed == spoken(restart.kind, restart.name) else f"in {changed}: "  # a borrowed template
            yield f"    {where}{patch(restart.step)}"
    for leftover in move.left:
        head = f"  {spoken(leftover.kind, leftover.name)}   "
        yield from wrap(head, _stays(leftover), style.width)


def _change(restart: Restart) -> str:
    to = restart.revision or "no sidecar"
    kept = f", {plural(restart.stays, 'pod')} kept by its partition" if restart.stays else ""
    rendered = f" ({restart.gateway} gateway)" if restart.gateway else ""
    relabelled = restart.before != restart.after
    pin = f", its template's label {_labels(restart.before)} -> {_labels(restart.after)}" if relabelled else ""
    return f"{counts(restart.proxies) or 'no sidecar'} -> {to}{kept}{rendered}{pin}"


def patch(step: Step) -> str:
    """The JSON patch; a template that is tested whole is not printed whole."""
    shown = [
        {"op": op.op, "path": op.path}
        | ({} if op.value is msgspec.UNSET else {"value": "…" if op.path == "/spec/template" else op.value})
        for op in step.operations
    ]
    return msgspec.json.encode(shown).decode()


def _labels(labels: dict[str, str]) -> str:
    return pairs(labels) or "<none>"


def not_checked(gaps: Sequence[Gap], style: Style) -> str:
    """What could not be looked at, by why: who has rights in one namespace only may not list a dozen kinds."""
    found: dict[str, list[str]] = {}
    for gap in gaps:
        found.setdefault(gap_why(gap), []).append(gap_place(gap))
    lines: list[str] = []
    for why, what in found.items():
        text = clean(f"Not checked ({why}): {', '.join(what)}")
        width = style.width or len(text)
        lines += textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines)


def outcome(one: Outcome, *, many: bool, dry_run: str = "") -> str:
    """One line for stderr: `deployment.apps/web rolled out (canary, 3/3)`; `many` namespaces are named."""
    subject, _, what = one.message.partition(" ")
    suffix = f" ({dry_run} dry run)" if dry_run else ""
    return clean(f"{subject}{within(one.namespace) if many else ''} {what}{suffix}")


def result(found: Result, moves: Sequence[Move], style: Style) -> str:
    """One row per namespace; on a terminal those in which nothing happened are one line."""
    rows = {move.namespace: _row(found, move) for move in moves}
    calm = [name for name, row in rows.items() if row[1:3] == ("unchanged", "0") and row[4:6] == ("0", "0")]
    if style.limit is None or style.wide or len(calm) < _FEW:
        calm = []
    columns = ("NAMESPACE", "STATE", "RESTARTED", "UNCHANGED", "FAILED", "LEFT", "LABEL")
    busy = [row for name, row in rows.items() if name not in calm]
    lines = [table(columns, busy, style)] if busy else []
    if calm:
        lines.append(f"{len(calm)}{' other' if busy else ''} namespaces are unchanged: -o wide shows them")
    return "\n".join(lines)


def _row(found: Result, move: Move) -> tuple[str, ...]:
    of = [one for one in found.outcomes if move.namespace in (one.namespace, one.namespace or one.name)]
    idle = What.UNCHANGED.value if not move.label and move.namespace not in found.not_begun else "not begun"
    rolled = sum(one.what is What.ROLLED_OUT for one in of)
    restarted = sum(one.what is What.RESTARTED for one in of)
    return (
        move.namespace,
        next((one.what.value for one in reversed(of) if one.kind == "Namespace"), idle),
        str(max(rolled, restarted)),
        str(move.unchanged),
        str(sum(one.what is What.FAILED for one in of if one.kind != "Namespace")),
        str(len(move.left) + sum(one.namespace == move.namespace for one in found.not_restarted)),
        _labels(move.after),
    )


def stays(left: Sequence[Left], style: Style) -> str:
    """What was not replaced, why, and what to do."""
    lines = []
    for leftover in left:
        head = f"{spoken(leftover.kind, leftover.name)} -n {leftover.namespace} "
        lines += wrap(head, _stays(leftover), style.width)
        if leftover.hint:
            lines.append(f"    {clean(str(leftover.hint))}")  # never cut: it is there to be copied
    return "\n".join(lines)


def _stays(leftover: Left) -> str:
    return f"stays ({plural(leftover.pods, 'pod')}): {leftover.why}"
