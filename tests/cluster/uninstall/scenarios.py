"""The states of a mesh in which somebody may want to uninstall a revision, and the verdict that each deserves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.uninstall.mesh import Mesh
from tests.testcluster import ISTIO_CANARY, ISTIO_DEFAULT

SAFE, NOT_SAFE, UNKNOWN = "SAFE", "NOT SAFE", "UNKNOWN"


@dataclass(frozen=True)
class Scenario:
    """`arrange` makes the state; `codes` are the errors that must be among the findings, and no others."""

    name: str
    layout: str
    revision: str
    verdict: str
    codes: frozenset[str]
    arrange: Callable[[Mesh], None]
    flags: tuple[str, ...] = ()
    sample: bool = False


SCENARIOS: list[Scenario] = []


def scenario(
    verdict: str, *codes: str, layout: str = "istioctl", revision: str = "canary", flags: str = "", sample: bool = False
) -> Callable[[Callable[[Mesh], None]], Callable[[Mesh], None]]:
    def add(arrange: Callable[[Mesh], None]) -> Callable[[Mesh], None]:
        given = frozenset(f"REV{code}" for code in codes)
        name = arrange.__name__.strip("_")
        SCENARIOS.append(Scenario(name, layout, revision, verdict, given, arrange, tuple(flags.split()), sample))
        return arrange

    return add


def plain(mesh: Mesh) -> None:
    """Somebody who uses the revision that stays, and somebody who uses no Istio: they are in every scenario."""
    mesh.namespace("calm", istio_injection="enabled")
    mesh.namespace("outside")


# istioctl, going back: canary is left, default stays


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


# istioctl, going on: default is left, canary stays


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


# Helm: the release takes along what is its own


@scenario(SAFE, layout="helm")
def _helm_unused_canary(mesh: Mesh) -> None:
    mesh.deployment("calm")


@scenario(NOT_SAFE, "302", "306", layout="helm", sample=True)
def _helm_running_namespace(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))


@scenario(NOT_SAFE, "304", "306", layout="helm")
def _helm_tag_of_the_release(mesh: Mesh) -> None:
    mesh.cluster.install("canary", ISTIO_CANARY, layout="helm", sets=["values.revisionTags[0]=prod"])
    mesh.tags.append("prod")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "304", "306", layout="helm")
def _helm_tag_set_by_istioctl(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "310", layout="helm")
def _helm_scaled_to_zero(mesh: Mesh) -> None:
    mesh.deployment("outside", "archive", replicas=0, rev="canary")


@scenario(NOT_SAFE, "305", "306", "308", layout="helm", revision="default", sample=True)
def _helm_default_that_is_still_the_default(mesh: Mesh) -> None:
    pass


@scenario(SAFE, layout="helm", revision="default")
def _helm_default_after_the_move(mesh: Mesh) -> None:
    mesh.tag("default", "canary")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "304", "305", "306", "308", layout="helm", sample=True)
def _helm_canary_that_tag_set_made_the_default(mesh: Mesh) -> None:
    """istioctl copies the release's marks to what it writes, but Helm deletes what its manifest has."""
    mesh.tag("default", "canary")
