"""REV213 to REV216: pods that cannot start, ask for a sidecar in vain, run too old a proxy, or are not ready."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import Hint, command, sentence, within
from kubectl_rev.core.checks.messages import Message, Pods, literal
from kubectl_rev.core.checks.model import Check, Found, Severity, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import Effect
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import SUPPORTED_SKEW, release
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.core.remedies.at_source import onto
from kubectl_rev.core.remedies.commands import explain, living, reset_label, restart
from kubectl_rev.core.suggestions import nearest


def _not_starting(survey: Survey) -> Found:
    for workload in survey.workloads:
        if workload.cannot_start:
            runs = sum(group.count for group in workload.staying)
            why = f"nothing replaces the image, auto ({literal(workload.selected.because)})"
            message = Message(
                f"{{}} would not start again: {why}" if runs else f"new pods do not start: {why}", Pods(runs)
            )
            yield ref_of(workload), message, _injected(survey, workload)


def _injected(survey: Survey, workload: Workload) -> Hint:
    """The command after which a workload's pods are injected: by the revision that its label was meant to name, by
    the one that runs, by the best.
    """
    wish = workload.subject.labels.get(labels.REV, "")
    alive, near = living(survey, wish), nearest(wish, survey.mesh.names) if wish else None
    for revision in (near, *workload.proxies, *alive):
        if revision and survey.mesh.resolve(revision) in alive and (hint := onto(survey, workload, revision)):
            return hint
    return explain(workload)


def _annotated(survey: Survey) -> Found:
    """The API server looks at labels alone. Up to 1.9 an injector had none to look at on a pod, and asked for none."""
    for workload in survey.workloads:
        asks = workload.subject.annotations.get(labels.INJECT, "").lower() in ("y", "yes", "true", "on")
        if not asks or labels.INJECT in workload.subject.labels or workload.selected.state is not State.NONE:
            continue
        wishes = [(labels.INJECT, "true"), *((labels.REV, revision) for revision in living(survey))]
        for key, value in wishes:
            labelled = msgspec.structs.replace(workload.subject, labels=workload.subject.labels | {key: value})
            if select(survey.mesh, labelled).state is State.INJECTED:
                message = f"its annotation {labels.INJECT} reaches no injector: since 1.10 a label asks for a sidecar"
                hint: Hint = sentence(f"give its template the label {key}={value} where it is made")
                if facts_of(workload.kind).rolled and workload.metadata.controller is None:
                    hint = reset_label(workload, value, key)
                yield ref_of(workload), message, hint
                break


def _outdated(survey: Survey) -> Found:
    """Where the pods' own images were read: their metadata has no version."""
    for workload in survey.workloads:
        for group in workload.staying:
            container = group.pod.spec.proxy if group.pod.spec else None
            runs = container.image.partition("@")[0].rpartition(":")[2] if container else ""
            versions = survey.mesh.versions_of(group.proxy.revision or "") if group.proxy else ()
            newest = max(versions, key=lambda version: release(version) or (0, 0), default="")
            proxy, istiod = release(runs), release(newest)
            if proxy and istiod and istiod[1] - proxy[1] > SUPPORTED_SKEW:
                message = Message("{} of {}, its istiod {}: more than Istio supports", Pods(group.count), runs, newest)
                pinned = group.effect is Effect.FIXED or _has_own_image(workload)
                yield ref_of(workload), message, explain(workload) if pinned else restart(workload)


def _not_ready(survey: Survey) -> Found:
    """Where the pods' status was read; a finished pod is none, and one that is being deleted is not waited for."""
    for workload in survey.workloads:
        waiting = [g for g in workload.staying if g.pod.status and not g.pod.ready]
        if count := sum(group.count for group in waiting):
            phases = ", ".join(sorted({group.pod.status.phase or "Unknown" for group in waiting if group.pod.status}))
            proxies = str(sum(group.count for group in workload.staying))
            message = Message("{} not ready (" + literal(phases) + "), of {} with a proxy", Pods(count), proxies)
            look = command("describe", "pod", waiting[0].pod.name, within(workload.namespace))
            yield ref_of(workload), message, restart(workload) if workload.held in ("rolling", "stuck") else look


def _has_own_image(workload: Workload) -> bool:
    """Whether its template names the proxy's image itself, so that a restart changes nothing about it."""
    own = workload.template.spec.proxy if workload.template else None
    named = workload.template is not None and labels.PROXY_IMAGE in workload.template.metadata.annotations
    return named or (own is not None and own.image not in ("", "auto"))


_E, _W = Severity.ERROR, Severity.WARNING
CHECKS = (
    Check("REV213", _E, "pods that cannot start without an injector",
          "the image auto is only a place for the injector's: without one the pod waits for it for ever", _not_starting,
          "manifests/charts/gateway/templates/deployment.yaml; pkg/kube/inject/webhook.go",
          needs=needs.SELECTED),
    Check("REV214", _W, "an annotation asks for a sidecar, and no label does",
          "an annotation alone reaches no injector: pods start without a sidecar and nothing says so", _annotated,
          sources.SELECTORS, needs=needs.SELECTED),
    Check("REV215", _W, "proxies are older than their istiod supports",
          "the data plane may be one minor release older", _outdated,
          "istio.io: Supported Releases, control plane/data plane skew", needs=needs.RUNNING),
    Check("REV216", _W, "proxies are not ready", "they were injected by the revision, and do not run on it yet",
          _not_ready, "k8s.io/api/core/v1: PodStatus", needs=needs.RUNNING),
)  # fmt: skip
