"""Fetch what rev-verify rests on, side by side as it does, and look at none of it: the floor for the whole command."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kubectl_rev.cluster import lists, pod_streams
from kubectl_rev.cluster.connection import Connection, connect
from kubectl_rev.core.mesh.resources import WORKLOADS, Decoding

_JSON = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/api/v1/services",
)


def main() -> None:
    with connect() as connection, ThreadPoolExecutor(12) as pool:
        istiods = lists.istiods(connection)
        work = [pool.submit(_drain, connection, "/api/v1/pods", lists.PROTOBUF)]
        for accept, decoding in ((lists.PROTOBUF, Decoding.PROTOBUF), (lists.METADATA, Decoding.METADATA)):
            paths = [lists.path(each.path) for each in WORKLOADS if each.decoding is decoding]
            work += [pool.submit(_drain, connection, path, accept) for path in paths]
        work += [pool.submit(_drain, connection, "/api/v1/namespaces", lists.METADATA)]
        work += [pool.submit(_drain, connection, where, "application/json") for where in _JSON]
        for pod in istiods:
            work.append(pool.submit(_syncz, connection, pod.namespace, pod.name))
        for each in work:
            each.result()


def _drain(connection: Connection, where: str, accept: str) -> None:
    with connection.stream(where, None, accept) as chunks:
        for _ in chunks:
            pass


def _syncz(connection: Connection, namespace: str, pod: str) -> None:
    pod_streams.http_get(connection, namespace, pod, pod_streams.ISTIOD_PORT, "/debug/syncz", 30)


if __name__ == "__main__":
    main()
