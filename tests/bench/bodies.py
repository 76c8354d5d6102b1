"""Fetch what rev-verify rests on, side by side as it does, and look at none of it: the floor for the whole command."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kubectl_rev.cluster import lists, portforward
from kubectl_rev.cluster.connection import Connection, connect

_JSON = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/api/v1/services",
)


def main() -> None:
    with connect() as connection, ThreadPoolExecutor(12) as pool:
        istiods = lists.istiods(connection)
        work = [pool.submit(_drain, connection, "/api/v1/pods", lists.PROTOBUF)]
        work += [
            pool.submit(_drain, connection, lists.path(where), lists.PROTOBUF) for where in lists.WORKLOADS.values()
        ]
        work += [pool.submit(_drain, connection, lists.path(lists.REPLICA_SETS), lists.METADATA)]
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
    portforward.http_get(connection, namespace, pod, portforward.ISTIOD_PORT, "/debug/syncz", 30)


if __name__ == "__main__":
    main()
