"""A run of a plan, as values: how fast it goes, how far a restart is, what became of each object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from kubectl_rev.core.checks.model import Finding, Ref
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.plan import Left, Restart, Skipped, Subject


class Throttle(msgspec.Struct, frozen=True, kw_only=True):
    """How many workloads roll at a time, in one namespace and in all; seconds between two of a namespace.

    `timeout` is for one workload; 0 does not wait at all. After `max_failures` nothing more is begun.
    """

    per_namespace: int = 1
    overall: int = 10
    pause: float = 0.0
    timeout: float = 300.0
    max_failures: int = 1


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
    """Told from the pods themselves; those that are going away count for nothing."""
    ready, waiting, old, wrong = 0, [], [], []
    for pod in pods:
        if pod.going:
            continue
        current = restart.stamp is None or pod.stamp == restart.stamp
        if not current or pod.revision != restart.revision:
            old.append(pod.name)
            if current and restart.stamp is not None:
                wrong.append(pod.name)
        elif pod.ready:
            ready += 1
        else:
            waiting.append(pod.name)
    return Progress(ready, restart.pods, tuple(waiting), tuple(old), tuple(wrong), restart.stays)


class What(Enum):
    """What became of an object."""

    MOVED = "moved"
    LABELED = "labeled"
    UNCHANGED = "unchanged"
    RESTARTED = "restarted"
    ROLLED_OUT = "rolled out"
    PUT_BACK = "put back"
    UNDONE = "undone"
    FAILED = "failed"


class Outcome(Subject, frozen=True, kw_only=True):
    """One thing that happened."""

    what: What
    message: str
    detail: str = ""


class Result(msgspec.Struct, kw_only=True, rename="camel"):
    """What a run did. `complete` is false when something failed or was not begun; `left` stays as it is.

    `all_moved` is true when it is complete and nothing stays on another revision, as --require-all wants it.
    `not_begun` are namespaces, `not_restarted` the workloads that were to be restarted and were not.
    `gaps` are what the preflight could not look at.
    """

    undo: bool
    to: str
    revision: str
    dry_run: str
    complete: bool
    all_moved: bool
    outcomes: Sequence[Outcome]
    left: Sequence[Left]
    not_begun: Sequence[str]
    not_restarted: Sequence[Ref]
    skipped: Sequence[Skipped]
    findings: Sequence[Finding]
    gaps: Sequence[Gap]
