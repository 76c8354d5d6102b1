"""watch: a change is told once, a broken connection is told and survived."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from queue import Queue
from urllib.parse import parse_qs, urlsplit

import pytest

from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.cluster.follow import Change, Listed, follow
from kubectl_rev.cluster.watch import Event, changes
from tests.local_server import Answer, Request, serving, status

PODS = "/api/v1/pods"


def line(kind: str, version: str = "2", **more: int) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {"resourceVersion": version}, **more}}).encode() + b"\n"


class Script:
    """What successive watches are answered, from `go` on; after the last one they hang until the test is over."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Queue[Answer] = Queue()
        for each in answers:
            self.answers.put(each)
        self.go, self.over = threading.Event(), threading.Event()
        self.versions: list[str] = []

    def __call__(self, request: Request) -> Answer:
        query = parse_qs(urlsplit(request.path).query)
        if "watch" not in query:
            return Answer(body=b'{"metadata":{"resourceVersion":"1"}}')
        self.versions += query["resourceVersion"]
        self.go.wait(20)
        if self.answers.empty():
            return Answer(body=b"", after=self.over)
        return self.answers.get()


def events(script: Script, count: int, paths: tuple[str, ...] = (PODS,)) -> list[Event]:
    """The first events of a watch of that server, after the one that says that it is watched."""
    stop = threading.Event()
    with serving(script) as server, connect(ConnectionFlags(server=server.url)) as connection:
        told: Iterator[Event] = changes(connection, paths, stop)
        assert next(told) == Event()
        script.go.set()
        found = list(itertools.islice(told, count))
        stop.set()
        script.over.set()
        return found


def test_a_burst_is_one_change() -> None:
    burst = Answer(body=line("ADDED") + line("MODIFIED", "3") + line("DELETED", "4"))
    script = Script(burst, Answer(body=line("ADDED", "5")))
    assert events(script, 2) == [Event(), Event()]
    assert script.versions[:2] == ["1", "4"], "it goes on where it was"


@pytest.mark.parametrize("body", [b"", line("ADDED"), line("BOOKMARK")])
def test_a_watch_that_ends_at_once_is_not_begun_again_at_once(body: bytes) -> None:
    """Measured before: 1,078 watches a second."""
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(body=body)

    stop = threading.Event()
    with serving(answer) as server, connect(ConnectionFlags(server=server.url)) as connection:
        threading.Timer(1.5, stop.set).start()
        for _ in follow(connection, PODS, lambda: "1", stop):
            pass
    assert 1 <= len(asked) <= 4


def test_a_bookmark_is_no_change() -> None:
    script = Script(Answer(body=line("BOOKMARK", "7")), Answer(body=line("ADDED", "8")))
    assert events(script, 1) == [Event()]
    assert script.versions[:2] == ["1", "7"]


def test_a_server_that_goes_away_is_told_and_come_back_to() -> None:
    script = Script(status(500, "restarting"))
    broken, back = events(script, 2)
    assert broken.trouble.startswith("reconnecting: ")
    assert "restarting" in broken.trouble
    assert back == Event(), "something may have been missed"
    assert script.versions[0] == "1"


@pytest.mark.parametrize("answer", [status(410, "too old"), Answer(body=line("ERROR", "", code=410))])
def test_a_version_that_is_gone_is_a_change(answer: Answer) -> None:
    assert events(Script(answer), 1) == [Event()]


def test_what_is_forbidden_stays_a_trouble() -> None:
    script = Script(status(403, "no"), Answer(body=line("ADDED")))
    assert events(script, 1) == [Event("may not watch pods: no")]


def test_it_stops_soon() -> None:
    script, stop = Script(), threading.Event()
    with serving(script) as server, connect(ConnectionFlags(server=server.url)) as connection:
        threading.Timer(0.1, stop.set).start()
        started = time.monotonic()
        assert list(changes(connection, [PODS], stop)) == [Event()]
        assert time.monotonic() - started < 2
        script.go.set()
        script.over.set()


class Pauses(threading.Event):
    """Waits for nothing, and keeps for how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return super().wait(0)


def test_a_server_that_ends_each_watch_at_once_is_asked_less_and_less_often() -> None:
    script, stop = Script(*[Answer(body=b"")] * 5, Answer(body=line("ADDED"))), Pauses()
    script.go.set()
    with serving(script) as server, connect(ConnectionFlags(server=server.url)) as connection:
        news = follow(connection, PODS, lambda: "1", stop)
        assert [type(next(news)) for _ in range(2)] == [Listed, Change]
        script.over.set()
    assert len(stop.seconds) == 5
    assert all(before < after for before, after in itertools.pairwise(stop.seconds))
