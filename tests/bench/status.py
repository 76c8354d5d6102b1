"""rev-status on 10,000 injected pods in 200 namespaces, against what an admin would type instead (design.md §6)."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from tests.bench.measure import at_rest, compare, show
from tests.plugin import ROOT
from tests.testcluster import Cluster

NAMESPACES, DEPLOYMENTS, REPLICAS = 200, 5, 10
PEERS = {
    "istioctl x injector list": (["istioctl", "x", "injector", "list"], 0.6),
    "kubectl get pods -A -L istio.io/rev": (["kubectl", "get", "pods", "-A", "-L", "istio.io/rev"], 0.15),
}


def main(rounds: int = 5) -> None:
    cluster = Cluster("bench")
    cluster.up("istioctl")
    plugin = [sys.executable, str(ROOT / "plugins/kubectl-rev_status")]
    peaks = {}
    for namespaces in (NAMESPACES // 10, NAMESPACES):
        count = fill(cluster, namespaces)
        commands = {"kubectl rev-status": plugin} | {name: command for name, (command, _) in PEERS.items()}
        costs = compare({k: cluster.command(c) for k, c in commands.items()}, cluster.environment(), rounds, rest=3)
        goals = {name: goal for name, (_, goal) in PEERS.items()} if namespaces == NAMESPACES else {}
        show(f"{count} injected pods in {namespaces} namespaces", costs, goals)
        peaks[count] = costs["kubectl rev-status"]
    growth(peaks, "the real server")
    generated(cluster, plugin, rounds)


def fill(cluster: Cluster, namespaces: int) -> int:
    """Create what is missing of so many namespaces, every other one on canary; the number of pods when all run."""
    made: list[dict[str, Any]] = []
    for number in range(namespaces):
        name = f"bench-{number:03}"
        label = {"istio.io/rev": "canary"} if number % 2 else {"istio-injection": "enabled"}
        made.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}})
        made += [_deployment(name, f"app-{each}") for each in range(DEPLOYMENTS)]
    for start in range(0, len(made), 300):
        cluster.apply(*made[start : start + 300])
    wanted = namespaces * DEPLOYMENTS * REPLICAS
    print(f"waiting for {wanted} pods", file=sys.stderr)
    started = time.monotonic()
    cluster.wait_until(f"{wanted} pods to run", lambda: _running(cluster) >= wanted, seconds=1800)
    print(f"{wanted} pods run after {time.monotonic() - started:.0f} s", file=sys.stderr)
    at_rest()
    return wanted


def _running(cluster: Cluster) -> int:
    time.sleep(2)
    selector = ("-l", "bench=yes", "--field-selector=status.phase=Running", "--no-headers", "-o", "name")
    return len(cluster.kubectl("get", "pods", "-A", *selector).splitlines())


def _deployment(namespace: str, name: str) -> dict[str, Any]:
    """What `helm create` writes, with a configuration file and many variables.

    Pods are then as large as those that the budgets were set on: 6 KB of metadata each, 10 KB in all, as protobuf.
    """
    selector = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}
    labels = selector | {"app.kubernetes.io/version": "1.16.0", "app.kubernetes.io/managed-by": "Helm", "bench": "yes"}
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10}
    container = {
        "name": name,
        "image": "app:1.16.0",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{each}", "value": f"value of {each}"} for each in range(36)],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "resources": {"limits": {"memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True, "runAsNonRoot": True},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": True}],
    }
    spec = {
        "containers": [container],
        "securityContext": {"fsGroup": 2000},
        "volumes": [{"name": "config", "configMap": {"name": name, "optional": True}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels, "annotations": {"checksum/config": "0" * 64}}, "spec": spec},
        },
    }


def growth(costs: dict[int, Any], source: str) -> None:
    """How time and memory grow with the pods."""
    print(f"\ngrowth, {source}")
    first = next(iter(costs.values()))
    for count, cost in costs.items():
        ratios = f"x{cost.wall / first.wall:.2f} time, x{cost.peak / first.peak:.2f} memory"
        print(f"{count:>9} pods{cost.wall:8.3f} s{cost.peak:8.1f} MB   {ratios}")


def generated(cluster: Cluster, plugin: list[str], rounds: int) -> None:
    """10,000 and 100,000 pods: the real server's own list, its items sent once and ten times over."""
    costs = {}
    for times in (1, 10):
        with subprocess.Popen(
            cluster.command([sys.executable, "-m", "tests.bench.generated", str(times)]),
            env={**cluster.environment(), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            command = cluster.command([*plugin, "--server", address, "--token", "admin-token"])
            costs[times * NAMESPACES * DEPLOYMENTS * REPLICAS] = compare({"": command}, cluster.environment(), rounds)[
                ""
            ]
            server.terminate()
    growth(costs, "the real list, multiplied")
