"""Two istiods of one revision name, in two namespaces, that share a CA: what each command says and does."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.testcluster.versions import ISTIO_CANARY

pytestmark = pytest.mark.cluster
HERE, THERE = "istio-system/canary", "mesh-b/canary"


def plugin(cluster, name, *arguments):
    return cluster.run("kubectl", f"rev-{name}", *arguments, check=False)


def revisions(cluster, *arguments):
    """How many proxies run on each, as `rev-status` says."""
    said = json.loads(plugin(cluster, "status", "-o", "json", *arguments).stdout)
    return {plane["revision"]: plane["proxies"] for plane in said["controlPlanes"]}


@pytest.fixture(scope="module")
def mesh(cluster):
    """Namespace shop follows a tag of the one in istio-system."""
    cluster.reset("istioctl")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-b"}})
    (ca,) = [
        one for one in cluster.items("secrets", "-n", "istio-system") if one["metadata"]["name"] == "istio-ca-secret"
    ]
    cluster.apply({**ca, "metadata": {"name": "istio-ca-secret", "namespace": "mesh-b"}})
    cluster.istioctl("tag", "set", "prod", "--revision", "canary", "--skip-confirmation")
    shop = {"name": "shop", "labels": {"istio.io/rev": "prod"}}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": shop})
    cluster.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2", "-n", "shop")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
    cluster.install("canary", ISTIO_CANARY, layout="helm", namespace="mesh-b")  # istioctl refuses
    return cluster


def test_they_are_told_apart_and_a_tag_moves_from_one_to_the_other(mesh):
    assert revisions(mesh) == {"default": 0, HERE: 2, THERE: 0}
    unclear = plugin(mesh, "migrate", "--tag", "prod", "--to", "canary", "--yes")
    said = f"error: revision canary has control planes in istio-system and mesh-b: say {HERE} or {THERE}\n"
    assert (unclear.returncode, unclear.stderr) == (ExitCode.USAGE, said)

    done = plugin(mesh, "migrate", "--tag", "prod", "--to", THERE, "--no-restart", "--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    drifted = json.loads(plugin(mesh, "status", "workloads", "-n", "shop", "-o", "json").stdout)["items"]
    assert [(item["proxyRevisions"], item["selected"]["revision"], item["drifted"]) for item in drifted] == [
        ({HERE: 2}, THERE, 2)
    ]
    wrong = plugin(mesh, "verify", "shop")
    assert (wrong.returncode, f"2 pods on {HERE}, not on {THERE}" in wrong.stdout) == (ExitCode.FINDINGS, True), wrong

    mesh.kubectl("rollout", "restart", "deployment/web", "-n", "shop")
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
    mesh.wait_until("the old pods being gone", lambda: revisions(mesh) == {"default": 0, HERE: 0, THERE: 2})


def test_an_uninstall_is_of_one_of_them(mesh):
    unclear = plugin(mesh, "verify", "--uninstall", "canary")
    assert (unclear.returncode, f"say {HERE} or {THERE}" in unclear.stderr) == (ExitCode.USAGE, True), unclear
    leaving = plugin(mesh, "verify", "--uninstall", "canary", "--istio-namespace", "mesh-b", "-o", "json")
    found = {finding["code"] for finding in json.loads(leaving.stdout)["findings"]}
    assert {"REV302", "REV304", "REV306"} <= found
    staying = json.loads(plugin(mesh, "verify", "--uninstall", HERE, "-o", "json").stdout)
    assert (staying["revision"], staying["findings"]) == (HERE, [])
