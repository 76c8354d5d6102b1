"""rev-status as values: control planes, tags, namespaces, workloads, pods and gateways, ready to print or to encode."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from kubectl_rev.core.checks.model import Catalogue, Finding, find
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.drift import Effect
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.gateways import istio_gateways, owner
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import PodGroup, ProxyState, Survey, Workload
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.revisions import Tag
from kubectl_rev.core.status import items
from kubectl_rev.core.status.items import asked_of, selected_item
from kubectl_rev.core.status.notes import namespace_notes, workload_note


def overview(survey: Survey, checks: Catalogue) -> items.Overview:
    """Everything about the mesh at once, with what these checks find."""
    findings = find(survey, checks)
    down = {finding.subject for finding in findings if finding.code == "REV114"}  # says all that REV103 does
    findings = [finding for finding in findings if finding.code != "REV103" or finding.subject not in down]
    spaces = _namespaces(survey, findings, checks)
    known = not survey.snapshot.has_gap("pods")
    states = _proxy_states(survey.workloads)
    return items.Overview(
        control_planes=control_planes(survey),
        default=survey.default,
        namespaces=spaces,
        findings=findings,
        gaps=sorted(survey.snapshot.gaps),
        proxies=_in_state(states, "ready") if known else None,
        not_ready=_in_state(states, "not ready") if known else None,
        drifted=sum(item.drifted or 0 for item in spaces) if known else None,
    )


def control_planes(survey: Survey) -> list[items.ControlPlaneItem]:
    """One item per revision and namespace, in the order of `Mesh.control_planes`."""
    runs = _proxy_states(survey.workloads)
    would: Counter[str] = Counter()
    for workload in survey.workloads:
        for group in workload.groups:
            if group.pod.terminating:
                continue
            after = group.proxy.revision if group.effect is Effect.FIXED and group.proxy else workload.selected.revision
            would[after or ""] += group.count
    spaces: Counter[str] = Counter()
    mesh, injectors = survey.mesh, defaultdict(list)
    for name in survey.namespace_labels:
        spaces.update(asked_of(survey.selected_for_namespace(name), mesh.served))
    for injector in mesh.injectors:
        if not injector.deactivated:
            injectors[injector.revision].append(items.InjectorItem(injector.name, injector.target.alive))
    pods, named = not survey.snapshot.has_gap("pods"), not survey.snapshot.has_gap("namespaces")
    return [
        items.ControlPlaneItem(
            name=label_of(plane.revision),
            namespace=plane.namespace,
            revision=plane.revision,
            state=plane.kind,
            tags=[tag.name for tag in mesh.tags if tag.revision == plane.revision],
            default=survey.default.held_by(plane.revision),
            version=", ".join(plane.versions) or None,
            istiod=items.Count(plane.ready, len(plane.istiods)),
            injectors=None if mesh.blind else injectors[plane.revision],
            namespaces=spaces[plane.revision] if named and not mesh.blind else None,
            proxies=runs[plane.revision, "ready"] if pods else None,
            not_ready=runs[plane.revision, "not ready"] if pods else None,
            terminating=runs[plane.revision, "terminating"] if pods else None,
            selected=would[plane.revision] if pods and not mesh.blind else None,
        )
        for plane in mesh.control_planes
    ]


def tags(survey: Survey) -> list[items.TagItem]:
    """One item per tag."""
    known = not survey.mesh.blind and not survey.snapshot.has_gap("namespaces")
    return [
        items.TagItem(
            name=tag.name,
            revision=tag.revision,
            injector=tag.injector,
            service=tag.service,
            resolves=tag.revision in survey.mesh.existing,
            namespaces=sum(_needs(survey, name, tag) for name in survey.namespace_labels) if known else None,
        )
        for tag in survey.mesh.tags
    ]


def _needs(survey: Survey, namespace: str, tag: Tag) -> bool:
    """By its label; or by its injector alone: nobody labels a namespace for the tag `default`."""
    named = survey.namespace_labels[namespace].get(labels.REV) == tag.name
    return named or tag.injector in survey.selected_for_namespace(namespace).injectors


def namespaces(survey: Survey, checks: Catalogue) -> list[items.NamespaceItem]:
    """One item per namespace, by name."""
    return _namespaces(survey, find(survey, checks), checks)


def _namespaces(survey: Survey, findings: list[Finding], checks: Catalogue) -> list[items.NamespaceItem]:
    """One that has nothing of its own to say, but a finding, says which: it is not fine."""
    titles = {check.code: f"{check.title} ({check.code})" for check in checks}
    said: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        if finding.subject.kind != "Revision":  # an istiod that is not ready is its revision's trouble
            said[finding.subject.space].add(titles[finding.code])
    return [_namespace(survey, name, workloads, sorted(said[name])) for name, workloads in survey.by_namespace.items()]


def _namespace(survey: Survey, name: str, workloads: list[Workload], titles: list[str]) -> items.NamespaceItem:
    read, given = name in survey.namespace_labels, survey.namespace_labels.get(name, {})
    selected = survey.selected_for_namespace(name)
    states = _proxy_states(workloads)
    shown = (labels.INJECTION, labels.REV, labels.DATAPLANE_MODE)
    notes = list(namespace_notes(survey, name, selected, workloads)) or titles
    known = not survey.snapshot.lacks("pods", name)
    return items.NamespaceItem(
        name=name,
        labels={key: given[key] for key in shown if key in given} if read else None,
        selected=selected_item(selected),
        ignored=[f"{key}={value}" for _, key, value in selected.ignored],
        ambient=is_ambient(given),
        proxy_revisions=_by_revision(states) if known else None,
        not_ready=_in_state(states, "not ready") if known else None,
        pods=sum(group.count for workload in workloads for group in workload.groups) if known else None,
        drift=any(workload.drifted for workload in workloads) if known else None,
        drifted=sum(workload.drifted for workload in workloads) if known else None,
        attention=bool(notes) and name not in survey.terminating,
        note="; ".join(notes),
    )


def _proxy_states(workloads: Iterable[Workload]) -> Counter[tuple[str, ProxyState]]:
    """The proxies of these workloads by revision and state."""
    states: Counter[tuple[str, ProxyState]] = Counter()
    for workload in workloads:
        for group in workload.groups:
            if group.proxy is not None:
                states[group.proxy.revision or "unknown", group.state] += group.count
    return states


def _by_revision(states: Counter[tuple[str, ProxyState]]) -> dict[str, int]:
    """Whatever their state."""
    proxies: Counter[str] = Counter()
    for (revision, _), count in states.items():
        proxies[revision] += count
    return dict(sorted(proxies.items()))


def _in_state(states: Counter[tuple[str, ProxyState]], wanted: ProxyState) -> int:
    return sum(count for (_, state), count in states.items() if state == wanted)


def workloads(survey: Survey) -> list[items.WorkloadItem]:
    """One item per workload and bare pod, by namespace, kind, name."""
    return [_workload(survey, workload) for workload in survey.workloads]


def _workload(survey: Survey, workload: Workload) -> items.WorkloadItem:
    known = not survey.snapshot.lacks("pods", workload.namespace)
    told = known and workload.selected.state is not State.UNKNOWN
    states = _proxy_states([workload])
    return items.WorkloadItem(
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
        selected=selected_item(workload.selected),
        proxy_revisions=_by_revision(states) if known else None,
        not_ready=_in_state(states, "not ready") if known else None,
        pods=sum(group.count for group in workload.groups) if known else None,
        drift=workload.drifted > 0 if told else None,
        drifted=workload.drifted if told else None,
        gateway=workload.gateway.value if workload.gateway else None,
        note=workload_note(workload),
    )


def pods(survey: Survey) -> list[items.PodItem]:
    """One item per running pod; the snapshot must not be folded."""
    return sorted((item for workload in survey.workloads for item in _pods(workload)), key=Key.of)


def _pods(workload: Workload) -> Iterable[items.PodItem]:
    for group in workload.groups:
        proxy = group.proxy
        yield items.PodItem(
            namespace=workload.namespace,
            name=group.pod.name,
            selected=selected_item(workload.selected),
            proxy_revision=proxy.revision if proxy else None,
            has_proxy=proxy is not None,
            evidence=proxy.evidence.value if proxy else None,
            owner=None if workload.kind == "Pod" else items.Owner(workload.kind, workload.name),
            drift=None if group.effect is Effect.UNDECIDED else group.drifted,
            created=group.pod.metadata.creation_timestamp,
            note=_state_of(group) or workload_note(workload, group),
        )


def _state_of(group: PodGroup) -> str:
    """What says that a pod does not run, empty where it does as far as its status was read."""
    phase = group.pod.status.phase if group.pod.status else ""
    return {"ready": "", "not ready": f"not ready ({phase or 'Unknown'})"}.get(group.state, group.state)


def gateways(survey: Survey) -> list[items.WorkloadItem]:
    """Gateway workloads of every kind, then Gateways of the Gateway API that have no Deployment of their own."""
    rows = [_workload(survey, workload) for workload in survey.workloads if workload.gateway]
    made = {(workload.namespace, workload.made_from) for workload in survey.workloads}
    for gateway, kind in istio_gateways(survey.mesh):
        if (gateway.namespace, gateway.name) not in made:
            selected = owner(survey.mesh, gateway, survey.namespace_labels.get(gateway.namespace))
            rows.append(
                items.WorkloadItem(
                    kind="Gateway",
                    namespace=gateway.namespace,
                    name=gateway.name,
                    selected=selected_item(selected),
                    proxy_revisions={},
                    not_ready=0,
                    pods=0,
                    drift=False,
                    drifted=0,
                    gateway=kind.value,
                    note="no Deployment" if selected.state is State.INJECTED else selected.because,
                )
            )
    return sorted(rows, key=Key.of)


def labels_of(survey: Survey) -> dict[Key, dict[str, str]]:
    """The labels of everything that can be listed: what `-l` selects on."""
    named = {Key("", "Namespace", name): given for name, given in survey.namespace_labels.items()}
    gateways = {Key(g.namespace, "Gateway", g.name): g.labels for g in survey.snapshot.gateways}
    owners = {Key.of(workload): workload.metadata.labels for workload in survey.workloads}
    pods = [group.pod for workload in survey.workloads for group in workload.groups]
    return named | owners | {Key(pod.namespace, "Pod", pod.name): pod.labels for pod in pods} | gateways
