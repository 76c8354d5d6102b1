"""A stand-in for a server that holds more pods than this machine can: the real one, with its pod list multiplied.

Everything is passed on to the real API server, once; only the list of all pods has each of its items several times.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from kubectl_rev.cluster.connection import Connection, connect
from kubectl_rev.cluster.wire import Items
from kubectl_rev.errors import RevError
from tests.protobuf import items

CHUNK = 1 << 20


class Multiplied(BaseHTTPRequestHandler):
    """Answers a GET as the real server did, or with `times` copies of the pods."""

    protocol_version = "HTTP/1.1"
    times: ClassVar[int]
    real: ClassVar[Connection]
    answers: ClassVar[dict[str, bytes | None]] = {}

    def do_GET(self) -> None:
        """Pass on, or multiply; the second time from memory."""
        accept = self.headers.get("Accept", "application/json")
        if self.path not in self.answers:
            self.answers[self.path] = self._fetch(accept)
        body = self.answers[self.path]
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", accept.split(";")[0])
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        for start in range(0, len(body or b""), CHUNK):
            self.wfile.write((body or b"")[start : start + CHUNK])

    def _fetch(self, accept: str) -> bytes | None:
        asked = urlsplit(self.path)
        query = dict(parse_qsl(asked.query))
        try:
            body = self.real.get(asked.path, query, accept)
        except RevError:  # not there, or port-forward, which is no GET
            return None
        if asked.path == "/api/v1/pods" and "labelSelector" not in query:
            return items(*list(Items([body])) * self.times)
        return body

    def log_message(self, *_: object) -> None:
        """Be quiet."""


if __name__ == "__main__":
    Multiplied.times, Multiplied.real = int(sys.argv[1]), connect()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Multiplied)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
