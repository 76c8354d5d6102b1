"""A proxy between the plugin and the real API server that counts requests, and fails or ends them as a test says.

It listens with plain HTTP on loopback, over which no client sends a token, and asks the real server as one user.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.testcluster import Cluster
from tests.testcluster.credentials import token

_CHUNK = 1 << 16


class Request(NamedTuple):
    """One request; `n` counts those of its sort (`write` or not) from 1."""

    method: str
    path: str
    dry_run: bool
    watch: bool
    n: int

    @property
    def write(self) -> bool:
        return self.method in ("PATCH", "DELETE") and not self.dry_run


class Fault(NamedTuple):
    """`status` answers in the server's place; without one the connection is dropped. `after`: the server did it."""

    status: int = 0
    retry_after: str = ""
    after: bool = False


Rule = Callable[[Request], Fault | None]


class Proxy:
    """`rule` decides about each request; `wrote` is told when the real server has done a write, before we say so."""

    def __init__(self, cluster: Cluster, rule: Rule = lambda request: None, context: str = "admin") -> None:
        self.requests: list[Request] = []
        self.rule, self.wrote = rule, (lambda n: None)
        self.down_until = 0.0
        self.watch_lines = 0  # end a watch after so many lines; 0 never
        self._cluster, self._context = cluster, context
        self._lock = threading.Lock()
        self._writes = 0
        self.upstream: set[socket.socket] = set()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        with self._lock:  # watches that nobody reads any more
            for each in list(self.upstream):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for _ in range(50):
            if not self.upstream:
                break
            time.sleep(0.1)
        self._server.server_close()

    def kubeconfig(self, target: Path) -> str:
        """A kubeconfig that leads here."""
        config = json.loads(self._cluster.kubeconfig.read_text())
        port = self._server.server_address[1]
        config["clusters"] = [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}]
        config["current-context"] = self._context
        target.write_text(json.dumps(config))
        return str(target)

    def count(self, method: str, part: str = "", *, dry_run: bool | None = None, watch: bool | None = None) -> int:
        return sum(
            each.method == method
            and part in each.path
            and dry_run in (None, each.dry_run)
            and watch in (None, each.watch)
            for each in self.requests
        )

    def note(self, method: str, target: str, body: bytes = b"") -> Request:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        dry_run = "dryRun" in query or b'"dryRun"' in body  # a deletion has it in its body
        with self._lock:
            found = Request(method, parts.path, dry_run, "watch" in query, 0)
            if found.write:
                self._writes += 1
                found = found._replace(n=self._writes)
            else:
                found = found._replace(n=len(self.requests) - self._writes + 1)
            self.requests.append(found)
            return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def _serve(self) -> None:
        owner = self.owner
        if time.monotonic() < owner.down_until:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = owner.note(self.command, self.path, body)
        fault = owner.rule(request)
        if fault and not fault.after:
            self._fail(fault)
            return
        tls = ssl.create_default_context(cafile=str(owner._cluster.dir.path / "secrets" / "ca.crt"))
        upstream = http.client.HTTPSConnection("127.0.0.1", 6443, timeout=600, context=tls)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding", "connection")}
        headers["Authorization"] = f"Bearer {token(owner._context)}"
        with contextlib.closing(upstream):
            upstream.connect()
            sock = upstream.sock
            owner.upstream.add(sock)
            try:
                upstream.request(self.command, self.path, body or None, headers)
                with upstream.getresponse() as response:
                    self._pass_on(request, response, fault)
            finally:
                owner.upstream.discard(sock)

    def _pass_on(self, request: Request, response: http.client.HTTPResponse, fault: Fault | None) -> None:
        if not request.write:
            self._stream(response, request)
            return
        body = response.read()
        self.owner.wrote(request.n)
        if fault:
            self._fail(fault)
        else:
            self._answer(response.status, dict(response.getheaders()), body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def _fail(self, fault: Fault) -> None:
        if not fault.status:
            self.close_connection = True
            return
        extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": "injected",
            "code": fault.status,
        }
        self._answer(fault.status, {"Content-Type": "application/json", **extra}, json.dumps(status).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key in ("Content-Type", "Retry-After"):
            if key in headers:
                self.send_header(key, headers[key])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, response: http.client.HTTPResponse, request: Request) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lines = 0
        while data := response.readline() if request.watch else response.read(_CHUNK):
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            lines += 1
            if request.watch and (lines == self.owner.watch_lines or time.monotonic() < self.owner.down_until):
                break
        if time.monotonic() < self.owner.down_until:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass
