"""Services, and the EndpointSlices behind them, as far as they are read."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh.objects import Object, Shape


class Port(Shape):
    """`spec.ports[]` of a Service, `ports[]` of an EndpointSlice; the latter has the name of the former."""

    name: str = ""
    port: int = 0
    target_port: int | str | None = None


class ServiceSpec(Shape):
    """`spec` of a Service; a `cluster_ip` of None, as a word, makes it headless."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    selector: dict[str, str] = msgspec.field(default_factory=dict)
    ports: list[Port] = msgspec.field(default_factory=list)


class Service(Object):
    """v1 Service."""

    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)

    def leads_to(self, pod: Object) -> bool:
        """Whether its selector selects this pod; one without a selector has its endpoints from elsewhere."""
        selector = self.spec.selector
        return bool(selector) and self.namespace == pod.namespace and selector.items() <= pod.labels.items()


class EndpointConditions(Shape):
    """`endpoints[].conditions`; the API says that an unknown `ready` is to be taken as true."""

    ready: bool = True


class Endpoint(Shape):
    """`endpoints[]` of an EndpointSlice."""

    conditions: EndpointConditions = msgspec.field(default_factory=EndpointConditions)


class EndpointSlice(Object):
    """discovery.k8s.io/v1 EndpointSlice."""

    endpoints: list[Endpoint] = msgspec.field(default_factory=list)
    ports: list[Port] = msgspec.field(default_factory=list)
