"""Argo Rollouts' own controller in a running cluster: optional, since few tests need it and its build takes long."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.testcluster import places
from tests.testcluster.cluster import Cluster
from tests.testcluster.processes import log_end

BUILD = "scripts/cluster build rollouts"
_CONTROLLER = "rollouts-controller"
_NAMESPACE = "argo-rollouts"  # where it looks for its settings
_HEALTH, _METRICS = 18080, 18090  # its own choice is where istiods listen


def built() -> bool:
    return (places.rollouts() / "crds").exists()


@contextmanager
def controller(cluster: Cluster) -> Iterator[None]:
    """The CRDs, and the controller for as long as the block lasts. It ends with the cluster's next reset, too."""
    folder = places.rollouts()
    for crd in sorted((folder / "crds").glob("*-crd.yaml")):
        cluster.kubectl("apply", "--server-side", "-f", str(crd))
    served = ("kubectl", "get", "rollouts.argoproj.io", "-A")
    cluster.wait_until("Rollouts being served", lambda: cluster.run(*served, check=False).returncode == 0)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    command = [
        str(folder / "bin" / _CONTROLLER),
        f"--kubeconfig={cluster.kubeconfig}",
        "--leader-elect=false",
        f"--healthzPort={_HEALTH}",
        f"--metricsPort={_METRICS}",
    ]
    log = cluster.dir.logs / f"{_CONTROLLER}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            cluster.command(command), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield
        assert process.poll() is None, f"the controller ended with {process.returncode}:\n{log_end(log)}"
    finally:
        process.terminate()
        process.wait()
