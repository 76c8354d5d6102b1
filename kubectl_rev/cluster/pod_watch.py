"""The pods of a migration as they come and go, through one list and one watch; nothing polls.

Kept of a pod is what tells how far its workload is. Lists and watches are as large as the migration: one namespace,
or all.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

from kubectl_rev.cluster import decode, lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.follow import Change, Listed, Trouble, follow
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.resources import Key, workload_of
from kubectl_rev.core.migration.run import Seen


class Pods:
    """What the pods of every workload look like now. `start` returns when all have been seen once."""

    def __init__(self, connection: Connection, namespaces: Iterable[str], revision_of: Callable[[Pod], str | None]):
        self._connection, self._revision_of = connection, revision_of
        self._scopes = sorted(namespaces)
        self._found: dict[Key, dict[str, Seen]] = defaultdict(dict)
        self._lock, self._news, self._stop = threading.Lock(), threading.Event(), threading.Event()
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
        with self._lock:
            return list(self._found.get(Key(namespace, kind, name), {}).values())

    def wait(self, seconds: float) -> None:
        """Return as soon as a pod has changed since the last `wait`, at the latest after so many seconds."""
        self._news.wait(seconds)
        self._news.clear()

    def _list(self, scope: str) -> str:
        """Everything anew; the version that a watch goes on from."""
        versions: list[str] = []
        where = lists.path(lists.PODS, scope)
        found = list(lists.streamed(self._connection, where, decode.pod, lists.RUNNING, versions=versions))
        with self._lock:
            for key in [key for key in self._found if scope in ("", key[0])]:
                del self._found[key]
            for pod in found:
                self._note(pod, gone=False)
        return versions[0]

    def _follow(self, scope: str, version: str) -> None:
        where = lists.path(lists.PODS, scope)
        begin = partial(self._list, scope)
        for news in follow(self._connection, where, begin, self._stop, version=version):
            match news:
                case Trouble(text):
                    self.trouble = text
                case Listed():
                    self.trouble = ""
                case Change():
                    self._changed(news)

    def _changed(self, change: Change) -> None:
        pod = lists.decoded(self._connection, "a watch of pods", change.object, Pod)
        with self._lock:
            self._note(pod, gone=change.type == "DELETED" or pod.finished)
        self._news.set()

    def _note(self, pod: Pod, *, gone: bool) -> None:
        key = workload_of(pod)
        if gone:
            self._found[key].pop(pod.name, None)
            return
        self._found[key][pod.name] = Seen(
            name=pod.name,
            revision=self._revision_of(pod),
            stamp=pod.metadata.annotations.get(labels.RESTARTED_AT, ""),
            ready=pod.ready,
            going=pod.terminating,
        )
