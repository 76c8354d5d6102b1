"""One HTTP GET to a port of a pod, through the API server's port-forward.

The protocol (kubelet pkg/kubelet/server/portforward/websocket.go, `v4.channel.k8s.io`): each websocket message begins
with a channel byte, 0 for data and 1 for errors; the first message of each channel is the port. The client's own
`portforward_call` is not used: it sends no impersonation headers, has no timeout, and its thread prints tracebacks.
"""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

from kubectl_rev.cluster import error_mapping
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.errors import RevError, TimedOut, Unreachable

ISTIOD_PORT = 15014  # monitoring: pilot/cmd/pilot-discovery/app/cmd.go; debug endpoints answer a loopback caller only
_DATA, _ERROR = 0, 1
_SUBPROTOCOL = "v4.channel.k8s.io"
# Istio's version package prints <version>-<git revision>-<status>: pkg/version/version.go, BuildInfo.String().
_VERSION = re.compile(r"(?P<version>.+)-(?P<revision>[0-9a-f]{7,40}|unknown)-(?P<status>[A-Za-z]+)")

log = logging.getLogger("kubectl_rev.http")


class Answered(Unreachable):
    """The pod answered, but not with 200: `status` says what."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


def http_get(connection: Connection, namespace: str, pod: str, port: int, path: str, timeout: float) -> bytes:
    """The body that this port of this pod answers with.

    Raises what a request to the API server raises (Forbidden, NotFound, …), and Unreachable when the pod does not
    listen or does not answer in time; Answered, one of those, when it answers with anything but 200.
    """
    place = f"pod {namespace}/{pod} port {port}"
    where = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
    websocket = open_websocket(connection, where, [("ports", str(port))], timeout)
    try:
        channel = _Channel(websocket, time.monotonic() + timeout)
        websocket.send_binary(bytes([_DATA]) + _request(path, port))
        response = HTTPResponse(channel)  # type: ignore[arg-type]  # it asks a socket for nothing but makefile()
        response.begin()
        body = response.read()
        if response.status != 200:
            said = error_mapping.clean(body.decode("utf-8", "replace"))
            raise Answered(f"{place}{path} answered {response.status}: {said}", response.status)
        return body
    except (WebSocketException, HTTPException, OSError) as error:
        kind = TimedOut if isinstance(error, TimeoutError | WebSocketTimeoutException) else Unreachable
        raise kind(
            f"{place} does not answer {path}: {error_mapping.clean(str(error)) or 'the connection broke'}"
        ) from error
    finally:
        websocket.close(timeout=0)
        websocket.shutdown()  # close alone leaves the socket open when the other side closed first


def istiod_version(body: bytes) -> str:
    """The version in what istiod answers to `/version`: `1.31.0-rc.0` of `1.31.0-rc.0-<git sha>-Clean`, or of the JSON
    that `pilot-discovery version -o json` and some forks print. Empty when it is neither.
    """
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            found = from_json(text, dict[str, Any])
        except msgspec.DecodeError:
            return ""
        return error_mapping.clean(str(found.get("version") or ""))
    match = _VERSION.fullmatch(text)
    return error_mapping.clean(match["version"] if match else text if re.fullmatch(r"[\w.+-]+", text) else "")


def _request(path: str, port: int) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()


class _Channel(io.RawIOBase):
    """The data channel as a file to read from; HTTPResponse takes it for a socket."""

    def __init__(self, websocket: WebSocket, deadline: float) -> None:
        self._websocket, self._deadline = websocket, deadline
        self._rest = b""
        self._greeted: set[int] = set()

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            opcode, message = self._receive()
            if opcode == ABNF.OPCODE_CLOSE:
                return 0
            if opcode not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or not message:
                continue
            channel, data = message[0], message[1:]
            if channel not in self._greeted:  # the port number, little-endian
                self._greeted.add(channel)
            elif channel == _ERROR and data:
                raise ConnectionRefusedError(_last_words(data))
            elif channel == _DATA:
                self._rest = data
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def _receive(self) -> tuple[int, bytes]:
        if (left := self._deadline - time.monotonic()) <= 0:
            raise TimeoutError("no answer in time")
        self._websocket.settimeout(left)
        opcode, frame = self._websocket.recv_data_frame(control_frame=True)
        return opcode, bytes(frame.data)


def _last_words(data: bytes) -> str:
    """Of kubelet's long sentence only what went wrong: `connection refused`."""
    return error_mapping.clean(data.decode("utf-8", "replace")).rpartition(": ")[2]


def open_websocket(connection: Connection, path: str, query: Sequence[tuple[str, str]], timeout: float) -> Any:
    """A websocket to a subresource of a pod, as the right person. Raises what a request to the API server raises."""
    url = f"{connection.url(path)}?{urlencode(query)}"
    configured = connection.configuration
    tls: dict[str, Any] = {"context": connection.tls}
    if configured.tls_server_name:
        tls["server_hostname"] = configured.tls_server_name
    headers = [f"{key}: {value}" for key, value in connection.headers()]
    websocket: Any = WebSocket(sslopt=tls, skip_utf8_validation=True)
    started = time.monotonic()
    try:
        websocket.connect(
            "ws" + url.removeprefix("http"),
            header=headers,
            subprotocols=[_SUBPROTOCOL],
            suppress_origin=True,
            redirect_limit=0,  # it would carry the credential along
            timeout=timeout,
            **_proxy(configured),
        )
    except WebSocketBadStatusException as error:
        log.info("GET %s %s in %d ms", url, error.status_code, (time.monotonic() - started) * 1000)
        raise _refused(connection, path, error) from error
    except Exception as error:  # of a proxy that it does not know it raises a plain one
        raise error_mapping.failed(error, connection.server, error_mapping.call("POST", path)) from error
    log.info("GET %s 101 in %d ms", url, (time.monotonic() - started) * 1000)
    return websocket


def _refused(connection: Connection, path: str, error: WebSocketBadStatusException) -> RevError:
    body = error.resp_body if isinstance(error.resp_body, bytes) else b""
    return error_mapping.answered(error_mapping.call("POST", path), error.status_code, "", body, connection.server)


def _proxy(configured: Any) -> dict[str, Any]:
    # Otherwise websocket-client would read the environment by rules of its own.
    found: dict[str, Any] = {"http_no_proxy": ["*"]}
    if configured.proxy:
        parts = urlsplit(configured.proxy)
        found = {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port, "proxy_type": parts.scheme}
        if configured.no_proxy:
            found["http_no_proxy"] = str(configured.no_proxy).split(",")
        if parts.username:
            found["http_proxy_auth"] = (parts.username, parts.password or "")
    return found
