"""The three kinds of gateways and who owns those of the Gateway API (§7)."""

from __future__ import annotations

import pytest

from kubectl_rev.core.mesh.gateways import GatewayKind, classify, gateway_name, istio_gateways, owner
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.labels import VALIDATORS
from kubectl_rev.core.mesh.objects import Container, Gateway, Metadata, PodSpec, PodTemplate
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Gap
from tests.build import (
    control_plane,
    deployment,
    gateway,
    gateway_class,
    injector,
    labels,
    proxy_container,
    service,
    template,
    validator,
    world,
)

NAME, CLASS = "gateway.networking.k8s.io/gateway-name=g", "gateway.networking.k8s.io/gateway-class-name"
MANAGED = "gateway.istio.io/managed"
INJECTED = {"inject.istio.io/templates": "gateway"}
KINDS: dict[str, tuple[PodTemplate, GatewayKind | None]] = {
    "a workload": (template(), None),
    "a workload with a sidecar": (template(proxy=proxy_container()), None),
    "a workload with other templates": (
        template(annotations={"inject.istio.io/templates": "sidecar,gatewayish"}),
        None,
    ),
    "in place": (template("inject=false", proxy=proxy_container(role="router")), GatewayKind.IN_PLACE),
    "injected": (template("inject=true", annotations=INJECTED), GatewayKind.INJECTED),
    "injected, as it runs": (
        template(annotations=INJECTED, proxy=proxy_container(role="router")),
        GatewayKind.INJECTED,
    ),
    "injected with a template of one's own": (
        template(annotations={"inject.istio.io/templates": "mine, gateway"}),
        GatewayKind.INJECTED,
    ),
    "gateway api": (template(f"{NAME} {CLASS}=istio", proxy=proxy_container(role="router")), GatewayKind.GATEWAY_API),
    "gateway api, another class": (template(f"{NAME} {CLASS}=istio-east-west"), GatewayKind.GATEWAY_API),
    "gateway api up to 1.20": (template("istio.io/gateway-name=g"), GatewayKind.GATEWAY_API),
    "gateway api in the days of injection": (
        template("istio.io/gateway-name=g", annotations=INJECTED),
        GatewayKind.GATEWAY_API,
    ),
    "another implementation's": (template(f"{NAME} {CLASS}=kgateway-waypoint"), None),
    "another implementation's, with a sidecar": (
        template(f"{NAME} {CLASS}=nginx", annotations={"istio.io/rev": "default"}, proxy=proxy_container()),
        None,
    ),
    "waypoint": (template(f"{NAME} {CLASS}=istio-waypoint"), GatewayKind.WAYPOINT),
    "waypoint, by who manages it": (template(f"{NAME} {MANAGED}=istio.io-mesh-controller"), GatewayKind.WAYPOINT),
    "gateway api, by who manages it": (
        template(f"{NAME} {MANAGED}=istio.io-gateway-controller"),
        GatewayKind.GATEWAY_API,
    ),
}


@pytest.mark.parametrize(("made", "kind"), KINDS.values(), ids=KINDS.keys())
def test_classify(made: PodTemplate, kind: GatewayKind | None) -> None:
    assert classify(made.metadata, made.spec) is kind


def test_classify_without_a_spec() -> None:
    assert classify(Metadata(labels=labels(f"{NAME} {CLASS}=istio")), None) is GatewayKind.GATEWAY_API
    assert classify(Metadata(), None) is None


def test_a_native_sidecar_that_routes_is_in_place_too() -> None:
    spec = PodSpec(containers=[Container(name="x")], init_containers=[proxy_container(role="router")])
    assert classify(Metadata(), spec) is GatewayKind.IN_PLACE


def test_gateway_name() -> None:
    both = Metadata(labels=labels(f"{NAME} istio.io/gateway-name=old"))
    old = Metadata(labels=labels("istio.io/gateway-name=old"))
    assert [gateway_name(m) for m in (both, old, Metadata())] == ["g", "old", ""]


CLASSES = {
    "istio": GatewayKind.GATEWAY_API,
    "istio-waypoint": GatewayKind.WAYPOINT,
    "istio-agentgateway-waypoint": GatewayKind.WAYPOINT,
    "istio-east-west": GatewayKind.GATEWAY_API,
    "istio-remote": GatewayKind.GATEWAY_API,
    "edge": GatewayKind.GATEWAY_API,
    "l7": GatewayKind.WAYPOINT,
    "istio-by-others": None,
    "istiod": None,
    "nginx": None,
    "": None,
}
READ = {
    "edge": "istio.io/gateway-controller", "l7": "istio.io/mesh-controller", "nginx": "k8s.nginx.org/nginx-gateway",
    "istio-by-others": "example.com/istio.io",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CLASSES.items())
def test_a_gateway_is_istios_by_the_controller_of_its_class(name: str, kind: GatewayKind | None) -> None:
    made, classes = gateway("g", class_name=name), [gateway_class(*one) for one in READ.items()]
    assert istio_gateways(Mesh(world(made, classes))) == ([(made, kind)] if kind else [])
    rendered = template(f"{NAME} {CLASS}={name}")
    assert classify(rendered.metadata, rendered.spec, READ) is kind


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_or_by_the_mark_of_an_istiod_that_answers_to_another_controller(where: str) -> None:
    """As OpenShift's does: PILOT_GATEWAY_API_CONTROLLER_NAME."""
    made, rendered = gateway("g", class_name="openshift"), deployment("g-openshift")
    rendered.metadata.labels |= labels(NAME)
    getattr(rendered.metadata, where)[MANAGED] = "openshift.io-gateway-controller-v1"
    classes = gateway_class("openshift", "openshift.io/gateway-controller/v1")
    assert istio_gateways(Mesh(world(made, classes))) == []
    assert istio_gateways(Mesh(world(made, classes, rendered))) == [(made, GatewayKind.GATEWAY_API)]


NOBODY = "neither the gateway nor its namespace names a revision, and there is no default"
TAGGED = Mesh(
    world(control_plane("canary"), control_plane("blue"), injector("blue", tag="default"), validator("canary"))
)
VALIDATED = Mesh(world(control_plane("canary"), control_plane("blue"), validator("canary")))
NO_DEFAULT = Mesh(world(control_plane("canary"), control_plane("blue"), injector("blue", tag="prod")))
BLIND = Mesh(
    world(control_plane("canary"), gaps=[Gap("list", "mutatingwebhookconfigurations.admissionregistration.k8s.io")])
)
SHARED = Mesh(world(control_plane(), control_plane("canary"), injector("canary", tag="default"), validator("canary")))
DEFAULT_OWNS = "the default owns gateways without a label"
OWNERS: dict[str, tuple[Mesh, Gateway | None, str | None, InjectionDecision]] = {
    "its own label": (
        NO_DEFAULT,
        gateway("g", text="rev=canary"),
        "rev=blue",
        InjectionDecision(State.INJECTED, "the gateway says istio.io/rev=canary", "canary"),
    ),
    "a tag is resolved": (
        NO_DEFAULT,
        gateway("g", text="rev=prod"),
        "",
        InjectionDecision(State.INJECTED, "the gateway says istio.io/rev=prod", "blue"),
    ),
    "its namespace's label": (
        NO_DEFAULT,
        gateway("g"),
        "rev=blue",
        InjectionDecision(State.INJECTED, "the namespace says istio.io/rev=blue", "blue"),
    ),
    "istio-injection is not consulted": (
        TAGGED,
        gateway("g"),
        "injection=enabled rev=canary",
        InjectionDecision(State.INJECTED, "the namespace says istio.io/rev=canary", "canary"),
    ),
    "a ghost is nobody, not the default": (
        TAGGED,
        gateway("g", text="rev=ghost"),
        "rev=canary",
        InjectionDecision(State.NONE, "no control plane answers to istio.io/rev=ghost on the gateway"),
    ),
    "a ghost on the namespace": (
        TAGGED,
        gateway("g"),
        "rev=ghost",
        InjectionDecision(State.NONE, "no control plane answers to istio.io/rev=ghost on the namespace"),
    ),
    "the default tag before the default validator": (
        TAGGED,
        gateway("g"),
        "",
        InjectionDecision(State.INJECTED, "the default owns gateways without a label", "blue"),
    ),
    "the default validator": (
        VALIDATED,
        gateway("g"),
        "",
        InjectionDecision(State.INJECTED, "the default owns gateways without a label", "canary"),
    ),
    "the injectors were not read, and so the tags": (
        BLIND,
        gateway("g", text="rev=canary"),
        "",
        InjectionDecision(State.UNKNOWN, "the injectors, and so the tags, could not be read"),
    ),
    "the gateway was not read": (
        NO_DEFAULT,
        None,
        "rev=blue",
        InjectionDecision(State.UNKNOWN, "the Gateway, and so its labels, could not be read"),
    ),
    "the namespace was not read, and is not asked": (
        NO_DEFAULT,
        gateway("g", text="rev=canary"),
        None,
        InjectionDecision(State.INJECTED, "the gateway says istio.io/rev=canary", "canary"),
    ),
    "the namespace was not read": (
        NO_DEFAULT,
        gateway("g"),
        None,
        InjectionDecision(State.UNKNOWN, "the namespace's labels could not be read"),
    ),
    "no default": (NO_DEFAULT, gateway("g"), "", InjectionDecision(State.NONE, NOBODY)),
    "an empty label is none, and hides the namespace's": (
        TAGGED,
        gateway("g", text="rev="),
        "rev=canary",
        InjectionDecision(State.INJECTED, DEFAULT_OWNS, "blue"),
    ),
    "the unrevisioned istiod answers to default whoever has the tag": (
        SHARED,
        gateway("g"),
        "",
        InjectionDecision(
            State.CONFLICT, f"{DEFAULT_OWNS}, and the istiods of canary and default both take it for theirs"
        ),
    ),
    "and to the label": (
        SHARED,
        gateway("g", text="rev=default"),
        "",
        InjectionDecision(
            State.CONFLICT,
            "the gateway says istio.io/rev=default, and the istiods of canary and default both take it for theirs",
        ),
    ),
    "a label of its own ends that": (
        SHARED,
        gateway("g", text="rev=canary"),
        "",
        InjectionDecision(State.INJECTED, "the gateway says istio.io/rev=canary", "canary"),
    ),
    "the unrevisioned istiod needs neither tag nor validator": (
        Mesh(world(control_plane())),
        gateway("g"),
        "",
        InjectionDecision(State.INJECTED, DEFAULT_OWNS, "default"),
    ),
    "before 1.25 the validator names no owner": (
        Mesh(world(control_plane("canary", version="1.24.6"), validator("canary"))),
        gateway("g"),
        "",
        InjectionDecision(State.NONE, NOBODY),
    ),
    "the validators were not read": (
        Mesh(world(control_plane(), gaps=[Gap("list", VALIDATORS)])),
        gateway("g"),
        "",
        InjectionDecision(State.UNKNOWN, "the default validator, which names the default, could not be read"),
    ),
    "the validators were not read, and the tag decides": (
        Mesh(world(control_plane("canary"), injector("canary", tag="default"), gaps=[Gap("list", VALIDATORS)])),
        gateway("g"),
        "",
        InjectionDecision(State.INJECTED, DEFAULT_OWNS, "canary"),
    ),
    "a tag whose injector and Service disagree": (
        Mesh(
            world(
                control_plane("canary"),
                control_plane("blue"),
                injector("blue", tag="prod"),
                service("canary", tag="prod"),
            )
        ),
        gateway("g", text="rev=prod"),
        "",
        InjectionDecision(
            State.CONFLICT,
            "the gateway says istio.io/rev=prod, and the istiods of blue and canary both take it for theirs",
        ),
    ),
}


@pytest.mark.parametrize(("mesh", "made", "given", "wanted"), OWNERS.values(), ids=OWNERS.keys())
def test_owner(mesh: Mesh, made: Gateway | None, given: str | None, wanted: InjectionDecision) -> None:
    assert owner(mesh, made, None if given is None else labels(given)) == wanted
