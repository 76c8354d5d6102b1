"""What a running pod says about who injected it, by release."""

from __future__ import annotations

import pytest

from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.objects import Container, Metadata, Pod, PodSpec, PodTemplate
from kubectl_rev.core.mesh.proxies import Evidence, Proxy, proxy_of
from kubectl_rev.core.mesh.revisions import Mesh
from tests.build import control_plane, labels, metadata_only, pod, proxy_container, service, template, world

STATUS, REV = "sidecar.istio.io/status", "istio.io/rev"
BARE_STATUS = {STATUS: '{"containers":["istio-proxy"]}'}
# default and canary; `istiod-shared` is in front of both, `istiod-gone` in front of nobody.
MESH = Mesh(
    world(
        control_plane(),
        control_plane("canary"),
        service(name="istiod-shared", select="app=istiod"),
        service(name="istiod-gone", select="app=gone"),
    )
)


def has(annotations: dict[str, str], container: Container | None = None, text: str = "", app: str = "app") -> Pod:
    containers = [Container(name=app, image="app:1"), *([container] if container else [])]
    return Pod(
        metadata=Metadata(name="p", namespace="shop", labels=labels(text), annotations=annotations),
        spec=PodSpec(containers=containers),
    )


DISCOVERY = '{"discoveryAddress":"istiod-canary.istio-system.svc:15012"}'
OLD_DISCOVERY = '{"discoveryAddress":"istiod.istio-system.svc:15012"}'
GATEWAY_STATUS = {STATUS: '{"revision":"canary"}', "inject.istio.io/templates": "gateway"}
PROXIES: dict[str, tuple[Pod, Proxy | None]] = {
    "no sidecar": (pod("p"), None),
    "no sidecar, but a wish": (pod("p", "shop", "rev=canary"), None),
    "1.6: label": (pod("p", on="canary", era="1.6"), Proxy("canary", Evidence.LABEL)),
    "1.10: label": (pod("p", on="canary", era="1.10"), Proxy("canary", Evidence.LABEL)),
    "1.11: status": (pod("p", on="canary", era="1.11"), Proxy("canary", Evidence.STATUS)),
    "1.17: status": (pod("p", on="canary", era="1.17"), Proxy("canary", Evidence.STATUS)),
    "1.30: status": (pod("p", on="canary", era="1.30"), Proxy("canary", Evidence.STATUS)),
    "status before annotation": (
        has({STATUS: '{"revision":"canary"}', REV: "default"}, proxy_container()),
        Proxy("canary", Evidence.STATUS),
    ),
    "the user's label is a wish, perhaps a tag": (
        pod("p", "shop", "rev=prod", on="canary", era="1.12"),
        Proxy("canary", Evidence.STATUS),
    ),
    "annotation before label": (
        has(BARE_STATUS | {REV: "canary"}, proxy_container(), "rev=prod"),
        Proxy("canary", Evidence.ANNOTATION),
    ),
    "annotation alone, as on gateways that istiod renders": (
        has({REV: "canary"}, proxy_container()),
        Proxy("canary", Evidence.ANNOTATION),
    ),
    "label before address": (
        has(BARE_STATUS, proxy_container("canary"), "rev=default"),
        Proxy("default", Evidence.LABEL),
    ),
    "CA_ADDR": (has(BARE_STATUS, proxy_container("canary")), Proxy("canary", Evidence.ADDRESS)),
    "CA_ADDR without a port": (
        has(BARE_STATUS, proxy_container(CA_ADDR="istiod-canary.istio-system.svc")),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "CA_ADDR with the cluster's domain": (
        has(BARE_STATUS, proxy_container(CA_ADDR="istiod-canary.istio-system.svc.cluster.local:15012")),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "CA_ADDR before PROXY_CONFIG": (
        has(BARE_STATUS, proxy_container("canary", PROXY_CONFIG=OLD_DISCOVERY)),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "discoveryAddress": (
        has(BARE_STATUS, proxy_container(CA_ADDR="", PROXY_CONFIG=DISCOVERY)),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "no discoveryAddress is the built-in one": (
        has(BARE_STATUS, proxy_container(CA_ADDR="", PROXY_CONFIG='{"concurrency":2}')),
        Proxy("default", Evidence.ADDRESS),
    ),
    "no PROXY_CONFIG either": (has(BARE_STATUS, proxy_container(CA_ADDR="")), Proxy("default", Evidence.ADDRESS)),
    "PROXY_CONFIG that is no JSON": (
        has(BARE_STATUS, proxy_container(CA_ADDR="", PROXY_CONFIG="discoveryAddress: x")),
        Proxy(None, Evidence.NOTHING),
    ),
    "an address in front of two revisions": (
        has(BARE_STATUS, proxy_container(CA_ADDR="istiod-shared.istio-system.svc:15012")),
        Proxy(None, Evidence.NOTHING),
    ),
    "an address in front of nobody": (
        has(BARE_STATUS, proxy_container(CA_ADDR="istiod-gone.istio-system.svc:15012")),
        Proxy(None, Evidence.NOTHING),
    ),
    "an address that is no Service here": (
        has(BARE_STATUS, proxy_container(CA_ADDR="istiod.example.com:15012")),
        Proxy(None, Evidence.NOTHING),
    ),
    "a status that is no JSON": (
        has({STATUS: "injected"}, proxy_container("canary")),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "a status whose revision is no text": (
        has({STATUS: '{"revision":1}', REV: "canary"}, proxy_container()),
        Proxy("canary", Evidence.ANNOTATION),
    ),
    "a status whose revision is empty": (
        has({STATUS: '{"revision":""}', REV: "canary"}, proxy_container()),
        Proxy("canary", Evidence.ANNOTATION),
    ),
    "native sidecar": (pod("p", on="canary", native=True), Proxy("canary", Evidence.STATUS)),
    "native sidecar known by its address": (
        Pod(
            metadata=Metadata(annotations=BARE_STATUS),
            spec=PodSpec(containers=[Container(name="app")], init_containers=[proxy_container("canary")]),
        ),
        Proxy("canary", Evidence.ADDRESS),
    ),
    "only metadata, status": (metadata_only(pod("p", on="canary")), Proxy("canary", Evidence.STATUS)),
    "only metadata, 1.8": (metadata_only(pod("p", on="canary", era="1.8")), Proxy("canary", Evidence.LABEL)),
    "only metadata, nothing else to go by": (
        metadata_only(has(BARE_STATUS)),
        Proxy(None, Evidence.NOTHING),
    ),
    "only metadata, no status": (metadata_only(pod("p", "shop", "rev=canary")), None),
    "ztunnel is of no revision": (has({REV: "canary"}, proxy_container("canary"), "app=ztunnel"), None),
    "istiod is no proxy": (has({REV: "canary"}, None, "app=istiod rev=canary"), None),
    "a gateway in place, 1.8: label": (
        has({}, proxy_container("canary", role="router"), "rev=canary inject=false"),
        Proxy("canary", Evidence.LABEL, GatewayKind.IN_PLACE),
    ),
    "a gateway in place, 1.6: address": (
        has({}, proxy_container("canary", role="router"), "inject=false"),
        Proxy("canary", Evidence.ADDRESS, GatewayKind.IN_PLACE),
    ),
    "an injected gateway": (
        has(GATEWAY_STATUS, proxy_container("canary", role="router")),
        Proxy("canary", Evidence.STATUS, GatewayKind.INJECTED),
    ),
    "a container that the template only begins, and nobody injected": (
        has({}, Container(name="istio-proxy", image="docker.io/istio/proxyv2:1.20.8")),
        None,
    ),
    "a gateway pod that nobody injected": (
        has({"inject.istio.io/templates": "gateway"}, Container(name="istio-proxy", image="auto"), "rev=canary"),
        None,
    ),
    "a waypoint": (
        has(
            {REV: "canary"},
            proxy_container("canary", role="waypoint"),
            "gateway.networking.k8s.io/gateway-name=w gateway.networking.k8s.io/gateway-class-name=istio-waypoint",
        ),
        Proxy("canary", Evidence.ANNOTATION, GatewayKind.WAYPOINT),
    ),
}


@pytest.mark.parametrize(("found", "proxy"), PROXIES.values(), ids=PROXIES.keys())
def test_proxy_of(found: Pod, proxy: Proxy | None) -> None:
    assert proxy_of(MESH, found, None) == proxy


BAKED = template("rev=canary", proxy=proxy_container("canary", role="router"))
TEMPLATES: dict[str, tuple[Pod, PodTemplate | None, Proxy | None]] = {
    "the template stands in for a spec that was not read": (
        metadata_only(pod("p", "shop", "rev=canary")),
        BAKED,
        Proxy("canary", Evidence.LABEL, GatewayKind.IN_PLACE),
    ),
    "the pod's own spec is better": (pod("p", "shop", "rev=canary"), BAKED, None),
    "a template whose image is auto waits for injection": (
        metadata_only(pod("p", "shop", "rev=canary")),
        template(proxy=Container(name="istio-proxy", image="auto")),
        None,
    ),
    "a template without a proxy says nothing about one": (
        metadata_only(pod("p", on="canary", era="1.10")),
        template(),
        Proxy("canary", Evidence.LABEL),
    ),
}


@pytest.mark.parametrize(("found", "made_from", "proxy"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_templates(found: Pod, made_from: PodTemplate | None, proxy: Proxy | None) -> None:
    assert proxy_of(MESH, found, made_from) == proxy


def test_only_a_gateway_in_place_is_fixed() -> None:
    fixed = {kind: Proxy("canary", Evidence.STATUS, kind).fixed for kind in (None, *GatewayKind)}
    assert fixed == {
        None: False,
        GatewayKind.IN_PLACE: True,
        GatewayKind.INJECTED: False,
        GatewayKind.GATEWAY_API: False,
        GatewayKind.WAYPOINT: False,
    }
