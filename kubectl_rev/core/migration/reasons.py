"""Why pods stay as they are, why a namespace is not touched, and what a run did: as data, each with its words.

What decides, decides by these; the words are for people. The values are what JSON shows, so they do not change.
"""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why pods are not replaced."""

    LOSES_SIDECAR = "loses sidecar"
    GATEWAY = "gateway"
    GATEWAY_OWNER = "gateway owner"
    GATEWAY_IN_PLACE = "gateway in place"
    INJECTED_BY_HAND = "injected by hand"
    CRON_JOB = "cron job"
    CRON_JOB_LABEL = "cron job label"
    JOB = "job"
    BARE_POD = "bare pod"
    OTHER_KIND = "other kind"
    PAUSED = "paused"
    ON_DELETE = "on delete"
    PARTITION = "partition"
    SELECTOR = "selector"
    NO_RESTART = "no restart"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    OWNED = "owned"
    UNREADABLE = "unreadable"
    UNREADABLE_LABEL = "unreadable label"
    NO_TRIGGER = "no trigger"


class SkipReason(Enum):
    """Why a namespace is not touched."""

    NOT_INJECTED = "not injected"
    NOT_FROM = "not from"
    NO_RECORD = "no record"
    EXCLUDED = "excluded"
    OWNED = "owned"


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


WORDS = {
    Reason.LOSES_SIDECAR: "a restart takes its sidecar away: {detail}",
    Reason.GATEWAY: "it is a gateway ({detail}): only with --include-gateways",
    Reason.GATEWAY_OWNER: "istiod renders it for its Gateway: {detail}",
    Reason.GATEWAY_IN_PLACE: "its proxy is part of its installation: upgrade it in place, with the new revision",
    Reason.INJECTED_BY_HAND: "its template contains the sidecar (kube-inject): run kube-inject again",
    Reason.CRON_JOB: "its next run starts on the new revision; what runs now ends by itself",
    Reason.CRON_JOB_LABEL: "its template has a label of its own: change it to the new {detail}",
    Reason.JOB: "a Job is not restarted: its pods run to completion",
    Reason.BARE_POD: "standalone pod: nothing would recreate it",
    Reason.OTHER_KIND: "a {detail} does not replace its pods on a template change: delete them, or use its own command",
    Reason.PAUSED: "it is paused",
    Reason.ON_DELETE: "its strategy is OnDelete: pods are replaced when they are deleted",
    Reason.PARTITION: "its partition of {detail} keeps all its pods",
    Reason.SELECTOR: "its selector includes {detail}, which is immutable: recreate it",
    Reason.NO_RESTART: "not restarted: --no-restart",
    Reason.REJECTED: "new pods would be rejected: {detail}",
    Reason.UNDECIDED: "what a restart would change is not known: {detail}",
    Reason.OWNED: "{detail} owns its template's labels: skipped by --skip-owned",
    Reason.UNREADABLE: "it could not be read",
    Reason.UNREADABLE_LABEL: "it could not be read, and its template has a label of its own, {detail}",
    Reason.NO_TRIGGER: "it has no ConfigChange trigger: a change of its template replaces no pods",
    SkipReason.NOT_INJECTED: "{detail}",
    SkipReason.NOT_FROM: "nothing in it is injected by {detail}, or runs on it",
    SkipReason.NO_RECORD: "nothing to undo: it has no annotation {detail}",
    SkipReason.EXCLUDED: "--exclude names it",
    SkipReason.OWNED: "{detail} owns its labels: skipped by --skip-owned",
}


def words(reason: Reason | SkipReason, detail: str = "") -> str:
    """The reason as a sentence; `detail` is what it is about: a kind, an owner, a number."""
    return WORDS[reason].format(detail=detail)
