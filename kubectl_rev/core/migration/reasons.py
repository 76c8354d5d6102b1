"""Why pods stay as they are, why a namespace is not touched, and what a run did: as data, each with its words.

What decides, decides by these; the words are for people. The values are what JSON shows, so they do not change.
"""

from __future__ import annotations

from enum import Enum
from typing import Self


class _Why(Enum):
    """A value with its words; `{detail}` in them is what the reason is about: a kind, an owner, a number."""

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
