"""What is printed for meshes that Helm installed is run as it stands, by the real Helm, and heals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.printed import run_printed, said
from tests.testcluster import ISTIO_CANARY, ISTIO_DEFAULT, Cluster, places

pytestmark = pytest.mark.cluster


def hints(answer: dict[str, Any], code: str) -> list[str]:
    return sorted({finding["hint"] for finding in answer["findings"] if finding["code"] == code})


def test_a_tag_moves_from_one_release_to_another(cluster: Cluster) -> None:
    cluster.reset("helm")
    tags = ["values.revisionTags[0]=prod", "values.revisionTags[1]=test"]
    cluster.install("default", ISTIO_DEFAULT, layout="helm", sets=tags)
    migrate = ("rev-migrate", "--tag", "prod", "--to", "canary", "--dry-run=client")
    (hint,) = hints(said(cluster, *migrate), "REV426")
    run_printed(cluster, hint)
    by_tag = {tag["name"]: tag["revision"] for tag in said(cluster, "rev-status", "tags")["items"]}
    assert by_tag == {"prod": "canary", "test": "default"}
    assert hints(said(cluster, *migrate), "REV426") == []
    run_printed(cluster, hint)  # once more: nothing changes
    assert {tag["name"]: tag["revision"] for tag in said(cluster, "rev-status", "tags")["items"]} == by_tag


def test_the_default_is_given_up_step_by_step(cluster: Cluster) -> None:
    """The hints of the verdict, then the removal: configuration is validated by the one that stays."""
    cluster.reset("helm")
    verify = ("rev-verify", "--uninstall", "default")
    answer = said(cluster, *verify)
    assert {finding["code"] for finding in answer["findings"]} == {"REV305", "REV308"}
    for code in ("REV305", "REV308"):
        for hint in hints(answer, code):
            run_printed(cluster, hint)
    answer = said(cluster, *verify)
    assert answer["verdict"] == "SAFE", answer["findings"]
    for step in answer["commands"]:
        run_printed(cluster, step["command"])
    assert said(cluster, "rev-fix-validation", "--check")["verdict"] == "HEALTHY"


def test_a_service_of_a_release_comes_back(cluster: Cluster) -> None:
    cluster.reset("helm")
    cluster.kubectl("delete", "service", "istiod-canary", "-n", "istio-system")
    (hint,) = said(cluster, "rev-fix-validation", "--dry-run=client")["elsewhere"]
    run_printed(cluster, hint)
    assert said(cluster, "rev-fix-validation", "--check")["verdict"] == "HEALTHY"


@pytest.mark.parametrize("chart", ["ztunnel", "cni"])
def test_a_node_agent_of_the_leaving_revision(cluster: Cluster, chart: str) -> None:
    cluster.reset("helm")
    folder = places.charts() / ("istio-cni" if chart == "cni" else chart)
    cluster.run("helm", "install", chart, str(folder), "-n", "istio-system", "--set", "revision=canary")
    verify = ("rev-verify", "--uninstall", "canary", *(("--by", "istioctl@1.23") if chart == "cni" else ()))
    (hint,) = hints(said(cluster, *verify), "REV313")
    run_printed(cluster, hint)
    assert hints(said(cluster, *verify), "REV313") == []


def test_helm_takes_nothing_of_a_release_of_its_own(cluster: Cluster) -> None:
    """CNI by a chart of its own stays where the control plane goes by Helm, or by today's istioctl."""
    cluster.reset("helm")
    cluster.install("canary", ISTIO_CANARY, layout="helm")
    folder = str(places.charts() / "istio-cni")
    cluster.run("helm", "install", "cni", folder, "-n", "istio-system", "--set", "revision=canary")
    for by in ((), ("--by", "istioctl@1.24")):
        assert hints(said(cluster, "rev-verify", "--uninstall", "canary", *by), "REV313") == []
