"""What really happens: pods created as every namespace and template would make them, configuration written, proxies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kubectl_rev.cluster import pod_streams
from kubectl_rev.cluster.connection import Connection, connect
from kubectl_rev.errors import RevError
from tests.cluster.uninstall.mesh import Mesh

_POD = {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
_CONFIG = "/apis/networking.istio.io/v1/namespaces/outside/gateways"
_SERVER = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["a.example"]}
REJECTED, NO_SIDECAR = "rejected", "no sidecar"


@dataclass(frozen=True)
class World:
    """One look at the cluster: what becomes of pods and of configuration that are created now."""

    pods: dict[tuple[str, str, str], str]  # by kind, namespace, name: injected, no sidecar, rejected
    config: str  # checked, config frozen, config unvalidated
    read: frozenset[tuple[str, str]]  # configuration that some istiod has
    connected: frozenset[str]
    deployments: frozenset[tuple[str, str]]
    foreign: str


def look(mesh: Mesh) -> World:
    """Everything is created with a server-side dry run: admission is the same, and nothing stays."""
    with connect() as connection:
        pods = {("Namespace", "", name): _created(connection, name, _POD) for name in mesh.namespaces}
        pods |= {key: _created(connection, key[1], template) for key, template in mesh.pods.items()}
        return World(
            pods=pods,
            config=_written(connection),
            read=_read_by_istiods(connection, mesh),
            connected=frozenset(proxy.pod for proxy in mesh.proxies if proxy.connected),
            deployments=_deployments(mesh),
            foreign=_foreign(connection, mesh),
        )


def asks(mesh: Mesh, namespace: str) -> dict[tuple[str, str, str], str]:
    """What a tag and istio-injection=enabled mean now, in a namespace that is made for the question and stays."""
    labels = {"istio-injection": "enabled"}
    mesh.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
    with connect() as connection:
        found = {("Tag", "", "default"): _created(connection, namespace, _POD)}
        for tag in mesh.tags:
            template = {**_POD, "metadata": {"labels": {"istio.io/rev": tag}}}
            found["Tag", "", tag] = _created(connection, "outside", template)
    return found


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


def _deployments(mesh: Mesh) -> frozenset[tuple[str, str]]:
    there = mesh.cluster.items("deployments", "-A")
    return frozenset((each["metadata"]["namespace"], each["metadata"]["name"]) for each in there)


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
