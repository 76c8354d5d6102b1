"""A stand-in for a server that holds more pods than this machine can: the real one, with its pod list multiplied.

Everything is passed on to the real API server; only the list of all pods is sent from memory, each item several times.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubectl_rev.cluster.connection import connect
from kubectl_rev.errors import NotFound

CHUNK = 1 << 20


class Multiplied(BaseHTTPRequestHandler):
    """`times` copies of the list's items, in one body of known length."""

    protocol_version = "HTTP/1.1"
    times = 1
    connection_to = connect()
    lists: dict[str, bytes] = {}

    def do_GET(self) -> None:
        """Pass on, or multiply."""
        path, _, query = self.path.partition("?")
        accept = self.headers.get("Accept", "application/json")
        key = f"{path}?{query}"
        if key not in self.lists:
            asked = dict(each.split("=", 1) for each in query.split("&")) if query else {}
            try:
                from urllib.parse import unquote_plus

                body = self.connection_to.get(path, {k: unquote_plus(v) for k, v in asked.items()}, accept)
            except NotFound:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.lists[key] = multiplied(body, self.times) if path == "/api/v1/pods" and "labelSelector" not in query else body
        body = self.lists[key]
        self.send_response(200)
        self.send_header("Content-Type", accept.split(";")[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), CHUNK):
            self.wfile.write(body[start : start + CHUNK])

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def multiplied(body: bytes, times: int) -> bytes:
    """The protobuf list with its items `times` over: runtime.Unknown{raw: List{metadata, items}} taken apart by hand."""
    magic, at = body[:4], 4
    kind_end = at
    assert magic == b"k8s\0"
    assert body[at] == 0x0A
    size, at = _varint(body, at + 1)
    kind_end = at + size
    assert body[kind_end] == 0x12
    size, at = _varint(body, kind_end + 1)
    raw = body[at : at + size]
    first = 0
    if raw[0] == 0x0A:
        length, start = _varint(raw, 1)
        first = start + length
    items = raw[first:] * times
    grown = raw[:first] + items
    return body[:kind_end] + b"\x12" + _encoded(len(grown)) + grown


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _encoded(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


if __name__ == "__main__":
    Multiplied.times = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Multiplied)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdout = open(os.devnull, "w")
    server.serve_forever()
