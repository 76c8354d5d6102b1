"""Which webhooks does the API server call for a pod, and because of which label: the first half of injection.

Live webhooks' selectors and rules decide. The order "istio-injection beats the namespace's istio.io/rev beats the
pod's" is nowhere written here: it follows from the selectors, so that every release since 1.6, Helm, istioctl, Sail and
hand-made webhooks come out right.

Not modelled: what other people's webhooks change about a pod before the injector sees it (`admitted_labels.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.match_conditions import Call, ConditionResult, Conditions, held
from kubectl_rev.core.mesh.objects import PodTemplate, Webhook
from kubectl_rev.core.mesh.revisions import Injector, Mesh
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, state
from kubectl_rev.core.mesh.webhook_targets import Target

_ABOUT_INJECTION = frozenset({*labels.INJECTION_LABELS, labels.INJECT, labels.DEACTIVATED})


class Subject(msgspec.Struct, frozen=True):
    """What the decision is about: a pod to be created in a namespace.

    `host_network` is None where only the metadata of a bare pod was read; `namespace_known` is False where the
    namespace, and so its labels, could not be read. `kind` is the workload's that makes it, empty if it may be any.
    """

    namespace: str
    namespace_labels: dict[str, str]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    host_network: bool | None = False
    namespace_known: bool = True
    kind: str = ""

    def created_from(self, template: PodTemplate) -> Subject:
        """The pod that this template makes, in the same namespace."""
        return msgspec.structs.replace(
            self,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            host_network=template.spec.host_network,
        )

    def without(self, key: str) -> Subject:
        """The same pod, in a namespace without this label."""
        kept = {name: value for name, value in self.namespace_labels.items() if name != key}
        return msgspec.structs.replace(self, namespace_labels=kept)


class WebhookMatch(msgspec.Struct, frozen=True):
    """One webhook entry held against the subject; `because` names the labels, or the condition, that decided.

    `matches` is null where conditions leave it open. `conditions` are empty where selectors or rules decide.
    """

    webhook: str
    matches: bool | None
    because: str
    conditions: tuple[ConditionResult, ...] = ()


class InjectorTrace(msgspec.Struct, frozen=True):
    """One injector and all its entries held against the subject."""

    injector: str
    revision: str
    tag: str | None
    trials: tuple[WebhookMatch, ...]


class Match(msgspec.Struct, frozen=True):
    """A webhook that the API server would call for the subject, or that its `conditions` may have it call or reject."""

    injector: Injector
    webhook: Webhook
    target: Target
    because: str
    conditions: Conditions

    @property
    def sure(self) -> bool:
        """Whether it is called."""
        return self.conditions.call is Call.CALLED

    @property
    def rejects(self) -> bool:
        """Whether its conditions have the API server reject the pod."""
        return self.conditions.call is Call.REJECTS

    @property
    def fails(self) -> bool:
        """Whether a call of it fails, and the pod with it."""
        return self.target.alive is False and self.webhook.failure_policy != "Ignore"

    @property
    def reason(self) -> str:
        """The condition because of which it is not, or not surely, called; empty where it is."""
        return f"{self.injector.name}'s {self.conditions.decisive.words}" if self.conditions.decisive else ""

    @property
    def served(self) -> tuple[object, ...]:
        """Who answers the call, comparable: two webhooks that reach the same istiods only inject twice over."""
        if self.target.revisions:
            return self.target.namespace, self.target.revisions
        return self.target.namespace, self.target.service, self.webhook.client_config.url


def matching(mesh: Mesh, subject: Subject) -> list[Match]:
    """What the API server calls, in the order of `Mesh.injectors`; an injector more than once if it has it so."""
    return [
        Match(injector, webhook, target, _asked_in_words(webhook, subject), conditions)
        for injector, webhook, target, conditions in _held(mesh, subject)
        if conditions and conditions.call is not Call.SKIPPED
    ]


def _held(mesh: Mesh, subject: Subject) -> Iterator[tuple[Injector, Webhook, Target, Conditions | None]]:
    """All webhooks in the order of their calls, with their conditions; None where selectors or rules do not match."""
    changed = False
    for injector in mesh.injectors:
        for webhook, target in injector.webhooks:
            conditions = held(webhook, subject, changed=changed) if _selects(webhook, subject) else None
            changed |= conditions is not None and conditions.call is not Call.SKIPPED and target.alive is not False
            yield injector, webhook, target, conditions


def _selects(webhook: Webhook, subject: Subject) -> bool:
    return (
        webhook.namespace_selector.matches(subject.namespace_labels)
        and webhook.object_selector.matches(subject.labels)
        and covers_pods(webhook)
    )


def called(mesh: Mesh, subject: Subject) -> tuple[str, ...]:
    """The revisions whose injector's webhook selects it, whatever conditions and calls come to; each once."""
    selecting = (injector.revision for injector, *_, conditions in _held(mesh, subject) if conditions)
    return tuple(dict.fromkeys(selecting))


def unanswered(mesh: Mesh, subject: Subject) -> bool:
    """Whether no webhook selects it, and none is kept away."""
    return not (called(mesh, subject) or kept_away(mesh, subject))


def skipped(mesh: Mesh, subject: Subject) -> str | None:
    """Why a webhook that selects the pod is not called: its condition."""
    for injector, *_, conditions in _held(mesh, subject):
        if conditions and conditions.call is Call.SKIPPED and conditions.decisive:
            return f"{injector.name} is not called, its {conditions.decisive.words}"
    return None


def kept_away(mesh: Mesh, subject: Subject) -> str | None:
    """Why an injector is not called that the labels ask for: a requirement that is not about injection.

    AKS, for one, has its enforcer add `control-plane DoesNotExist` to every webhook (Azure/AKS#1771).
    """
    if _ABOUT_INJECTION.isdisjoint([*subject.namespace_labels, *subject.labels]):  # nobody asks, as in most namespaces
        return None
    for injector, webhook, _, conditions in _held(mesh, subject):
        if conditions:
            continue
        unmet = (need.key for _, selector, given in _selectors(webhook, subject) for need in selector.unmet(given))
        if _ABOUT_INJECTION.isdisjoint(unmet) and any(
            key in _ABOUT_INJECTION for _, key, _ in asked_for(webhook, subject)
        ):
            return f"{injector.name} would be called, but {_trial(webhook, subject, conditions).because}"
    return None


def consider(mesh: Mesh, subject: Subject) -> list[InjectorTrace]:
    """Every injector with every entry and the reason it matches or not: the long form of `select`."""
    trials = (_trial(webhook, subject, conditions) for _, webhook, _, conditions in _held(mesh, subject))
    return [InjectorTrace(i.name, i.revision, i.tag, tuple(islice(trials, len(i.webhooks)))) for i in mesh.injectors]


def covers_pods(webhook: Webhook) -> bool:
    """Whether the webhook's rules include the creation of pods."""
    return any(
        {"CREATE", "*"} & set(rule.operations)
        and {"", "*"} & set(rule.api_groups)
        and {"v1", "*"} & set(rule.api_versions)
        and {"pods", "*", "pods/*", "*/*"} & set(rule.resources)  # a subresource `*` may also be none
        and rule.scope in ("*", "Namespaced")
        for rule in webhook.rules
    )


def _trial(webhook: Webhook, subject: Subject, conditions: Conditions | None) -> WebhookMatch:
    if labels.DEACTIVATED in webhook.namespace_selector.match_labels:
        return WebhookMatch(webhook.name, False, "deactivated when tag default was set")
    for where, selector, given in _selectors(webhook, subject):
        for requirement in selector.unmet(given):
            because = f"{requirement.wants()}, {state(requirement.key, given)}"
            return WebhookMatch(webhook.name, False, because if where == "namespace" else f"pod's {because}")
    if conditions is None:
        return WebhookMatch(webhook.name, False, "its rules do not cover the creation of pods")
    matches = {Call.SKIPPED: False, Call.UNKNOWN: None}.get(conditions.call, True)
    asked = _asked_in_words(webhook, subject) if matches is not False else ""
    decided = conditions.decisive.words if conditions.decisive else ""
    return WebhookMatch(webhook.name, matches, ", but ".join(filter(None, [asked, decided])), conditions.results)


def _selectors(webhook: Webhook, subject: Subject) -> Iterator[tuple[str, LabelSelector, Mapping[str, str]]]:
    """Both selectors of a webhook with the labels that they are held against."""
    yield "namespace", webhook.namespace_selector, subject.namespace_labels
    yield "pod", webhook.object_selector, subject.labels


def asked_for(webhook: Webhook, subject: Subject) -> Iterator[tuple[str, str, str]]:
    """The labels that a matching webhook positively asks for: (`namespace` or `pod`, key, value)."""
    for where, selector, given in _selectors(webhook, subject):
        for requirement in selector.requirements:
            if requirement.operator in (Operator.IN, Operator.EXISTS) and requirement.key in given:
                yield where, requirement.key, given[requirement.key]


def _asked_in_words(webhook: Webhook, subject: Subject) -> str:
    asked = [f"the {where} says {key}={value}" for where, key, value in asked_for(webhook, subject)]
    return " and ".join(asked) or "no label is against it"
