"""What an istiod pod says about the istiod that it should run. Pure: pod in, answer out."""

from pathlib import Path

from tests.testcluster import network, versions
from tests.testcluster.api import Object

STOPPED = "kubectl-rev.test/stopped"
NEVER_READY = "kubectl-rev.test/never-ready"


def key(pod: Object) -> str:
    """A name for the process of this pod, and of its log. A pod that is replaced under the same name is another."""
    meta = pod["metadata"]
    return f"{meta['namespace']}.{meta['name']}.{meta['uid'][:4]}"


def address(pod: Object) -> str:
    """Its IP, or nothing as long as it has none."""
    return str(pod.get("status", {}).get("podIP", ""))


def annotation(pod: Object, name: str) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(name, ""))


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def build_of(pod: Object) -> str:
    """Which of our istiods it runs, from the tag of its image; nothing if it is not one of ours."""
    _, _, tag = pod["spec"]["containers"][0]["image"].rpartition("/pilot:")
    return tag if tag in versions.ISTIO_VERSIONS else ""


def command_of(pod: Object, programs: Path, kubeconfig: Path) -> list[str]:
    """The pod's own arguments, with addresses that only this pod listens on (of a flag given twice the last holds)."""
    ip = address(pod)
    loopback = network.loopback_for(ip)
    return [
        str(programs / f"istiod-{build_of(pod)}"),
        *pod["spec"]["containers"][0]["args"],
        f"--kubeconfig={kubeconfig}",
        f"--httpAddr={ip}:8080",
        f"--httpsAddr={ip}:15017",
        f"--grpcAddr={ip}:15010",
        f"--secureGRPCAddr={ip}:15012",
        # Debug questions are answered only to callers from loopback, which is what a port-forward is.
        f"--monitoringAddr={loopback}:15014",
        f"--ctrlz_address={loopback}",
        "--ctrlz_port=0",
    ]


def environment_of(pod: Object) -> dict[str, str]:
    """The environment that the pod's container asks for, as far as it can be had without a container."""
    fields = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "spec.serviceAccountName": pod["spec"]["serviceAccountName"],
    }
    found = {}
    for variable in pod["spec"]["containers"][0].get("env", []):
        reference = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        elif reference in fields:
            found[variable["name"]] = fields[reference]
    found.pop("KUBECONFIG", None)  # names a file of the container; the flag says where ours is
    return found
