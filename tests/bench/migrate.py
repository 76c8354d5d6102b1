"""rev-migrate of many namespaces, against the guide's steps in a shell loop: label, rollout restart, rollout status.

Both wait for every rollout; the loop does one namespace after the other, as a reader of the guide would. It moves the
pods to canary, and we move them back: the same pods, each replaced once by each.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

from tests.plugin import ROOT
from tests.testcluster import Cluster

NAMESPACES, DEPLOYMENTS, REPLICAS = 200, 5, 1
LOOP = """
set -e
for ns in {spaces}; do
    kubectl label namespace $ns istio-injection- istio.io/rev={to} --overwrite
    kubectl rollout restart deployment -n $ns
    for d in {names}; do kubectl rollout status deployment/$d -n $ns --timeout=5m; done
done
"""


def main(namespaces: int = NAMESPACES) -> None:
    """Prints the seconds of both and their ratio; the goal is 1.3."""
    cluster = Cluster()
    cluster.up("istioctl")
    spaces = [f"bench-{number:03}" for number in range(namespaces)]
    names = [f"app-{number}" for number in range(DEPLOYMENTS)]
    for start in range(0, namespaces, 20):
        cluster.apply(*(each for space in spaces[start : start + 20] for each in _namespace(space, names)))
    pods = namespaces * DEPLOYMENTS * REPLICAS
    cluster.wait_until(f"{pods} pods", lambda: _running(cluster) >= pods, seconds=1800)
    loop, _ = _timed(cluster, ["bash", "-c", LOOP.format(spaces=" ".join(spaces), names=" ".join(names), to="canary")])
    plugin = [sys.executable, str(ROOT / "plugins/kubectl-rev_migrate")]
    ours, said = _timed(cluster, [*plugin, *spaces, "--to", "default", "--yes", "-v", "6"])
    print(f"\n{pods} pods of {namespaces * DEPLOYMENTS} Deployments in {namespaces} namespaces")
    print(f"{'shell loop of kubectl':34}{loop:8.1f} s")
    print(f"{'kubectl rev-migrate':34}{ours:8.1f} s")
    print(f"{'ratio':34}{ours / loop:8.2f}   goal 1.3: {'met' if ours <= 1.3 * loop else 'MISSED'}")
    print("\nrequests of kubectl rev-migrate")
    for what, count in sorted(_requests(said).items()):
        print(f"{what:34}{count:6}")


def _namespace(space: str, names: list[str]) -> list[dict[str, object]]:
    labels = {"istio-injection": "enabled"}
    found: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labels}}
    ]
    for name in names:
        template = {
            "metadata": {"labels": {"app": name, "bench": "yes"}},
            "spec": {"containers": [{"name": "app", "image": "app"}], "terminationGracePeriodSeconds": 1},
        }
        spec = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": name}}, "template": template}
        metadata = {"name": name, "namespace": space}
        found.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    return found


def _running(cluster: Cluster) -> int:
    time.sleep(2)
    selector = ("-l", "bench=yes", "--field-selector=status.phase=Running", "--no-headers", "-o", "name")
    return len(cluster.kubectl("get", "pods", "-A", *selector).splitlines())


def _requests(said: str) -> Counter[str]:
    """How often each sort of request was made, of the log that `-v 6` writes."""
    found: Counter[str] = Counter()
    for method, url in re.findall(r"^(GET|POST|PATCH|DELETE|PUT) (\S+) [23]\d\d ", said, re.MULTILINE):
        collection = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        if method == "GET":
            found["watch" if "watch=true" in url else "list or get"] += 1
        elif method == "PATCH":
            found["patch of a Namespace" if "/apis/" not in url else "patch of a workload"] += 1
        else:
            found[f"{method} {collection}{' (dry run)' if 'dryRun' in url else ''}"] += 1
    return found


def _timed(cluster: Cluster, command: list[str]) -> tuple[float, str]:
    """Its seconds, and what it said on stderr."""
    started = time.monotonic()
    done = subprocess.run(
        cluster.command(command), env=cluster.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.monotonic() - started, done.stderr
