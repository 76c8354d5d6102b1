# ruff: noqa: E501
"""A server that lies: whatever answers, and however, is the right answer, a gap, or an error of one line, and soon.

Every request of a read gets every lie (`long`), a sample always. What is read is then the truth, or says what it lacks:
never an empty list for something that is no list.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.cluster.read import read
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.errors import ExitCode, RevError
from tests.local_server import Answer, Request, Server, serving
from tests.protobuf import field, items, meta, number
from tests.test_read import CLUSTER, answering, in_json, served

TIMEOUT = 2.0
FAILURE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "code": 500}
Lie = Callable[[bytes], Answer]


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _typed(kind: str, body: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, "v1") + field(2, kind)) + field(2, body)


# Bodies with 200, each instead of the right one.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "true": b"true",
    "a number": b"5",
    "text": b'"pods"',
    "an array": b"[]",
    "an object": b"{}",
    "a failure": _text(FAILURE),
    "a success": _text({"kind": "Status", "status": "Success"}),
    "an object of a kind": _text({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}}),
    "a table": _text({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": []}),
    "items alone": b'{"items": []}',
    "items that are none": b'{"kind": "List", "items": 5}',
    "items of text": b'{"kind": "List", "items": ["x"]}',
    "items of arrays": b'{"kind": "List", "items": [[]]}',
    "items without metadata": b'{"kind": "List", "items": [{"kind": "Pod"}]}',
    "metadata that is none": b'{"kind": "List", "items": [{"metadata": 5}]}',
    "a name that is a number": b'{"kind": "List", "items": [{"metadata": {"name": 5}}]}',
    "labels that are none": b'{"kind": "List", "items": [{"metadata": {"name": "x", "labels": [1]}}]}',
    "a page without an end": b'{"kind": "List", "items": [], "metadata": {"continue": "again"}}',
    "HTML": b"<html><body>Sign in</body></html>",
    "not UTF-8": b'{"kind": "List", "items": [{"metadata": {"name": "\xff\xfe"}}]}',
    "UTF-16": '{"kind": "List", "items": []}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"kind": "List", "items": []}',
    "half an escape": b'{"kind": "List", "items": [{"metadata": {"name": "\\ud800"}}]}',
    "deep": b'{"kind": "List", "items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep in an item": b'{"kind": "List", "items": [{"metadata": {"name": "x"}, "spec": ' + b'{"a":' * 50_000,
    "cut off": b'{"kind": "List", "items": [',
    "two": b'{"kind": "List", "items": []}{"kind": "List", "items": []}',
    "YAML": b"kind: List\nitems: []\n",
    "a huge number": b'{"kind": "List", "items": [], "metadata": {"remainingItemCount": ' + b"9" * 5000 + b"}}",
    "the magic alone": b"k8s\0",
    "protobuf of a failure": _typed("Status", field(2, "Failure") + field(3, "no")),
    "protobuf of one object": _typed("Pod", field(1, meta("x"))),
    "protobuf without a kind": b"k8s\0" + field(2, b""),
    "protobuf without a list": b"k8s\0" + field(1, field(1, "v1") + field(2, "PodList")),
    "protobuf not UTF-8": items(field(1, field(1, b"\xff\xfe"))),
    "protobuf labels not UTF-8": items(field(1, field(1, "x") + field(11, field(1, b"\xff") + field(2, b"\xff")))),
    "protobuf of a time too late": items(field(1, meta("x", created=1 << 62))),
    "protobuf of a length too long": b"k8s\0" + field(1, field(2, "List")) + b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "protobuf of an item too long": b"k8s\0" + field(1, field(2, "List")) + b"\x12\xff\xff\xff\xff\x07\x12\xf0\xff\xff\xff\x07",
    "protobuf of a length cut off": b"k8s\0" + field(1, field(2, "List")) + b"\x12\xff",
    "protobuf of noise": _typed("PodList", bytes(range(256))),
    "protobuf of noise in an item": items(bytes(range(256))),
    "protobuf of numbers": _typed("PodList", number(1, 5) + number(2, 5)),
    "protobuf without an end": items(field(1, meta("x")), next_page="again"),
    "zeros": bytes(5000),
    "noise": random.Random(1).randbytes(5000),
}  # fmt: skip
HEADERS: dict[str, dict[str, str]] = {
    "gzip that is none": {"Content-Encoding": "gzip"},
    "deflate that is none": {"Content-Encoding": "deflate"},
    "brotli that is none": {"Content-Encoding": "br"},
    "an unknown encoding": {"Content-Encoding": "x-own"},
    "HTML by name": {"Content-Type": "text/html"},
    "a wrong charset": {"Content-Type": "application/json; charset=utf-16"},
    "cookies": {"Set-Cookie": "a=b"},
    "a refresh": {"Refresh": "0; url=http://127.0.0.1:1/"},
    "a location": {"Location": "http://127.0.0.1:1/"},
    "a control character": {"X-Odd": "\x1b[31m"},
    "a long one": {"X-Long": "x" * 60_000},
}
STATUSES = (100, 201, 204, 206, 300, 301, 302, 307, 308, 304, 400, 401, 402, 403, 405, 406, 408, 409, 410, 415, 418, 422, 429,
            451, 499, 500, 501, 502, 503, 504, 511, 599, 600, 999)  # fmt: skip
RETRIES = (
    "nan",
    "inf",
    "-inf",
    "-1",
    "1e999",
    "1.5",
    "",
    "soon",
    "0x1",
    "9" * 400,
    "٣",
    "Wed, 21 Oct 2099 07:28:00 GMT",
)


def _wire(text: bytes, *, rest: Callable[[Any], None] | None = None) -> Answer:
    """These bytes, with no more care."""

    def write(file: Any) -> None:
        file.write(text)
        file.flush()
        if rest:
            rest(file)

    return Answer(raw=write)


def _dripping(file: Any) -> None:
    for _ in range(200):
        file.write(b" ")
        file.flush()
        time.sleep(0.1)


def _silent(_: Any) -> None:
    time.sleep(TIMEOUT + 2)


def _flooding(piece: bytes) -> Callable[[Any], None]:
    def write(file: Any) -> None:
        for _ in range(1 << 20):
            file.write(piece)

    return write


def _chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def _length(text: bytes | int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % (text if isinstance(text, bytes) else b"%d" % text)


WIRES: dict[str, Lie] = {
    "closed at once": lambda _: _wire(b""),
    "no HTTP": lambda _: _wire(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/0.9": lambda good: _wire(good),
    "a status that is none": lambda _: _wire(b"HTTP/1.1 ok OK\r\n\r\n"),
    "a status of five digits": lambda _: _wire(b"HTTP/1.1 20000 OK\r\n\r\n"),
    "HTTP/2": lambda _: _wire(b"\0\0\x12\x04\0\0\0\0\0"),
    "HTTP/9.9": lambda _: _wire(b"HTTP/9.9 200 OK\r\n\r\n"),
    "a TLS alert": lambda _: _wire(b"\x15\x03\x03\0\x02\x02\x28"),
    "a header without a colon": lambda good: _wire(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n" + good),
    "a folded header": lambda good: _wire(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n" + good),
    "a thousand headers": lambda _: _wire(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n"),
    "headers without an end": lambda _: _wire(b"HTTP/1.1 200 OK\r\n", rest=_flooding(b"A: " + b"b" * 1000 + b"\r\n")),
    "a header without an end": lambda _: _wire(b"HTTP/1.1 200 OK\r\nA: ", rest=_flooding(b"b" * 1000)),
    "100 without an end": lambda _: _wire(b"", rest=_flooding(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "a length too long": lambda good: _wire(_length(len(good) + 1) + good),
    "a length too short": lambda good: _wire(_length(max(len(good) - 1, 0)) + good),
    "a length below zero": lambda good: _wire(_length(-1) + good[:-1]),
    "a length that is none": lambda good: _wire(_length(b"x") + good[:-1]),
    "two lengths": lambda good: _wire(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n" + good),
    "a huge length": lambda good: _wire(_length(1 << 62) + good),
    "chunks without an end": lambda good: _wire(_chunked(b"%x\r\n%b\r\n" % (len(good), good))),
    "a chunk cut off": lambda good: _wire(_chunked(b"%x\r\n%b" % (len(good) + 5, good))),
    "a chunk of no length": lambda good: _wire(_chunked(b"zz\r\n" + good)),
    "a chunk below zero": lambda good: _wire(_chunked(b"-5\r\n" + good)),
    "a huge chunk": lambda good: _wire(_chunked(b"ffffffffffff\r\n" + good)),
    "HTTP/1.0 cut off": lambda good: _wire(b"HTTP/1.0 200 OK\r\n\r\n" + good[:-1]),
    "gzip cut off": lambda good: _wire(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(good)[:-9]
    ),
    "silence": lambda _: _wire(b"", rest=_silent),
    "silence after the headers": lambda _: _wire(_length(10), rest=_silent),
    "a status that drips": lambda _: _wire(b"HTTP/1.1", rest=_dripping),
    "headers that drip": lambda _: _wire(b"HTTP/1.1 200 OK\r\nA:", rest=_dripping),
    "a body that drips": lambda _: _wire(_length(1000), rest=_dripping),
    "chunks that drip": lambda _: _wire(_chunked(b"ff\r\n"), rest=_dripping),
    "a body without a length that drips": lambda good: _wire(b"HTTP/1.0 200 OK\r\n\r\n" + good[:-1], rest=_dripping),
    "a body that drips before it is right": lambda good: _wire(b"HTTP/1.0 200 OK\r\n\r\n", rest=_dripping),
    "spaces without an end": lambda _: _wire(b"HTTP/1.0 200 OK\r\n\r\n", rest=_flooding(b" " * 65536)),
    "items without an end": lambda _: _wire(
        b"HTTP/1.0 200 OK\r\n\r\n" + b'{"kind": "List", "items": [', rest=_flooding(b'{"metadata": {"name": "x"}},' * 1000)
    ),
}  # fmt: skip
# The right answer in an odd dress: these must be read.
DRESSES: dict[str, Lie] = {
    "HTTP/1.0": lambda good: _wire(b"HTTP/1.0 200 OK\r\n\r\n" + good),
    "chunks of one byte": lambda good: Answer(body=good, chunks=1),
    "no reason": lambda good: _wire(
        b"HTTP/1.1 200 \r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(good) + good
    ),
    "a chunk's extension": lambda good: _wire(_chunked(b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(good), good))),
    "a trailer": lambda good: _wire(_chunked(b"%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(good), good))),
    "after a 100": lambda good: _wire(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(good)
        + good
    ),
    "gzip": lambda good: Answer(body=gzip.compress(good), headers={"Content-Encoding": "gzip"}),
    "deflate": lambda good: Answer(body=zlib.compress(good), headers={"Content-Encoding": "deflate"}),
}


def _lies() -> dict[str, Lie]:
    found: dict[str, Lie] = {f"200: {name}": (lambda _, body=body: Answer(body=body)) for name, body in BODIES.items()}
    for name, headers in HEADERS.items():
        found[f"{name}, a failure"] = lambda _, headers=headers: Answer(body=_text(FAILURE), headers=headers)
        found[f"{name}, no list"] = lambda _, headers=headers: Answer(body=b"{}", headers=headers)
    for code in STATUSES:
        for name in ("nothing", "a failure", "HTML", "deep", "not UTF-8"):
            found[f"{code}: {name}"] = lambda _, code=code, name=name: Answer(code, BODIES[name])
    for wish in RETRIES:
        found[f"429 after {wish[:20]}"] = lambda _, wish=wish: Answer(429, b"", {"Retry-After": wish})
    return found | WIRES


LIES = _lies()
GROUPS = _text(
    {"kind": "APIGroupDiscoveryList", "items": [served("networking.istio.io", "VirtualService", scope="Namespaced")]}
)
ASKED = {
    **CLUSTER,
    "/apis": GROUPS,
    "/apis/networking.istio.io/v1/virtualservices": in_json(
        {"metadata": {"name": "v", "namespace": "shop", "labels": {"istio.io/rev": "canary"}}}
    ),
}
WHERE = [path for path in ASKED if path != "/api/v1/pods?app=istiod"]


def _reading(server: Server, timeout: float = 20) -> Snapshot:
    with connect(ConnectionFlags(server=server.url, request_timeout=timeout)) as connection:
        return replace(read(connection, ask_versions=False, config=("networking.istio.io",)), taken="")


def _answer(where: str, lie: Lie | None) -> Callable[[Request], Answer]:
    def special(path: str, request: Request) -> Answer | None:
        if path == where and lie is not None:
            return lie(ASKED[f"{path}?app=istiod" if "labelSelector" in request.path and "pods" in path else path])
        return Answer(body=ASKED[path]) if path in ASKED and path not in CLUSTER else None

    return answering(special)


@pytest.fixture(scope="module")
def truth() -> Snapshot:
    with serving(_answer("", None)) as server:
        return _reading(server)


@cache
def _usual() -> float:
    """Seconds that an honest server takes on this machine, as busy as it is."""
    started = time.monotonic()
    with serving(_answer("", None)) as server:
        _reading(server)
    return time.monotonic() - started


def _check(where: str, name: str, lie: Lie, truth: Snapshot) -> str:
    """What is wrong with what is read of this server, nothing if all is well."""
    started = time.monotonic()
    with serving(_answer(where, lie)) as server:
        try:
            found = _reading(server, TIMEOUT)
        except RevError as error:
            text = str(error)
            if error.exit_code is not ExitCode.NO_ANSWER or not text.isprintable() or len(text) > 700:
                return f"{where}, {name}: {error.exit_code} {text!r}"
        except Exception as error:  # which one it is is what the test is about
            return f"{where}, {name}: {type(error).__name__} {error}"
        else:
            if found != truth and set(found.gaps) <= set(truth.gaps):
                return f"{where}, {name}: something else was read, and there is no gap"
        finally:
            spent = time.monotonic() - started
    return f"{where}, {name}: it took {spent:.1f} s" if spent > TIMEOUT + 2 + 3 * _usual() else ""


def test_the_truth_is_whole(truth: Snapshot) -> None:
    assert truth.gaps == []
    assert len(LIES) >= 250
    assert truth.config


@pytest.mark.parametrize("name", DRESSES)
def test_the_right_answer_is_read_in_any_dress(name: str, truth: Snapshot) -> None:
    for where in random.sample(WHERE, 3):
        with serving(_answer(where, DRESSES[name])) as server:
            assert _reading(server) == truth, where


def test_some_lies(truth: Snapshot, report: Callable[[str], None]) -> None:
    seed = random.randrange(1 << 30)
    pairs = random.Random(seed).sample([(where, name) for where in WHERE for name in LIES], 8)
    wrong = [told for where, name in pairs if (told := _check(where, name, LIES[name], truth))]
    report(f"lying server: {len(pairs)} of {len(WHERE) * len(LIES)} pairs of a request and a lie, seed {seed}")
    assert not wrong, seed


@pytest.mark.long
@pytest.mark.parametrize("where", WHERE)
def test_all_lies(where: str, truth: Snapshot) -> None:
    assert not [told for name, lie in LIES.items() if (told := _check(where, name, lie, truth))]


_PAGES = count()


def _endless(request: Request) -> Answer:
    """A list whose every page names another."""
    page = str(next(_PAGES))
    if "pods" in request.path or "deployments" in request.path:
        return Answer(body=items(next_page=page))
    return Answer(body=_text({"kind": "List", "items": [], "metadata": {"continue": page}}))


@cache
def _bomb(of: bytes, times: int) -> bytes:
    """A gzip body that grows: this text a million times, so often."""
    packer = zlib.compressobj(1, wbits=31)
    parts = [packer.compress(b'{"kind": "List", "items": [')]
    return b"".join([*parts, *(packer.compress(of * (1 << 20)) for _ in range(times)), packer.flush()])


HEAVY: dict[str, Callable[[Request], Answer]] = {
    "a bomb of 290 MB": lambda _: Answer(
        body=_bomb(b'{"metadata": {"name": "x"}},', 10), headers={"Content-Encoding": "gzip"}
    ),
    "a bomb of spaces": lambda _: Answer(
        body=gzip.compress(b" " * (500 << 20), 1), headers={"Content-Encoding": "gzip"}
    ),
    "a flood": lambda _: WIRES["items without an end"](b""),
    "spaces": lambda _: WIRES["spaces without an end"](b""),
    "pages": _endless,
    "an item of 2 GB": lambda _: Answer(body=BODIES["protobuf of an item too long"] + bytes(100 << 20)),
}
CHILD = """
import sys
from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.cluster.read import read
from kubectl_rev.errors import RevError
try:
    read(connect(ConnectionFlags(server=sys.argv[1], request_timeout=3)), ask_versions=False, config=("networking.istio.io",))
    print("read")
except RevError as error:
    print(error.exit_code, error)
# Not ru_maxrss: a child begins with its parent's.
print(int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) // 1024)
"""


@pytest.mark.parametrize(
    "name", ["pages", *(pytest.param(name, marks=pytest.mark.long) for name in HEAVY if name != "pages")]
)
def test_what_is_heavy_stays_outside(name: str) -> None:
    """At most 300 MB, for a process that needs 70 to be there."""
    with serving(HEAVY[name]) as server:
        started = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-c", CHILD, server.url.replace("127.0.0.1", "0.0.0.0")],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
            check=True,
        )
        spent = time.monotonic() - started
    said, memory = run.stdout.splitlines()
    assert said.startswith("3 "), said
    assert int(memory) <= 300, memory
    assert spent < 30, spent
