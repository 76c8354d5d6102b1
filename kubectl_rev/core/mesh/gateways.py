"""Is this workload a gateway, of which kind, and who decides its revision?

Three kinds are moved in three ways: one installed with its proxy baked in is upgraded in
place by installing it again; an injected one follows the injection labels; one made from a Gateway API Gateway is
re-rendered by whichever istiod owns that Gateway: pilot/pkg/config/kube/gateway/deploymentcontroller.go and
pkg/revisions/tag_watcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.defaults import claimants
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.objects import Gateway, Metadata, PodSpec
from kubectl_rev.core.mesh.revisions import Mesh


class GatewayKind(Enum):
    """How a gateway came to its proxy, in the words that the tables use."""

    IN_PLACE = "in place"
    INJECTED = "injected"
    GATEWAY_API = "gateway api"
    WAYPOINT = "waypoint"


def classify(metadata: Metadata, spec: PodSpec | None, controllers: Mapping[str, str] = {}) -> GatewayKind | None:
    """The kind of gateway that a pod or pod template is, None of an ordinary workload; `controllers` by their class."""
    given = metadata.labels
    # Every implementation of the Gateway API writes gateway-name (GEP-1762). Istio's has a label of its own beside it:
    # up to 1.23 the name again, since 1.24 who manages it (files/kube-gateway.yaml, files/waypoint.yaml).
    managed = given.get(labels.GATEWAY_MANAGED) or metadata.annotations.get(labels.GATEWAY_MANAGED, "")
    named = given.get(labels.GATEWAY_CLASS, "")
    istio = bool(managed) or _is_istios(named, controllers)
    if labels.GATEWAY_NAME_LEGACY in given or (labels.GATEWAY_NAME in given and istio):
        return _kind(managed or controllers.get(named) or named)
    if "gateway" in map(str.strip, metadata.annotations.get(labels.TEMPLATES, "").split(",")):
        return GatewayKind.INJECTED
    proxy = spec.proxy if spec else None
    return GatewayKind.IN_PLACE if proxy is not None and "router" in proxy.args else None


def gateway_name(metadata: Metadata) -> str:
    """The Gateway that a pod or template of kind `gateway api` or `waypoint` was made from."""
    return metadata.labels.get(labels.GATEWAY_NAME) or metadata.labels.get(labels.GATEWAY_NAME_LEGACY, "")


def istio_gateways(mesh: Mesh) -> list[tuple[Gateway, GatewayKind]]:
    """The Gateways that are an istiod's to render, each `gateway api` or `waypoint`: by the controller of their class
    (pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go), or by what was rendered for them.

    An istiod may be told to answer to another controller's name (PILOT_GATEWAY_API_CONTROLLER_NAME): then the mark that
    it leaves on the Deployment tells. The name of a class counts where the class was not read.
    """
    marks = {
        (workload.namespace, gateway_name(workload.metadata)): mark
        for workload in mesh.snapshot.workloads
        for given in (workload.metadata.annotations, workload.labels)
        if (mark := given.get(labels.GATEWAY_MANAGED))
    }
    found = []
    for gateway in mesh.snapshot.gateways:
        named = gateway.spec.gateway_class_name
        mark = marks.get((gateway.namespace, gateway.name))
        if mark or _is_istios(named, mesh.gateway_controllers):
            found.append((gateway, _kind(mark or mesh.gateway_controllers.get(named, named))))
    return found


def _is_istios(named: str, controllers: Mapping[str, str]) -> bool:
    if named in controllers:
        return controllers[named].startswith(labels.GATEWAY_CONTROLLERS)
    return f"{named}-".startswith("istio-")


def _kind(controller: str) -> GatewayKind:
    """By the name of a controller, the mark that it leaves, or the name of a class of Istio's own."""
    waypoint = "waypoint" in controller or "mesh-controller" in controller
    return GatewayKind.WAYPOINT if waypoint else GatewayKind.GATEWAY_API


def owner(mesh: Mesh, gateway: Gateway | None, namespace_labels: Mapping[str, str] | None) -> InjectionDecision:
    """The revision whose istiod renders a Gateway's Deployment: its own label, else its namespace's, else the default.

    `istio-injection` is not consulted. A name that is neither revision nor tag leaves the Deployment to nobody, one
    that two istiods take for theirs to both. `gateway` and `namespace_labels` are None where they could not be read.
    """
    if mesh.blind:
        return InjectionDecision(State.UNKNOWN, "the injectors, and so the tags, could not be read")
    if gateway is None:
        return InjectionDecision(State.UNKNOWN, "the Gateway, and so its labels, could not be read")
    if (name := gateway.labels.get(labels.REV)) is not None:
        return _claimed(mesh, name, "gateway")
    if namespace_labels is None:
        return InjectionDecision(State.UNKNOWN, "the namespace's labels could not be read")
    return _claimed(mesh, namespace_labels.get(labels.REV, ""), "namespace")


def _claimed(mesh: Mesh, name: str, where: str) -> InjectionDecision:
    owners, because = claimants(mesh, name), f"the {where} says {labels.REV}={name}"
    nobody = f"no control plane answers to {labels.REV}={name} on the {where}"
    if not name:
        because = "the default owns gateways without a label"
        nobody = "neither the gateway nor its namespace names a revision, and there is no default"
        tagged = any(tag == labels.DEFAULT for tag, _ in mesh.labelled_tags)
        if not tagged and mesh.snapshot.has_gap(labels.VALIDATORS):
            return InjectionDecision(State.UNKNOWN, "the default validator, which names the default, could not be read")
    if len(owners) > 1:
        both = f"{because}, and the istiods of {' and '.join(owners)} both take it for theirs"
        return InjectionDecision(State.CONFLICT, both)
    return InjectionDecision(State.INJECTED, because, owners[0]) if owners else InjectionDecision(State.NONE, nobody)
