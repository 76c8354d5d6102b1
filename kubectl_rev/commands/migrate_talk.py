"""What rev-migrate says besides its results: the question, what was found, what is left."""

from __future__ import annotations

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.migrate_preflight import Preflight
from kubectl_rev.commands.terminal import err, style
from kubectl_rev.core.checks.model import Ref, namespace_ref, ref_of
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.reasons import What
from kubectl_rev.render import findings, text
from kubectl_rev.render import migrate as render

_FEW = 3  # namespaces, by name
_SHOWN = 20  # workloads that are left, by name


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
