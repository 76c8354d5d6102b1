"""What says that proxies outside of this cluster use its control planes: VMs' resources, istiods shown to others."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from kubectl_rev.core.mesh.objects import Object, Shape


class Destination(Shape):
    host: str = ""


class Route(Shape):
    destination: Destination = msgspec.field(default_factory=Destination)


class RouteRule(Shape):
    route: tuple[Route, ...] = ()


class OutsideSpec(Shape):
    """Of a VirtualService its destinations, `http|tls|tcp[].route[].destination`, and the Gateways it is bound to."""

    http: tuple[RouteRule, ...] = ()
    tls: tuple[RouteRule, ...] = ()
    tcp: tuple[RouteRule, ...] = ()
    gateways: tuple[str, ...] = ()


class Outside(Object):
    """A WorkloadEntry or WorkloadGroup, or a VirtualService, of networking.istio.io."""

    kind: str = ""
    spec: OutsideSpec = msgspec.field(default_factory=OutsideSpec)

    @property
    def routes(self) -> bool:
        return self.kind == "VirtualService"

    def shows(self, services: Container[tuple[str, str]]) -> list[str]:
        """The hosts that a VirtualService routes to and that are one of these Services, each namespace and name."""
        rules = self.spec.http + self.spec.tls + self.spec.tcp
        hosts = sorted({route.destination.host for rule in rules for route in rule.route})
        return [host for host in hosts if self._service(host) in services]

    def _service(self, host: str) -> tuple[str, str]:
        """`istiod.istio-system.svc.cluster.local`; a short name is of its own namespace."""
        name, _, rest = host.partition(".")
        return rest.partition(".")[0] or self.namespace, name
