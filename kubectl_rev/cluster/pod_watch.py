"""The pods of a migration as they come and go, through one list and one watch; nothing polls.

A watch that ends or breaks is taken up where it was; when that is gone (410) everything is listed again. Kept of a pod
is what tells how far its workload is. Lists and watches are as large as the migration: one namespace, or all.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from kubectl_rev.cluster import decode, lists, wire
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Expired
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.resources import maker
from kubectl_rev.core.migration.rollout import Seen
from kubectl_rev.errors import RevError, Unreachable

Key = tuple[str, str, str]  # namespace, kind, name

_LASTS = 280  # seconds after which the server ends a watch and we begin the next
_SILENCE = 300.0  # seconds without a byte after which the connection must be dead
_BACKOFF, _BACKOFF_MOST = 0.2, 5.0


class Pods:
    """What the pods of every workload look like now. `start` returns when all have been seen once."""

    def __init__(self, connection: Connection, namespaces: Iterable[str], revision_of: Callable[[Pod], str | None]):
        self._connection, self._revision_of = connection, revision_of
        self._scopes = sorted(namespaces)
        self._found: dict[Key, dict[str, Seen]] = defaultdict(dict)
        self._news = threading.Condition()
        self._count = 0
        self._stop = threading.Event()
        self.trouble = ""

    def start(self) -> None:
        """List, then follow in threads. Raises what a list raises."""
        for scope in self._scopes:
            version = self._list(scope)
            threading.Thread(target=self._follow, args=(scope, version), daemon=True, name="pods").start()

    def stop(self) -> None:
        self._stop.set()

    def of(self, namespace: str, kind: str, name: str) -> list[Seen]:
        """The pods of one workload that have not finished."""
        with self._news:
            return list(self._found.get((namespace, kind, name), {}).values())

    def wait(self, seconds: float) -> None:
        """Return as soon as a pod has changed since the last `wait`, at the latest after so many seconds."""
        with self._news:
            if not self._count:
                self._news.wait(seconds)
            self._count = 0

    def _list(self, scope: str) -> str:
        """Everything anew; the version that a watch goes on from."""
        found: list[Pod] = []
        where = lists.path(lists.PODS, scope)
        asked = dict(lists.RUNNING)
        version = ""
        while True:
            with self._connection.stream(where, asked, lists.PROTOBUF) as chunks:
                body = wire.Items(chunks)
                try:
                    found += map(decode.pod, body)
                except wire.Malformed as error:
                    raise Unreachable(f"{self._connection.server} sent half a list of pods: {error}") from error
            version = version or body.version
            if not body.next_page:
                break
            asked["continue"] = body.next_page
        with self._news:
            for key in [key for key in self._found if scope in ("", key[0])]:
                del self._found[key]
            for pod in found:
                self._note(pod, gone=False)
        return version

    def _follow(self, scope: str, version: str) -> None:
        backoff = _BACKOFF
        while not self._stop.is_set():
            try:
                version = version or self._list(scope)
                for event in self._events(scope, version):
                    if self._stop.is_set():
                        return
                    version = event.object_version or version
                    backoff = _BACKOFF
                self.trouble = ""
            except Expired:
                version = ""
            except (RevError, msgspec.DecodeError) as error:
                self.trouble = f"reconnecting: {error}"
                self._stop.wait(backoff * random.uniform(0.8, 1.2))
                backoff = min(backoff * 2, _BACKOFF_MOST)

    def _events(self, scope: str, version: str) -> Iterable[_Event]:
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_LASTS),
        }
        rest = b""
        where = lists.path(lists.PODS, scope)
        with self._connection.stream(where, query, timeout=_SILENCE) as chunks:
            for chunk in chunks:
                *whole, rest = (rest + chunk).split(b"\n")
                for line in filter(None, whole):
                    yield self._event(from_json(line, _Event))

    def _event(self, event: _Event) -> _Event:
        if event.type == "ERROR":
            if from_json(event.object, _Status).code == 410:
                raise Expired("the watch is too old")
            raise Unreachable("the server ended the watch")
        event.object_version = from_json(event.object, _Object).metadata.resource_version
        if event.type != "BOOKMARK":
            pod = lists.decoded(self._connection, "a watch of pods", event.object, Pod)
            with self._news:
                self._note(pod, gone=event.type == "DELETED" or pod.finished)
                self._count += 1
                self._news.notify_all()
        return event

    def _note(self, pod: Pod, *, gone: bool) -> None:
        key = workload_of(pod)
        if gone:
            self._found[key].pop(pod.name, None)
            return
        annotations = pod.metadata.annotations
        self._found[key][pod.name] = Seen(
            name=pod.name,
            revision=self._revision_of(pod),
            stamp=annotations.get(labels.RESTARTED_AT, ""),
            ready=pod.ready,
            going=pod.terminating,
        )


def workload_of(pod: Pod) -> Key:
    """Whose pod it is: that of its controller, or of what made that, as the pod's labels tell."""
    owner = pod.metadata.controller
    if owner is None:
        return pod.namespace, "Pod", pod.name
    return pod.namespace, *(maker(owner.kind, owner.name, pod.labels) or (owner.kind, owner.name))


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw
    object_version: str = ""


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Version = msgspec.field(default_factory=_Version)


class _Status(msgspec.Struct):
    code: int = 0
