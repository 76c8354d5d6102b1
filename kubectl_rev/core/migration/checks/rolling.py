"""REV41x and REV43x: can these workloads be restarted, and at what price?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kubectl_rev.core.checks import sources
from kubectl_rev.core.checks.hints import NO_HINT, command, within
from kubectl_rev.core.checks.messages import Message
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.capacity import Quota
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.migration.plan import Reason
from kubectl_rev.core.migration.preflight_facts import PreflightContext, quantity
from kubectl_rev.core.remedies.commands import explain

_POD_COUNTS = ("pods", "count/pods")


def _staying(reason: Reason, situation: PreflightContext) -> Found:
    for left in situation.plan.left:
        if left.reason is reason:
            yield ref_of(left), f"its pods stay: {left.why}", left.hint


def _partitioned(situation: PreflightContext) -> Found:
    yield from _staying(Reason.PARTITION, situation)
    for restart, _ in situation.rolled():
        if restart.stays:
            message = Message("its partition keeps {} of {} pods as they are", str(restart.stays), str(restart.pods))
            yield ref_of(restart), message, NO_HINT


def _interrupted(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        if original.rolling.type == "Recreate":
            message = Message("Recreate: all {} pods are deleted before the first new one starts", str(restart.pods))
            yield ref_of(restart), message, NO_HINT
        elif restart.pods == 1 and (original.kind == "StatefulSet" or restart.evicts):
            yield ref_of(restart), "its only pod is deleted before the new one starts", NO_HINT


def _single(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        if original.kind == "Deployment" and restart.pods == 1 and original.rolling.type != "Recreate":
            yield ref_of(restart), "single replica: no redundancy during the restart", NO_HINT


def _budgets(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        given = original.template_metadata.get("labels") or {}
        for budget in situation.facts.budgets:
            selector, status = budget.spec.selector, budget.status
            selects = budget.namespace == restart.namespace and selector.requirements and selector.matches(given)
            if selects and not status.disruptions_allowed and status.expected_pods:
                then = "restarts ignore it, evictions do not"
                if restart.evicts:
                    then = "its controller evicts pods, and replaces none until it does"
                message = f"PodDisruptionBudget {budget.name} allows none now; {then}"
                yield ref_of(restart), message, command("get", "pdb", budget.name, within(budget.namespace))


def _autoscalers(situation: PreflightContext) -> Found:
    for restart, _ in situation.rolled():
        for scaler in situation.facts.autoscalers:
            target = scaler.spec.scale_target_ref
            if Key(scaler.namespace, target.kind, target.name) == Key.of(restart) and scaler.at_maximum:
                maximum = f"its maximum of {scaler.spec.max_replicas}"
                message = f"its autoscaler is at {maximum}: no room for the load of a restart"
                yield ref_of(restart), message, command("get", "hpa", scaler.name, within(scaler.namespace))


def _quotas(situation: PreflightContext) -> Found:
    spaces = {restart.namespace for restart, _ in situation.rolled()}
    for quota in situation.facts.quotas:
        if quota.namespace in spaces and quota.counts_all:
            for what in _full(quota):
                used = f"{quota.status.used.get(what, '0')} of {quota.status.hard[what]}"
                message = f"{what} is used up ({used}): no new pod fits"
                hint = command("describe", "quota", quota.name, within(quota.namespace))
                yield Ref("ResourceQuota", quota.namespace, quota.name), message, hint


def _full(quota: Quota) -> Iterator[str]:
    """The resources that are used up, among pods, CPU and memory: no new pod fits."""
    for what in quota.status.hard:
        counts = what in _POD_COUNTS or what.removeprefix("requests.").removeprefix("limits.") in ("cpu", "memory")
        try:
            if counts and quantity(quota.status.used.get(what, "0")) >= quantity(quota.status.hard[what]):
                yield what
        except ValueError:
            continue


def _pinned_image(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        given = original.template_metadata.get("annotations") or {}
        if image := given.get(labels.PROXY_IMAGE):
            text = f"annotation {labels.PROXY_IMAGE}={{}} pins the proxy's version: only its revision moves"
            yield ref_of(restart), Message(text, image), NO_HINT


def _by_hand(situation: PreflightContext) -> Found:
    for workload in situation.workloads():
        if manual(workload.template):
            message = "its template contains the sidecar (kube-inject): run kube-inject again"
            yield ref_of(workload), message, NO_HINT


def _templates(situation: PreflightContext) -> Found:
    for workload in situation.workloads():
        named, revision = workload.subject.annotations.get(labels.TEMPLATES, ""), workload.selected.revision
        there = situation.templates_of(revision) if named and revision else None
        missing = [name for name in map(str.strip, named.split(",")) if there is not None and name not in there]
        if missing:
            message = f"{revision} has no injection template {', '.join(missing)}: new pods would be rejected"
            yield ref_of(workload), message, NO_HINT


def _reverted(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        owner = owner_of(original.metadata, original.kind)
        if owner and owner.tool in ("Argo CD", "Flux"):  # an annotation of a template that is not in Git (Flux FAQ)
            yield ref_of(restart), f"{owner} may remove the restart's annotation, which rolls it once more", NO_HINT


def _by_operator(situation: PreflightContext) -> Found:
    for restart, original in situation.rolled():
        if above := original.metadata.controller:
            message = f"{above.kind} {above.name} made it and may take the restart back: it may have a way of its own"
            yield ref_of(restart), message, NO_HINT


def _undecided(situation: PreflightContext) -> Found:
    for workload in situation.workloads():
        if count := workload.having(Effect.UNDECIDED):
            stay = "they are not waited for" if workload.gateway in RENDERED else "they stay"
            message = f"it cannot be told what becomes of {count} of its pods, so {stay}: {workload.selected.because}"
            yield ref_of(workload), message, explain(workload)


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CHECKS: tuple[Check[PreflightContext], ...] = (
    Check("REV410", _W, "a paused Deployment is not restarted", "kubectl refuses it too",
          partial(_staying, Reason.PAUSED), "kubectl: pkg/polymorphichelpers/objectrestarter.go"),
    Check("REV411", _W, "OnDelete: a restart replaces no pod", "its controller waits until they are deleted",
          partial(_staying, Reason.ON_DELETE), "k8s.io/api/apps/v1: OnDeleteStatefulSetStrategyType"),
    Check("REV412", _W, "a partition keeps pods as they are", "rollout status would call it complete", _partitioned,
          "kubectl: pkg/polymorphichelpers/rollout_status.go"),
    Check("REV413", _W, "a restart interrupts it", "no other pod is there meanwhile", _interrupted,
          "k8s.io/api/apps/v1: RecreateDeploymentStrategyType"),
    Check("REV414", _I, "a single replica", "if the new pod fails, the old one alone serves", _single,
          "k8s.io/api/apps/v1: RollingUpdateDeployment"),
    Check("REV415", _W, "a disruption budget allows none", "rolling updates do not consult it, Argo's restarts do",
          _budgets, "kubernetes.io: Disruptions"),
    Check("REV416", _W, "an autoscaler is at its maximum", "it cannot answer the load of a restart", _autoscalers,
          "k8s.io/api/autoscaling/v2: HorizontalPodAutoscalerSpec"),
    Check("REV417", _E, "a quota leaves no room for a new pod", "the rollout would never end", _quotas,
          "kubernetes.io: Resource Quotas"),
    Check("REV418", _W, "a proxy image is pinned", "a restart moves the revision, not the version", _pinned_image,
          sources.TEMPLATE),
    Check("REV419", _W, "a sidecar injected by hand", "a restart re-creates the old one", _by_hand,
          sources.KUBE_INJECT),
    Check("REV430", _E, "an injection template is missing in the target", "istiod refuses such pods", _templates,
          sources.INJECTION),
    Check("REV431", _W, "Git's controller may undo a restart", "the annotation is not in Git", _reverted, sources.GIT),
    Check("REV432", _W, "an operator made the workload", "it may revert what it did not do", _by_operator,
          "k8s.io/apimachinery/pkg/apis/meta/v1: OwnerReference"),
    Check("REV433", _W, "a restart would take a sidecar away", "nothing injects those pods any more",
          partial(_staying, Reason.LOSES_SIDECAR), sources.SELECTORS),
    Check("REV434", _W, "it cannot be told what a restart does", "so it is not done", _undecided, sources.STATUS),
)  # fmt: skip
