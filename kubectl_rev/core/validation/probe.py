"""Does validation work, whatever the objects say? What the API server is sent to find out, what its answers mean.

As istiod's own test does (pkg/webhooks/validation/controller/controller.go: isDryRunOfInvalidConfigRejected), a Gateway
that no istiod accepts is created as a server-side dry run; and, unlike there, one that every istiod accepts. Nothing is
ever stored: `dryRun=All` runs admission, of which Istio's webhooks have no side effects, and then stops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.validation.coverage import UNLABELLED
from kubectl_rev.core.validation.validation import Diagnosis, Entry, Health

_DENIED = re.compile(r'admission webhook "([^"]+)" denied the request:? ?(.*)')
_FAILED = re.compile(r'failed calling webhook "([^"]+)": (?:failed to call webhook: )?(.*)')


class Answer(Enum):
    """What the API server said to one dry run."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # by a validator of Istio's
    FAILED = "failed"  # a webhook could not be called, and its failurePolicy is Fail
    REFUSED = "refused"  # by something that is not Istio: another webhook, a policy, a quota
    UNKNOWN = "unknown"  # no answer: forbidden, unreachable


class Reply(msgspec.Struct, frozen=True):
    """An answer; `webhook` is the entry that gave or failed it, `message` the server's words."""

    answer: Answer
    webhook: str = ""
    message: str = ""


class Works(Enum):
    """Both answers taken together."""

    YES = "yes"
    OPEN = "open"  # invalid config is accepted
    FROZEN = "frozen"  # valid config is not
    UNKNOWN = "unknown"


class Probe(msgspec.Struct, frozen=True):
    """What became of an invalid and of a valid Gateway with this label `istio.io/rev` (empty: without it)."""

    scope: str
    invalid: Reply
    valid: Reply

    @property
    def works(self) -> Works:
        answers = self.invalid.answer, self.valid.answer
        if self.invalid.answer is Answer.ACCEPTED:
            return Works.OPEN
        if self.valid.answer in (Answer.FAILED, Answer.REJECTED):
            return Works.FROZEN
        return Works.YES if answers == (Answer.REJECTED, Answer.ACCEPTED) else Works.UNKNOWN

    @property
    def because(self) -> str:
        """The reason for anything but YES."""
        reply = self.valid if self.valid.answer is not Answer.ACCEPTED else self.invalid
        return " ".join(part for part in (reply.webhook and f"{reply.webhook}:", reply.message) if part)


def gateway(scope: str, namespace: str, version: str, *, valid: bool) -> dict[str, Any]:
    """A networking.istio.io Gateway, valid or not. The name is generated, so that it is never one that is taken.

    Invalid twice: by the annotation that istiod rejects since 1.20, and by a protocol that no release knows. An empty
    spec, which 1.6 to 1.19 reject, is meant to be rejected by the CRD one day, before any webhook is asked.
    """
    metadata: dict[str, Any] = {"generateName": "kubectl-rev-probe-", "namespace": namespace}
    if scope != UNLABELLED:
        metadata["labels"] = {labels.REV: scope}
    if not valid:
        metadata["annotations"] = {labels.ALWAYS_REJECT: "true"}
    port = {"number": 80, "name": "http", "protocol": "HTTP" if valid else "INVALID"}
    return {
        "apiVersion": f"networking.istio.io/{version}",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"selector": {"app": "kubectl-rev-probe"}, "servers": [{"port": port, "hosts": ["probe.invalid"]}]},
    }


def proven(diagnosis: Diagnosis, probes: Iterable[Probe]) -> Diagnosis:
    """The diagnosis with what the probes found out: an entry whose call failed is dangling, whatever it looks like.

    Nobody sees into a url, a Service without a selector, or what a certificate is good for.
    """
    failed = {(probe.scope, probe.valid.webhook): probe.because for probe in probes if probe.works is Works.FROZEN}

    def judged(entry: Entry) -> Entry:
        why = next((failed[s, entry.webhook.name] for s in entry.scopes if (s, entry.webhook.name) in failed), "")
        if entry.health in (Health.DANGLING, Health.LEFTOVER) or not why:
            return entry
        return msgspec.structs.replace(entry, health=Health.DANGLING, because=why)

    return msgspec.structs.replace(diagnosis, entries=tuple(judged(entry) for entry in diagnosis.entries))


def understood(refusal: str, *, answered: bool) -> Reply:
    """What the text of an error means; `answered` is False when the server gave no answer about this object at all."""
    if match := _DENIED.search(refusal):
        ours = match[1].endswith(labels.VALIDATION_WEBHOOK_SUFFIX)
        return Reply(Answer.REJECTED if ours else Answer.REFUSED, match[1], match[2])
    if match := _FAILED.search(refusal):
        return Reply(Answer.FAILED, match[1], match[2])
    return Reply(Answer.REFUSED if answered else Answer.UNKNOWN, message=refusal)
