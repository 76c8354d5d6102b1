"""What we say that an uninstall deletes is what istioctl says, and what bears the marks of a Helm release."""

from __future__ import annotations

import re

import pytest

from kubectl_rev.cluster.connection import connect
from kubectl_rev.cluster.read import read
from kubectl_rev.core.mesh.removal import Removal, removal
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from tests.testcluster import LAYOUTS, Cluster

pytestmark = pytest.mark.cluster
_KINDS = {
    "Service": "services",
    "MutatingWebhookConfiguration": "injectors",
    "ValidatingWebhookConfiguration": "validators",
}
_PRUNES = re.compile(r"Kind=(\w+)/(\S+) because of dry run")


def taken(snapshot: Snapshot, gone: Removal) -> set[tuple[str, str]]:
    """Kind and `name.namespace` of all that the removal deletes, of the kinds that a snapshot has whole."""
    found = {
        (kind, f"{each.name}.{each.namespace}")
        for kind, field in _KINDS.items()
        for each in getattr(snapshot, field)
        if gone.takes(kind, each)
    }
    workloads = (each for each in snapshot.workloads if each.kind in ("Deployment", "DaemonSet"))
    return found | {(each.kind, f"{each.name}.{each.namespace}") for each in workloads if gone.takes(each.kind, each)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_istioctl_prunes_what_we_say(cluster: Cluster, layout: str) -> None:
    cluster.reset(layout)
    cluster.istioctl("tag", "set", "prod", "--revision", "canary")
    with connect() as connection:
        snapshot = read(connection)
    for revision in ("default", "canary"):
        done = cluster.run("istioctl", "uninstall", "--revision", revision, "--dry-run", "--skip-confirmation")
        prunes = {found for found in _PRUNES.findall(done.stdout + done.stderr) if found[0] in (*_KINDS, "Deployment")}
        gone = removal(Mesh(snapshot), revision, By(Method.ISTIOCTL))
        assert taken(snapshot, gone) == prunes
        assert gone.marked == (layout == "istioctl")


def test_a_release_is_found_by_its_marks(cluster: Cluster) -> None:
    cluster.reset("helm")
    with connect() as connection:
        snapshot = read(connection)
    for revision, release in (("default", "istiod"), ("canary", "istiod-canary")):
        gone = removal(Mesh(snapshot), revision)
        assert (gone.method, gone.release.name, gone.release.namespace) == (Method.HELM, release, "istio-system")
        assert ("ValidatingWebhookConfiguration", "istiod-default-validator.") not in taken(snapshot, gone)
        assert ("Deployment", f"{release}.istio-system") in taken(snapshot, gone)
