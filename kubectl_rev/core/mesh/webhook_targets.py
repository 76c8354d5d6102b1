"""Where do a webhook's calls go, and does anybody answer? Snapshot -> Target.

As the API server resolves it: the Service, its port of the webhook's number, a ready endpoint of that port's name
(k8s.io/apiserver/pkg/util/proxy: ResolveEndpoint), in its own words.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.endpoints import EndpointSlice
from kubectl_rev.core.mesh.objects import ClientConfig, Service
from kubectl_rev.core.mesh.snapshot import Snapshot

_NOBODY = "no endpoints available for service "


class Target(msgspec.Struct, frozen=True):
    """Where a webhook's calls go.

    `revisions` are those of the istiod pods behind the Service, empty when that cannot be seen from this cluster.
    `alive` is False when calls are sure to fail, None when it cannot be known; `problem` is the API server's reason.
    """

    kind: Literal["local", "remote", "external"]
    namespace: str = ""
    service: str = ""
    revisions: tuple[str, ...] = ()
    alive: bool | None = None
    problem: str = ""

    @property
    def asleep(self) -> bool:
        """Whether all is right with the Service, and nobody ready stands behind it."""
        return self.problem.startswith(_NOBODY)


class Reach:
    """A snapshot's Services with who stands behind them. Built once, then only read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._services = {(s.namespace, s.name): s for s in snapshot.services}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for each in snapshot.endpoint_slices:
            self._slices[each.namespace, each.labels.get(labels.SERVICE_NAME, "")].append(each)

    def target(self, client: ClientConfig) -> Target:
        """Follow a webhook's clientConfig to the istiods behind it."""
        if client.service is None:
            return Target("external")
        where = (client.service.namespace, client.service.name)
        service = self._services.get(where)
        if service is None:
            if self._snapshot.has_gap("services", where[0]):
                return Target("local", *where)
            return Target("local", *where, alive=False, problem=f'service "{where[1]}" not found')
        if not service.spec.selector:
            return Target("remote", *where)
        revisions = self._revisions_behind(service)
        if problem := self._problem(service, client.service.port):
            return Target("local", *where, revisions, False, problem)
        unread = self._snapshot.has_gap("endpointslices.discovery.k8s.io", where[0])
        return Target("local", *where, revisions, None if unread or not service.spec.ports else True)

    def _problem(self, service: Service, number: int) -> str:
        """Why a call fails; empty where it does not, and where the endpoints were not read."""
        port = next((port for port in service.spec.ports if port.port == number), None)
        if port is None and service.spec.ports:
            return f'no service port {number} found for service "{service.name}"'
        if self._snapshot.has_gap("endpointslices.discovery.k8s.io", service.namespace):
            return ""
        ready = [each for each in self._slices[service.namespace, service.name] if _is_ready(each)]
        if not ready:
            return f'{_NOBODY}"{service.name}"'
        if port is None or any(not each.ports or any(p.name == port.name for p in each.ports) for each in ready):
            return ""
        return f'no endpoints available for port {number} of service "{service.name}"'

    def _revisions_behind(self, service: Service) -> tuple[str, ...]:
        selects = service.spec.selector.items()
        pods = (pod for pod in self._snapshot.istiods if pod.namespace == service.namespace)
        revisions = {revision_of(pod.labels) for pod in pods if selects <= pod.labels.items()}
        if not revisions:  # scaled to zero
            for workload in self._snapshot.workloads:
                template = workload.template.metadata.labels if workload.template else {}
                if workload.namespace == service.namespace and template and selects <= template.items():
                    revisions.add(revision_of(template))
        return tuple(sorted(revisions))


def _is_ready(each: EndpointSlice) -> bool:
    return any(endpoint.conditions.ready for endpoint in each.endpoints)


def revision_of(metadata_labels: dict[str, str]) -> str:
    """The revision that labels of Istio's own objects name; the unrevisioned one is called "default"."""
    return metadata_labels.get(labels.REV) or labels.DEFAULT
