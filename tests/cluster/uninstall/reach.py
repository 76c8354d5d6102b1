"""Do running proxies find an istiod? Each address that a pod's proxy was given is looked up and dialled.

Written without the plugin's own code: a Service's endpoints stand in for kube-proxy, a TCP connection for Envoy's.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

from tests.testcluster import Cluster

Object = dict[str, Any]
Name = tuple[str, str, str]  # kind, namespace, name
_BUILT_IN = "istiod.istio-system.svc:15012"  # pkg/config/mesh: what an absent discoveryAddress means
_ADDRESSES = ("CA_ADDR", "CA_ADDRESS", "XDS_ADDRESS")


class Network:
    """The cluster's pods, Services and endpoints at one moment."""

    def __init__(self, cluster: Cluster) -> None:
        self._dialled: dict[str, bool] = {}
        self._kinds: dict[str, list[Object]] = {}
        for item in cluster.items("pods,services,endpointslices,deployments,statefulsets,daemonsets", "-A"):
            self._kinds.setdefault(item["kind"], []).append(item)

    @property
    def workloads(self) -> frozenset[Name]:
        """All but the control planes themselves."""
        kinds = ("Deployment", "StatefulSet", "DaemonSet")
        found = (item for kind in kinds for item in self._kinds.get(kind, []))
        return frozenset(_name(item) for item in found if item["metadata"].get("labels", {}).get("app") != "istiod")

    @property
    def proxies(self) -> dict[Name, bool]:
        """The owners of running proxies, and whether every proxy of theirs reaches an istiod."""
        found: dict[Name, bool] = {}
        for pod in self._kinds.get("Pod", []):
            addresses = {*_called(pod)}
            if addresses and pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                name = _owner(pod)
                found[name] = found.get(name, True) and all(map(self._reached, addresses))
        return found

    def _reached(self, address: str) -> bool:
        if address not in self._dialled:
            self._dialled[address] = any(map(_answers, self._endpoints(address)))
        return self._dialled[address]

    def _endpoints(self, address: str) -> Iterator[tuple[str, int]]:
        host, _, port = address.rpartition(":")
        name, namespace, *_ = host.split(".")
        if not any(_name(service)[1:] == (namespace, name) for service in self._kinds.get("Service", [])):
            return
        for item in self._kinds.get("EndpointSlice", []):
            labels = item["metadata"].get("labels", {})
            if (item["metadata"]["namespace"], labels.get("kubernetes.io/service-name")) == (namespace, name):
                ready = (point for point in item.get("endpoints") or [] if point.get("conditions", {}).get("ready"))
                yield from ((ip, int(port)) for point in ready for ip in point["addresses"])


def _called(pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    for container in spec["containers"] + spec.get("initContainers", []):
        given = {item["name"]: item.get("value", "") for item in container.get("env", [])}
        yield from (given[name] for name in _ADDRESSES if given.get(name))
        if container["name"] == "istio-proxy" and "PROXY_CONFIG" in given:
            yield json.loads(given["PROXY_CONFIG"] or "{}").get("discoveryAddress", _BUILT_IN)


def _owner(pod: Object) -> Name:
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences", []):
        if owner["kind"] == "ReplicaSet":
            return "Deployment", metadata["namespace"], owner["name"].rpartition("-")[0]
        return owner["kind"], metadata["namespace"], owner["name"]
    return "Pod", metadata["namespace"], metadata["name"]


def _name(item: Object) -> Name:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _answers(endpoint: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(endpoint, timeout=2):
            return True
    except OSError:
        return False
