"""Removals by `istioctl uninstall`, which deletes by labels."""

from __future__ import annotations

from tests.cluster import migrating
from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE, UNKNOWN, Scenarios
from tests.testcluster import ISTIO_CANARY, ISTIO_DEFAULT

SCENARIOS = scenario = Scenarios("istioctl")


# Going back: canary is left, default stays


@scenario(SAFE)
def _unused_canary(mesh: Mesh) -> None:
    mesh.deployment("calm")


@scenario(NOT_SAFE, "306", sample=True)
def _empty_namespace(mesh: Mesh) -> None:
    mesh.namespace("shop", istio_io_rev="canary")


@scenario(NOT_SAFE, "302", "306")
def _running_namespace(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))


@scenario(NOT_SAFE, "302")
def _relabelled_but_not_restarted(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))
    mesh.label("shop", "istio.io/rev-", "istio-injection=enabled")


@scenario(NOT_SAFE, "304", "306", sample=True)
def _namespace_on_a_tag(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "304")
def _tag_that_nobody_uses(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")


@scenario(SAFE)
def _tag_of_the_other_revision(mesh: Mesh) -> None:
    mesh.tag("prod", "default")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "310", sample=True)
def _scaled_to_zero(mesh: Mesh) -> None:
    mesh.deployment("outside", "archive", replicas=0, kind="StatefulSet", rev="canary")


@scenario(NOT_SAFE, "304", "310")
def _scaled_to_zero_on_a_tag(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")
    mesh.deployment("outside", "archive", replicas=0, rev="prod")


@scenario(NOT_SAFE, "306", "310")
def _scaled_to_zero_in_its_namespace(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"), replicas=0)


@scenario(NOT_SAFE, "310")
def _cron_job(mesh: Mesh) -> None:
    mesh.cron_job("outside", rev="canary")


@scenario(NOT_SAFE, "302", "307")
def _workload_with_its_own_label(mesh: Mesh) -> None:
    mesh.deployment("outside", rev="canary")


@scenario(NOT_SAFE, "301")
def _connected_vm(mesh: Mesh) -> None:
    mesh.connect("vm-1", "outside", "canary")


@scenario(NOT_SAFE, "301")
def _connected_pod_that_was_injected_by_the_other(mesh: Mesh) -> None:
    mesh.deployment("calm")
    pod = mesh.cluster.items("pods", "-n", "calm")[0]["metadata"]["name"]
    mesh.connect(pod, "calm", "canary")


@scenario(NOT_SAFE, "301")
def _connected_from_another_cluster(mesh: Mesh) -> None:
    mesh.connect("far-1", "shop", "canary", cluster_id="west")


@scenario(SAFE)
def _connected_to_the_other(mesh: Mesh) -> None:
    mesh.deployment("calm")
    pod = mesh.cluster.items("pods", "-n", "calm")[0]["metadata"]["name"]
    mesh.connect(pod, "calm", "default")


@scenario(UNKNOWN)
def _another_cluster_connected_to_the_other(mesh: Mesh) -> None:
    mesh.connect("far-1", "shop", "default", cluster_id="west")


@scenario(SAFE, flags="--accept-gap remote-clusters")
def _another_cluster_accepted(mesh: Mesh) -> None:
    mesh.connect("far-1", "shop", "default", cluster_id="west")


@scenario(UNKNOWN)
def _vm_that_is_registered(mesh: Mesh) -> None:
    mesh.workload_entry("outside", "vm-1")


@scenario(NOT_SAFE, "304", "305", "306", "308")
def _default_tag(mesh: Mesh) -> None:
    mesh.tag("default", "canary")


@scenario(NOT_SAFE, "314")
def _labelled_configuration(mesh: Mesh) -> None:
    mesh.virtual_service("outside", "route", rev="canary")


@scenario(SAFE)
def _configuration_of_the_other(mesh: Mesh) -> None:
    mesh.virtual_service("outside", "route", rev="default")
    mesh.virtual_service("outside", "all")


@scenario(NOT_SAFE, "302", "312")
def _gateway_installed_with_it(mesh: Mesh) -> None:
    mesh.cluster.install("canary", ISTIO_CANARY, gateway=True)


@scenario(NOT_SAFE, "309")
def _foreign_webhook(mesh: Mesh) -> None:
    mesh.validating_webhook("guard", "istiod-canary")


@scenario(SAFE)
def _labels_that_decide_for_the_other(mesh: Mesh) -> None:
    mesh.namespace("both", istio_injection="enabled", istio_io_rev="canary")
    mesh.namespace("off", istio_injection="disabled", istio_io_rev="canary")
    mesh.namespace("ghost", istio_io_rev="1-6-5")
    mesh.deployment("calm", "ignored", rev="canary")


@scenario(NOT_SAFE, "306")
def _opted_out_in_its_namespace(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"), inject="false")


@scenario(NOT_SAFE, "306")
def _control_plane_scaled_to_zero(mesh: Mesh) -> None:
    mesh.namespace("shop", istio_io_rev="canary")
    mesh.cluster.kubectl("scale", "deployment", "istiod-canary", "-n", "istio-system", "--replicas=0")
    mesh.cluster.sync_istiods()


@scenario(UNKNOWN)
def _control_plane_that_does_not_answer(mesh: Mesh) -> None:
    mesh.cluster.stop_istiod("canary", unnoticed=True)


@scenario(NOT_SAFE, "302", "304", "306", "310", "314")
def _a_bit_of_everything(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))
    mesh.namespace("pay", istio_io_rev="prod")
    mesh.cron_job("outside", rev="canary")
    mesh.virtual_service("pay", "route", rev="canary")


# Going on: default is left, canary stays


@scenario(NOT_SAFE, "304", "305", "306", "308", revision="default")
def _default_that_is_still_the_default(mesh: Mesh) -> None:
    pass


@scenario(SAFE, revision="default", sample=True)
def _default_after_the_move(mesh: Mesh) -> None:
    mesh.tag("default", "canary")
    mesh.deployment("calm")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))
    mesh.namespace("named", istio_io_rev="default")


@scenario(NOT_SAFE, "302", revision="default")
def _default_with_pods_that_nobody_restarted(mesh: Mesh) -> None:
    mesh.deployment("calm")
    mesh.tag("default", "canary")


@scenario(NOT_SAFE, "302", "312", revision="default")
def _gateway_that_was_not_reinstalled(mesh: Mesh) -> None:
    mesh.cluster.install("default", ISTIO_DEFAULT, gateway=True)
    mesh.tag("default", "canary")


# Beside Helm


@scenario(SAFE)
def _helms_gateway_of_the_other(mesh: Mesh) -> None:
    mesh.gateway_chart("ingress")


@scenario(NOT_SAFE, "302", "307")
def _helms_gateway_that_is_pinned(mesh: Mesh) -> None:
    """It stays: its marks are not the operator's."""
    mesh.gateway_chart("ingress", "revision=canary")


@scenario(SAFE)
def _helms_cni_that_bears_the_revision(mesh: Mesh) -> None:
    mesh.chart("cni", "istio-cni", "kube-system", "revision=canary")


@scenario(NOT_SAFE, "313")
def _helms_ztunnel_that_calls_it(mesh: Mesh) -> None:
    mesh.chart("ztunnel", "ztunnel", "istio-system", "revision=canary")
    mesh.settled("istio-system")


@scenario(NOT_SAFE, "304", "306")
def _helms_tags_for_it(mesh: Mesh) -> None:
    mesh.tag_release("tags", "canary", "prod")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "302", "304", "305", "306", "308", layout="helm", revision="green")
def _beside_helms_control_planes(mesh: Mesh) -> None:
    """The first that istioctl installs becomes the default, which Helm's was."""
    mesh.cluster.install("green", ISTIO_CANARY, layout="istioctl")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="green"))
    mesh.label("shop", "istio.io/rev=canary")


@scenario(SAFE, layout="helm", revision="green")
def _beside_helms_control_planes_with_the_default_given_back(mesh: Mesh) -> None:
    mesh.cluster.install("green", ISTIO_CANARY, layout="istioctl")
    mesh.tag("default", "canary")
    mesh.deployment("calm")


# Gateways of the Gateway API


@scenario(NOT_SAFE, "302", "311")
def _gateway_of_the_gateway_api(mesh: Mesh) -> None:
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge", rev="canary")


@scenario(SAFE)
def _gateway_of_the_gateway_api_of_the_other(mesh: Mesh) -> None:
    migrating.gateway_api(mesh.cluster)
    mesh.gateway("outside", "edge")
    mesh.gateway("calm", "named", rev="default")


# More ways to depend on it


@scenario(NOT_SAFE, "302", "307")
def _job_that_runs(mesh: Mesh) -> None:
    mesh.job("outside", rev="canary")


@scenario(NOT_SAFE, "303")
def _pod_of_the_other_that_calls_its_service(mesh: Mesh) -> None:
    mesh.pointing("calm", "istiod-canary.istio-system.svc:15012")


@scenario(SAFE, revision="blue", namespace="istio-blue")
def _control_plane_elsewhere(mesh: Mesh) -> None:
    mesh.cluster.install("blue", ISTIO_CANARY, namespace="istio-blue")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "302", "306", revision="blue", namespace="istio-blue")
def _control_plane_elsewhere_that_is_used(mesh: Mesh) -> None:
    mesh.cluster.install("blue", ISTIO_CANARY, namespace="istio-blue")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="blue"))
