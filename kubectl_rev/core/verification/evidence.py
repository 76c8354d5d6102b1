"""Everything that a verdict rests on: the survey, the proxies' connections, and what only the verdict asks for.

What could not be found out is a gap, of a kind that `--accept-gap` can name, with the RBAC rule that would help.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from kubectl_rev.core.checks.model import ref_of
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.outside import Outside
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.verification.connections import CONNECTIONS, Connections, local_cluster

REMOTE_CLUSTERS = "remote-clusters"
VMS = "vms"
METHOD = "method"
SELECTION = "selection"
PROXIES = "proxies"
KINDS = (CONNECTIONS, METHOD, PROXIES, REMOTE_CLUSTERS, SELECTION, VMS)  # those of a gap that are no resource


class Extras(msgspec.Struct, kw_only=True):
    """What could not be read of what only a verdict asks for."""

    gaps: list[Gap] = []


class Evidence:
    """Built once, then only read."""

    def __init__(self, survey: Survey, connections: Connections, extras: Extras) -> None:
        self.survey, self.connections, self.extras = survey, connections.named(survey.mesh), extras
        self.mesh, self.snapshot = survey.mesh, survey.snapshot
        self.cluster = local_cluster(survey.mesh)

    @cached_property
    def gaps(self) -> set[Gap]:
        """Everything that a verdict would need and does not have."""
        read = {*self.snapshot.gaps, *self.extras.gaps, *self.connections.gaps(self.mesh)}
        return read.union(self._remote_clusters(), self._vms(), self._undecided(), self._nameless())

    @cached_property
    def _exposed(self) -> list[tuple[Outside, str]]:
        """The VirtualServices that show an istiod to who is not of this cluster, each with the host that they lead to
        (samples/multicluster/expose-istiod.yaml): what runs there is another cluster's or a VM's.
        """
        istiods = {(s.namespace, s.name) for s in self.snapshot.services if self.snapshot.istiods_behind(s)}
        return [(route, host) for route in self.snapshot.outside if route.routes for host in route.shows(istiods)]

    def _remote_clusters(self) -> Iterator[Gap]:
        """Other clusters whose proxies we saw: their namespaces, webhooks and pods cannot be read from here."""
        others = {seen.stream.cluster for seen in self.connections.seen} - {"", self.cluster}
        for cluster in sorted(others):
            yield Gap("read", REMOTE_CLUSTERS, "", f"cluster {cluster} has proxies here: only this cluster was checked")
        for route, host in self._exposed:
            reason = f"VirtualService {route.name} shows {host} to other clusters: only this one was checked"
            yield Gap("read", REMOTE_CLUSTERS, route.namespace, reason)

    def _vms(self) -> Iterator[Gap]:
        """A VM's proxy that is not connected right now is seen by nobody."""
        for vm in (one for one in self.snapshot.outside if not one.routes):
            yield Gap("read", VMS, vm.namespace, f"{vm.kind} {vm.name}: a proxy outside the cluster may use it")
        for route, host in self._exposed:
            through = f" through Gateway {', '.join(route.spec.gateways)}" if route.spec.gateways else ""
            reason = f"VirtualService {route.name} shows {host} to the outside{through}: a VM's proxy may use it"
            yield Gap("read", VMS, route.namespace, reason)

    def _undecided(self) -> Iterator[Gap]:
        for workload in self.survey.workloads:
            if workload.selected.state is State.UNKNOWN and not self._explained(workload.namespace):
                reason = f"who injects {ref_of(workload)}: {workload.selected.because}"
                yield Gap("decide", SELECTION, workload.namespace, reason)
        for name, workloads in self.survey.by_namespace.items():
            selected = self.survey.selected_for_namespace(name)
            if selected.state is State.UNKNOWN and not workloads and not self._explained(name):
                yield Gap("decide", SELECTION, name, f"who injects new pods of namespace {name}: {selected.because}")

    def _nameless(self) -> Iterator[Gap]:
        """Proxies that do not say who injected them: they may be anybody's."""
        for workload in self.survey.workloads:
            if "unknown" in workload.proxies:
                reason = f"nothing says which revision injected {ref_of(workload)}"
                yield Gap("decide", PROXIES, workload.namespace, reason)

    def _explained(self, namespace: str) -> bool:
        """Whether a list that is missing says already why nothing can be decided there."""
        return self.mesh.blind or namespace not in self.survey.namespace_labels


def of_dump(snapshot: Snapshot) -> Evidence:
    """What a dump can tell: nothing of connections, nor of what only a verdict asks for."""
    gaps = [
        Gap("read", REMOTE_CLUSTERS, "", "a dump says nothing about other clusters that use these istiods"),
        Gap("read", VMS, "", "a dump says nothing about proxies outside the cluster"),
    ]
    return Evidence(Survey(snapshot), Connections(asked=False), Extras(gaps=gaps))


def kind_of(gap: Gap) -> str:
    """Of a list its resource; all that keeps an istiod from answering is of one kind."""
    subresource = gap.resource.partition("/")[2]
    return CONNECTIONS if subresource in ("portforward", "exec") else gap.resource


def grant(gap: Gap) -> str:
    """The RBAC rule that would have prevented a refusal, as it stands in a ClusterRole or Role; else empty."""
    if gap.verb not in _VERBS or gap.of_file or not gap.resource.partition("/")[0].replace(".", "").isalnum():
        return ""
    plural, _, group = gap.resource.partition(".")
    kind = f"Role in namespace {gap.namespace}" if gap.namespace else "ClusterRole"
    return f'{kind}: {{apiGroups: ["{group}"], resources: ["{plural}"], verbs: [{_VERBS[gap.verb]}]}}'


_VERBS = {"list": '"get", "list"', "get": '"get", "list"', "create": '"get", "create"'}


def accepted(gaps: Iterable[Gap], kinds: Iterable[str]) -> set[Gap]:
    """Those of the kinds that the person accepts; a resource may be named without its group."""
    wanted = set(kinds)
    return {gap for gap in gaps if wanted & {kind_of(gap), kind_of(gap).partition(".")[0]}}
