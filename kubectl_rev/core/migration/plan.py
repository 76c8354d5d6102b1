"""A migration as a value: which namespaces, every patch, every restart, what stays and why. Computed once, shown by
--dry-run, confirmed by a person, executed as it stands.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Self

import msgspec

from kubectl_rev.core.checks.hints import Hint
from kubectl_rev.core.mesh.resources import Restart as HowRestarted
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.core.writes import Step


class _Why(Enum):
    """A value, which JSON shows, with its words; `{detail}` in them is what it is about: a kind, an owner, a number."""

    words: str

    def __new__(cls, value: str, words: str) -> Self:
        member = object.__new__(cls)
        member._value_, member.words = value, words
        return member

    def says(self, detail: str = "") -> str:
        return self.words.format(detail=detail)


class Reason(_Why):
    """Why pods are not replaced."""

    LOSES_SIDECAR = "loses sidecar", "a restart takes its sidecar away: {detail}"
    GATEWAY = "gateway", "it is a gateway ({detail}): only with --include-gateways"
    GATEWAY_OWNER = "gateway owner", "istiod renders it for its Gateway: {detail}"
    GATEWAY_IN_PLACE = (
        "gateway in place",
        "its proxy is part of its installation: upgrade it in place, with the new revision",
    )
    INJECTED_BY_HAND = "injected by hand", "its template contains the sidecar (kube-inject): run kube-inject again"
    CRON_JOB = "cron job", "its next run starts on the new revision; what runs now ends by itself"
    CRON_JOB_LABEL = "cron job label", "its template has a label of its own: change it to the new {detail}"
    JOB = "job", "a Job is not restarted: its pods run to completion"
    BARE_POD = "bare pod", "standalone pod: nothing would recreate it"
    OTHER_KIND = (
        "other kind",
        "a {detail} does not replace its pods on a template change: delete them, or use its own command",
    )
    PAUSED = "paused", "it is paused"
    ON_DELETE = "on delete", "its strategy is OnDelete: pods are replaced when they are deleted"
    PARTITION = "partition", "its partition of {detail} keeps all its pods"
    SELECTOR = "selector", "its selector includes {detail}, which is immutable: recreate it"
    NO_RESTART = "no restart", "not restarted: --no-restart"
    REJECTED = "rejected", "new pods would be rejected: {detail}"
    UNDECIDED = "undecided", "what a restart would change is not known: {detail}"
    OWNED = "owned", "{detail} owns its template's labels: skipped by --skip-owned"
    UNREADABLE = "unreadable", "it could not be read"
    UNREADABLE_LABEL = "unreadable label", "it could not be read, and its template has a label of its own, {detail}"
    NO_TRIGGER = "no trigger", "it has no ConfigChange trigger: a change of its template replaces no pods"


class SkipReason(_Why):
    """Why a namespace is not touched."""

    NOT_INJECTED = "not injected", "{detail}"
    NOT_FROM = "not from", "nothing in it is injected by {detail}, or runs on it"
    NO_RECORD = "no record", "nothing to undo: it has no annotation {detail}"
    EXCLUDED = "excluded", "--exclude names it"
    OWNED = "owned", "{detail} owns its labels: skipped by --skip-owned"


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

    @property
    def evicts(self) -> bool:
        """Whether its controller evicts its pods, and makes new ones then."""
        by_field = facts_of(self.kind).restart is HowRestarted.RESTART_AT
        return by_field and not (self.before or self.after)


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
