"""The istiods of a cluster as a test sees them: which there are, whether all is calm, stopping and starting them.

Running them is not done here but by istiod_agent.py, which does what the pods and their annotations say.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testcluster import istiod_pods
from tests.testcluster.api import Object

if TYPE_CHECKING:
    from tests.testcluster.cluster import Cluster

WEBHOOKS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"


@dataclass(frozen=True)
class Istiod:
    """An istiod pod."""

    name: str
    namespace: str
    revision: str
    version: str
    address: str
    ready: bool


def of(cluster: "Cluster", revision: str | None = None) -> list[Istiod]:
    """The istiod pods there are, those being deleted left out."""
    return [
        Istiod(
            name=pod["metadata"]["name"],
            namespace=pod["metadata"]["namespace"],
            revision=pod["metadata"]["labels"].get("istio.io/rev", ""),
            version=istiod_pods.build_of(pod),
            address=istiod_pods.address(pod),
            ready=istiod_pods.is_ready(pod),
        )
        for pod in cluster.items("pods", "-A", "-l", _selector(revision))
        if not _is_going(pod)
    ]


def settle(cluster: "Cluster", seconds: float) -> None:
    """Wait until pods, processes and webhooks all agree."""
    cluster.wait_until("every istiod being ready, with its webhooks patched", lambda: _is_calm(cluster), seconds)


def stop(cluster: "Cluster", revision: str, unnoticed: bool) -> None:
    how = "unnoticed" if unnoticed else "true"
    cluster.kubectl("annotate", "pods", "-A", "-l", _selector(revision), "--overwrite", f"{istiod_pods.STOPPED}={how}")
    settle(cluster, seconds=60)


def start(cluster: "Cluster", revision: str) -> None:
    cluster.kubectl("annotate", "pods", "-A", "-l", _selector(revision), f"{istiod_pods.STOPPED}-")
    settle(cluster, seconds=60)


def _selector(revision: str | None) -> str:
    return "app=istiod" + (f",istio.io/rev={revision}" if revision else "")


def _is_going(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _is_calm(cluster: "Cluster") -> bool:
    kinds: dict[str, list[Object]] = {}
    for item in cluster.items(f"deployments,pods,services,endpointslices,{WEBHOOKS}", "-A"):
        kinds.setdefault(item["kind"], []).append(item)
    if any(_is_rolling(each) for each in kinds.get("Deployment", []) if _labels(each).get("app") == "istiod"):
        return False
    pods = [each for each in kinds.get("Pod", []) if _labels(each).get("app") == "istiod"]
    running = cluster.dir.read_istiods()
    if not all(_is_as_asked(pod, running) for pod in pods):
        return False
    if not all(_has_right_endpoints(pod, kinds.get("Service", []), kinds.get("EndpointSlice", [])) for pod in pods):
        return False
    serving = {_labels(pod).get("istio.io/rev") for pod in pods if istiod_pods.key(pod) in running}
    webhooks = [each for kind in ("Mutating", "Validating") for each in kinds.get(f"{kind}WebhookConfiguration", [])]
    return all(_is_patched(each) for each in webhooks if _labels(each).get("istio.io/rev") in serving)


def _labels(item: Object) -> dict[str, str]:
    return item["metadata"].get("labels") or {}


def _is_rolling(deployment: Object) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return not seen or status.get("replicas", 0) != wanted or status.get("updatedReplicas", 0) != wanted


def _is_as_asked(pod: Object, running: dict[str, str]) -> bool:
    """Its process runs or not, and it is ready or not, as its annotations ask."""
    stopped = istiod_pods.annotation(pod, istiod_pods.STOPPED)
    wanted = "serving" if istiod_pods.build_of(pod) and not stopped else None
    if _is_going(pod) or running.get(istiod_pods.key(pod)) != wanted:
        return False
    ready = not stopped and istiod_pods.annotation(pod, istiod_pods.NEVER_READY) != "true"
    return stopped == "unnoticed" or istiod_pods.is_ready(pod) == ready


def _has_right_endpoints(pod: Object, services: list[Object], slices: list[Object]) -> bool:
    """Every Service that selects the pod leads to it if it is ready, and not if it is not."""
    namespace, address = pod["metadata"]["namespace"], istiod_pods.address(pod)
    for service in services:
        selector = service["spec"].get("selector") or {}
        selects = bool(selector) and selector.items() <= _labels(pod).items()
        if service["metadata"]["namespace"] != namespace or not selects:
            continue
        leads = any(
            address in endpoint["addresses"] and endpoint.get("conditions", {}).get("ready")
            for each in slices
            if each["metadata"]["namespace"] == namespace
            and _labels(each).get("kubernetes.io/service-name") == service["metadata"]["name"]
            for endpoint in each.get("endpoints") or []
        )
        if leads != istiod_pods.is_ready(pod):
            return False
    return True


def _is_patched(configuration: Object) -> bool:
    """Has istiod filled in its CA, and made a validator strict?"""
    ours = [each for each in configuration.get("webhooks", []) if each["name"].endswith(".istio.io")]
    strict = configuration["kind"].startswith("Mutating") or all(each["failurePolicy"] == "Fail" for each in ours)
    return strict and all(each["clientConfig"].get("caBundle") for each in ours)
