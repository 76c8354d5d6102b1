"""REV101, REV103, REV107, REV108, REV114, REV115: control planes, and the injectors that call them."""

from __future__ import annotations

from collections import Counter

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import Flag, Hint, command, selecting, sentence, within
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, manual
from kubectl_rev.core.mesh.inventory import Survey, is_ambient
from kubectl_rev.core.mesh.objects import ClientConfig, ServiceReference
from kubectl_rev.core.mesh.revisions import ControlPlane, Injector, runs_istiod
from kubectl_rev.core.mesh.webhook_targets import own_service


def _dead_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.deactivated or injector.target.alive is not False:
            continue
        fails = [w.failure_policy != "Ignore" for w, target in injector.webhooks if target.alive is False]
        effect = "pods that it selects are rejected" if any(fails) else "pods that it selects start without a sidecar"
        why, hint = why_dead(survey, injector) or ("", look_at_service(injector))
        name = f"{injector.tag or injector.revision}{why and f': {why}'}"
        ref = Ref("MutatingWebhookConfiguration", "", injector.name)
        yield ref, f"{injector.target.problem}: {effect} ({name})", hint


def look_at_service(injector: Injector) -> Hint:
    """What shows why nobody answers where istiod is ready: it is the Service."""
    return command("get", "service,endpointslice", within(injector.target.namespace), Flag("-l", "app=istiod"))


def why_dead(survey: Survey, injector: Injector) -> tuple[str, Hint] | None:
    """What its control plane lacks and the command that helps, None where it is gone, or ready: then it is not that."""
    plane = survey.mesh.control_plane(injector.revision, injector.target.namespace)
    if plane is None or plane.ready or not injector.target.asleep:
        return None
    if plane.kind == "missing" and survey.snapshot.scope not in ("", plane.namespace):  # its Deployment was not read
        look = command("get", "deployments,pods", within(plane.namespace), Flag("-l", "app=istiod"))
        return "it has no istiod pod", look
    return why_unready(survey, plane) if plane.kind in ("local", "unknown") else None


def _unready(survey: Survey) -> Found:
    for plane in survey.mesh.control_planes:
        if plane.kind == "local" and (not plane.istiods or plane.ready < len(plane.istiods)):
            yield Ref("Revision", plane.namespace, plane.revision), *why_unready(survey, plane)


def why_unready(survey: Survey, plane: ControlPlane) -> tuple[str, Hint]:
    """What a control plane lacks, and the command that helps or shows it."""
    label = selecting({labels.APP: labels.ISTIOD, labels.REV: plane.revision})
    if plane.istiods:
        message = f"{plane.ready} of {len(plane.istiods)} istiod pods are ready"
        return message, command("get", "pods", within(plane.namespace), label)
    for workload in survey.snapshot.workloads:
        if (runs_istiod(workload), workload.namespace, workload.spec.replicas) == (plane.revision, plane.namespace, 0):
            scale = command("scale", f"deployment/{workload.name}", within(plane.namespace), Flag("--replicas=1"))
            return f"its deployment/{workload.name} is scaled to zero", scale
    message = "its pods were not read" if plane.kind == "unknown" else "it has no istiod pod"
    return message, command("get", "deployments,pods", within(plane.namespace), label)


def _relabelled_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.labelled and injector.labelled != injector.revision and not injector.deactivated:
            message = (
                f"labelled {labels.REV}={injector.labelled}, but its Service {injector.target.service} "
                f"leads to {injector.revision}"
            )
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            target = injector.target
            yield ref, message, command("get", "service", target.service, within(target.namespace))


def _conditions(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if any(webhook.match_conditions for webhook, _ in injector.webhooks):
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            message = "has matchConditions, which are not evaluated: what it would select is unknown"
            yield ref, message, command("get", "mutatingwebhookconfiguration", injector.name, Flag("-o", "yaml"))


def without_injector(survey: Survey) -> set[str]:
    """The revisions with a ready istiod and no injector, neither their own nor a tag's; a deactivated one is one."""
    called = {revision for injector in survey.mesh.injectors for revision in (injector.revision, injector.labelled)}
    return {plane.revision for plane in survey.mesh.control_planes if plane.kind == "local" and plane.ready} - called


def install_again(revision: str, gone: str = "injector") -> Hint:
    return sentence(f"install revision {revision} again: its {gone} is gone")


def _no_injector(survey: Survey) -> Found:
    """Where sidecars are asked of it: one that serves ambient, or gateways that it renders, may have none."""
    mesh = survey.mesh
    if mesh.blind:
        return
    asked = {
        mesh.resolve(given[labels.REV])
        for name, given in survey.namespace_labels.items()
        if labels.REV in given and labels.INJECTION not in given and not is_ambient(given)
        if name not in survey.terminating
    }
    for revision in sorted(without_injector(survey) & (asked | _running(survey, replaced=True).keys())):
        plane = mesh.control_plane(revision)
        message = "its istiod runs, and no injector calls it: pods that are replaced lose their sidecar"
        yield Ref("Revision", plane.namespace if plane else "", revision), message, install_again(revision)


def _running(survey: Survey, *, replaced: bool = False) -> Counter[str]:
    """How many proxies run on each revision and stay; `replaced`: only those that an injector must put there anew."""
    found: Counter[str] = Counter()
    for workload in survey.workloads:
        baked = manual(workload.template) or workload.gateway in RENDERED
        for group in workload.staying if workload.namespace not in survey.terminating else ():
            proxy = group.proxy
            if proxy and proxy.revision and not (replaced and (baked or proxy.fixed)):
                found[proxy.revision] += group.count
    return found


def _abandoned(survey: Survey) -> Found:
    for revision, count in sorted(_running(survey).items()):
        planes = [plane for plane in survey.mesh.control_planes if plane.revision == revision]
        served = any(plane.ready or plane.kind not in ("local", "missing") for plane in planes)
        if served or _stood_in(survey, revision):
            continue
        plane = planes[0] if planes else ControlPlane(revision, "", "missing")
        why, hint = why_unready(survey, plane) if plane.kind == "local" else ("it is gone", _install(plane))
        proxies = "1 proxy gets" if count == 1 else f"{count} proxies get"
        message = f"{why}: {proxies} no configuration and no new certificates"
        yield Ref("Revision", plane.namespace, revision), message, hint


def _stood_in(survey: Survey, revision: str) -> bool:
    """Whether others may answer its proxies: behind its Service, by the charts' name or an injector's; or unread."""
    mesh, snapshot = survey.mesh, survey.snapshot
    if mesh.blind or any(snapshot.has_gap(kind) for kind in ("pods", "deployments.apps", "services")):
        return True
    name = own_service(revision)
    called = [ClientConfig(service=ServiceReference(s.name, s.namespace)) for s in snapshot.services if s.name == name]
    ready = {plane.revision for plane in mesh.control_planes if plane.ready}
    behind = {other for client in called for other in mesh.target(client).revisions}
    injects = any(i.target.alive is not False for i in mesh.injectors if revision in (i.labelled, i.revision))
    return injects or not ready.isdisjoint(behind)


def _install(plane: ControlPlane) -> Hint:
    return sentence(f"install revision {plane.revision} again, or move what runs on it to another")


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CHECKS = (
    Check("REV101", _E, "an injector calls a Service that does not answer",
          "failurePolicy Fail: every pod that it selects is rejected", _dead_injectors, sources.SELECTORS,
          needs=(*needs.INJECTORS, *needs.SERVED)),
    Check("REV103", _W, "a control plane is not ready", "its proxies get no configuration from it", _unready,
          sources.SERVICE, needs=(*needs.ISTIODS, *needs.INJECTORS, *needs.SERVED)),
    Check("REV107", _W, "an injector's label and Service name different revisions",
          "the istiod behind the Service injects, the one of the label maintains the webhook", _relabelled_injectors,
          sources.INJECTOR_CAS, needs=(*needs.INJECTORS, *needs.SERVED)),
    Check("REV108", _I, "an injector has matchConditions", "they are CEL and are not evaluated here", _conditions,
          "k8s.io/api/admissionregistration/v1: MatchCondition", needs=needs.INJECTORS),
    Check("REV114", _E, "proxies run on a revision without a ready istiod",
          "they keep what they have until their certificates expire, 24 hours by default", _abandoned,
          f"{sources.SERVICE}; security/pkg/nodeagent/cache/secretcache.go", needs=(*needs.ISTIODS, *needs.RUNNING)),
    Check("REV115", _E, "a control plane has no injector",
          "whoever asks for it gets no sidecar, and nothing says so", _no_injector, sources.SELECTORS,
          needs=(*needs.ISTIODS, *needs.RUNNING)),
)  # fmt: skip
