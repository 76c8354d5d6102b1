"""What the migration tests share: objects, runs of the plugin, and looking at what became of a namespace."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.schema import hold
from tests.testcluster import Cluster

Object = dict[str, Any]
NEVER_READY = "kubectl-rev.test/never-ready"
STATUS = "sidecar.istio.io/status"


def namespace(name: str, **labels: str) -> Object:
    """`rev="canary"` and `injection="enabled"` for the long keys."""
    long = {"rev": "istio.io/rev", "injection": "istio-injection", "mode": "istio.io/dataplane-mode"}
    given = {long.get(key, key): value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": given}}


def template(name: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Object:
    return {
        "metadata": {"labels": {"app": name, **(labels or {})}, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": "app"}], "terminationGracePeriodSeconds": 1},
    }


def workload(kind: str, space: str, name: str, *, replicas: int = 1, **more: Any) -> Object:
    """`labels` and `annotations` are the template's; `spec` is merged into the spec."""
    spec = {"selector": {"matchLabels": {"app": name}}, **more.pop("spec", {})}
    metadata = {"name": name, "namespace": space, **more.pop("metadata", {})}
    spec["template"] = template(name, **more)
    if kind != "DaemonSet":
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec.setdefault("serviceName", name)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def cron_job(space: str, name: str, schedule: str = "0 0 1 1 *") -> Object:
    pod = template(name)
    pod["spec"]["restartPolicy"] = "Never"
    job = {"spec": {"template": pod}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": space},
        "spec": {"schedule": schedule, "jobTemplate": job},
    }


def job(space: str, name: str) -> Object:
    pod = template(name)
    pod["spec"]["restartPolicy"] = "Never"
    metadata = {"name": name, "namespace": space}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pod}}


def bare_pod(space: str, name: str) -> Object:
    pod = template(name)
    pod["metadata"] |= {"name": name, "namespace": space}
    return {"apiVersion": "v1", "kind": "Pod", **pod}


def gateway_api(cluster: Cluster) -> None:
    """The Gateway API's resources without their schemas: enough for the real istiods to render Gateways."""
    kinds = {"Gateway": "gateways", "HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes"}
    versions = {"ReferenceGrant": ("v1beta1",), "GRPCRoute": ("v1",)}
    definitions = [_definition(kind, plural, versions.get(kind, ("v1", "v1beta1"))) for kind, plural in kinds.items()]
    definitions.append(_definition("ReferenceGrant", "referencegrants", versions["ReferenceGrant"]))
    definitions.append(_definition("GatewayClass", "gatewayclasses", ("v1", "v1beta1"), scope="Cluster"))
    cluster.apply(*definitions)

    def taken_up() -> bool:  # by both istiods: either makes the class
        return cluster.run("kubectl", "get", "gatewayclass", "istio", check=False).returncode == 0

    cluster.wait_until("an istiod that renders gateways", taken_up, 60)


def _definition(kind: str, plural: str, versions: tuple[str, ...], scope: str = "Namespaced") -> Object:
    group = "gateway.networking.k8s.io"
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # istiod ignores a bundle that is too old; the API server wants the second for a group of kubernetes'.
            "annotations": {f"{group}/bundle-version": "v1.4.0", "api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": each, "served": True, "storage": not n, "subresources": {"status": {}}, "schema": anything}
                for n, each in enumerate(versions)
            ],
        },
    }


def gateway(space: str, name: str, rev: str = "", kind: str = "istio") -> Object:
    """A Gateway API Gateway of the class `kind`."""
    metadata = {"name": name, "namespace": space, "labels": {"istio.io/rev": rev} if rev else {}}
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}
    spec = {"gatewayClassName": kind, "listeners": [listener]}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}


def in_place_gateway(space: str, name: str, revision: str) -> Object:
    """As `istioctl install` makes one: its proxy is part of its template, and nobody injects it."""
    made = workload("Deployment", space, name, labels={"sidecar.istio.io/inject": "false", "istio.io/rev": revision})
    made["spec"]["template"]["spec"]["containers"] = [
        {"name": "istio-proxy", "image": "proxyv2", "args": ["proxy", "router"]}
    ]
    return made


def settled(cluster: Cluster, *spaces: str, ready: bool = True) -> None:
    """Wait until every Deployment, StatefulSet and DaemonSet of these namespaces has its pods."""

    def all_there() -> bool:
        return all(
            _is_there(each, ready)
            for space in spaces
            for each in cluster.items("deployments,statefulsets,daemonsets", "-n", space)
        )

    cluster.wait_until(f"the pods of {', '.join(spaces)}", all_there, 90)


def _is_there(each: Object, ready: bool) -> bool:
    status, spec = each.get("status", {}), each["spec"]
    if status.get("observedGeneration") != each["metadata"]["generation"]:
        return False
    if each["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return wanted > 0 and status.get("numberReady" if ready else "currentNumberScheduled", 0) == wanted
    wanted = spec.get("replicas", 1)
    found = status.get("readyReplicas" if ready else "replicas", 0)
    return found == wanted and status.get("replicas", 0) == wanted


def migrate(cluster: Cluster, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """kubectl rev-migrate: the finished process."""
    return cluster.run("kubectl", "rev-migrate", *arguments, check=False, **more)


def answer(cluster: Cluster, *arguments: str, code: int = 0) -> Object:
    """Its JSON."""
    done = migrate(cluster, *arguments, "-o", "json")
    assert done.returncode == code, done.stderr
    found: Object = json.loads(done.stdout)
    hold(found)
    return found


def pods(cluster: Cluster, space: str) -> list[Object]:
    """The pods of a namespace that are not going away."""
    return [pod for pod in cluster.items("pods", "-n", space) if "deletionTimestamp" not in pod["metadata"]]


def revision(pod: Object) -> str | None:
    """Who injected it: istiod's own word."""
    status = pod["metadata"].get("annotations", {}).get(STATUS)
    return json.loads(status)["revision"] if status else None


def revisions(cluster: Cluster, space: str) -> dict[str, str | None]:
    """By pod name."""
    return {pod["metadata"]["name"]: revision(pod) for pod in pods(cluster, space)}


def by_workload(cluster: Cluster, space: str) -> dict[str, set[str | None]]:
    """By the label `app`: the revisions of its pods."""
    found: dict[str, set[str | None]] = {}
    for pod in pods(cluster, space):
        found.setdefault(pod["metadata"]["labels"].get("app", ""), set()).add(revision(pod))
    return found


def uids(cluster: Cluster, space: str) -> dict[str, set[str]]:
    """By the label `app`: the uids of its pods."""
    found: dict[str, set[str]] = {}
    for pod in pods(cluster, space):
        found.setdefault(pod["metadata"]["labels"].get("app", ""), set()).add(pod["metadata"]["uid"])
    return found


def metadata(cluster: Cluster, space: str) -> Object:
    """A namespace's labels and annotations, as they are."""
    found = json.loads(cluster.kubectl("get", "namespace", space, "-o", "json"))["metadata"]
    return {key: found.get(key) for key in ("labels", "annotations")}


def generations(cluster: Cluster, *spaces: str) -> dict[str, int]:
    """How often each workload's spec was changed: a workload that is rolled twice shows it."""
    return {
        f"{space}/{each['kind']}/{each['metadata']['name']}": each["metadata"]["generation"]
        for space in spaces
        for each in cluster.items("deployments,statefulsets,daemonsets", "-n", space)
    }


def remove(cluster: Cluster, *spaces: str) -> None:
    cluster.run("kubectl", "delete", "namespace", *spaces, "--ignore-not-found", "--wait=true", timeout=120)


@contextmanager
def made_ready(cluster: Cluster, space: str, app: str) -> Iterator[None]:
    """While the block lasts, pods that would never be ready become so."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5):
            cluster.run("kubectl", "annotate", "pods", "-n", space, "-l", f"app={app}", f"{NEVER_READY}-", check=False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Running:
    """A run of a plugin that is under way; its stderr is read line by line."""

    def __init__(
        self,
        cluster: Cluster,
        *arguments: str,
        plugin: str = "rev-migrate",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.lines: list[str] = []
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, it would be inherited: tests in background
        self.process = subprocess.Popen(
            cluster.command(["kubectl", plugin, *arguments]),
            env={**cluster.environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def until(self, words: str, seconds: float = 30) -> None:
        """Wait for a line that has these words."""
        with self._more:
            found = self._more.wait_for(lambda: any(words in line for line in self.lines), seconds)
        assert found, f"no {words!r} in {self.lines}"

    def interrupt(self) -> float:
        """Ctrl-C; the seconds until it ended."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=10)
        took = time.monotonic() - started
        self.ended()
        return took

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self, seconds: float = 120) -> None:
        """Wait for its end, and read its last words."""
        self.process.wait(timeout=seconds)
        self._thread.join(5)
        assert self.process.stderr
        self.process.stderr.close()

    @property
    def stderr(self) -> str:
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
