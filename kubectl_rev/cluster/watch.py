"""Has anything changed that is worth reading again?

One thread per resource watches metadata only; what changed is not told, since whoever asks reads a whole new Snapshot.
Where a collection is listed anew something may have been missed, and that counts as a change. Only the time between
changes is spent waiting: nothing polls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

import msgspec

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.follow import Trouble, follow, version_of
from kubectl_rev.cluster.lists import METADATA_JSON
from kubectl_rev.errors import Forbidden, NotFound

_EVENT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_LASTS = 60  # seconds after which the server ends a watch, and we begin the next
_QUIET, _PATIENCE = 0.3, 1.5  # changes come in bursts: wait for a pause, but not for ever
_LOOK_UP = 0.2  # how soon `stop` is noticed


class Event(msgspec.Struct, frozen=True):
    """Read again; or, when there is `trouble`, what is known may be out of date, and why (one line for the person)."""

    trouble: str = ""


def changes(connection: Connection, paths: Iterable[str], stop: threading.Event) -> Iterator[Event]:
    """One Event for each burst of changes to these collections, and one whenever a watch breaks, until `stop` is set.

    The first comes as soon as they are watched: what is read after it can miss nothing. When the last trouble is over
    an Event without any follows. A path that does not exist (a resource that is not installed) is not watched; one
    that is forbidden stays a trouble.
    """
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for path in paths:
        threading.Thread(target=_follow, args=(connection, path, told, stop), daemon=True, name="watch").start()
    troubles: dict[str, str] = {}
    while not stop.is_set():
        news, before = _burst(told), dict(troubles)
        troubles.update(news)
        if troubles != before or not all(trouble for _, trouble in news):
            yield Event("; ".join(sorted({trouble for trouble in troubles.values() if trouble})))


def _burst(told: SimpleQueue[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the threads tell until there is a pause; nothing if they tell nothing for a moment."""
    news: list[tuple[str, str]] = []
    until = time.monotonic() + _PATIENCE
    with suppress(Empty):
        while not news or time.monotonic() < until:
            news.append(told.get(timeout=_QUIET if news else _LOOK_UP))
    return news


def _follow(connection: Connection, path: str, told: SimpleQueue[tuple[str, str]], stop: threading.Event) -> None:
    """Watch one collection for as long as we live; tell `(path, "")` for a change, else `(path, trouble)`."""
    begin = partial(_version, connection, path)
    try:
        for news in follow(connection, path, begin, stop, accept=_EVENT, lasts=_LASTS, final=(Forbidden, NotFound)):
            told.put((path, news.text if isinstance(news, Trouble) else ""))
    except NotFound:
        return
    except Forbidden as error:
        told.put((path, str(error)))


def _version(connection: Connection, path: str) -> str:
    """The collection's current resourceVersion, read with a list of at most one object."""
    return version_of(connection.get(path, {"limit": "1"}, METADATA_JSON))
