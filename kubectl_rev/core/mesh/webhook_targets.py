"""Where do a webhook's calls go, and does anybody answer? Snapshot -> Target.

As the API server resolves it: the Service, its port of the webhook's number, a ready endpoint of that port's name
(k8s.io/apiserver/pkg/util/proxy: ResolveEndpoint), in its own words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from typing import Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import revision_of
from kubectl_rev.core.mesh.objects import ClientConfig
from kubectl_rev.core.mesh.services import EndpointSlice, Service
from kubectl_rev.core.mesh.snapshot import Snapshot


class Problem(Enum):
    """Why calls of a webhook fail, in the API server's words (k8s.io/apiserver/pkg/util/proxy), then in ours."""

    NO_SERVICE = 'service "{service}" not found', ""
    NO_PORT = 'no service port {port} found for service "{service}"', ""
    NOT_READY = 'no endpoints available for service "{service}"', ""
    PORT_NOT_READY = 'no endpoints available for port {port} of service "{service}"', ""
    NO_CA = "x509: certificate signed by unknown authority", "it has no caBundle"
    OTHER_CA = "x509: certificate signed by unknown authority", "its caBundle is not that of the istiod it calls"
    # whether these two fail depends on --enable-aggregator-routing of the API server, which nothing shows
    HEADLESS = 'cannot route to service with ClusterIP "None"', "unless the API server has aggregator routing"
    EXTERNAL_NAME = 'unsupported service type "ExternalName"', "if the API server has aggregator routing"

    def __init__(self, words: str, note: str) -> None:
        self.words, self.note = words, note


class Target(msgspec.Struct, frozen=True):
    """Where a webhook's calls go.

    `revisions` are those of the istiod pods behind the Service, empty when that cannot be seen from this cluster.
    `alive` is False when calls are sure to fail, None when it cannot be known; `cause` is why, if there is more to it
    than something that was not read, at this `port`.
    """

    kind: Literal["local", "remote", "external"]
    namespace: str = ""
    service: str = ""
    revisions: tuple[str, ...] = ()
    alive: bool | None = None
    cause: Problem | None = None
    port: str = ""

    @property
    def words(self) -> str:
        """The cause in the API server's words; empty where there is none."""
        return self.cause.words.format(service=self.service, port=self.port) if self.cause else ""

    @property
    def problem(self) -> str:
        """The same, and what is behind it."""
        return f"{self.words} ({self.cause.note})" if self.cause and self.cause.note else self.words

    @property
    def asleep(self) -> bool:
        """Whether all is right with the Service, and no pod behind it is ready."""
        return self.cause is Problem.NOT_READY


class Reach:
    """A snapshot's Services with who stands behind them. Built once, then only read."""

    def __init__(self, snapshot: Snapshot, called: Callable[[str, str], str]) -> None:
        self._snapshot, self._called = snapshot, called
        self._services = {(s.namespace, s.name): s for s in snapshot.services}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for endpoint_slice in snapshot.endpoint_slices:
            service = endpoint_slice.labels.get(labels.SERVICE_NAME, "")
            self._slices[endpoint_slice.namespace, service].append(endpoint_slice)

    def target(self, client: ClientConfig) -> Target:
        """Follow a webhook's clientConfig to the istiods behind it."""
        if client.service is None:
            return Target("external")
        where = (client.service.namespace, client.service.name)
        service = self._services.get(where)
        if service is None:
            if self._snapshot.has_gap("services", where[0]):
                return Target("local", *where)
            return Target("local", *where, alive=False, cause=Problem.NO_SERVICE)
        if service.spec.type == "ExternalName":
            return Target("remote", *where, cause=Problem.EXTERNAL_NAME)
        if not service.spec.selector:
            return Target("remote", *where)
        revisions = self._revisions_behind(service)
        cause, port = self._problem(service, client.service.port)
        if cause is not None:
            return Target("local", *where, revisions, False, cause, port)
        if service.spec.cluster_ip == "None":
            return Target("local", *where, revisions, None, Problem.HEADLESS)
        unread = self._snapshot.has_gap("endpointslices.discovery.k8s.io", where[0])
        return Target("local", *where, revisions, None if unread or not service.spec.ports else True)

    def _problem(self, service: Service, number: int) -> tuple[Problem | None, str]:
        """Why a call fails, and at which port; None where it does not, and where the endpoints were not read."""
        port = next((port for port in service.spec.ports if port.port == number), None)
        if port is None and service.spec.ports:
            return Problem.NO_PORT, str(number)
        if self._snapshot.has_gap("endpointslices.discovery.k8s.io", service.namespace):
            return None, ""
        slices = self._slices[service.namespace, service.name]
        ready = [part.ports for part in slices if any(endpoint.conditions.ready for endpoint in part.endpoints)]
        if not ready:
            return Problem.NOT_READY, ""
        if port is None or any(not ports or any(p.name == port.name for p in ports) for ports in ready):
            return None, ""
        return Problem.PORT_NOT_READY, str(number)

    def _revisions_behind(self, service: Service) -> tuple[str, ...]:
        names = {revision_of(pod.labels) for pod in self._snapshot.istiods_behind(service)}
        if not names:  # scaled to zero
            here = (w.template for w in self._snapshot.workloads if w.namespace == service.namespace and w.template)
            selected = service.spec.selector.items()
            names = {revision_of(t.metadata.labels) for t in here if selected <= t.metadata.labels.items()}
        return tuple(sorted(self._called(name, service.namespace) for name in names))
