"""rev-verify with thousands of connected proxies, against fetching what it rests on and against istioctl (issue 5).

Every pod has a fake sidecar: a real XDS stream to one of four istiods.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.measure import compare, show
from tests.bench.status import DEPLOYMENTS, REPLICAS, fill
from tests.plugin import ROOT
from tests.testcluster import Cluster

PROXIES, ISTIODS = 5000, 4


def main(rounds: int = 5, proxies: int = PROXIES) -> None:
    cluster = Cluster("bench")
    cluster.up("istioctl")
    for name in ("istiod", "istiod-canary"):
        replicas = f"--replicas={ISTIODS // 2}"
        cluster.kubectl("scale", "deployment", name, "-n", "istio-system", replicas)
    cluster.sync_istiods()
    count = fill(cluster, proxies // (DEPLOYMENTS * REPLICAS))
    with connected(cluster):
        # It finds thousands of reasons, so its exit code is 1: no failure here.
        verify = [sys.executable, str(ROOT / "plugins/kubectl-rev_verify"), "--uninstall", "default", "-o", "json"]
        status = "istioctl proxy-status --revision default && istioctl proxy-status --revision canary"
        commands = {
            "kubectl rev-verify": ["sh", "-c", '"$@"; test $? -le 3', "sh", *verify],
            "the bodies alone": [sys.executable, "-m", "tests.bench.bodies"],
            "istioctl proxy-status, twice": ["sh", "-c", status],
        }
        env = {**cluster.environment(), "PYTHONPATH": str(ROOT)}
        costs = compare({name: cluster.command(c) for name, c in commands.items()}, env, rounds)
    show(f"{count} connected proxies, {ISTIODS} istiods", costs, {"the bodies alone": 2.0})


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Every pod's proxy is connected to an istiod of its revision, from a process that ends with its stdin."""
    command = cluster.command([sys.executable, "-m", "tests.bench.proxies"])
    env = {**cluster.environment(), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        if not (said := running.stdout.readline().strip()):
            sys.exit("the proxies are not connected")
        print(said, file=sys.stderr)
        yield
    if running.returncode:
        sys.exit("what was measured is not what was meant to be")
