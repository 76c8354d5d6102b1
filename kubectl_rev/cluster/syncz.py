"""Ask one istiod pod which proxies are connected to it.

By port-forward, since istiod answers debug questions to loopback callers only (1.11 and later); where that is refused,
by exec of its own client, which asks from inside the pod. Each failure becomes part of the answer, never an empty one.
"""

from __future__ import annotations

from kubectl_rev.cluster import pod_streams
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh.control_plane import revision_of
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.verification.connections import CONNECTIONS, Answer, Unreadable, streams_in
from kubectl_rev.errors import ClusterError, Forbidden, TimedOut, Unreachable

_PATH = "/debug/syncz"
_EXEC = ("pilot-discovery", "request", "GET", _PATH)  # pilot/cmd/pilot-discovery/app/request.go
_CONTAINER = "discovery"  # istio-discovery/templates/deployment.yaml
_NO_USE = 404  # debug over HTTP is switched off: ENABLE_DEBUG_ON_HTTP=false


def ask(connection: Connection, pod: Pod, timeout: float) -> Answer:
    """The answer of one istiod; the reasons why there is none are its gaps."""
    revision, failures = revision_of(pod.labels), []
    for way in (_by_port_forward, _by_exec):
        try:
            return Answer(pod.namespace, pod.name, revision, streams_in(way(connection, pod, timeout)))
        except Unreadable as error:
            failures.append(
                Gap("ask", CONNECTIONS, pod.namespace, f"istiod {pod.name} answered something else: {error}")
            )
        except Forbidden as error:  # which may not hold from inside the pod
            reason = f"istiod {pod.name} was not asked: {error.reason}"
            failures.append(Gap(error.verb, error.resource, pod.namespace, reason))
        except ClusterError as error:
            failures.append(Gap("ask", CONNECTIONS, pod.namespace, f"istiod {pod.name} did not answer: {error}"))
            if not _worth_another_way(error):
                break
    return Answer(pod.namespace, pod.name, revision, None, tuple(failures))


def _by_port_forward(connection: Connection, pod: Pod, timeout: float) -> bytes:
    return pod_streams.http_get(connection, pod.namespace, pod.name, pod_streams.ISTIOD_PORT, _PATH, timeout)


def _by_exec(connection: Connection, pod: Pod, timeout: float) -> bytes:
    return pod_streams.output(connection, pod.namespace, pod.name, _CONTAINER, _EXEC, timeout)


def _worth_another_way(error: ClusterError) -> bool:
    """Silence would only be waited for twice, and where debug is switched off the answer is the same from inside."""
    if isinstance(error, pod_streams.Answered):
        return error.status != _NO_USE
    return isinstance(error, Unreachable) and not isinstance(error, TimedOut)
