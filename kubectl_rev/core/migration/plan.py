"""A migration as a value: which namespaces, every patch, every restart, what stays and why. Computed once, shown by
--dry-run, confirmed by a person, executed as it stands.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.checks.hints import Hint
from kubectl_rev.core.migration.reasons import Reason, SkipReason
from kubectl_rev.core.writes import Step


class Subject(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What something is said of, mostly a workload."""

    kind: str
    namespace: str
    name: str


class Proof(Subject, frozen=True, kw_only=True):
    """A pod to be created with a server-side dry run; `revision` must be the one that injects it."""

    revision: str
    manifest: dict[str, Any]


class Restart(Subject, frozen=True, kw_only=True):
    """A workload whose pods are to be replaced.

    `step` is None when the restart is under way already and is only waited for. At the end `pods` of them are ready
    and were injected by `revision` (None: run without a sidecar), save `stays` that its strategy keeps as they are.
    `stamp` is what the new pods carry as `restartedAt`; None when the pods do not show it and only the revision tells.
    `before` and `after` are the injection labels of its template, both empty where the step does not change them.
    """

    step: Step | None
    revision: str | None
    proxies: dict[str, int]
    pods: int
    stays: int = 0
    stamp: str | None = None
    gateway: str | None = None
    before: dict[str, str] = {}
    after: dict[str, str] = {}


class Left(Subject, frozen=True, kw_only=True):
    """Pods that run on another revision and are not replaced: why, in words too, and what to do."""

    pods: int
    reason: Reason
    why: str
    hint: Hint


class Move(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One namespace. `label` is None when its labels are right; `back` takes `label` back; `close` ends an undo.

    `before` and `after` are its injection labels; `unchanged` workloads need no restart.
    """

    namespace: str
    before: dict[str, str]
    after: dict[str, str]
    label: Step | None = None
    back: Step | None = None
    close: Step | None = None
    proofs: tuple[Proof, ...] = ()
    restarts: tuple[Restart, ...] = ()
    left: tuple[Left, ...] = ()
    unchanged: int = 0


class Skipped(msgspec.Struct, frozen=True):
    """A namespace that was asked for and is not touched: why, in words too."""

    namespace: str
    why: str
    reason: SkipReason


def skipped(namespace: str, reason: SkipReason, detail: str = "") -> Skipped:
    return Skipped(namespace, reason.says(detail), reason)


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it. `to` is the label's new value and `revision` whom it leads to; both are empty for an undo.

    Where `tag` is moved itself, `first` are the writes that move it, `first_back` those that take them back, and `last`
    those that end an undo.
    """

    undo: bool = False
    to: str = ""
    revision: str = ""
    is_tag: bool = False
    tag: str = ""
    first: tuple[Step, ...] = ()
    first_back: tuple[Step, ...] = ()
    last: tuple[Step, ...] = ()
    moves: tuple[Move, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def restarts(self) -> list[Restart]:
        return [restart for move in self.moves for restart in move.restarts]

    @property
    def left(self) -> list[Left]:
        return [left for move in self.moves for left in move.left]

    @property
    def moves_all(self) -> bool:
        """Whether nothing stays on another revision: no pods of a workload, no namespace that others own.

        What --exclude names is not meant: the person has taken it out of the question.
        """
        owned = any(skipped.reason is SkipReason.OWNED for skipped in self.skipped)
        return not (self.left or owned or any(restart.stays for restart in self.restarts))

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to write and nothing to wait for."""
        moving = any(move.label or move.close or move.restarts for move in self.moves)
        return not (self.first or self.last or moving)

    @property
    def writes(self) -> int:
        """How many objects it changes."""
        labels = sum(1 for move in self.moves if move.label or move.close)
        return len(self.first) + len(self.last) + labels + sum(1 for restart in self.restarts if restart.step)
