"""What a run tells of what it did: the outcomes, with their words."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_rev.core.checks.model import Ref, namespace_ref
from kubectl_rev.core.mesh.resources import Keyed
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Move, Plan, Restart
from kubectl_rev.core.migration.run import Outcome, Progress, What
from kubectl_rev.core.writes import Step
from kubectl_rev.render.text import pairs

_SHOWN = 3  # pods, by name


def expected(plan: Plan) -> Iterator[tuple[Step, Outcome]]:
    """The writes of a run in which nothing fails, and what it would tell of each."""
    for step in plan.first:
        yield step, of_tag(step, What.MOVED)
    for move in plan.moves:
        if move.label:
            yield move.label, outcome(namespace_ref(move.namespace), What.LABELED, move.label.says)
        for restart in move.restarts:
            if restart.step:
                yield restart.step, outcome(restart, What.RESTARTED, restart.step.says)


def outcome(of: Keyed, what: What, message: str, detail: str = "") -> Outcome:
    return Outcome(kind=of.kind, namespace=of.namespace, name=of.name, what=what, message=message, detail=detail)


def of_tag(step: Step, what: What, failed: str | None = None) -> Outcome:
    """One of the objects that make a tag."""
    message = step.says if failed is None else f"{step.says} failed: {failed}"
    return outcome(Ref("Tag", "", step.name), what, message)


def of_namespace(move: Move, what: What, labels: dict[str, str] | None = None) -> Outcome:
    """`labels` are those that it has now."""
    message = f"namespace/{move.namespace} {what.value}"
    return outcome(namespace_ref(move.namespace), what, message, pairs(labels or {}))


def rolled_out(restart: Restart, state: Progress) -> Outcome:
    """`deployment.apps/web rolled out (canary, 3/3)`."""
    stays = f"; {restart.stays} kept by its partition" if restart.stays else ""
    tally = f"{restart.revision or 'no sidecar'}, {state.ready}/{restart.pods}{stays}"
    return outcome(restart, What.ROLLED_OUT, f"{spoken(restart.kind, restart.name)} rolled out ({tally})")


def not_by_target(restart: Restart, state: Progress) -> str:
    """Why a restart failed whose new pods another revision injected."""
    return f"its new pods are not injected by {restart.revision}: {', '.join(state.wrong[:_SHOWN])}"


def late(restart: Restart, state: Progress, event: str, timeout: float) -> str:
    """Why a restart failed that was not over in time."""
    parts = [f"{state.ready} of {restart.pods} are ready on {restart.revision or 'no revision'}"]
    parts += [f"not ready: {', '.join(state.waiting[:_SHOWN])}"] if state.waiting else []
    parts += [f"still old: {', '.join(state.old[:_SHOWN])}"] if state.old and not state.waiting else []
    parts += [f"last event: {event}"] if event else []
    return f"not rolled out within {timeout:g}s: {'; '.join(parts)}"
