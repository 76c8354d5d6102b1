"""REV101, REV103, REV107, REV108, REV114 to REV116: control planes, injectors that call them, proxies on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import Flag, Hint, command, selecting, sentence, within
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import matching
from kubectl_rev.core.mesh.control_plane import ControlPlane, label_of, own_service, revision_of, runs_istiod
from kubectl_rev.core.mesh.drift import RENDERED, manual
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.injection import has_conditions
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.objects import ClientConfig, ServiceReference
from kubectl_rev.core.mesh.proxies import addresses
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.revisions import Injector
from kubectl_rev.core.mesh.webhook_targets import Problem
from kubectl_rev.core.remedies.at_source import unignored
from kubectl_rev.core.remedies.commands import restart


def injector_ref(name: str) -> Ref:
    return Ref("MutatingWebhookConfiguration", "", name)


def _dead_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.deactivated or injector.target.alive is not False:
            continue
        fails = any(w.failure_policy != "Ignore" for w, target in injector.webhooks if target.alive is False)
        effect = "pods that it selects are rejected" if fails else "pods that it selects start without a sidecar"
        why, hint = why_dead(survey, injector) or ("", look_at_service(injector))
        name = f"{injector.tag or injector.revision}{why and f': {why}'}"
        yield injector_ref(injector.name), f"{injector.target.problem}: {effect} ({name})", hint


def look_at_service(injector: Injector) -> Hint:
    """What helps where istiod is ready and calls fail. It writes its injectors' caBundles when it starts."""
    if injector.target.cause is Problem.NO_CA and injector.labelled == label_of(injector.revision):
        istiod = selecting({labels.APP: labels.ISTIOD, labels.REV: injector.labelled})
        return command("rollout", "restart", "deployment", within(injector.target.namespace), istiod)
    if injector.target.cause in (Problem.NO_CA, Problem.OTHER_CA):
        return sentence(
            f"give it the caBundle of an injector that has label {labels.REV}={label_of(injector.revision)}"
        )
    return command("get", "service,endpointslice", within(injector.target.namespace), Flag("-l", "app=istiod"))


def why_dead(survey: Survey, injector: Injector) -> tuple[str, Hint] | None:
    """What an injector's control plane lacks, and the command that helps; None where it is gone, or is ready."""
    plane = survey.mesh.control_plane(injector.revision)
    if plane is None or plane.ready or not injector.target.asleep:
        return None
    if plane.kind == "missing" and survey.snapshot.scope not in ("", plane.namespace):  # its Deployment was not read
        look = command("get", "deployments,pods", within(plane.namespace), Flag("-l", "app=istiod"))
        return "it has no istiod pod", look
    return why_unready(survey, plane) if plane.kind in ("local", "unknown") else None


def _unready(survey: Survey) -> Found:
    for plane in survey.mesh.control_planes:
        if plane.kind == "local" and (not plane.istiods or plane.ready < len(plane.istiods)):
            yield Ref("Revision", plane.namespace, label_of(plane.revision)), *why_unready(survey, plane)


def why_unready(survey: Survey, plane: ControlPlane) -> tuple[str, Hint]:
    """What a control plane lacks, and the command that helps or shows it."""
    where, istiod = (
        within(plane.namespace),
        selecting({labels.APP: labels.ISTIOD, labels.REV: label_of(plane.revision)}),
    )
    if plane.istiods:
        return f"{plane.ready} of {len(plane.istiods)} istiod pods are ready", command("get", "pods", where, istiod)
    for workload in survey.snapshot.workloads:
        own = (label_of(plane.revision), plane.namespace, 0)
        if (runs_istiod(workload), workload.namespace, workload.spec.replicas) == own:
            scale = command("scale", f"deployment/{workload.name}", where, Flag("--replicas=1"))
            return f"its deployment/{workload.name} is scaled to zero", scale
    message = "its pods were not read" if plane.kind == "unknown" else "it has no istiod pod"
    return message, command("get", "deployments,pods", where, istiod)


def _relabelled_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.labelled and injector.labelled != label_of(injector.revision) and not injector.deactivated:
            service, where = injector.target.service, within(injector.target.namespace)
            labelled = f"labelled {labels.REV}={injector.labelled}"
            message = f"{labelled}, but its Service {service} leads to {injector.revision}"
            yield (
                injector_ref(injector.name),
                message,
                unignored(injector.owner) or command("get", "service", service, where),
            )


def _conditions(survey: Survey) -> Found:
    if not has_conditions(survey.mesh):
        return
    open_calls: dict[str, tuple[str, set[str]]] = {}
    idle = [survey.plain_pod(name) for name, workloads in survey.by_namespace.items() if not workloads]
    for pod in [*idle, *(workload.subject for workload in survey.workloads)]:
        for match in matching(survey.mesh, pod):
            if not (match.sure or match.rejects):
                open_calls.setdefault(match.injector.name, (match.reason, set()))[1].add(pod.namespace)
    for name, (reason, spaces) in sorted(open_calls.items()):
        where = next(iter(spaces)) if len(spaces) == 1 else f"{len(spaces)} namespaces"
        message = f"whether it is called for pods in {where} is not known: {reason}"
        yield injector_ref(name), message, command("get", "mutatingwebhookconfiguration", name, Flag("-o", "yaml"))


def without_injector(survey: Survey) -> set[str]:
    """The revisions with a ready istiod and no injector; a tag's injector is one, a deactivated one is, too."""
    mesh = survey.mesh
    called = {i.revision for i in mesh.injectors} | {
        mesh.called(i.labelled, i.target.namespace) for i in mesh.injectors if i.labelled
    }
    return mesh.ready - called


def install_again(revision: str, gone: str = "injector") -> Hint:
    return sentence(f"install revision {revision} again: its {gone} is gone")


def _no_injector(survey: Survey) -> Found:
    """Where sidecars are asked of it: one that serves ambient, or gateways that it renders, may have none."""
    if survey.mesh.blind:
        return
    asked = {
        survey.mesh.resolve(given[labels.REV])
        for name, given in survey.namespace_labels.items()
        if labels.REV in given and labels.INJECTION not in given and not is_ambient(given)
        if name not in survey.terminating
    }
    injected = {
        revision
        for workload, group, revision in _proxies(survey)
        if not (manual(workload.template) or workload.gateway in RENDERED or (group.proxy and group.proxy.fixed))
    }
    for revision in sorted(without_injector(survey) & (asked | injected)):
        message = "its istiod runs, and no injector calls it: pods that are replaced lose their sidecar"
        subject = Ref("Revision", survey.mesh.planes_of(revision)[0].namespace, label_of(revision))
        yield subject, message, install_again(revision)


def _proxies(survey: Survey) -> Iterator[tuple[Workload, PodGroup, str]]:
    """Those that run and stay, with the revision that injected them."""
    for workload in survey.workloads:
        for group in workload.staying if workload.namespace not in survey.terminating else ():
            if group.proxy and group.proxy.revision:
                yield workload, group, group.proxy.revision


def _cut_off(count: int, whose: str = "") -> str:
    proxies = f"1 proxy{whose} gets" if count == 1 else f"{count} proxies{whose} get"
    return f"{proxies} no configuration and no new certificates"


def _abandoned(survey: Survey) -> Found:
    running: Counter[str] = Counter()
    for _, group, revision in _proxies(survey):
        running[revision] += group.count
    for revision, count in sorted(running.items()):
        planes = survey.mesh.planes_of(revision) or [ControlPlane(revision, "", "missing")]
        served = any(plane.ready or plane.kind not in ("local", "missing") for plane in planes)
        if served or _stood_in(survey, revision):
            continue
        why, hint = "it is gone", sentence(f"install revision {revision} again, or move what runs on it to another")
        if planes[0].kind == "local":
            why, hint = why_unready(survey, planes[0])
        yield Ref("Revision", planes[0].namespace, label_of(revision)), f"{why}: {_cut_off(count)}", hint


def _stood_in(survey: Survey, revision: str) -> bool:
    """Whether others may answer its proxies: behind its Service, by the charts' name or an injector's; or unread."""
    mesh, snapshot = survey.mesh, survey.snapshot
    if mesh.blind or any(snapshot.has_gap(kind) for kind in ("pods", "deployments.apps", "services")):
        return True
    name = own_service(revision)
    called = [ClientConfig(service=ServiceReference(s.name, s.namespace)) for s in snapshot.services if s.name == name]
    behind = {other for client in called for other in mesh.target(client).revisions}
    injects = any(i.target.alive is not False for i in mesh.injectors if revision in (i.labelled, i.revision))
    return injects or not mesh.ready.isdisjoint(behind)


def _unreachable(survey: Survey) -> Found:
    """Reports only proxies whose revision has a ready istiod; the others are REV114's.

    Which Service a proxy calls stands in its spec, which an overview of a cluster does not read. There it is only known
    that no Service leads to the istiods of its revision at all, under whatever name.
    """
    there = {(service.namespace, service.name) for service in survey.snapshot.services}
    gone: dict[tuple[str, str, str], list[tuple[Workload, int]]] = defaultdict(list)
    unread: Counter[str] = Counter()
    for workload, group, revision in _proxies(survey):
        container = group.pod.spec.proxy if group.pod.spec else None
        if container is None:
            unread[revision] += group.count
            continue
        called = [address.service for address in addresses(container) if address.service and address.certain]
        lost = next((service for service in called if (service.namespace, service.name) not in there), None)
        if lost is not None:
            gone[lost.namespace, lost.name, revision].append((workload, group.count))
    for (namespace, name, revision), callers in sorted(gone.items(), key=lambda item: item[0]):
        homes = _homes(survey, revision)
        if homes and not survey.snapshot.has_gap("services", namespace):
            own = namespace in homes and name == own_service(revision)
            message = f"it does not exist: {_cut_off(sum(count for _, count in callers), f' of revision {revision}')}"
            workloads = [workload for workload, _ in callers]
            hint = _restore(survey, namespace, name, revision) if own else _readdress(workloads, revision)
            yield Ref("Service", namespace, name), message, hint
    for revision, count in sorted(unread.items()):
        homes = _homes(survey, revision)
        if homes and not any(_led_to(survey, namespace, revision) for namespace in homes):
            message = f"no Service leads to its istiods: {_cut_off(count, f' of revision {revision}')}"
            hint = _restore(survey, homes[0], own_service(revision), revision)
            yield Ref("Revision", homes[0], label_of(revision)), message, hint


def _homes(survey: Survey, revision: str) -> list[str]:
    """The namespaces of its ready istiods."""
    return [plane.namespace for plane in survey.mesh.planes_of(revision) if plane.ready]


def _led_to(survey: Survey, namespace: str, revision: str) -> bool:
    """Whether a Service of the istiods is there, or may be; that of a tag is called by webhooks alone."""
    snapshot = survey.snapshot
    services = [s for s in snapshot.services if s.namespace == namespace and labels.TAG not in s.labels]
    led_to = {revision_of(pod.labels) for service in services for pod in snapshot.istiods_behind(service)}
    return label_of(revision) in led_to or snapshot.has_gap("services", namespace)


def _restore(survey: Survey, namespace: str, name: str, revision: str) -> Hint:
    """A repair of validation makes the Service anew where a validator calls it; else whoever made it has to."""
    calls = [webhook.client_config.service for config in survey.snapshot.validators for webhook in config.webhooks]
    called = any(service and (service.namespace, service.name) == (namespace, name) for service in calls)
    return command("rev-fix-validation") if called else install_again(revision, "Service")


def _readdress(callers: list[Workload], revision: str) -> Hint:
    """Of a Service that is none of the revision's: its pods get another address when they are replaced."""
    if len(set(map(Key.of, callers))) == 1:
        return restart(callers[0])
    return command("rev-status", "pods", Flag("-A"), Flag("--revision", revision))


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_EXPIRE = "they keep what they have until their certificates expire, 24 hours by default"
CHECKS = (
    Check("REV101", _E, "an injector calls a Service that does not answer",
          "failurePolicy Fail: every pod that it selects is rejected", _dead_injectors, sources.SELECTORS,
          needs=(*needs.INJECTORS, *needs.SERVED)),
    Check("REV103", _W, "a control plane is not ready", "its proxies get no configuration from it", _unready,
          sources.SERVICE, needs=(*needs.ISTIODS, *needs.INJECTORS, *needs.SERVED)),
    Check("REV107", _W, "an injector's label and Service name different revisions",
          "the istiod behind the Service injects, the one of the label maintains the webhook", _relabelled_injectors,
          sources.INJECTOR_CAS, needs=(*needs.INJECTORS, *needs.SERVED)),
    Check("REV108", _I, "an injector's matchConditions cannot be decided",
          "they ask for what is not known here, such as who creates a pod", _conditions,
          "k8s.io/api/admissionregistration/v1: MatchCondition",
          needs=(*needs.INJECTORS, *needs.WORKLOADS)),
    Check("REV114", _E, "proxies run on a revision without a ready istiod", _EXPIRE, _abandoned,
          f"{sources.SERVICE}; security/pkg/nodeagent/cache/secretcache.go", needs=(*needs.ISTIODS, *needs.RUNNING)),
    Check("REV115", _E, "a control plane has no injector",
          "whoever asks for it gets no sidecar, and nothing says so", _no_injector, sources.SELECTORS,
          needs=(*needs.ISTIODS, *needs.RUNNING)),
    Check("REV116", _E, "the Service that proxies call is gone", _EXPIRE, _unreachable,
          f"{sources.SERVICE}; istio#28880", needs=(*needs.ISTIODS, "services", *needs.RUNNING)),
)  # fmt: skip
