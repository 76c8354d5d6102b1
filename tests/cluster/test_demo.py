"""scripts/demo, straight through: every command of the tour ends as the tour says."""

from __future__ import annotations

import pytest

from tests.plugin import ROOT
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster


def test_the_tour(cluster: Cluster) -> None:
    cluster.reset("istioctl")
    done = cluster.run("bash", str(ROOT / "scripts/demo"), "--inside", "--no-pause", check=False, timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rolling back: cart" in done.stderr
    said = done.stdout
    assert said.index("NOT SAFE to uninstall") < said.index("\nSAFE to uninstall")
    assert said.rstrip().endswith("That was the upgrade.")
    cluster.reset("istioctl")
