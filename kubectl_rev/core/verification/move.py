"""Is a move complete: does everything in scope run on the revision it should, and is it connected there?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from kubectl_rev.core.mesh.inventory import PodGroup, Workload
from kubectl_rev.core.verification.connections import KIND as CONNECTIONS
from kubectl_rev.core.verification.connections import Seen
from kubectl_rev.core.verification.evidence import PROXIES, REMOTE_CLUSTERS, SELECTION, VMS, Evidence, Unknown


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
            if _runs(group)
        ]

    @cached_property
    def heard(self) -> bool:
        """Whether every istiod answered: only then is a proxy that none of them names connected to none."""
        return not self.evidence.connections.gaps(self.evidence.mesh)

    @cached_property
    def unknowns(self) -> list[Unknown]:
        """The gaps that leave the scope undecided."""
        return [unknown for unknown in self.evidence.unknowns if self._matters(unknown)]

    def _matters(self, each: Unknown) -> bool:
        if each.kind == CONNECTIONS:  # who was found needs no other answer
            return not all(seen for _, _, seen in self.running) or not self.evidence.connections.asked
        if not self.scope:
            return True
        if each.kind == REMOTE_CLUSTERS:
            return any(s.stream.namespace in self.scope for s in self._strangers())
        if each.kind in (VMS, SELECTION, PROXIES):
            return each.gap.namespace in self.scope
        return True

    def _strangers(self) -> Iterator[Seen]:
        for seen in self.evidence.connections.seen:
            if seen.stream.cluster not in ("", self.evidence.cluster):
                yield seen


def _runs(group: PodGroup) -> bool:
    return group.pod.status is None or group.pod.status.phase == "Running"
