"""What our plugins print, run as a person copies it."""

from __future__ import annotations

import json
from typing import Any

from tests.testcluster import Cluster, places


def said(cluster: Cluster, *command: str) -> dict[str, Any]:
    done = cluster.run("kubectl", *command, "-o", "json", check=False)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run_printed(cluster: Cluster, text: str) -> None:
    """As a person copies it. Only the repository `istio`, which is elsewhere in the world, is a folder here."""
    charts = str(places.charts())
    for chart, folder in (("istio/istiod", "istio-control/istio-discovery"), ("istio/cni", "istio-cni")):
        text = text.replace(f" {chart} ", f" {charts}/{folder} ")
    cluster.run("bash", "-ec", text.replace(" istio/", f" {charts}/"))
    cluster.sync_istiods()
