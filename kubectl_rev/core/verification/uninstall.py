"""What breaks when a revision is uninstalled: the mesh before and the mesh after, held against each other.

Nothing here knows precedence or tags. `removal.after` takes away what the method deletes, and the same code that says
who injects a pod now says who injects it then; where the answer gets worse, that is what breaks, silently or not.

AKS runs the gateways itself: a Deployment for each revision, which goes with it, all behind one Service. That the old
pods run on the old revision is therefore no reason to keep it, as long as each Service that leads to them leads to a
ready pod of another revision too. Source: learn.microsoft.com/azure/aks/istio-upgrade, "Minor revision upgrades with
the ingress gateway". It names the namespace and how the Deployments are called; which labels they carry it does not
say, so none is relied on.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property

import msgspec

from kubectl_rev.core.checks.model import Breaks
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import ControlPlane, label_of
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.installers import Sail
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import newest
from kubectl_rev.core.mesh.objects import Container, ServiceReference
from kubectl_rev.core.mesh.proxies import Address, addresses
from kubectl_rev.core.mesh.removal import Removal, after
from kubectl_rev.core.mesh.removal_method import Method
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.remedies.uninstall import Command, commands
from kubectl_rev.core.verification.evidence import Evidence


class Reach(Enum):
    """Where a proxy's calls lead once the revision is removed, the worst first."""

    DIES = "its Service goes, or leads to no istiod any more"
    GONE = "its Service does not exist, already now"
    UNKNOWN = "not read, or no Service of istiods in this cluster"
    ANOTHER = "an istiod of another revision, or one that stays"


class Managed(msgspec.Struct, frozen=True):
    """A gateway that AKS removes with its revision, and how many ready pods of others each of its Services keeps."""

    workload: Workload
    kept: dict[str, int]

    @property
    def replaced(self) -> bool:
        return bool(self.kept) and all(self.kept.values())


class Uninstall:
    """One revision, one method, the mesh before and after. Built once, then only read. `name`: as labels have it."""

    def __init__(self, evidence: Evidence, removal: Removal) -> None:
        self.evidence, self.removal, self.revision = evidence, removal, removal.revision
        self.name, self.before = removal.name, evidence.survey
        self.after = Survey(after(evidence.snapshot, removal), evidence.mesh.namesakes)

    @cached_property
    def others(self) -> list[ControlPlane]:
        """The control planes that are left and can serve; what runs elsewhere is believed to."""
        return [
            plane
            for plane in self.after.mesh.control_planes
            if plane.revision != self.revision and (plane.ready or plane.kind in ("remote", "external"))
        ]

    @property
    def name_stays(self) -> bool:
        """Whether a control plane of another namespace has its name, so that what is labelled with it is still read."""
        return self.name in map(label_of, (plane.revision for plane in self.others))

    @cached_property
    def managed(self) -> dict[Key, Managed]:
        """The gateways that go with it because AKS runs them; whether others take over is REV312's question alone."""
        if self.removal.method is not Method.AKS:
            return {}
        managed = {}
        for workload in filter(self._is_of_the_add_on, self.before.workloads):
            given = workload.template.metadata.labels if workload.template else workload.groups[0].pod.labels
            services = [
                s for s in self.before.snapshot.services if s.namespace == workload.namespace and s.spec.selector
            ]
            kept = {s.name: self._ready_behind(s) for s in services if s.spec.selector.items() <= given.items()}
            managed[Key.of(workload)] = Managed(workload, kept)
        return managed

    def _is_of_the_add_on(self, workload: Workload) -> bool:
        runs: set[str | None] = {*workload.proxies} or {workload.selected.revision}
        named = workload.namespace.startswith(labels.AKS_NAMESPACE) and workload.name.endswith(f"-{self.name}")
        return named and workload.kind == "Deployment" and workload.gateway is not None and runs == {self.revision}

    def _ready_behind(self, service: Service) -> int:
        """How many ready pods stand behind a Service afterwards; one whose status was not read is not known to be."""
        if self.removal.takes("Service", service):
            return 0
        return sum(
            group.count
            for workload in self.before.by_namespace[service.namespace]
            for group in workload.staying
            if group.proxy
            and self.alive_after(group.proxy.revision)
            and group.pod.ready
            and service.leads_to(group.pod)
        )

    @property
    def sail_revisions(self) -> list[Sail]:
        """The IstioRevision that owns it; at most one."""
        resources = self.evidence.snapshot.sail
        return [r for r in resources if r.kind == labels.SAIL_REVISION and r.name == self.removal.owner]

    @cached_property
    def taken(self) -> set[Key]:
        """The workloads that the method deletes."""
        return {Key.of(w) for w in self.before.snapshot.workloads if self.removal.takes(w.kind, w)}

    @cached_property
    def workloads(self) -> list[Workload]:
        """The workloads that stay, and those whose going would break something else."""
        return [workload for workload in self.before.workloads if Key.of(workload) not in self.managed]

    @cached_property
    def workloads_after(self) -> dict[Key, Workload]:
        return {Key.of(workload): workload for workload in self.after.workloads}

    @cached_property
    def successor(self) -> str:
        """The revision to name in a hint: who holds the default afterwards, else the newest that is left; or empty."""
        names = [plane.revision for plane in self.others]
        if self.after.default.injection in names:
            return str(self.after.default.injection)
        heir = max(self.others, key=lambda plane: newest(plane.versions), default=None)
        return heir.revision if heir else ""

    @property
    def commands(self) -> list[Command]:
        kept = {(g.workload.namespace, name): count for g in self.managed.values() for name, count in g.kept.items()}
        return commands(self.before.mesh, self.removal, self.others, kept)

    def alive_after(self, revision: str | None) -> bool:
        return any(plane.revision == revision for plane in self.others)

    def dies(self, reference: ServiceReference) -> bool:
        """Whether a Service is deleted, or leads to no istiod any more."""
        return (reference.namespace, reference.name) in self._dying

    @cached_property
    def _dying(self) -> set[tuple[str, str]]:
        before, after = self.before.snapshot, self.after.snapshot
        left = {(service.namespace, service.name) for service in after.services}
        return (self._services - left) | (_leading(before) - self._leading_after)

    @cached_property
    def _services(self) -> set[tuple[str, str]]:
        return {(service.namespace, service.name) for service in self.before.snapshot.services}

    @cached_property
    def _leading_after(self) -> set[tuple[str, str]]:
        return _leading(self.after.snapshot)

    def reach(self, container: Container | None) -> Reach:
        """What becomes of the addresses that a proxy calls; the worst of them counts."""
        if container is None:
            return Reach.UNKNOWN
        of_each = {self._reach(address) for address in addresses(container)} or {Reach.UNKNOWN}
        return next(reach for reach in Reach if reach in of_each)

    def _reach(self, address: Address) -> Reach:
        service = address.service
        if service is None:
            return Reach.UNKNOWN
        key = service.namespace, service.name
        if key in self._dying:
            return Reach.DIES
        if key not in self._services and address.certain:
            return Reach.UNKNOWN if self.before.snapshot.has_gap("services", service.namespace) else Reach.GONE
        return Reach.ANOTHER if key in self._leading_after else Reach.UNKNOWN

    def fate(self, before: InjectionDecision, afterwards: InjectionDecision) -> Breaks | None:
        """What becomes of a pod that is created afterwards, if that is worse than now or this revision's doing."""
        served = self.before.mesh.served
        touched = self.revision in (before.revision, *(served.get(injector) for injector in before.injectors))
        was_injected = before.state in (State.INJECTED, State.CONFLICT)
        match afterwards.state:
            case State.NONE if was_injected or (touched and before.state is State.REJECTED):
                return Breaks.NO_SIDECAR
            case State.REJECTED if touched or before.state is not State.REJECTED:
                return Breaks.REJECTED
        return None

    def fate_of_namespace(self, name: str) -> Breaks | None:
        """The same of a pod without labels of its own."""
        return self.fate(self.before.selected_for_namespace(name), self.after.selected_for_namespace(name))


def _leading(snapshot: Snapshot) -> set[tuple[str, str]]:
    """The Services that lead to istiods."""
    return {(s.namespace, s.name) for s in snapshot.services if snapshot.istiods_behind(s)}
