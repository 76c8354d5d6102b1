"""Removals by `helm uninstall`: a release takes along what its manifest has, and nothing else."""

from __future__ import annotations

from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE, UNKNOWN, Scenarios
from tests.testcluster import ISTIO_DEFAULT

SCENARIOS = scenario = Scenarios("helm")


@scenario(SAFE)
def _helm_unused_canary(mesh: Mesh) -> None:
    mesh.deployment("calm")


@scenario(NOT_SAFE, "302", "306", sample=True)
def _helm_running_namespace(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))


@scenario(NOT_SAFE, "304", "306")
def _helm_tag_of_the_release(mesh: Mesh) -> None:
    mesh.istiod("canary", "revisionTags[0]=prod")
    mesh.tags.append("prod")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "304", "306")
def _helm_tag_set_by_istioctl(mesh: Mesh) -> None:
    mesh.tag("prod", "canary")
    mesh.namespace("shop", istio_io_rev="prod")


@scenario(NOT_SAFE, "310")
def _helm_scaled_to_zero(mesh: Mesh) -> None:
    mesh.deployment("outside", "archive", replicas=0, rev="canary")


@scenario(NOT_SAFE, "305", "306", "308", revision="default", sample=True)
def _helm_default_that_is_still_the_default(mesh: Mesh) -> None:
    pass


@scenario(SAFE, revision="default")
def _helm_default_after_the_move(mesh: Mesh) -> None:
    mesh.tag("default", "canary")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "304", "305", "306", "308", sample=True)
def _helm_canary_that_tag_set_made_the_default(mesh: Mesh) -> None:
    """istioctl copies the release's marks to what it writes, but Helm deletes what its manifest has."""
    mesh.tag("default", "canary")


# Tags


@scenario(NOT_SAFE, "304", "306", "310")
def _helm_tags_in_a_release_of_their_own(mesh: Mesh) -> None:
    """They stay, and reject."""
    mesh.tag_release("tags", "canary", "prod", "test")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="prod"), replicas=0)


@scenario(SAFE)
def _helm_tags_of_the_other_in_a_release_of_their_own(mesh: Mesh) -> None:
    mesh.tag_release("tags", "default", "prod")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="prod"))


@scenario(NOT_SAFE, "302")
def _helm_tag_moved_and_pods_not_restarted(mesh: Mesh) -> None:
    mesh.tag_release("tags", "canary", "prod")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="prod"))
    mesh.tag_release("tags", "default", "prod")


@scenario(SAFE)
def _helm_tag_moved_and_pods_restarted(mesh: Mesh) -> None:
    mesh.tag_release("tags", "canary", "prod")
    mesh.deployment(mesh.namespace("shop", istio_io_rev="prod"))
    mesh.tag_release("tags", "default", "prod")
    mesh.restart("shop")


@scenario(NOT_SAFE, "304")
def _helm_tag_of_the_release_that_nobody_uses(mesh: Mesh) -> None:
    mesh.istiod("canary", "revisionTags[0]=prod")
    mesh.tags.append("prod")


@scenario(NOT_SAFE, "304", "306", "310")
def _helm_tag_of_the_old_release_after_the_move(mesh: Mesh) -> None:
    """Everybody has moved but who names the tag."""
    mesh.istiod("canary", "revisionTags[0]=old")
    mesh.tags.append("old")
    mesh.namespace("shop", istio_io_rev="old")
    mesh.cron_job("outside", rev="old")
    mesh.deployment("calm")


# The default: the base chart's validator, and who injects


@scenario(NOT_SAFE, "308")
def _helm_default_validator_of_the_base_on_it(mesh: Mesh) -> None:
    mesh.chart("istio-base", "base", "istio-system", "defaultRevision=canary")


@scenario(NOT_SAFE, "305", "306", revision="default")
def _helm_default_without_its_validator(mesh: Mesh) -> None:
    mesh.chart("istio-base", "base", "istio-system", "defaultRevision=canary")


@scenario(NOT_SAFE, "305", "306", "308", revision="default")
def _helm_everybody_moved_but_the_default(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"))


@scenario(NOT_SAFE, "308", revision="default")
def _helm_default_given_up_but_for_the_validator(mesh: Mesh) -> None:
    mesh.label("calm", "istio-injection-", "istio.io/rev=canary")
    mesh.istiod("default", "sidecarInjectorWebhook.enableNamespacesByDefault=false", version=ISTIO_DEFAULT)
    mesh.tag("default", "canary")
    mesh.chart("istio-base", "base", "istio-system")


@scenario(SAFE)
def _helm_without_the_base(mesh: Mesh) -> None:
    """Its release went first; CRDs stay, and so does each revision's own validator."""
    mesh.cluster.run("helm", "uninstall", "istio-base", "-n", "istio-system")
    mesh.deployment("calm")


@scenario(NOT_SAFE, "315")
def _helm_the_last_one(mesh: Mesh) -> None:
    mesh.cluster.run("helm", "uninstall", "istiod", "-n", "istio-system")
    mesh.cluster.sync_istiods()


@scenario(SAFE, revision="default")
def _helm_default_handed_over_by_releases(mesh: Mesh) -> None:
    """As the chart's notes have it: both take those pods until the old one is gone."""
    mesh.istiod("canary", "revisionTags[0]=default")
    mesh.chart("istio-base", "base", "istio-system", "defaultRevision=canary")


@scenario(SAFE)
def _helm_default_claimed_and_still_held_by_the_other(mesh: Mesh) -> None:
    mesh.istiod("canary", "revisionTags[0]=default")


@scenario(NOT_SAFE, "302", "305", "306", "308", revision="default")
def _helm_default_that_injects_everywhere(mesh: Mesh) -> None:
    """`auto.` entries take namespaces that have no label."""
    mesh.istiod("default", "sidecarInjectorWebhook.enableNamespacesByDefault=true", version=ISTIO_DEFAULT)
    mesh.deployment("outside", "bystander")
    mesh.namespaces += ["default", "istio-system"]


# Pods and templates


@scenario(NOT_SAFE, "306")
def _helm_empty_namespace(mesh: Mesh) -> None:
    mesh.namespace("shop", istio_io_rev="canary")


@scenario(NOT_SAFE, "302")
def _helm_relabelled_but_not_restarted(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"), replicas=2)
    mesh.label("shop", "istio.io/rev-", "istio-injection=enabled")


@scenario(SAFE)
def _helm_relabelled_and_restarted(mesh: Mesh) -> None:
    mesh.deployment(mesh.namespace("shop", istio_io_rev="canary"), kind="StatefulSet")
    mesh.label("shop", "istio.io/rev-", "istio-injection=enabled")
    mesh.restart("shop")


@scenario(NOT_SAFE, "302", "306")
def _helm_half_moved(mesh: Mesh) -> None:
    for name in ("shop", "pay"):
        mesh.deployment(mesh.namespace(name, istio_io_rev="canary"))
    mesh.label("shop", "istio.io/rev=default")
    mesh.restart("shop")


@scenario(NOT_SAFE, "310")
def _helm_cron_job(mesh: Mesh) -> None:
    mesh.cron_job("outside", rev="canary")


@scenario(NOT_SAFE, "302", "307")
def _helm_job_that_runs(mesh: Mesh) -> None:
    mesh.job("outside", rev="canary")


@scenario(SAFE)
def _helm_job_that_is_done(mesh: Mesh) -> None:
    mesh.job("outside", rev="canary")
    mesh.finish("outside", "import")


@scenario(NOT_SAFE, "302", "307")
def _helm_pod_without_an_owner(mesh: Mesh) -> None:
    mesh.bare_pod("outside", rev="canary")


@scenario(NOT_SAFE, "305", "306", "307", "308", "302", revision="default")
def _helm_pod_that_asks_for_a_sidecar(mesh: Mesh) -> None:
    mesh.deployment("outside", inject="true")


@scenario(NOT_SAFE, "303")
def _helm_pod_of_the_other_that_calls_its_service(mesh: Mesh) -> None:
    mesh.pointing("calm", "istiod-canary.istio-system.svc:15012")


@scenario(NOT_SAFE, "301")
def _helm_connected_vm(mesh: Mesh) -> None:
    mesh.connect("vm-1", "outside", "canary")


@scenario(NOT_SAFE, "314")
def _helm_labelled_configuration(mesh: Mesh) -> None:
    mesh.virtual_service("outside", "route", rev="canary")


@scenario(NOT_SAFE, "309")
def _helm_webhook_of_somebody_else(mesh: Mesh) -> None:
    mesh.validating_webhook("guard", "istiod-canary")


@scenario(UNKNOWN)
def _helm_vm_that_is_registered(mesh: Mesh) -> None:
    mesh.workload_entry("outside", "vm-1")
