"""What really happens: pods created as every namespace and template would make them, configuration written, proxies,
Gateways changed to see who answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kubectl_rev.cluster import pod_streams
from kubectl_rev.cluster.connection import Connection, connect
from kubectl_rev.errors import RevError
from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.reach import Name, Network
from tests.testcluster import ClusterError

_POD = {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
_CONFIG = "/apis/networking.istio.io/v1/namespaces/outside/gateways"
_SERVER = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["a.example"]}
REJECTED, NO_SIDECAR, NOT_STARTED = "rejected", "no sidecar", "not started"


@dataclass(frozen=True)
class World:
    """One look at the cluster: what becomes of pods and of configuration that are created now."""

    pods: dict[Name, str]  # injected, no sidecar, not started, rejected
    config: str  # checked, config frozen, config unvalidated
    read: frozenset[tuple[str, str]]  # configuration that some istiod has
    connected: frozenset[str]
    proxies: dict[Name, bool]  # whether the running proxies of a workload reach an istiod
    workloads: frozenset[Name]
    gateways: frozenset[tuple[str, str]]  # those that some istiod programs
    foreign: str


def look(mesh: Mesh) -> World:
    """Everything is created with a server-side dry run: admission is the same, and nothing stays."""
    with connect() as connection:
        pods = {("Namespace", "", name): _created(connection, name, _POD) for name in mesh.namespaces}
        pods |= {key: _created(connection, key[1], template) for key, template in mesh.pods.items()}
        network = Network(mesh.cluster)
        return World(
            pods=pods,
            config=_written(connection),
            read=_read_by_istiods(connection, mesh),
            connected=frozenset(proxy.pod for proxy in mesh.proxies if proxy.connected),
            proxies=network.proxies,
            workloads=network.workloads,
            gateways=frozenset(filter(lambda name: _programmed(mesh, *name), mesh.gateways)),
            foreign=_foreign(connection, mesh),
        )


def asks(mesh: Mesh, namespace: str) -> dict[Name, str]:
    """What a tag and istio-injection=enabled mean now, in a namespace that is made for the question and stays."""
    labels = {"istio-injection": "enabled"}
    mesh.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
    with connect() as connection:
        found = {("Tag", "", "default"): _created(connection, namespace, _POD)}
        for tag in mesh.tags:
            template = {**_POD, "metadata": {"labels": {"istio.io/rev": tag}}}
            found["Tag", "", tag] = _created(connection, "outside", template)
    return found


def has_root(mesh: Mesh, namespace: str) -> bool:
    """Does a namespace that is new get the root certificate, without which its pods do not start? One istiod writes it
    for all, and the next takes that over when the lease of one that was killed has run out, after half a minute.
    """
    arguments = ("get", "configmap", "istio-ca-root-cert", "-n", namespace, "--ignore-not-found", "-o", "name")
    try:
        mesh.cluster.wait_until("a root certificate", lambda: bool(mesh.cluster.kubectl(*arguments)), 60)
    except ClusterError:
        return False
    return True


def _created(connection: Connection, namespace: str, template: dict[str, Any]) -> str:
    metadata = {**template["metadata"], "generateName": "probe-", "namespace": namespace}
    body = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}).encode()
    try:
        made = json.loads(connection.send("POST", f"/api/v1/namespaces/{namespace}/pods", body, {"dryRun": "All"}))
    except RevError as error:
        if "webhook" not in str(error):
            raise
        return REJECTED
    spec = made["spec"]
    if any(container["image"] == "auto" for container in spec["containers"]):
        return NOT_STARTED
    names = [container["name"] for container in spec["containers"] + spec.get("initContainers", [])]
    return "injected" if "istio-proxy" in names else NO_SIDECAR


def _written(connection: Connection) -> str:
    """A good Gateway and one that every healthy istiod refuses (pkg/webhooks/validation/controller)."""

    def write(annotations: dict[str, str]) -> bool:
        metadata = {"name": "probe", "annotations": annotations}
        spec = {"selector": {"a": "b"}, "servers": [_SERVER]}
        body = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec}
        try:
            connection.send("POST", _CONFIG, json.dumps(body).encode(), {"dryRun": "All"})
        except RevError as error:
            if "webhook" not in str(error):
                raise
            return False
        return True

    if not write({}):
        return "config frozen"
    return "config unvalidated" if write({"internal.istio.io/webhook-always-reject": "true"}) else "checked"


def _read_by_istiods(connection: Connection, mesh: Mesh) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for istiod in mesh.cluster.istiods() if mesh.configs else ():
        try:
            body = pod_streams.http_get(connection, istiod.namespace, istiod.name, 15014, "/debug/configz", 20)
        except RevError:
            continue
        has = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in json.loads(body)}
        found |= has & set(mesh.configs)
    return frozenset(found)


def _programmed(mesh: Mesh, namespace: str, name: str) -> bool:
    """Does an istiod answer to a change of this Gateway's listeners?"""
    where = ("gateway.gateway.networking.k8s.io", name, "-n", namespace)
    port = 1 + max(listener["port"] for listener in mesh.item(*where)["spec"]["listeners"])
    listener = {"name": f"http-{port}", "port": port, "protocol": "HTTP"}
    patch = [{"op": "add", "path": "/spec/listeners/-", "value": listener}]
    mesh.cluster.kubectl("patch", *where, "--type=json", "-p", json.dumps(patch))

    def answered() -> bool:
        gateway = mesh.item(*where)
        conditions = gateway.get("status", {}).get("conditions", [])
        return any(one.get("observedGeneration") == gateway["metadata"]["generation"] for one in conditions)

    try:
        mesh.cluster.wait_until("an answer", answered, 6)
    except ClusterError:
        return False
    return True


def _foreign(connection: Connection, mesh: Mesh) -> str:
    """A ConfigMap where somebody else's webhook looks at them; istiod answers it with what is no AdmissionReview of
    its kind, so only the difference to before says something."""
    watched = [name for name in mesh.namespaces if name.endswith("-ns")]
    if not watched:
        return ""
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}).encode()
    try:
        connection.send("POST", f"/api/v1/namespaces/{watched[0]}/configmaps", body, {"dryRun": "All"})
    except RevError as error:
        return str(error).rpartition(":")[2]
    return "admitted"
