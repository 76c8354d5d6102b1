"""REV101, REV103, REV107, REV108, REV114, REV115: control planes, and the injectors that call them."""

from __future__ import annotations

from collections import Counter

from kubectl_rev.core import labels
from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import command
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.drift import RENDERED
from kubectl_rev.core.revisions import ControlPlane, Injector, runs_istiod
from kubectl_rev.core.survey import Survey


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


def look_at_service(injector: Injector) -> str:
    """What shows why nobody answers where istiod is ready: it is the Service."""
    return command("get", "service,endpointslice", "-n", injector.target.namespace, "-l", "app=istiod")


def why_dead(survey: Survey, injector: Injector) -> tuple[str, str] | None:
    """What its control plane lacks and the command that helps, None where it is gone, or ready: then it is not that."""
    plane = survey.mesh.control_plane(injector.revision, injector.target.namespace)
    if plane is None or plane.ready or plane.kind not in ("local", "unknown"):
        return None
    return why_unready(survey, plane)


def _unready(survey: Survey) -> Found:
    worse = [plane for plane, _ in _with_proxies(survey)]  # REV114's
    for plane in survey.mesh.control_planes:
        if plane.kind == "local" and plane not in worse and (not plane.istiods or plane.ready < len(plane.istiods)):
            yield Ref("Revision", plane.namespace, plane.revision), *why_unready(survey, plane)


def why_unready(survey: Survey, plane: ControlPlane) -> tuple[str, str]:
    """What a control plane lacks, and the command that helps or shows it."""
    label = f"{labels.APP}={labels.ISTIOD},{labels.REV}={plane.revision}"
    if plane.istiods:
        message = f"{plane.ready} of {len(plane.istiods)} istiod pods are ready"
        return message, command("get", "pods", "-n", plane.namespace, "-l", label)
    for each in survey.snapshot.workloads:
        if (runs_istiod(each), each.namespace, each.spec.replicas) == (plane.revision, plane.namespace, 0):
            scale = command("scale", f"deployment/{each.name}", "-n", plane.namespace, "--replicas=1")
            return f"its deployment/{each.name} is scaled to zero", scale
    message = "its pods were not read" if plane.kind == "unknown" else "it has no istiod pod"
    return message, command("get", "deployments,pods", "-n", plane.namespace, "-l", label)


def _relabelled_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.labelled and injector.labelled != injector.revision and not injector.deactivated:
            message = (
                f"labelled {labels.REV}={injector.labelled}, but its Service {injector.target.service} "
                f"leads to {injector.revision}"
            )
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            yield ref, message, command("get", "service", injector.target.service, "-n", injector.target.namespace)


def _conditions(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if any(webhook.match_conditions for webhook, _ in injector.webhooks):
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            message = "has matchConditions, which are not evaluated: what it would select is unknown"
            yield ref, message, command("get", "mutatingwebhookconfiguration", injector.name, "-o", "yaml")


def without_injector(survey: Survey) -> set[str]:
    """The revisions with a ready istiod and no injector, neither their own nor a tag's; a deactivated one is one."""
    called = {revision for injector in survey.mesh.injectors for revision in (injector.revision, injector.labelled)}
    return {plane.revision for plane in survey.mesh.control_planes if plane.kind == "local" and plane.ready} - called


def install_again(revision: str) -> str:
    return f"install revision {revision} again: its injector is gone"


def _no_injector(survey: Survey) -> Found:
    """Where anybody asks for it: one that serves ambient or gateways alone may have none."""
    if survey.mesh.blind:
        return
    runs = {revision for unit in survey.units for revision in unit.proxies if unit.gateway not in RENDERED}
    asked = {given[labels.REV] for given in survey.namespace_labels.values() if labels.REV in given}
    for revision in sorted(without_injector(survey) & (runs | asked)):
        plane = survey.mesh.control_plane(revision)
        where = plane.namespace if plane else ""
        message = "its istiod runs, and no injector calls it: pods that are replaced lose their sidecar"
        yield Ref("Revision", where, revision), message, install_again(revision)


def _abandoned(survey: Survey) -> Found:
    for plane, count in _with_proxies(survey):
        why, hint = why_unready(survey, plane) if plane.kind == "local" else ("it is gone", _install(plane))
        proxies = "1 proxy gets" if count == 1 else f"{count} proxies get"
        message = f"{why}: {proxies} no configuration and no new certificates"
        yield Ref("Revision", plane.namespace, plane.revision), message, hint


def _with_proxies(survey: Survey) -> list[tuple[ControlPlane, int]]:
    """The control planes without a ready istiod on which proxies run, and how many; not where another's stand in."""
    mesh = survey.mesh
    answered = {plane.revision for plane in mesh.control_planes if plane.ready}
    answered |= {str(injector.labelled) for injector in mesh.injectors if injector.target.alive}
    runs = sum((unit.proxies for unit in survey.units), Counter[str]())
    down = [plane for plane in mesh.control_planes if plane.kind in ("local", "missing")]
    return [(p, runs[p.revision]) for p in down if p.revision not in answered and runs[p.revision]]


def _install(plane: ControlPlane) -> str:
    return f"install revision {plane.revision} again, or move what runs on it to another"


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
