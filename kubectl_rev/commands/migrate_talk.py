"""What rev-migrate says besides its results: the question, what was found, what is left, and how far it is.

On a terminal a live display shows a bar per namespace under way, and how much is done and left; lines about what
happened scroll by above it. Elsewhere there are those lines and nothing else.
"""

from __future__ import annotations

import os
import shutil
import sys

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.migrate_preflight import Preflight
from kubectl_rev.commands.terminal import err, style
from kubectl_rev.core.checks.model import Ref, namespace_ref, ref_of
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Plan, Restart
from kubectl_rev.core.migration.run import What
from kubectl_rev.render import findings, text
from kubectl_rev.render import migrate as render

_FEW = 3  # namespaces, by name
_SHOWN = 20  # workloads that are left, by name
_BAR = 20  # cells
_BARS = 8


def tell_interrupted(execution: Execution) -> None:
    """How far it came, and which write had no answer yet."""
    if execution.doubtful is not None:
        err(f"interrupted while it was being written, so it may be done or not: {execution.doubtful.says}")
    done = sum(one.what is What.ROLLED_OUT for one in execution.done)
    under_way = [spoken(one.kind, one.name) + f" -n {one.namespace}" for one in execution.rolling]
    err(f"interrupted: {text.plural(done, 'workload')} done, {len(under_way)} under way, {len(execution.left)} left")
    for workload in under_way:
        err(f"  under way: {workload}")


def question(plan: Plan) -> str:
    restarts = sum(1 for restart in plan.restarts if restart.step)
    spaces = text.plural(len(plan.moves), "namespace")
    verb = f"Undo {spaces}" if plan.undo else f"Move {spaces} to {plan.to}"
    if plan.tag:
        verb = f"Move tag {plan.tag} to {plan.revision}"
    return f"{verb} and restart {text.plural(restarts, 'workload')}?"


def tell_found(preflight: Preflight) -> None:
    if preflight.findings:
        err(findings.block(preflight.findings, style(on_stderr=True)))
    if preflight.gaps:
        err(render.not_checked(preflight.gaps, style(on_stderr=True)))


def tell_skipped(plan: Plan) -> None:
    for skipped in plan.skipped:
        err(f"namespace/{skipped.namespace} skipped: {skipped.why}")


def tell_unchanged(plan: Plan) -> None:
    """On a terminal many are counted."""
    if style(on_stderr=True).limit is not None and len(plan.moves) > _FEW:
        err(f"{len(plan.moves)} namespaces unchanged")
        return
    for move in plan.moves:
        err(f"namespace/{move.namespace} unchanged")


def tell_left(execution: Execution) -> None:
    """The restarts that were not begun."""
    for restart in execution.left[:_SHOWN]:
        err(f"  left: {spoken(restart.kind, restart.name)} -n {restart.namespace}")
    if len(execution.left) > _SHOWN:
        err(f"  left: {len(execution.left) - _SHOWN} more workloads")


def changed(plan: Plan) -> list[Ref]:
    """What -o name prints: the objects that the plan writes."""
    refs = [Ref("Tag", "", plan.tag)] if plan.first else []
    for move in plan.moves:
        refs += [namespace_ref(move.namespace)] if move.label or move.close else []
        refs += [ref_of(one) for one in move.restarts if one.step]
    return refs


class Live:
    """`line` prints above the display, `draw` brings it up to date, `end` removes it."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn: list[str] = []

    def line(self, line: str) -> None:
        self.end()
        err(line)
        self.draw()

    def draw(self) -> None:
        if not self._on:
            return
        lines = self._lines()
        if lines == self._drawn:
            return
        self.end()
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
        self._drawn = lines

    def end(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\x1b[{len(self._drawn)}F\x1b[J")
            sys.stderr.flush()
        self._drawn = []

    def _lines(self) -> list[str]:
        width = shutil.get_terminal_size().columns - 1
        execution = self._execution
        rolling = execution.rolling
        done = sum(outcome.what is What.ROLLED_OUT for outcome in execution.done)
        lines = []
        names = list(dict.fromkeys(restart.namespace for restart in rolling))
        widest = max(map(len, names[:_BARS]), default=0)
        for name in names[:_BARS]:
            of = [restart for restart in execution.plan.restarts if restart.namespace == name]
            over = sum(outcome.what is What.ROLLED_OUT and outcome.namespace == name for outcome in execution.done)
            full = _BAR * over // max(len(of), 1)
            now = ", ".join(self._state(restart) for restart in rolling if restart.namespace == name)
            lines.append(f"{name:{widest}}   {'█' * full}{'░' * (_BAR - full)}   {over}/{len(of)}   {now}")
        more = f" ({len(names) - _BARS} more namespaces are under way)" if len(names) > _BARS else ""
        lines.append(f"{done} rolled out, {len(rolling)} under way, {len(execution.left)} left{more}")
        return [text.clean(line)[:width] for line in lines]

    def _state(self, restart: Restart) -> str:
        state = self._execution.progress_of(restart)
        return f"{spoken(restart.kind, restart.name)} {state.ready}/{restart.pods}"
