"""Why are these pods not replaced, and what is to be done about them?

Nothing is deleted: a bare pod, a running Job and whatever replaces its pods only when they are deleted are listed.
Sources: kubectl's polymorphichelpers/objectrestarter.go (paused), k8s.io/kubernetes/pkg/controller/statefulset.
"""

from __future__ import annotations

from typing import NamedTuple

from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command, within
from kubectl_rev.core.checks.model import ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect
from kubectl_rev.core.mesh.inventory import Workload
from kubectl_rev.core.mesh.resources import WORKLOADS, Restart, facts_of
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.migration.plan import Reason
from kubectl_rev.core.remedies.commands import explain, label_gateway, reset_label, restart, resume

# Without any of these lists nobody knows what runs in a namespace. (Of optional kinds most clusters have none.)
SEEN_BY = (
    "pods",
    *(w.resource for w in WORKLOADS if not w.optional and facts_of(w.kind).restart is not Restart.COMPLETION),
)


class Kept(NamedTuple):
    """Why pods stay; `detail` is what the reason is about: a kind, a number, a label."""

    reason: Reason
    detail: str = ""


def keeps(
    workload: Workload, original: PatchTarget | None, request: Request, *, pinning: bool, may_lose: bool
) -> Kept | None:
    """Why a drifting workload is not restarted; None when it is. `may_lose`: its sidecar is meant to go."""
    if workload.having(Effect.LOSES, Effect.STOPS) and not may_lose:
        return Kept(Reason.LOSES_SIDECAR, workload.selected.because)
    if workload.gateway and not request.include_gateways:
        return Kept(Reason.GATEWAY, workload.gateway.value)
    if workload.gateway in RENDERED:
        return None
    if by_kind := _by_kind(workload.kind, pinning):
        return by_kind
    if workload.held == "half way":
        return Kept(Reason.PAUSED)
    if original is not None and (by_strategy := _by_strategy(original, pinning)):
        return by_strategy
    return None if request.restart else Kept(Reason.NO_RESTART)


_BY_KIND = {"CronJob": Kept(Reason.CRON_JOB), "Job": Kept(Reason.JOB), "Pod": Kept(Reason.BARE_POD)}


def _by_kind(kind: str, pinning: bool) -> Kept | None:
    if kind == "CronJob" and pinning:
        return Kept(Reason.CRON_JOB_LABEL, labels.REV)
    return None if facts_of(kind).rolled else _BY_KIND.get(kind, Kept(Reason.OTHER_KIND, kind))


def _by_strategy(original: PatchTarget, pinning: bool) -> Kept | None:
    if original.spec.paused and (pinning or facts_of(original.kind).resume_command):
        return Kept(Reason.PAUSED)
    if original.rolling.type == "OnDelete":
        return Kept(Reason.ON_DELETE)
    if original.partition >= original.pods > 0:
        return Kept(Reason.PARTITION, str(original.partition))
    if not original.rolls_on_change:
        return Kept(Reason.NO_TRIGGER)
    selectors = (original.spec.selector, original.template_holder.spec.selector)
    if pinning and any(labels.REV in selector.match_labels for selector in selectors):
        return Kept(Reason.SELECTOR, labels.REV)
    return None


def next_step(workload: Workload, reason: Reason, to: str) -> Hint:
    """The command that helps; none where the reason itself says what to do, or nothing but time helps.

    `to` is the label's new value, empty for an undo.
    """
    where = within(workload.namespace)
    match reason:
        case Reason.PAUSED:
            return resume(workload)
        case Reason.ON_DELETE | Reason.PARTITION | Reason.OTHER_KIND:
            return command("rev-status", "pods", Flag("--drifted"), where)
        case Reason.BARE_POD:
            return command("get", "pod", workload.name, where, Flag("-o", "yaml"))
        case Reason.JOB:
            return command("get", str(ref_of(workload)), where, Flag("--watch"))
        case Reason.NO_RESTART | Reason.NO_TRIGGER:
            return restart(workload)
        case Reason.UNREADABLE if facts_of(workload.kind).restart_command:
            return restart(workload)
        case Reason.UNREADABLE_LABEL if to:
            return reset_label(workload, to)
        case Reason.LOSES_SIDECAR | Reason.UNREADABLE | Reason.REJECTED | Reason.UNDECIDED:
            return explain(workload)
        case Reason.GATEWAY if to:
            return command("rev-migrate", workload.namespace, Flag("--to", to), Flag("--include-gateways"))
        case Reason.GATEWAY_OWNER if to and workload.made_from:
            return label_gateway(workload.namespace, workload.made_from, to)
    return NO_HINT
