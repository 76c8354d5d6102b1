"""A real HTTP(S) server on the loopback that answers what a test says and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Request:
    """What one client sent."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    certificate: str = ""  # common name of the client's
    body: str = ""

    def get(self, name: str) -> list[str]:
        """All values of a header, sorted: their order means nothing."""
        return sorted(value for key, value in self.headers if key.lower() == name.lower())


@dataclass
class Answer:
    """What to send back; `length` lies about the body's when given, `after` waits for an event first.

    `chunks` says how many bytes go into one chunk of a chunked body; else it has a length.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    after: threading.Event | None = None
    chunks: int = 0
    raw: Callable[[Any], None] | None = None  # writes the whole answer by itself, after which the connection is closed


def status(code: int, message: str, **more: Any) -> Answer:
    """An error as the API server writes it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code, **more}
    return Answer(code, json.dumps(body).encode())


@dataclass
class Server:
    """A running server."""

    url: str
    port: int
    requests: list[Request]


@contextmanager
def serving(
    answer: Callable[[Request], Answer] = lambda request: Answer(), tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
            subject: Any = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            name = dict(pair[0] for pair in subject["subject"])["commonName"] if subject else ""
            request = Request(self.command, self.path, list(self.headers.items()), name, body)
            requests.append(request)
            given = answer(request)
            if given.after:
                given.after.wait(20)
            if given.raw:
                self.close_connection = True
                given.raw(self.wfile)
                return
            self.send_response(given.status)
            for key, value in given.headers.items():
                self.send_header(key, value)
            if given.chunks:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"".join(_chunks(given.body, given.chunks)))
                return
            self.send_header("Content-Length", str(len(given.body) if given.length is None else given.length))
            self.end_headers()
            self.wfile.write(given.body)
            if given.length is not None:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # of 5, a busy machine loses some, and they are sent again seconds later

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that goes away, or a failed handshake, is what some tests are about

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    port = server.server_address[1]
    try:
        yield Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port, requests)
    finally:
        server.shutdown()
        server.server_close()


def _chunks(body: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        part = body[at : at + size]
        yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def authority(where: Path) -> Path:
    """Make `ca.crt`, `server.{crt,key}` for 127.0.0.1 and api.test, and `client.{crt,key}` of alice."""

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run(*new, "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt")
    for name, subject, extension in (
        ("server", "/CN=server", "subjectAltName=IP:127.0.0.1,IP:0.0.0.0,DNS:localhost,DNS:api.test,DNS:b.api.test"),
        ("client", "/CN=alice", "extendedKeyUsage=clientAuth"),
    ):
        (where / f"{name}.ext").write_text(extension)
        run(*new, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        run("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt")
    return where


def tls_server(authority: Path) -> ssl.SSLContext:
    """Asks for a client certificate, does not insist."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    context.load_verify_locations(authority / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
