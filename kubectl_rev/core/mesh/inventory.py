"""Every workload with its pods, what is selected for it and what runs in it: the join that all reports start from."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import Literal

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject, called
from kubectl_rev.core.mesh.admitted_labels import as_admitted
from kubectl_rev.core.mesh.control_plane import Namesakes
from kubectl_rev.core.mesh.defaults import Default, default_of
from kubectl_rev.core.mesh.drift import RENDERED, Effect, effect, unfinished
from kubectl_rev.core.mesh.gateways import GatewayKind, classify, gateway_name, owner
from kubectl_rev.core.mesh.injection import InjectionDecision, State, has_conditions, label_keys_used, select
from kubectl_rev.core.mesh.objects import Metadata, Pod, PodSpec, PodTemplate, WorkloadObject
from kubectl_rev.core.mesh.proxies import Proxy, as_wished, proxy_of
from kubectl_rev.core.mesh.resources import Key, Restart, facts_of, maker
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.rollout_state import Held, held
from kubectl_rev.core.mesh.snapshot import Snapshot

ProxyState = Literal["ready", "not ready", "terminating"]
Replacing = Literal["restart", "recreate", "wait for", "resume and restart", "delete the pods of", "promote",
                    "lower the partition of", "wait for the rollout of", "mend the rollout of"]  # fmt: skip
_REPLACING: dict[Held, Replacing] = {
    "": "restart", "paused": "resume and restart", "half way": "promote", "OnDelete": "delete the pods of",
    "partition": "lower the partition of",
    "rolling": "wait for the rollout of", "stuck": "mend the rollout of",
}  # fmt: skip


class PodGroup(msgspec.Struct, frozen=True):
    """A pod, or several alike, of one workload. `effect` is what a restart would do to each."""

    pod: Pod
    proxy: Proxy | None
    effect: Effect

    @property
    def count(self) -> int:
        return self.pod.count

    @property
    def state(self) -> ProxyState:
        """Of its proxy; ready where the pod's status was not read, since the pods of workloads that report some that
        are not ready are read with it.
        """
        if self.pod.terminating:
            return "terminating"
        return "not ready" if self.pod.status and not self.pod.ready else "ready"

    @property
    def drifted(self) -> bool:
        """A pod that is going away is no drift: it will not come back with this proxy."""
        return self.effect.drifts and not self.pod.terminating


class Workload(msgspec.Struct, frozen=True):
    """What is restarted as one: a workload, or a bare pod, with its running pods.

    `template` is None where it is not known (a controller of a kind that we do not list); then the pods' own labels,
    as they run, stand in for it.
    """

    kind: str
    namespace: str
    name: str
    metadata: Metadata
    template: PodTemplate | None
    subject: Subject
    selected: InjectionDecision
    gateway: GatewayKind | None
    groups: tuple[PodGroup, ...]
    held: Held = ""  # why `kubectl rollout restart` replaces none of its pods, or is no help
    lender: Key | None = None  # the workload whose template it uses

    @property
    def template_holder(self) -> Key:
        """The object that its template is in."""
        return self.lender or Key.of(self)

    @property
    def proxies(self) -> Counter[str]:
        """Its proxies by revision, in whatever state they are; "unknown" where nothing tells it."""
        proxies: Counter[str] = Counter()
        for group in self.groups:
            if group.proxy is not None:
                proxies[group.proxy.revision or "unknown"] += group.count
        return proxies

    @property
    def staying(self) -> list[PodGroup]:
        """Those of its pods that have a proxy and are not being deleted: a pod that goes needs nobody any more."""
        return [group for group in self.groups if group.proxy is not None and not group.pod.terminating]

    @property
    def replacing(self) -> Replacing:
        """How its pods are replaced: Jobs end by themselves, and what istiod rendered only istiod renders again."""
        if self.kind == "Pod":
            return "recreate"
        restart = facts_of(self.kind).restart
        if restart is Restart.COMPLETION or self.gateway in RENDERED:
            return "wait for"
        return _REPLACING[self.held] if self.held or restart is not Restart.DELETION else "delete the pods of"

    @property
    def cannot_start(self) -> bool:
        """Whether a new pod would wait for ever for an image that nobody puts in."""
        return self.selected.state is State.NONE and unfinished(self.template)

    @property
    def made_from(self) -> str:
        """The name of the Gateway that istiod rendered it for, empty of anything else."""
        made = self.template or next((group.pod for group in self.groups), None)
        return gateway_name(made.metadata) if made and self.gateway in RENDERED else ""

    @property
    def drifted(self) -> int:
        """How many of its pods drift."""
        return sum(group.count for group in self.groups if group.drifted)

    def having(self, *effects: Effect) -> int:
        """How many of its pods, the terminating ones aside, a restart would do this to."""
        return sum(g.count for g in self.groups if g.effect in effects and not g.pod.terminating)


class Survey:
    """A snapshot read as workloads per namespace. Built once, then only read; `known` as in Mesh."""

    def __init__(self, snapshot: Snapshot, known: Namesakes | None = None) -> None:
        self.snapshot = snapshot
        self.mesh = Mesh(snapshot, known)
        self.namespace_labels = {ns.name: ns.labels for ns in snapshot.namespaces}
        self.terminating = {ns.name for ns in snapshot.namespaces if ns.metadata.deletion_timestamp}
        self._workloads: dict[Key, WorkloadObject] = {Key.of(workload): workload for workload in snapshot.workloads}
        self._selected_for: dict[str, InjectionDecision] = {}
        self._conditional = has_conditions(self.mesh)
        self._gateways = {(g.namespace, g.name): g for g in snapshot.gateways}

    @cached_property
    def workloads(self) -> list[Workload]:
        """All workloads and bare pods, sorted by namespace, kind, name; finished Jobs are left out."""
        pods: dict[Key, list[Pod]] = defaultdict(list)
        templates: dict[Key, PodTemplate | None] = {}
        mixed: set[Key] = set()
        for pod in self.snapshot.pods:
            if not pod.finished:
                key, template = self.top_owner(pod)
                pods[key].append(pod)
                if templates.setdefault(key, template) is not template:
                    mixed.add(key)
        for key in mixed:  # of several ReplicaSets of an unknown controller the newest says what comes next
            templates[key] = self.top_owner(max(pods[key], key=_age))[1]
        for key, workload in self._workloads.items():
            # A Job is over then, and what lends its template was scaled to 0 by Argo.
            idle = key not in pods and (facts_of(workload.kind).once or key in self.borrowers)
            if (template := self._template(workload)) and not (self._above(workload) or idle):
                templates[key] = template
        return [self._workload(key, templates[key], pods.get(key, [])) for key in sorted(templates)]

    @cached_property
    def by_namespace(self) -> dict[str, list[Workload]]:
        """The workloads of every namespace that exists or was named by a pod."""
        spaces: dict[str, list[Workload]] = {name: [] for name in self.namespace_labels}
        for workload in self.workloads:
            spaces.setdefault(workload.namespace, []).append(workload)
        return dict(sorted(spaces.items()))

    @cached_property
    def borrowers(self) -> dict[Key, Key]:
        """The workloads whose template another one uses, with that one."""
        lenders = ((self.lender(workload), key) for key, workload in self._workloads.items())
        return {Key.of(lender): key for lender, key in lenders if lender is not None}

    def lender(self, workload: WorkloadObject) -> WorkloadObject | None:
        """The workload whose template this one uses instead of its own, as far as it was read."""
        reference = workload.spec.workload_ref if facts_of(workload.kind).borrows else None
        return self._workloads.get(Key(workload.namespace, reference.kind, reference.name)) if reference else None

    def _template(self, workload: WorkloadObject) -> PodTemplate | None:
        return (self.lender(workload) or workload).template

    def plain_pod(self, namespace: str) -> Subject:
        """A pod without labels of its own in this namespace."""
        given = self.namespace_labels.get(namespace)
        return Subject(namespace, given or {}, namespace_known=given is not None)

    def selected_for_namespace(self, name: str) -> InjectionDecision:
        """What is selected for a pod without labels of its own."""
        if name not in self._selected_for:
            self._selected_for[name] = select(self.mesh, self.plain_pod(name))
        return self._selected_for[name]

    @cached_property
    def default(self) -> Default:
        """Who holds what "default" can mean."""
        return default_of(self.mesh)

    def top_owner(self, pod: Pod) -> tuple[Key, PodTemplate | None]:
        """Who is restarted to replace this pod, and the template it comes from if that is known.

        Follows controllers upwards as far as they were listed: what other workloads make (a ReplicaSet, a Job) leads on
        to whoever made it, of any kind; any other is its own answer even if an operator made it, since it is what is
        rolled. A static pod (controller: its Node) is nobody's.
        """
        above = _controller(pod)
        if above is None or above.kind == "Node":
            return Key(pod.namespace, "Pod", pod.name), None
        template: PodTemplate | None = None
        passed: set[Key] = set()
        key = above
        while above is not None:
            workload = self._workloads.get(above) or self._maker(pod, above)
            key = Key.of(workload) if workload else above
            if workload is None or key in passed:  # a circle: no cluster has one, a file may
                break
            passed.add(key)
            template, above = self._template(workload) or template, self._above(workload)
        return key, template

    def _maker(self, pod: Pod, key: Key) -> WorkloadObject | None:
        """The Deployment, or its like, whose ReplicaSet was not read: the pod's own labels tell."""
        above = maker(key.kind, key.name, pod.labels)
        return self._workloads.get(Key(key.namespace, *above)) if above else None

    def _above(self, workload: WorkloadObject) -> Key | None:
        """The controller that decides about a workload's pods in its place."""
        above = _controller(workload)
        if above is None or facts_of(workload.kind).made:
            return above
        if above.kind == "Pod":  # a LeaderWorkerSet's leaders own their workers, and are a StatefulSet's own pods
            name, _, ordinal = above.name.rpartition("-")
            above = Key(above.namespace, "StatefulSet", name if ordinal.isdecimal() else above.name)
        return above if above in self._workloads else None

    def _workload(self, key: Key, template: PodTemplate | None, pods: list[Pod]) -> Workload:
        namespace, kind, name = key
        subject, controllers = replace(self.plain_pod(namespace), kind=kind), self.mesh.gateway_controllers
        if template is not None:
            made_from, gateway = template.metadata, classify(template.metadata, template.spec, controllers)
            subject = subject.created_from(template)
        else:
            newest = max(pods, key=_age)
            made_from, spec = newest.metadata, newest.spec
            gateway = classify(made_from, spec, controllers)
            as_it_runs = PodTemplate(metadata=made_from, spec=spec or PodSpec())
            wished = subject.created_from(replace(as_it_runs, metadata=as_wished(made_from)))
            subject = wished if called(self.mesh, wished) else subject.created_from(as_it_runs)
            if spec is None:
                subject = replace(subject, host_network=None)
        selected, workload = self._selected(subject, gateway, made_from), self._workloads.get(key)
        kept: Held = held(workload, template, pods) if workload else ""
        if template is not None and not kept and gateway is None:  # the injector writes labels on a gateway's pods
            selected = as_admitted(self.mesh, subject, selected, template, pods, self._heeded)
        proxies = [(pod, proxy_of(self.mesh, pod, template)) for pod in pods]
        groups = tuple(PodGroup(pod, proxy, effect(selected, proxy, template)) for pod, proxy in proxies)
        holder = Key.of(lender) if workload and (lender := self.lender(workload)) else None
        metadata = workload.metadata if workload else pods[0].metadata if kind == "Pod" else Metadata(name=name)
        if workload and kept == "half way":
            kept = held(workload, template, [group.pod for group in groups if group.drifted])
        return Workload(kind, namespace, name, metadata, template, subject, selected, gateway, groups, kept, holder)

    def _selected(self, subject: Subject, gateway: GatewayKind | None, metadata: Metadata) -> InjectionDecision:
        if gateway in RENDERED:
            made_from = self._gateways.get((subject.namespace, gateway_name(metadata)))
            if made_from is None and not self.snapshot.lacks(labels.GATEWAYS, subject.namespace):
                return InjectionDecision(State.NONE, "its Gateway is gone")
            return owner(self.mesh, made_from, subject.namespace_labels if subject.namespace_known else None)
        ours = self._conditional or not self._heeded.isdisjoint(subject.labels)
        if not ours and labels.INJECT not in subject.annotations and subject.host_network is False:  # as most are
            return self.selected_for_namespace(subject.namespace)
        return select(self.mesh, subject)

    @cached_property
    def _heeded(self) -> frozenset[str]:
        return label_keys_used(self.mesh)


def _controller(made: Pod | WorkloadObject) -> Key | None:
    controller = made.metadata.controller
    return Key(made.namespace, controller.kind, controller.name) if controller else None


def _age(pod: Pod) -> tuple[object, ...]:
    """Orders pods by creation, then by what tells two apart: however they are listed or folded, the same is last."""
    metadata = pod.metadata
    given = sorted((key, value) for key, value in metadata.labels.items() if key not in labels.PER_POD_LABELS)
    return metadata.creation_timestamp or "", given, sorted(metadata.annotations.items()), metadata.name
