"""The README's script of the whole canary upgrade, run as it stands, until the old revision is gone."""

import json
import re

import pytest

from tests.plugin import ROOT

pytestmark = pytest.mark.cluster
SCRIPT = re.search(r"<!-- upgrade -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def status(cluster):
    return json.loads(cluster.run("kubectl", "rev-status", "-o", "json").stdout)


def test_the_whole_upgrade(cluster):
    assert SCRIPT
    cluster.reset("istioctl")
    cluster.uninstall("canary")  # the script installs it
    for name in ("shop", "cart"):
        cluster.kubectl("create", "namespace", name)
        cluster.kubectl("label", "namespace", name, "istio-injection=enabled")
        cluster.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2", "-n", name)
        cluster.kubectl("rollout", "status", "deployment/web", "-n", name, "--timeout=60s")
    assert [plane["revision"] for plane in status(cluster)["controlPlanes"]] == ["default"]

    tag = ("--set", "tag=1.31.0", "--set", "hub=docker.io/istio")  # what the test cluster starts an istiod for
    script = SCRIPT[1].replace("istioctl install", f"istioctl install {' '.join(tag)}")
    done = cluster.run("bash", "-c", script, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAFE to uninstall revision default with istioctl." in done.stdout
    assert "NOT SAFE" not in done.stdout

    after = status(cluster)
    assert [plane["revision"] for plane in after["controlPlanes"]] == ["canary"]
    assert {each["name"]: each["proxyRevisions"] for each in after["namespaces"] if each["proxyRevisions"]} == {
        "cart": {"canary": 2},
        "istio-system": {"canary": 1},  # the ingress gateway of istioctl's default profile
        "shop": {"canary": 2},
    }
    assert (after["findings"], after["drifted"]) == ([], 0)
    # What the verdict promised: pods still get a sidecar, by either label.
    cluster.kubectl("create", "namespace", "late")
    cluster.kubectl("label", "namespace", "late", "istio-injection=enabled")
    cluster.kubectl("run", "pod", "--image=nginx", "-n", "late")
    cluster.kubectl("delete", "pods", "--all", "-n", "shop", "--wait=false")
    cluster.wait_until(
        "the pods", lambda: len(cluster.items("pods", "-n", "shop", "--field-selector=status.phase=Running")) == 2
    )
    assert status(cluster)["drifted"] == 0
    pods = json.loads(cluster.run("kubectl", "rev-status", "pods", "-A", "-o", "json").stdout)["items"]
    assert {p["proxyRevision"] for p in pods if p["namespace"] in ("shop", "cart", "late")} == {"canary"}
    cluster.reset("istioctl")
