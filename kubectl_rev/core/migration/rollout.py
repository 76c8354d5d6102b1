"""How far is a restart? Told from the pods themselves: who injected each, which template it is of, is it ready."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kubectl_rev.core.migration.plan import Restart


class Seen(msgspec.Struct, frozen=True):
    """A pod of a workload, as a watch shows it. `stamp` is its `restartedAt`, empty if it has none."""

    name: str
    revision: str | None
    stamp: str
    ready: bool
    going: bool


class Progress(msgspec.Struct, frozen=True):
    """`ready` of `pods` are as they should be; `waiting` are, but not ready yet; `old` are still to go.

    `wrong` were made from the new template and injected by somebody else.
    """

    ready: int
    pods: int
    waiting: tuple[str, ...]
    old: tuple[str, ...]
    wrong: tuple[str, ...]
    stays: int = 0

    @property
    def done(self) -> bool:
        return len(self.old) <= self.stays and not self.waiting and self.ready >= self.pods - self.stays

    @property
    def short(self) -> bool:
        """All that is there is fine, but there are fewer than were wanted when the plan was made."""
        return len(self.old) <= self.stays and not self.waiting and not self.done


def progress(restart: Restart, pods: Iterable[Seen]) -> Progress:
    """Pods that are going away count for nothing."""
    ready, waiting, old, wrong = 0, [], [], []
    for pod in pods:
        if pod.going:
            continue
        current = restart.stamp is None or pod.stamp == restart.stamp
        right = pod.revision == restart.revision
        if current and right:
            if pod.ready:
                ready += 1
            else:
                waiting.append(pod.name)
        else:
            old.append(pod.name)
            if current and restart.stamp is not None:
                wrong.append(pod.name)
    return Progress(ready, restart.pods, tuple(waiting), tuple(old), tuple(wrong), restart.stays)
