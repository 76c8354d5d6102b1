"""A webhook's `matchConditions` for a pod: called, skipped, or the pod rejected.

k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions: one that is false skips the webhook; else one that fails
rejects the pod, or skips the webhook where failurePolicy is Ignore; else it is called. Of the pod only what
`admission.Subject` has is known; all other fields, and who creates it, are unknown.
"""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.cel.evaluator import Scope, evaluate
from kubectl_rev.core.mesh.cel.values import Doubt, Error, Map, Unknown, Value, unsupported
from kubectl_rev.core.mesh.objects import MatchCondition, Webhook
from kubectl_rev.core.mesh.resources import ADDED_LABELS, facts_of

if TYPE_CHECKING:
    from kubectl_rev.core.mesh.admission import Subject


class Call(Enum):
    """What the API server does with a webhook whose selectors and rules match."""

    CALLED = "called"
    SKIPPED = "skipped"
    REJECTS = "rejects"
    UNKNOWN = "unknown"


class ConditionResult(msgspec.Struct, frozen=True):
    """One condition for one pod; `because` is empty of true and false."""

    name: str
    expression: str
    result: Literal["true", "false", "error", "unknown"]
    because: str = ""

    @property
    def words(self) -> str:
        """As a reason, to stand after the name of the webhook or `its`."""
        states = {"true": "is true", "false": "is false", "error": "fails", "unknown": "may be true or false"}
        return f"condition {self.name} {states[self.result]}" + (f": {self.because}" if self.because else "")


class Conditions(msgspec.Struct, frozen=True):
    """All conditions of a webhook, and what they come to; `decisive` is the one that does."""

    call: Call
    results: tuple[ConditionResult, ...] = ()

    @property
    def decisive(self) -> ConditionResult | None:
        wanted = {Call.SKIPPED: ("false", "error"), Call.REJECTS: ("error",), Call.UNKNOWN: ("unknown",)}
        order = wanted.get(self.call, ())
        return min((r for r in self.results if r.result in order), key=lambda r: order.index(r.result), default=None)


def held(webhook: Webhook, subject: Subject, *, changed: bool) -> Conditions:
    """The conditions of a webhook for this pod; `changed` where another webhook was called for it before."""
    conditions = webhook.match_conditions
    if not conditions:
        return Conditions(Call.CALLED)
    cases = [[_result(condition, scope) for condition in conditions] for scope in _scopes(subject, changed)]
    calls = {_call(results, webhook.failure_policy) for results in cases}
    results = tuple(_same(alternatives) for alternatives in zip(*cases, strict=True))
    return Conditions(calls.pop() if len(calls) == 1 else Call.UNKNOWN, results)


def _call(results: list[ConditionResult], failure_policy: str) -> Call:
    given = {result.result for result in results}
    ignored = failure_policy == "Ignore"
    if "false" in given or ("error" in given and ignored):
        return Call.SKIPPED
    return Call.UNKNOWN if "unknown" in given else Call.REJECTS if "error" in given else Call.CALLED


def _same(alternatives: tuple[ConditionResult, ...]) -> ConditionResult:
    """The result in all cases; unknown where it depends on labels and annotations that others add."""
    first, unknown = alternatives[0], next((a for a in alternatives if a.result == "unknown"), None)
    if unknown or all(result.result == first.result for result in alternatives):
        return unknown or first
    return ConditionResult(
        first.name, first.expression, "unknown", Unknown(Doubt.UNREAD, "which labels and annotations are added").words
    )


def _result(condition: MatchCondition, scope: Scope) -> ConditionResult:
    name, expression = condition.name, condition.expression
    value = evaluate(expression, scope)
    if isinstance(value, bool):
        return ConditionResult(name, expression, "true" if value else "false")
    if isinstance(value, Error):
        return ConditionResult(name, expression, "error", value.words)
    doubt = value if isinstance(value, Unknown) else unsupported("what is neither true nor false")
    return ConditionResult(name, expression, "unknown", doubt.words)


def _scopes(subject: Subject, changed: bool) -> list[dict[str, Value]]:
    """The variables of the conditions, in each of the cases that are possible."""
    resource, space = {"group": "", "version": "v1"}, {"namespace": subject.namespace} if subject.namespace else {}
    kind, pods = Map({**resource, "kind": "Pod"}), Map({**resource, "resource": "pods"})
    request = {
        "operation": "CREATE", "kind": kind, "resource": pods, "requestKind": kind, "requestResource": pods,
        "dryRun": False, **space,
    }  # fmt: skip
    # Without a subresource the field is absent: k8s.io/api/admission/v1 omits what is empty.
    known = Map(request, None, frozenset({"subResource", "requestSubResource"}), "request")
    used = subject.host_network
    spec = Map({"hostNetwork": True} if used else {}, None, frozenset(["hostNetwork"] * (used is False)), "object.spec")
    scopes = []
    for written in product(_labels(subject, changed), _annotations(subject, changed)):
        present = {key: value for key, value in zip(("labels", "annotations"), written, strict=True) if value}
        absent = frozenset({"labels", "annotations"} - present.keys())
        metadata = Map({**space, **present}, None, absent, "object.metadata")
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        scopes.append({"request": known, "oldObject": None, "object": Map(pod, None, path="object")})
    return scopes


def _labels(subject: Subject, changed: bool) -> list[Map | None]:
    """The labels as they may be when the webhook is asked: a controller completes them, an earlier injector may."""
    path, added = "object.metadata.labels", facts_of(subject.kind).adds
    given = {key: _any(path, key) if key in ADDED_LABELS else value for key, value in subject.labels.items()}
    given |= {key: _any(path, key) for key in added if key not in labels.PER_POD_LABELS}
    cases = [Map(given, frozenset(added), path=path) if given else None]
    if changed:
        return [*(case for case in cases if not given), Map(given, None, path=path)]
    return cases if subject.kind else [*cases, Map(given, ADDED_LABELS, path=path)]


def _annotations(subject: Subject, changed: bool) -> list[Map | None]:
    """The annotations: only some are read, and admission adds others (`kubernetes.io/limit-ranger`)."""
    left_out = {labels.STATUS, labels.REV, labels.RESTARTED_AT}  # as they run, or as they were started
    given = {key: value for key, value in subject.annotations.items() if key not in left_out}
    absent = labels.POD_ANNOTATIONS - left_out if not changed else frozenset()
    some = Map(given, None, absent, "object.metadata.annotations")
    return [some] if given else [None, some]


def _any(path: str, key: str) -> Unknown:
    return Unknown(Doubt.UNREAD, f'{path}["{key}"]')
