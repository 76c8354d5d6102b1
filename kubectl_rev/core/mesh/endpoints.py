"""What stands behind a Service: EndpointSlices, as far as they are read."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh.objects import Object, Port, Shape


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
