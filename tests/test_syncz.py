"""Asking an istiod: what is tried, in which order, and what becomes of a refusal. The other side is a real socket."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import pytest

from kubectl_rev.cluster import pod_streams, syncz
from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.core.verification.connections import Stream
from kubectl_rev.errors import Forbidden, Unreachable
from tests.build import istiod
from tests.local_server import Answer, Request, serving, status

SYNCZ = b'[{"cluster_id": "Kubernetes", "proxy": "web-1.shop", "proxy_type": "sidecar", "istio_version": "1.31.0"}]'
SUCCESS = json.dumps({"status": "Success"}).encode()
FAILURE = json.dumps({"status": "Failure", "message": "command terminated with exit code 1"}).encode()
POD = istiod("canary")


def upgraded(request: Request, *frames: tuple[int, bytes]) -> Answer:
    """A websocket that says these (channel, data) frames and closes."""
    (key,) = request.get("Sec-WebSocket-Key")
    magic = f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()  # RFC 6455, 1.3
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(hashlib.sha1(magic, usedforsecurity=False).digest()).decode(),
        "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
    }
    body = b"".join(_frame(0x82, bytes([channel]) + data) for channel, data in frames) + _frame(0x88, b"\x03\xe8")
    return Answer(101, body, headers)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes([first, size] if size < 126 else [first, 126, *size.to_bytes(2, "big")]) + payload


def asked(answer: Callable[[Request], Answer]) -> tuple[object, list[str]]:
    """What syncz.ask makes of it, and the subresources that it went to."""
    with serving(answer) as server, connect(ConnectionFlags(server=server.url)) as connection:
        found = syncz.ask(connection, POD, 5)
    return found, [request.path.partition("?")[0].rpartition("/")[2] for request in server.requests]


def test_exec_serves_where_port_forward_is_refused():
    def answer(request: Request) -> Answer:
        if "portforward" in request.path:
            return status(403, 'pods "x" is forbidden: User "jane" cannot create resource "pods/portforward"')
        return upgraded(request, (1, SYNCZ[:20]), (1, SYNCZ[20:]), (2, b"a warning"), (3, SUCCESS))

    found, went = asked(answer)
    assert found.streams == (Stream("shop", "web-1", "Kubernetes", "sidecar", "1.31.0"),)
    assert (found.gaps, went) == ((), ["portforward", "exec"])


def test_the_command_is_istiods_own():
    def answer(request: Request) -> Answer:
        return upgraded(request, (1, b"[]"), (3, SUCCESS))

    with serving(answer) as server, connect(ConnectionFlags(server=server.url)) as connection:
        pod_streams.output(connection, "istio-system", "istiod-0", "discovery", ["pilot-discovery", "request"], 5)
    assert server.requests[0].path.endswith(
        "/exec?container=discovery&stdout=true&stderr=true&command=pilot-discovery&command=request"
    )


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (
            [(2, b"no such file"), (3, FAILURE)],
            "pilot-discovery in pod istio-system/istiod-canary-0 failed: no such file",
        ),
        ([(3, FAILURE)], "failed: command terminated with exit code 1"),
        ([(1, SYNCZ)], "failed: it broke off"),
        ([(1, b"404 page not found"), (3, SUCCESS)], "answered something else"),
    ],
)
def test_a_command_that_fails_is_no_answer(frames, says):
    def answer(request: Request) -> Answer:
        return status(403, "forbidden") if "portforward" in request.path else upgraded(request, *frames)

    found, _ = asked(answer)
    assert found.streams is None
    assert says.replace("istiod-canary-0", POD.name) in found.gaps[-1].reason


def test_both_refused_name_both_rules():
    found, went = asked(lambda request: status(403, "forbidden"))
    assert found.streams is None
    assert [(gap.verb, gap.resource) for gap in found.gaps] == [("create", "pods/portforward"), ("create", "pods/exec")]
    assert went == ["portforward", "exec"]


@pytest.mark.parametrize(("code", "error"), [(403, Forbidden), (500, Unreachable)])
def test_a_refusal_raises_what_a_request_raises(code, error):
    refusing = serving(lambda request: status(code, "no"))
    with refusing as server, connect(ConnectionFlags(server=server.url)) as connection, pytest.raises(error):
        pod_streams.output(connection, "istio-system", "istiod-0", "discovery", ["a"], 5)
