"""Is this workload a gateway, of which kind, and who decides its revision?

Three kinds are moved in three ways (istio-semantics.md §9): one installed with its proxy baked in is upgraded in
place by installing it again; an injected one follows the injection labels; one made from a Gateway API Gateway is
re-rendered by whichever istiod owns that Gateway: pilot/pkg/config/kube/gateway/deploymentcontroller.go and
pkg/revisions/tag_watcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.defaults import gateway_default
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.objects import Gateway, Metadata, PodSpec
from kubectl_rev.core.mesh.revisions import Mesh

_CLASS = "istio"  # what Istio's own classes begin with


class GatewayKind(Enum):
    """How a gateway came to its proxy, in the words that the tables use."""

    IN_PLACE = "in place"
    INJECTED = "injected"
    GATEWAY_API = "gateway api"
    WAYPOINT = "waypoint"


def classify(metadata: Metadata, spec: PodSpec | None) -> GatewayKind | None:
    """The kind of gateway that a pod or pod template is, None of an ordinary workload."""
    given = metadata.labels
    # Every implementation of the Gateway API writes gateway-name (GEP-1762). Istio's has a label of its own beside it:
    # up to 1.23 the name again, since 1.24 who manages it (files/kube-gateway.yaml, files/waypoint.yaml).
    istio = labels.GATEWAY_MANAGED in given or given.get(labels.GATEWAY_CLASS, "").startswith(_CLASS)
    if labels.GATEWAY_NAME_LEGACY in given or (labels.GATEWAY_NAME in given and istio):
        values = given.get(labels.GATEWAY_CLASS, "") + given.get(labels.GATEWAY_MANAGED, "")
        waypoint = "waypoint" in values or "mesh-controller" in values
        return GatewayKind.WAYPOINT if waypoint else GatewayKind.GATEWAY_API
    if "gateway" in map(str.strip, metadata.annotations.get(labels.TEMPLATES, "").split(",")):
        return GatewayKind.INJECTED
    proxy = spec.proxy if spec else None
    return GatewayKind.IN_PLACE if proxy is not None and "router" in proxy.args else None


def gateway_name(metadata: Metadata) -> str:
    """The Gateway that a pod or template of kind `gateway api` or `waypoint` was made from."""
    return metadata.labels.get(labels.GATEWAY_NAME) or metadata.labels.get(labels.GATEWAY_NAME_LEGACY, "")


def is_istio(gateway: Gateway) -> bool:
    """Istio's own classes are named istio, istio-remote, istio-waypoint, istio-east-west (gateway_class.go)."""
    return gateway.spec.gateway_class_name.startswith(_CLASS)


def is_waypoint(gateway: Gateway) -> bool:
    """The class decides: pkg/config/constants/constants.go, WaypointGatewayClassName and its variants."""
    return "waypoint" in gateway.spec.gateway_class_name


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
        if labels.DEFAULT_TAG_INJECTOR not in mesh.served and mesh.snapshot.has_gap(labels.VALIDATORS):
            return InjectionDecision(State.UNKNOWN, "the default validator, which names the default, could not be read")
    if len(owners) > 1:
        both = f"{because}, and the istiods of {' and '.join(owners)} both take it for theirs"
        return InjectionDecision(State.CONFLICT, both)
    return InjectionDecision(State.INJECTED, because, owners[0]) if owners else InjectionDecision(State.NONE, nobody)


def claimants(mesh: Mesh, name: str) -> list[str]:
    """The revisions whose istiod takes for its own what is labelled `istio.io/rev=NAME`; with "", what has no label.

    Every istiod answers to its own revision and to the tags that are labelled with it, wherever their webhooks lead:
    pkg/revisions/tag_watcher.go, GetMyTags and IsMine. So the unrevisioned one goes on to answer to `default` after
    that tag was given to another (istio#54280). One without istiods counts only where nobody else does.
    """
    wanted = name or labels.DEFAULT
    claim = {revision for tag, revision in mesh.labelled_tags if tag == wanted} | {wanted}
    if not name and (holder := gateway_default(mesh)):
        claim.add(holder)
    claim &= mesh.revisions if name else mesh.existing  # a default that is gone is none
    awake = {p.revision for p in mesh.control_planes if p.istiods or p.kind not in ("local", "missing")}
    return sorted(claim & awake or claim)
