"""Into a pod through the API server: one HTTP GET to a port of it (port-forward), one command in a container (exec).

Both speak `v4.channel.k8s.io` over a websocket, in which each message begins with a channel byte. Port-forward (kubelet
pkg/kubelet/server/portforward/websocket.go): 0 is data and 1 errors, the first message of each channel is the port.
Exec (k8s.io/apimachinery/pkg/util/remotecommand): 1 is output and 2 errors, 3 ends with a Status object. The client's
own `portforward_call` is not used: it sends no impersonation headers, has no timeout, and its thread prints tracebacks.
"""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import msgspec
from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Status, answered, call, clean, failed
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.errors import TimedOut, Unreachable

ISTIOD_PORT = 15014  # monitoring: pilot/cmd/pilot-discovery/app/cmd.go; debug endpoints answer a loopback caller only
_SUBPROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_OUTPUT, _ERRORS, _STATUS = 1, 2, 3
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
    deadline = time.monotonic() + timeout
    with _websocket(connection, where, [("ports", str(port))], timeout, f"{place} does not answer {path}") as websocket:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        websocket.send_binary(bytes([_DATA]) + request.encode())
        channel = _Channel(_messages(websocket, deadline))
        response = HTTPResponse(channel)  # type: ignore[arg-type]  # it asks a socket for nothing but makefile()
        response.begin()
        body = response.read()
    if response.status != 200:
        raise Answered(f"{place}{path} answered {response.status}: {_line(body)}", response.status)
    return body


def istiod_version(body: bytes) -> str:
    """The version in what istiod answers to `/version`: `1.31.0-rc.0` of `1.31.0-rc.0-<git sha>-Clean`, or of the JSON
    that `pilot-discovery version -o json` and some forks print. Empty when it is neither.
    """
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        with suppress(msgspec.DecodeError):
            return clean(str(from_json(text, dict[str, Any]).get("version") or ""))
    match = _VERSION.fullmatch(text)
    return clean(match["version"] if match else text if re.fullmatch(r"[\w.+-]+", text) else "")


def output(
    connection: Connection, namespace: str, pod: str, container: str, command: Sequence[str], timeout: float
) -> bytes:
    """What a command wrote to its output.

    Raises what a request to the API server raises, and Unreachable when the command cannot be run or fails.
    """
    place = f"{command[0]} in pod {namespace}/{pod}"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", c) for c in command)]
    where = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    written: dict[int, bytearray] = {_OUTPUT: bytearray(), _ERRORS: bytearray(), _STATUS: bytearray()}
    with _websocket(connection, where, query, timeout, f"{place} does not answer") as websocket:
        for channel, data in _messages(websocket, time.monotonic() + timeout):
            if channel in written:
                written[channel] += data
    ended = Status(message="it broke off")
    with suppress(msgspec.DecodeError):
        ended = from_json(written[_STATUS], Status)
    if ended.status != "Success":
        raise Unreachable(f"{place} failed: {_line(written[_ERRORS]) or clean(ended.message) or 'it broke off'}")
    return bytes(written[_OUTPUT])


class _Channel(io.RawIOBase):
    """The data channel of a port-forward as a file to read from; HTTPResponse takes it for a socket."""

    def __init__(self, messages: Iterator[tuple[int, bytes]]) -> None:
        self._messages = messages
        self._rest = b""
        self._greeted: set[int] = set()

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            channel, data = next(self._messages, (None, b""))
            if channel is None:
                return 0
            if channel not in self._greeted:  # the port number, little-endian
                self._greeted.add(channel)
            elif channel == _ERROR and data:  # of kubelet's long sentence only what went wrong: `connection refused`
                raise ConnectionRefusedError(_line(data).rpartition(": ")[2])
            elif channel == _DATA:
                self._rest = data
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _line(data: bytes | bytearray) -> str:
    return clean(data.decode("utf-8", "replace"))


def _messages(websocket: Any, deadline: float) -> Iterator[tuple[int, bytes]]:
    """Channel and data of each message until the other side closes. Raises TimeoutError."""
    while (left := deadline - time.monotonic()) > 0:
        websocket.settimeout(left)
        opcode, frame = websocket.recv_data_frame(control_frame=True)
        if opcode == ABNF.OPCODE_CLOSE:
            return
        if opcode in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
            yield frame.data[0], bytes(frame.data[1:])
    raise TimeoutError("no answer in time")


@contextmanager
def _websocket(
    connection: Connection, path: str, query: Sequence[tuple[str, str]], timeout: float, silent: str
) -> Iterator[Any]:
    """A websocket to a subresource of a pod, as the right person, to be used in the block.

    Raises what a request to the API server raises; `silent` is the sentence where the websocket fails later on.
    """
    websocket = _opened(connection, path, query, timeout)
    try:
        yield websocket
    except (WebSocketException, HTTPException, OSError) as error:
        kind = TimedOut if isinstance(error, TimeoutError | WebSocketTimeoutException) else Unreachable
        raise kind(f"{silent}: {clean(str(error)) or 'the connection broke'}") from error
    finally:
        websocket.close(timeout=0)
        websocket.shutdown()  # close alone leaves the socket open when the other side closed first


def _opened(connection: Connection, path: str, query: Sequence[tuple[str, str]], timeout: float) -> Any:
    url = f"{connection.url(path)}?{urlencode(query)}"
    tls: dict[str, Any] = {"context": connection.tls}
    if connection.server_name:
        tls["server_hostname"] = connection.server_name
    headers = [f"{key}: {value}" for key, value in connection.headers()]
    websocket: Any = WebSocket(sslopt=tls, skip_utf8_validation=True)
    started, request = time.monotonic(), call("POST", path)
    try:
        websocket.connect(
            "ws" + url.removeprefix("http"),
            header=headers,
            subprotocols=[_SUBPROTOCOL],
            suppress_origin=True,
            redirect_limit=0,  # it would carry the credential along
            timeout=timeout,
            **_proxy(connection.proxy),
        )
    except WebSocketBadStatusException as error:
        log.info("GET %s %s in %d ms", url, error.status_code, (time.monotonic() - started) * 1000)
        body = error.resp_body if isinstance(error.resp_body, bytes) else b""
        raise answered(request, error.status_code, "", body, connection.server) from error
    except Exception as error:  # of a proxy that it does not know it raises a plain one
        raise failed(error, connection.server, request) from error
    log.info("GET %s 101 in %d ms", url, (time.monotonic() - started) * 1000)
    return websocket


def _proxy(proxy: str) -> dict[str, Any]:
    # Otherwise websocket-client would read the environment by rules of its own.
    found: dict[str, Any] = {"http_no_proxy": ["*"]}
    if proxy:
        parts = urlsplit(proxy)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
        found = {"http_proxy_host": parts.hostname, "http_proxy_port": port, "proxy_type": parts.scheme}
        found |= {"http_no_proxy": ["none.invalid"]}  # of an empty list it would make the environment's
        if parts.username:
            found["http_proxy_auth"] = (unquote(parts.username), unquote(parts.password or ""))
    return found
