"""Removals by `helm uninstall` beside other releases: gateways, CNI, ztunnel, planes elsewhere or istioctl's."""

from __future__ import annotations

from tests.cluster import migrating
from tests.cluster.uninstall.by_helm import SCENARIOS as scenario
from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE
from tests.testcluster import ISTIO_DEFAULT

WAYPOINTS = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "istio-waypoint"},
    "spec": {"controllerName": "istio.io/mesh-controller"},
}


# Gateways, CNI, ztunnel: releases of their own


@scenario(NOT_SAFE, "302", "307")
def _helm_gateway_that_is_pinned(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress", "revision=canary")


@scenario(SAFE)
def _helm_gateway_on_the_default(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress")


@scenario(SAFE)
def _helm_gateway_that_was_moved_away(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress", "revision=canary")
    mesh.gateway_chart("ingress", "revision=default")


@scenario(NOT_SAFE, "310")
def _helm_gateway_that_is_pinned_and_asleep(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress", "revision=canary", "autoscaling.enabled=false", "replicaCount=0")


@scenario(NOT_SAFE, "302", "305", "306", "307", "308", revision="default")
def _helm_gateway_on_the_default_that_goes(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress")


@scenario(SAFE)
def _helm_cni_that_bears_the_revision(mesh: Mesh) -> None:
    mesh.chart("cni", "istio-cni", "kube-system", "revision=canary")


@scenario(SAFE)
def _helm_cni_and_ztunnel_of_the_other(mesh: Mesh) -> None:
    mesh.chart("cni", "istio-cni", "istio-system")
    mesh.chart("ztunnel", "ztunnel", "istio-system")
    mesh.settled("istio-system")


@scenario(NOT_SAFE, "313")
def _helm_ztunnel_that_calls_it(mesh: Mesh) -> None:
    mesh.chart("ztunnel", "ztunnel", "istio-system", "revision=canary")
    mesh.settled("istio-system")


@scenario(NOT_SAFE, "302", "311")
def _helm_gateway_of_the_gateway_api(mesh: Mesh) -> None:
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge", rev="canary")


@scenario(NOT_SAFE, "302", "311")
def _helm_waypoint_in_its_namespace(mesh: Mesh) -> None:
    mesh.istiod("canary", "env.PILOT_ENABLE_AMBIENT=true")
    migrating.gateway_api(mesh.cluster)
    mesh.cluster.apply(WAYPOINTS)
    mesh.namespace("ambient", istio_io_rev="canary", istio_injection="disabled")
    mesh.gateway("ambient", "waypoint", kind="istio-waypoint")


@scenario(SAFE)
def _helm_gateway_of_the_gateway_api_of_the_other(mesh: Mesh) -> None:
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge")


@scenario(NOT_SAFE, "302", "304", "307")
def _helm_gateway_that_is_pinned_to_a_tag(mesh: Mesh) -> None:
    mesh.tag_release("tags", "canary", "prod")
    mesh.gateway_chart("ingress", "revision=prod")


@scenario(NOT_SAFE, "302", "304", "311")
def _helm_gateway_of_the_gateway_api_by_a_tag(mesh: Mesh) -> None:
    mesh.tag_release("tags", "canary", "prod")
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge", rev="prod")


@scenario(NOT_SAFE, "302", "305", "306", "308", "311", revision="default")
def _helm_gateway_of_the_gateway_api_on_the_default_that_goes(mesh: Mesh) -> None:
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge")


# Releases: upgraded, elsewhere, kept, beside istioctl


@scenario(SAFE)
def _helm_upgraded_in_place(mesh: Mesh) -> None:
    mesh.istiod("canary", "replicaCount=2", "autoscaleEnabled=false", version=ISTIO_DEFAULT)
    mesh.deployment("calm")


@scenario(NOT_SAFE, "302", "306")
def _helm_upgraded_in_place_and_used(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))
    mesh.istiod("canary", version=ISTIO_DEFAULT)


@scenario(SAFE, revision="blue", namespace="istio-blue")
def _helm_control_plane_elsewhere(mesh: Mesh) -> None:
    mesh.istiod("blue", namespace="istio-blue")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "302", "306", revision="blue", namespace="istio-blue")
def _helm_control_plane_elsewhere_that_is_used(mesh: Mesh) -> None:
    mesh.istiod("blue", namespace="istio-blue")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="blue"))


@scenario(NOT_SAFE, "304", "306", revision="blue", namespace="istio-blue")
def _helm_control_plane_elsewhere_with_a_tag(mesh: Mesh) -> None:
    mesh.istiod("blue", "revisionTags[0]=prod", namespace="istio-blue")
    mesh.tags.append("prod")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(SAFE, namespace="istio-blue", flags="--istio-namespace istio-blue")
def _helm_two_of_one_name(mesh: Mesh) -> None:
    """`canary` twice, in two namespaces: the one that stays takes over what names it."""
    mesh.istiod("canary", namespace="istio-blue")
    mesh.namespace("shop", istio_io_rev="canary")


@scenario(SAFE, layout="istioctl", revision="green")
def _helm_beside_istioctls_control_planes(mesh: Mesh) -> None:
    mesh.istiod("green")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "304", "306", layout="istioctl", revision="green")
def _helm_beside_istioctls_control_planes_with_a_tag(mesh: Mesh) -> None:
    mesh.istiod("green", "revisionTags[0]=prod")
    mesh.tags.append("prod")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "306")
def _helm_injector_that_is_kept(mesh: Mesh) -> None:
    """`helm.sh/resource-policy: keep` in the manifest: the webhook stays, and rejects."""
    mesh.istiod("canary", r"sidecarInjectorWebhookAnnotations.helm\.sh/resource-policy=keep")
    mesh.namespace("shop", istio_io_rev="canary")


@scenario(NOT_SAFE, "304")
def _helm_tag_that_is_kept(mesh: Mesh) -> None:
    mesh.istiod("canary", "revisionTags[0]=prod", r"sidecarInjectorWebhookAnnotations.helm\.sh/resource-policy=keep")
    mesh.tags.append("prod")
