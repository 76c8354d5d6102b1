"""REV22x: is everything in scope on the revision it should be on, by label, by injection and by connection?"""

from __future__ import annotations

from functools import cached_property

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import Flag, Hint, command, sentence, within
from kubectl_rev.core.checks.messages import Message, Pods
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.defaults import default_validator
from kubectl_rev.core.mesh.drift import RENDERED, Effect
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import PodGroup, Workload
from kubectl_rev.core.mesh.istiod_veto import SUPPORTED_SKEW, release
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.remedies.at_source import onto
from kubectl_rev.core.remedies.commands import explain, label, migrate, reinstall, restart, tag_set
from kubectl_rev.core.verification.connections import CONNECTIONS, Seen
from kubectl_rev.core.verification.evidence import PROXIES, REMOTE_CLUSTERS, SELECTION, VMS, Evidence, kind_of

MOVED_AS_A_WHOLE = ("REV221", "REV228")  # their hints move what they are about, whatever else is said of it


class Move:
    """What should hold. `wanted` is the one revision that all should be on, or empty: each on what is selected for it.

    `scope` are the namespaces that were named, empty for the whole mesh.
    """

    def __init__(self, evidence: Evidence, wanted: str = "", scope: frozenset[str] = frozenset()) -> None:
        self.evidence, self.survey = evidence, evidence.survey
        self.wanted, self.scope = wanted, scope

    def covers(self, namespace: str) -> bool:
        return not self.scope or namespace in self.scope

    @cached_property
    def workloads(self) -> list[Workload]:
        return [workload for workload in self.survey.workloads if self.covers(workload.namespace)]

    def goal(self, workload: Workload) -> str | None:
        """The revision that a workload's proxies should be of, None if there is none to name."""
        return self.wanted or workload.selected.revision

    @cached_property
    def running(self) -> list[tuple[Workload, PodGroup, list[Seen]]]:
        """Every running pod with a proxy, and where it is connected."""
        connections, cluster = self.evidence.connections, self.evidence.cluster
        return [
            (workload, group, connections.of(group.pod, cluster))
            for workload in self.workloads
            for group in workload.staying
            if group.pod.status is None or group.pod.status.phase == "Running"
        ]

    @cached_property
    def heard(self) -> bool:
        """Whether every istiod answered. Only then is a proxy that no istiod names certainly not connected."""
        return not self.evidence.connections.gaps(self.evidence.mesh)

    @cached_property
    def gaps(self) -> set[Gap]:
        """Those that leave the scope undecided."""
        return {gap for gap in self.evidence.gaps if self._matters(gap)}

    def _matters(self, gap: Gap) -> bool:
        if kind_of(gap) == CONNECTIONS:  # who was found needs no other answer
            return not all(seen for _, _, seen in self.running) or not self.evidence.connections.asked
        if not self.scope:
            return True
        if gap.resource == REMOTE_CLUSTERS:
            here = ("", self.evidence.cluster)
            streams = (seen.stream for seen in self.evidence.connections.seen)
            return any(stream.cluster not in here and stream.namespace in self.scope for stream in streams)
        return gap.namespace in self.scope or gap.resource not in (VMS, SELECTION, PROXIES)


def _labels(move: Move) -> Found:
    """A namespace that was not named and asks for nothing is no part of the move."""
    if not move.wanted:
        return
    for name, workloads in move.survey.by_namespace.items():
        selected = move.survey.selected_for_namespace(name)
        if not move.covers(name) or selected.revision == move.wanted or selected.state is State.UNKNOWN:
            continue
        given = move.survey.namespace_labels.get(name, {})
        own = any(workload.selected.revision == move.wanted for workload in workloads)
        asks = given.get(labels.INJECTION) == "enabled" or labels.REV in given
        if asks or (name in move.scope and not own):
            now = selected.revision or selected.state.value
            message = f"new pods get {now}, not {move.wanted}: {selected.because}"
            yield namespace_ref(name), message, migrate(move.survey, name, move.wanted)


def _selected(move: Move) -> Found:
    for workload in move.workloads:
        if workload.cannot_start:
            message = f"new pods do not start, since nothing replaces their image: auto ({workload.selected.because})"
            yield ref_of(workload), message, _move(move, workload)
    for workload in move.workloads if move.wanted else ():
        selected = workload.selected
        of_namespace = move.survey.selected_for_namespace(workload.namespace)
        if selected.revision not in (None, move.wanted) and selected.revision != of_namespace.revision:
            message = f"new pods get {selected.revision}, not {move.wanted}: {selected.because}"
            yield ref_of(workload), message, explain(workload)


def _running(move: Move) -> Found:
    for workload in move.workloads:
        goal = move.goal(workload)
        others = sorted({g.proxy.revision or "unknown" for g in workload.groups if g.proxy} - {goal})
        wrong = sum(g.count for g in workload.staying if g.proxy and g.proxy.revision not in (None, goal))
        if goal and wrong:
            message = Message("{} on {}, not on {}", Pods(wrong), ", ".join(others), goal)
            yield ref_of(workload), message, _move(move, workload)
        if bare := workload.having(Effect.GAINS):
            message = Message("{} without a sidecar, {} is selected", Pods(bare), str(workload.selected.revision))
            yield ref_of(workload), message, restart(workload)


def _connected_elsewhere(move: Move) -> Found:
    for workload, group, seen in move.running:
        injected_by = group.proxy.revision if group.proxy else None
        goal = move.wanted or injected_by
        held = sorted({stream.revision for stream in seen})
        if goal and held and goal not in held:
            message = Message("injected by {}, connected to {}", injected_by or "?", ", ".join(held))
            yield Ref("Pod", workload.namespace, group.pod.name), message, restart(workload)


def _disconnected(move: Move) -> Found:
    for workload, group, seen in move.running if move.heard else ():
        if not seen:
            message = "its proxy is connected to no istiod"
            hint = command("logs", group.pod.name, within(workload.namespace), Flag("-c", labels.PROXY_CONTAINER))
            yield Ref("Pod", workload.namespace, group.pod.name), message, hint


def _skewed(move: Move) -> Found:
    for workload, group, seen in move.running:
        for held in seen:
            proxy = release(held.stream.version)
            for version in move.evidence.mesh.versions_of(held.revision):
                istiod = release(version)
                if proxy and istiod and not 0 <= istiod[1] - proxy[1] <= SUPPORTED_SKEW:
                    text = "its proxy is {}, its istiod {}: more than Istio supports"
                    message = Message(text, held.stream.version, version)
                    yield Ref("Pod", workload.namespace, group.pod.name), message, restart(workload)


def _validation(move: Move) -> Found:
    config = default_validator(move.evidence.mesh)
    if move.scope or config is None:
        return
    subject = Ref("ValidatingWebhookConfiguration", "", config.name)
    target = move.evidence.mesh.target(config.webhooks[0].client_config)
    if target.alive is False:
        yield subject, f"it validates nothing: {target.problem}", command("rev-fix-validation")
    elif move.wanted and move.survey.default.validation not in (None, move.wanted):
        message = f"configuration is still validated by {move.survey.default.validation}"
        yield subject, message, tag_set(move.survey, labels.DEFAULT, move.wanted)


def _unread_config(move: Move) -> Found:
    mesh = move.evidence.mesh
    for config in move.evidence.snapshot.config:
        name = config.labels.get(labels.REV, "")
        if (
            not move.covers(config.namespace)
            or not mesh.existing.isdisjoint(mesh.all_called(name))
            or config.resource == labels.GATEWAYS
        ):
            continue
        why = "tags are not resolved for configuration" if name in mesh.tag_revisions else "there is no such revision"
        hint = label(config.resource, config.name, f"{labels.REV}-", namespace=config.namespace)
        yield ref_of(config), f"no istiod reads {labels.REV}={name}: {why}", hint


def _strangers(move: Move) -> Found:
    """Proxies of VMs and other clusters that are on another revision: nobody restarts them from here."""
    pods = {(pod.namespace, pod.name) for pod in move.evidence.snapshot.pods}
    for seen in move.evidence.connections.seen if move.wanted else ():
        stream = seen.stream
        local = stream.cluster in ("", move.evidence.cluster)
        known = local and (stream.namespace, stream.pod) in pods
        if not known and move.covers(stream.namespace) and seen.revision != move.wanted:
            where = "a VM" if local else f"cluster {stream.cluster}"
            message = f"a proxy of {where} is connected to {seen.revision}"
            yield Ref("Proxy", stream.namespace, stream.pod), message, sentence(f"have it connect to {move.wanted}")


def _move(move: Move, workload: Workload) -> Hint:
    goal = move.goal(workload)
    if workload.gateway is GatewayKind.IN_PLACE:
        return reinstall("reinstall the gateway", str(goal))
    if workload.selected.revision == goal or (workload.gateway in RENDERED and not workload.made_from):
        return restart(workload)
    if goal is None:
        return explain(workload)
    gateways = workload.gateway is not None
    return onto(move.survey, workload, goal) or migrate(move.survey, workload.namespace, goal, gateways=gateways)


_E, _W = Severity.ERROR, Severity.WARNING
CHECKS: tuple[Check[Move], ...] = (
    Check("REV221", _E, "namespaces select another revision", "new pods go where the labels point", _labels,
          sources.SELECTORS, needs=needs.NAMESPACES_SELECTED, passed="namespaces select the revision"),
    Check("REV222", _E, "workloads select another revision", "a pod's own label counts where its namespace has none",
          _selected, sources.SELECTORS, needs=needs.SELECTED, passed="workloads select the revision"),
    Check("REV223", _E, "running pods are on another revision",
          "a relabelled namespace changes nothing until its pods are replaced", _running, sources.STATUS,
          needs=needs.RUNNING, passed="running pods are on the revision"),
    Check("REV224", _E, "proxies are connected to another revision's istiod",
          "a Service that was pointed elsewhere, or a discoveryAddress of one's own", _connected_elsewhere,
          sources.SYNCZ, needs=("connections", "pods"), passed="proxies are connected to the revision's istiods"),
    Check("REV225", _E, "proxies are connected to no istiod", "a proxy without istiod gets no configuration",
          _disconnected, sources.SYNCZ, needs=("connections", "pods"), passed="every proxy is connected"),
    Check("REV226", _W, "proxies are beyond the supported skew",
          "the data plane may be one minor release older, never newer", _skewed,
          "istio.io: Supported Releases, control plane/data plane skew", needs=("connections", "pods"),
          passed="proxies are within the supported skew of their istiod"),
    Check("REV227", _W, "other clusters or VMs are on another revision", "nobody restarts them from here", _strangers,
          sources.SYNCZ, needs=("connections", "pods"), passed="other clusters and VMs are on the revision"),
    Check("REV228", _W, "the default validator does not lead to the revision",
          "without it Istio's configuration is not checked, or cannot be written", _validation, "istio#28880",
          needs=("validatingwebhookconfigurations", *needs.SERVED),
          passed="the default validator leads to the revision"),
    Check("REV229", _W, "labelled configuration is read by no istiod",
          "istiod compares the label with its own revision only", _unread_config,
          "pkg/config/model.go: ObjectInRevision; istio#44047", needs=("istio.io", "gateway.networking.k8s.io"),
          passed="labelled configuration is read by some istiod"),
)  # fmt: skip
