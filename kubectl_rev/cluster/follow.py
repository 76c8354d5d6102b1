"""One watch of a collection that never ends, and does not hammer a server that cannot watch.

As in client-go (tools/cache/reflector.go) a watch that the server ends goes on from the version of the last event or
bookmark. Where that version is gone (410 Gone), or the connection broke, the collection is listed again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Expired
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.retry import Retry
from kubectl_rev.errors import RevError, Unreachable

_BRIEF = 1.0  # seconds: a watch that ended sooner is one of a server that cannot watch now
_LINE = 1 << 25  # bytes of one event: etcd takes objects of 1.5 MB
_GONE = 410


class Listed(msgspec.Struct, frozen=True):
    """`begin` has listed the collection: what happened before is in that list."""


class Trouble(msgspec.Struct, frozen=True):
    """The watch is down, and what is known may be out of date; one line for the person. The next Listed ends it."""

    text: str


class Change(msgspec.Struct):
    """One event: `type` is ADDED, MODIFIED or DELETED, `object` the encoded object."""

    type: str
    object: msgspec.Raw = msgspec.Raw()


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Version = msgspec.field(default_factory=_Version)
    code: int = 0


def follow(
    connection: Connection,
    path: str,
    begin: Callable[[], str],
    stop: threading.Event,
    *,
    version: str = "",
    accept: str = "application/json",
    lasts: int = 280,
    final: tuple[type[RevError], ...] = (),
) -> Iterator[Change | Listed | Trouble]:
    """What happens to a collection, until `stop` is set.

    `begin` lists it and returns the version to go on from; it is called first where `version` is empty. `lasts` is for
    how many seconds the server keeps one watch; without a byte for a little longer the connection is taken for dead.
    Raises the errors in `final`; all others are tried again, and told as Trouble.
    """
    retry = Retry(0.5, 15.0, sleep=stop.wait)
    while not stop.is_set():
        began = time.monotonic()
        try:
            if not version:
                version = begin()
                yield Listed()
            query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
            query["timeoutSeconds"] = str(lasts)
            known = version
            with connection.stream(path, query, accept, timeout=lasts + 20.0) as chunks:
                for change in _changes(chunks):
                    if stop.is_set():
                        return
                    version = version_of(change.object) or version
                    if change.type != "BOOKMARK":
                        yield change
            if time.monotonic() - began >= _BRIEF:
                retry.reset()
                continue
            if version != known:  # a short one that brought news: the next begins after the shortest pause
                retry.reset()
        except final:
            raise
        except Expired:
            version = ""
        except (RevError, msgspec.DecodeError) as error:
            # Back from a restart, the server may not know this version any more, or have other things.
            yield Trouble(f"reconnecting: {error}")
            version = ""
        retry.pause()


def version_of(body: bytes | msgspec.Raw) -> str:
    """The resourceVersion of an object or a list in JSON."""
    return from_json(body, _Object).metadata.resource_version


def _changes(chunks: Iterable[bytes]) -> Iterator[Change]:
    """The lines of a watch. Raises Expired, and Unreachable where the server ends it with another error."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE:
            raise Unreachable("the server sends an event without an end")
        for line in filter(None, lines):
            change = from_json(line, Change)
            if change.type == "ERROR":
                if from_json(change.object, _Object).code == _GONE:
                    raise Expired("the watch is too old")
                raise Unreachable("the server ended the watch")
            yield change
