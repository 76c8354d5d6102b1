"""REV3xx: what keeps a revision alive, and what would break without it: proxies, pods, and what selects new ones."""

from __future__ import annotations

from collections.abc import Mapping

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import NO_HINT, Goal, Hint, command, sentence, within
from kubectl_rev.core.checks.messages import Message, Pods, literal
from kubectl_rev.core.checks.model import Breaks, Broken, Check, Ref, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.drift import RENDERED, unfinished
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import select
from kubectl_rev.core.mesh.inventory import PodGroup, Workload
from kubectl_rev.core.mesh.proxies import own_address
from kubectl_rev.core.mesh.resources import Key, facts_of
from kubectl_rev.core.remedies.at_source import onto, retag
from kubectl_rev.core.remedies.commands import migrate, reinstall, reset_label, restart
from kubectl_rev.core.verification.uninstall import Reach, Uninstall


def _connected(leaving: Uninstall) -> Broken:
    evidence = leaving.evidence
    pods = {(pod.namespace, pod.name) for pod in evidence.snapshot.pods}
    owners = {(g.pod.namespace, g.pod.name): workload for workload in leaving.before.workloads for g in workload.groups}
    going = {(g.pod.namespace, g.pod.name) for gateway in leaving.managed.values() for g in gateway.workload.groups}
    for seen in evidence.connections.on(leaving.revision):
        stream = seen.stream
        local = stream.cluster in ("", evidence.cluster)
        known = local and (stream.namespace, stream.pod) in pods
        if known and (stream.namespace, stream.pod) in going:
            continue
        kind = stream.kind or "proxy"
        where = "" if known else " that is no pod here: a VM" if local else f" of cluster {stream.cluster}"
        message = Message("its {}" + literal(where) + " is connected to istiod {}", kind, seen.istiod)
        workload = owners.get((stream.namespace, stream.pod)) if known else None
        hint = _move(leaving, workload) if workload else sentence(f"have it connect to revision {leaving.successor}")
        yield Ref("Pod" if known else "Proxy", stream.namespace, stream.pod), message, hint, Breaks.DETACHED


def _running(leaving: Uninstall) -> Broken:
    for workload in leaving.workloads:
        if lost := _calling(leaving, workload, Reach.DIES, Reach.UNKNOWN):
            said = ", ".join(sorted({group.proxy.evidence.value for group in lost if group.proxy}))
            message = Message("{} injected by it (says {})", _count(lost), said)
            yield ref_of(workload), message, _move(leaving, workload), Breaks.DETACHED
        if gone := _calling(leaving, workload, Reach.GONE):
            message = Message("{} injected by it, whose Service is gone: cut off already", _count(gone))
            yield ref_of(workload), message, _move(leaving, workload), Breaks.DETACHED


def _served_by_another(leaving: Uninstall) -> Broken:
    for workload in leaving.workloads:
        if served := _calling(leaving, workload, Reach.ANOTHER):
            message = Message("{} injected by it, whose Service leads to another revision's istiod", _count(served))
            yield ref_of(workload), message, _move(leaving, workload), None


def _pointing(leaving: Uninstall) -> Broken:
    for workload in leaving.workloads:
        if others := _calling(leaving, workload, Reach.DIES, own=False):
            message = Message("{} of other revisions call only its Service (CA_ADDR, discoveryAddress)", _count(others))
            yield ref_of(workload), message, _unpin(leaving, workload) or restart(workload), Breaks.DETACHED


def _unpin(leaving: Uninstall, workload: Workload) -> Hint:
    """What ends it where the template itself names the Service: a restart makes the same pods again."""
    address = own_address(workload.template)
    if address is None or address.service is None or not leaving.dies(address.service):
        return NO_HINT
    edit = command("edit", str(ref_of(workload)), within(workload.namespace))
    return sentence(f"take discoveryAddress out of the annotation {labels.PROXY_CONFIG} in its template: ", edit)


def _calling(leaving: Uninstall, workload: Workload, *reaches: Reach, own: bool = True) -> list[PodGroup]:
    """The pods of a workload that it injected, or others did, and whose proxies' calls lead there."""
    return [
        group
        for group in workload.staying
        if group.proxy and (group.proxy.revision == leaving.revision) is own
        if leaving.reach(group.pod.spec.proxy if group.pod.spec else None) in reaches
    ]


def _count(groups: list[PodGroup]) -> Pods:
    return Pods(sum(group.count for group in groups))


def _tags(leaving: Uninstall) -> Broken:
    mesh, left = leaving.before.mesh, leaving.after.mesh.tag_revisions
    for tag in mesh.tags:
        asks = Subject("", {labels.REV: tag.name})
        breaks = leaving.fate(select(mesh, asks), select(leaving.after.mesh, asks))
        answered = leaving.alive_after(left.get(tag.name, tag.name))  # it may be a revision's own name, too
        if tag.revision != leaving.revision or (answered and not breaks):
            continue
        users = sum(_names(given, tag.name) for given in leaving.before.namespace_labels.values())
        fate = "goes with it" if tag.name not in left else "stays and leads nowhere"
        then = _THEN[breaks] if breaks else "no control plane owns what names it"
        named = "1 namespace names it" if users == 1 else f"{users or 'no'} namespaces name it"
        message = f"the tag {fate}: {then} ({named})"
        yield Ref("Tag", "", tag.name), message, _retag(leaving, tag.name), breaks


def _default(leaving: Uninstall) -> Broken:
    if leaving.before.default.injection != leaving.revision:
        return
    asks = Subject("", {labels.INJECTION: "enabled"})
    breaks = leaving.fate(select(leaving.before.mesh, asks), select(leaving.after.mesh, asks))
    if breaks:
        message = f"it injects {labels.INJECTION}=enabled, and nothing takes over: {_THEN[breaks]}"
        yield Ref("Tag", "", labels.DEFAULT), message, _retag(leaving, labels.DEFAULT), breaks


def _namespaces(leaving: Uninstall) -> Broken:
    for name in leaving.before.by_namespace:
        if breaks := leaving.fate_of_namespace(name):
            because = leaving.after.selected_for_namespace(name).because
            yield namespace_ref(name), f"{_THEN[breaks]} ({because})", _away(leaving, name), breaks


def _workloads(leaving: Uninstall) -> Broken:
    """Those whose own labels decide; the others are their namespace's finding."""
    for workload in leaving.workloads:
        breaks = _fate(leaving, workload)
        of_namespace = leaving.fate_of_namespace(workload.namespace)
        if breaks and workload.groups and breaks is not of_namespace:
            because = leaving.workloads_after[Key.of(workload)].selected.because
            yield ref_of(workload), f"{_THEN[breaks]} ({because})", _move(leaving, workload), breaks


def _asleep(leaving: Uninstall) -> Broken:
    """Workloads without pods: the breakage shows when they are scaled up, or when their schedule starts them."""
    for workload in leaving.workloads:
        if workload.groups or Key.of(workload) not in leaving.workloads_after:
            continue
        template = workload.template.spec.proxy if workload.template else None
        if breaks := _fate(leaving, workload):
            what = "when it next runs" if workload.kind == "CronJob" else "when it is scaled up"
            yield ref_of(workload), f"no pods now; {what}, {_THEN[breaks]}", _move(leaving, workload), breaks
        elif template and not unfinished(workload.template) and leaving.reach(template) is Reach.DIES:
            message = "no pods now; its template has the proxy in it, which would call a dead Service"
            yield ref_of(workload), message, _move(leaving, workload), Breaks.DETACHED


def _fate(leaving: Uninstall, workload: Workload) -> Breaks | None:
    """What becomes of its new pods; nothing where it goes itself, or where istiod renders it."""
    then = leaving.workloads_after.get(Key.of(workload))
    breaks = leaving.fate(workload.selected, then.selected) if then and workload.gateway not in RENDERED else None
    return Breaks.NOT_STARTED if breaks is Breaks.NO_SIDECAR and unfinished(workload.template) else breaks


def _names(given: Mapping[str, str], tag: str) -> bool:
    """Whether a namespace follows this tag; `default` also by `istio-injection=enabled`, which is read first."""
    if (injection := given.get(labels.INJECTION)) is not None:
        return tag == labels.DEFAULT and injection == "enabled"
    return given.get(labels.REV) == tag


_THEN = {
    Breaks.NO_SIDECAR: "new pods would start without a sidecar, silently",
    Breaks.NOT_STARTED: "new pods would not start, since nothing would replace their image: auto",
    Breaks.REJECTED: "new pods would be rejected",
}


def _move(leaving: Uninstall, workload: Workload) -> Hint:
    """What gets a workload off the revision: a gateway that is upgraded in place is installed again by the other."""
    if workload.gateway is GatewayKind.IN_PLACE:
        to = leaving.successor
        versions = leaving.after.mesh.versions_of(to)
        which = f" of version {versions[-1]}" if versions else ""
        return reinstall(f"reinstall the gateway with istioctl{which}", to)
    nobodys = workload.selected.revision is None
    if workload.selected.revision == leaving.revision or nobodys:
        facts, pinned = facts_of(workload.kind), labels.REV in workload.subject.labels
        if pinned and not (facts.rolled or facts.once or workload.kind == "Pod"):
            return reset_label(workload, leaving.successor)  # rev-migrate changes templates that it can roll
        if hint := onto(leaving.before, workload, leaving.successor):
            return hint
        return _away(leaving, workload.namespace, gateways=workload.gateway is not None, pinned=pinned)
    return restart(workload)


def _away(leaving: Uninstall, namespace: str, *, gateways: bool = False, pinned: bool = False) -> Hint:
    """The command after which another revision injects a namespace. One that follows a tag keeps its label, and one
    without labels follows the default (enableNamespacesByDefault), unless it is about a workload's own label.
    """
    given = leaving.before.namespace_labels.get(namespace, {})
    follows = [tag.name for tag in leaving.before.mesh.tags if tag.revision == leaving.revision]
    if leaving.before.default.injection == leaving.revision:
        follows.append(labels.DEFAULT)
    for tag in follows:
        by_default = tag == labels.DEFAULT and not pinned and given.keys().isdisjoint(labels.INJECTION_LABELS)
        if (by_default or _names(given, tag)) and (moved := _retag(leaving, tag)).goal is not Goal.KNOWN:
            return moved
    return migrate(leaving.before, namespace, leaving.successor, gateways=gateways)


def _retag(leaving: Uninstall, tag: str) -> Hint:
    return retag(leaving.before, tag, [leaving.successor])


_E, _W = Severity.ERROR, Severity.WARNING
CHECKS: tuple[Check[Uninstall], ...] = (
    Check("REV301", _E, "proxies are connected to its istiods",
          "a proxy without istiod keeps its last configuration and loses its certificate within a day", _connected,
          sources.SYNCZ, needs=("connections", "pods", "vms", "remote-clusters"),
          passed="no proxy that stays is connected to its istiods"),
    Check("REV302", _E, "running pods were injected by it",
          "its proxy calls this revision's Service for certificates and configuration", _running, sources.TEMPLATE,
          needs=("pods", "services", "proxies"), passed="no running pod that stays was injected by it"),
    Check("REV303", _E, "pods of other revisions call only its Service",
          "a discoveryAddress or caAddress of one's own outlives a relabelling", _pointing,
          "pkg/config/mesh/mesh.go: DefaultProxyConfig", needs=("pods", "services", "proxies"),
          passed="no pod of another revision calls only its Service"),
    Check("REV304", _E, "tags point at it",
          "istioctl uninstall leaves a user's tags, and their webhooks then reject pods; a Helm release takes its tags "
          "along, and pods start without a sidecar", _tags,
          "istioctl/pkg/tag/generate.go; operator/pkg/uninstall/prune.go",
          needs=("mutatingwebhookconfigurations", "services"), passed="no tag points at it"),
    Check("REV305", _E, "it injects for istio-injection=enabled", "nothing inherits the default by itself", _default,
          "istioctl/pkg/tag/util.go", needs=(*needs.INJECTORS, *needs.SERVED),
          passed="it does not inject for istio-injection=enabled"),
    Check("REV306", _E, "namespaces select it for new pods",
          "running pods look fine; the problem shows at their next restart",
          _namespaces, "istio#30000", needs=(*needs.NAMESPACES_SELECTED, "remote-clusters"),
          passed="no namespace selects it for new pods"),
    Check("REV307", _E, "running workloads select it by labels of their own",
          "a pod's own label counts where its namespace has none", _workloads, sources.SELECTORS, needs=needs.SELECTED,
          passed="no running workload selects it by labels of its own"),
    Check("REV310", _E, "workloads without pods select it",
          "scaled to zero or waiting for its time: nothing shows until it starts", _asleep, "istio#31177",
          needs=needs.SELECTED, passed="no workload without pods selects it"),
    Check("REV318", _W, "pods injected by it are served by another revision",
          "it works as long as somebody keeps that Service; a restart ends it", _served_by_another, "istio#28880",
          needs=("pods", "services"), passed="no pod injected by it is served by another revision"),
)  # fmt: skip
