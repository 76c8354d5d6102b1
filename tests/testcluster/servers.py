"""The servers of a cluster: how each is started, in which order, and what must be there before the next."""

import os
import sys
from pathlib import Path

from tests.testcluster import in_container, network, places, versions
from tests.testcluster.api import Api, Object
from tests.testcluster.places import RunDir
from tests.testcluster.processes import Processes, wait_for

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NODE: Object = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "node-0",
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": "node-0"},
    },
    # istiod asks for it, to know whether nodes can run native sidecars.
    "status": {"nodeInfo": {"kubeletVersion": f"v{versions.KUBERNETES}", "operatingSystem": "linux"}},
}


def _crd(kind: str, plural: str) -> Object:
    """One of kwok's own, cut down to what is written by istiod_agent.py."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.kwok.x-k8s.io"},
        "spec": {
            "group": "kwok.x-k8s.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }


# Where kwok forwards the ports of a pod to, and how it runs a command in one.
KWOK_CRDS = (_crd("PortForward", "portforwards"), _crd("Exec", "execs"))


def start(run: RunDir, processes: Processes, pod_cidr: str) -> None:
    """Start everything; returns when pods can be created. Pods get their addresses from that range."""
    secrets = run.path / "secrets"
    api = Api(secrets / "ca.crt")
    processes.start("etcd", _etcd(run))
    processes.start("kube-apiserver", _apiserver(run, secrets))
    wait_for("a ready API server", api.healthy, seconds=60, watch=processes.must_live)
    processes.start("kube-controller-manager", _controller_manager(run, secrets))
    processes.start("kube-scheduler", _scheduler(run))
    api.ensure("/api/v1/nodes", NODE)
    for crd in KWOK_CRDS:
        api.ensure(CRDS, crd)
    wait_for(
        "establishing kwok's CRDs",
        lambda: all(_is_true(api.get(f"{CRDS}/{crd['metadata']['name']}"), "Established") for crd in KWOK_CRDS),
        seconds=30,
        watch=processes.must_live,
    )
    path = f"{in_container.install(run)}:{os.environ['PATH']}"
    processes.start("kwok", _kwok(run, secrets, pod_cidr), env={"PATH": path})
    agent = [sys.executable, "-m", "tests.testcluster.istiod_agent", run.name]
    cache = {"KUBECTL_REV_CACHE": str(places.cache())}
    run.write_istiods({})
    processes.start("istiod-agent", agent, env=cache)
    wait_for(
        "a ready node",
        lambda: _is_true(api.get("/api/v1/nodes/node-0"), "Ready"),
        seconds=30,
        watch=processes.must_live,
    )
    # Pods are refused until the controller manager has made it.
    wait_for(
        "a default service account",
        lambda: bool(api.get("/api/v1/namespaces/default/serviceaccounts")["items"]),
        seconds=30,
        watch=processes.must_live,
    )


def restart_api_server(run: RunDir, processes: Processes) -> None:
    """Kill it and start it again, under whoever talks to it; returns when it is ready."""
    secrets = run.path / "secrets"
    processes.running["kube-apiserver"].kill()
    processes.running["kube-apiserver"].wait()
    processes.start("kube-apiserver", _apiserver(run, secrets))
    api = Api(secrets / "ca.crt")
    wait_for("a ready API server", api.healthy, seconds=60, watch=processes.must_live)


def _is_true(item: Object, condition: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def _etcd(run: RunDir) -> list[str]:
    return [
        str(run.bin / "etcd"),
        f"--data-dir={run.data}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        # A bench writes 100,000 pods, several times each.
        f"--quota-backend-bytes={16 * 2**30}",
    ]


def _apiserver(run: RunDir, secrets: Path) -> list[str]:
    return [
        str(run.bin / "kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--cert-dir={run.path / 'apiserver'}",
        f"--tls-cert-file={secrets / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={secrets / 'kube-apiserver.key'}",
        f"--client-ca-file={secrets / 'ca.crt'}",
        f"--token-auth-file={secrets / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--secure-port=6443",
        "--bind-address=0.0.0.0",
        f"--advertise-address={network.NODE_IP}",
        f"--service-cluster-ip-range={network.SERVICE_CIDR}",
        f"--service-account-key-file={secrets / 'service-accounts.key'}",
        f"--service-account-signing-key-file={secrets / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--allow-privileged=true",
        # Webhooks are then called at the pod's address: there is no kube-proxy.
        "--enable-aggregator-routing=true",
        # It taints new nodes as not ready; who would remove that is not running.
        "--disable-admission-plugins=TaintNodesByCondition",
    ]


def _controller_manager(run: RunDir, secrets: Path) -> list[str]:
    return [
        str(run.bin / "kube-controller-manager"),
        f"--kubeconfig={run.kubeconfig}",
        f"--service-account-private-key-file={secrets / 'service-accounts.key'}",
        f"--root-ca-file={secrets / 'ca.crt'}",
        "--controllers=*,-node-ipam-controller,-node-lifecycle-controller",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-deployment-syncs=20",
        "--concurrent-replicaset-syncs=20",
        "--concurrent-namespace-syncs=50",
    ]


def _scheduler(run: RunDir) -> list[str]:
    return [
        str(run.bin / "kube-scheduler"),
        f"--kubeconfig={run.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def _kwok(run: RunDir, secrets: Path, pod_cidr: str) -> list[str]:
    return [
        str(run.bin / "kwok"),
        f"--config={Path(__file__).with_name('stages.yaml')}",
        "--enable-crds=PortForward,Exec",
        f"--kubeconfig={run.kubeconfig}",
        "--manage-all-nodes=true",
        f"--cidr={pod_cidr}",
        f"--node-ip={network.NODE_IP}",
        "--node-port=10250",
        f"--server-address={network.NODE_IP}:10250",
        f"--tls-cert-file={secrets / 'kubelet.crt'}",
        f"--tls-private-key-file={secrets / 'kubelet.key'}",
    ]
