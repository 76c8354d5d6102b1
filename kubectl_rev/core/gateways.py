"""Is this workload a gateway, of which kind, and who decides its revision?

Three kinds are moved in three ways (istio-semantics.md §9): one installed with its proxy baked in is upgraded in
place by installing it again; an injected one follows the injection labels; one made from a Gateway API Gateway is
re-rendered by whichever istiod owns that Gateway: pilot/pkg/config/kube/gateway/deploymentcontroller.go and
pkg/revisions/tag_watcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kubectl_rev.core import labels
from kubectl_rev.core.defaults import gateway_default
from kubectl_rev.core.injection import Selected, State
from kubectl_rev.core.objects import Gateway, Metadata, PodSpec
from kubectl_rev.core.revisions import Mesh


class GatewayKind(Enum):
    """How a gateway came to its proxy, in the words that the tables use."""

    IN_PLACE = "in place"
    INJECTED = "injected"
    GATEWAY_API = "gateway api"
    WAYPOINT = "waypoint"


def classify(metadata: Metadata, spec: PodSpec | None) -> GatewayKind | None:
    """The kind of gateway that a pod or pod template is, None of an ordinary workload."""
    if labels.GATEWAY_NAME in metadata.labels or labels.GATEWAY_NAME_LEGACY in metadata.labels:
        said = metadata.labels.get(labels.GATEWAY_CLASS, "") + metadata.labels.get(labels.GATEWAY_MANAGED, "")
        waypoint = "waypoint" in said or "mesh-controller" in said
        return GatewayKind.WAYPOINT if waypoint else GatewayKind.GATEWAY_API
    if "gateway" in map(str.strip, metadata.annotations.get(labels.TEMPLATES, "").split(",")):
        return GatewayKind.INJECTED
    proxy = spec.proxy if spec else None
    if proxy is not None and "router" in proxy.args:
        return GatewayKind.IN_PLACE
    return None


def gateway_name(metadata: Metadata) -> str:
    """The Gateway that a pod or template of kind `gateway api` or `waypoint` was made from."""
    return metadata.labels.get(labels.GATEWAY_NAME) or metadata.labels.get(labels.GATEWAY_NAME_LEGACY, "")


def is_istio(gateway: Gateway) -> bool:
    """Istio's own classes are named istio, istio-remote, istio-waypoint, istio-east-west (gateway_class.go)."""
    return gateway.spec.gateway_class_name.startswith("istio")


def is_waypoint(gateway: Gateway) -> bool:
    """The class decides: pkg/config/constants/constants.go, WaypointGatewayClassName and its variants."""
    return "waypoint" in gateway.spec.gateway_class_name


def owner(mesh: Mesh, gateway: Gateway | None, namespace_labels: Mapping[str, str]) -> Selected:
    """The revision whose istiod renders a Gateway's Deployment: its own label, else its namespace's, else the default.

    `istio-injection` is not consulted. A name that is neither revision nor tag leaves the Deployment to nobody. With
    `gateway` None (not read) its namespace and the default are asked.
    """
    if mesh.blind:
        return Selected(State.UNKNOWN, "the injectors, and so the tags, could not be read")
    for where, given in (("gateway", gateway.labels if gateway else {}), ("namespace", namespace_labels)):
        if name := given.get(labels.REV):
            revision = mesh.resolve(name)
            if revision is None:
                return Selected(State.NONE, f"no control plane answers to {labels.REV}={name} on the {where}")
            return Selected(State.INJECTED, f"the {where} says {labels.REV}={name}", revision)
    holder = gateway_default(mesh)
    if holder is None:
        return Selected(State.NONE, "neither the gateway nor its namespace names a revision, and there is no default")
    return Selected(State.INJECTED, "the default owns gateways without a label", holder)
