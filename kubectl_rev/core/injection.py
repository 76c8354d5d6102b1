"""Who injects this pod if it is created now, and why.

Two halves decide, as in the cluster. First the API server: the live webhooks' selectors, rules and Services. The order
"istio-injection beats the namespace's istio.io/rev beats the pod's" is nowhere written here: it follows from the
selectors, so that every release since 1.6, Helm, istioctl, Sail and hand-made webhooks come out right. Then istiod
itself may refuse (`policy.py`).

Not modelled: matchConditions (CEL; a pod they could decide about is `unknown`), and other people's mutating webhooks
that change a pod's labels before the injector sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

import msgspec

from kubectl_rev.core import labels
from kubectl_rev.core.objects import PodTemplate, Webhook
from kubectl_rev.core.policy import Veto, veto
from kubectl_rev.core.revisions import Injector, Mesh, Target
from kubectl_rev.core.selectors import LabelSelector, Operator, state


class State(Enum):
    """What becomes of a pod that is created now."""

    INJECTED = "injected"
    NONE = "none"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Subject(msgspec.Struct, frozen=True):
    """What the decision is about: a pod to be created in a namespace.

    `host_network` is None where only the metadata of a bare pod was read; `namespace_known` is False where the
    namespace, and so its labels, could not be read.
    """

    namespace: str
    namespace_labels: dict[str, str]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    host_network: bool | None = False
    namespace_known: bool = True

    def created_from(self, template: PodTemplate) -> Subject:
        """The pod that this template makes, in the same namespace."""
        return msgspec.structs.replace(
            self,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            host_network=template.spec.host_network,
        )


class Trial(msgspec.Struct, frozen=True):
    """One webhook entry held against the subject; `because` names the labels that decided."""

    webhook: str
    matches: bool
    because: str


class Considered(msgspec.Struct, frozen=True):
    """One injector and all its entries held against the subject."""

    injector: str
    revision: str
    tag: str | None
    trials: tuple[Trial, ...]


class Selected(msgspec.Struct, frozen=True):
    """The answer. `revision` is set only when injected; `injectors` are those that are asked, by name.

    Where one fails that is the one that fails; where all that match are passed over they are all of these.

    `ignored` are the injection labels that say something else and have no effect: (`namespace` or `pod`, key, value).
    """

    state: State
    because: str
    revision: str | None = None
    injectors: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str, str], ...] = ()

    @property
    def injector(self) -> str | None:
        """The one injector that would be called, None if there are several or none."""
        return self.injectors[0] if len(self.injectors) == 1 else None


class Match(msgspec.Struct, frozen=True):
    """A webhook that the API server would call for the subject."""

    injector: Injector
    webhook: Webhook
    target: Target
    because: str


def select(mesh: Mesh, subject: Subject) -> Selected:
    """Decide; never raises, always gives a reason. What could not be read makes it unknown, not none."""
    if mesh.blind:
        return Selected(State.UNKNOWN, "the injectors could not be read")
    if not subject.namespace_known:
        return Selected(State.UNKNOWN, "the namespace's labels could not be read")
    matches = _matches(mesh, subject)
    answer = _answer(mesh, subject, matches)
    return msgspec.structs.replace(answer, ignored=tuple(_ignored(mesh, subject, matches)))


def heeded(mesh: Mesh) -> frozenset[str]:
    """The keys of pod labels that can decide anything: a pod with none of them is as good as one without labels."""
    selectors = [webhook.object_selector for injector in mesh.injectors for webhook, _ in injector.webhooks]
    for config in mesh.injector_configs.values():
        selectors += [*(config.never_inject_selector or ()), *(config.always_inject_selector or ())]
    asked = {requirement.key for selector in selectors for requirement in selector.requirements}
    return frozenset({labels.INJECT, labels.REV, *asked})


def called(mesh: Mesh, subject: Subject) -> bool:
    """Whether any injector's webhook matches, whatever comes of it."""
    return bool(_matches(mesh, subject))


def consider(mesh: Mesh, subject: Subject) -> list[Considered]:
    """Every injector with every entry and the reason it matches or not: the long form of `select`."""
    return [
        Considered(
            injector.name,
            injector.revision,
            injector.tag,
            tuple(_trial(webhook, subject) for webhook, _ in injector.webhooks),
        )
        for injector in mesh.injectors
    ]


def refusal(mesh: Mesh, subject: Subject) -> tuple[str, Veto] | None:
    """The revision whose istiod is asked, and its word; None unless exactly one injector would be called."""
    alive = [match for match in _matches(mesh, subject) if match.target.alive is not False]
    names = {match.injector.name for match in alive}
    return (alive[0].injector.revision, _veto(mesh, subject, alive[0])) if len(names) == 1 else None


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


def _matches(mesh: Mesh, subject: Subject) -> list[Match]:
    return [
        Match(injector, webhook, target, _asked_in_words(webhook, subject))
        for injector in mesh.injectors
        for webhook, target in injector.webhooks
        if _calls(webhook, subject)
    ]


def _calls(webhook: Webhook, subject: Subject) -> bool:
    return (
        webhook.namespace_selector.matches(subject.namespace_labels)
        and webhook.object_selector.matches(subject.labels)
        and covers_pods(webhook)
    )


def _answer(mesh: Mesh, subject: Subject, matches: list[Match]) -> Selected:
    """A webhook whose Service is dead rejects the pod; with failurePolicy Ignore it is passed over."""
    for match in matches:
        if match.webhook.match_conditions:
            because = f"{match.injector.name} has matchConditions, which are not evaluated here"
            return Selected(State.UNKNOWN, because, injectors=(match.injector.name,))
    for match in matches:
        if match.target.alive is False and match.webhook.failure_policy != "Ignore":
            because = f"{match.because}, but calling {match.injector.name} fails: {match.target.problem}"
            return Selected(State.REJECTED, because, injectors=(match.injector.name,))
    alive = {match.injector.name: match for match in matches if match.target.alive is not False}
    if not alive and matches:
        because = f"{matches[0].injector.name} is passed over (failurePolicy Ignore): {matches[0].target.problem}"
        return Selected(State.NONE, because, injectors=tuple(dict.fromkeys(m.injector.name for m in matches)))
    if not alive:
        return Selected(State.NONE, _why_none(mesh, subject))
    words = {name: _veto(mesh, subject, match) for name, match in alive.items()}
    willing = [name for name, word in words.items() if word.accepts is not False]
    if len(willing) > 1:
        all_of_them = " and ".join(f"{name} ({alive[name].injector.revision})" for name in willing)
        return Selected(State.CONFLICT, f"{all_of_them} all select it: the last one called wins", injectors=(*alive,))
    name = willing[0] if willing else next(iter(alive))
    match, word = alive[name], words[name]
    if word.accepts is None:
        return Selected(State.UNKNOWN, word.because, injectors=(*alive,))
    if not word.accepts:
        return Selected(State.NONE, f"{match.because}, but istiod leaves it alone: {word.because}")
    return Selected(State.INJECTED, match.because, match.injector.revision, (*alive,))


def _veto(mesh: Mesh, subject: Subject, match: Match) -> Veto:
    plane = mesh.control_plane(match.injector.revision, match.target.namespace)
    return veto(
        namespace=subject.namespace,
        labels=subject.labels,
        annotations=subject.annotations,
        host_network=subject.host_network,
        config=mesh.injector_config(match.injector.revision, match.target.namespace),
        versions=plane.versions if plane else (),
    )


def _ignored(mesh: Mesh, subject: Subject, matches: list[Match]) -> Iterator[tuple[str, str, str]]:
    """Revision labels that nobody asked about, though they name something else than what happens.

    Where another label decides, that is: one that nobody answers to, and no other is there, is not ignored but useless.
    """
    overruled = labels.INJECTION in subject.namespace_labels
    if labels.REV not in subject.labels and not (labels.REV in subject.namespace_labels and overruled):
        return
    asked = {(where, key) for match in matches for where, key, _ in _asked_for(match.webhook, subject)}
    if labels.REV in subject.namespace_labels and overruled and ("namespace", labels.REV) not in asked:
        yield "namespace", labels.REV, subject.namespace_labels[labels.REV]
    wish = subject.labels.get(labels.REV)
    if wish is None or ("pod", labels.REV) in asked or subject.labels.get(labels.INJECT) == "false":
        return
    means = mesh.resolve(wish)
    asking: set[str | None] = {match.injector.revision for match in matches}
    if means not in (asking or {None}) and ((means and asking) or overruled or labels.REV in subject.namespace_labels):
        yield "pod", labels.REV, wish


def _why_none(mesh: Mesh, subject: Subject) -> str:
    """Why no webhook is called, found by taking away what could be in the way; exact for the charts' selectors."""
    given, pod = subject.namespace_labels, subject.labels
    if not mesh.injectors:
        return "there is no injector in this cluster"
    willing = msgspec.structs.replace(subject, labels={k: v for k, v in pod.items() if k != labels.INJECT})
    if pod.get(labels.INJECT, "true") != "true" and _matches(mesh, willing):
        return f"the pod says {labels.INJECT}={pod[labels.INJECT]}"
    if given.get(labels.INJECTION) == "enabled":
        return f"no injector answers to {labels.INJECTION}=enabled: nothing holds the default"
    if labels.INJECTION in given:
        return f"the namespace says {labels.INJECTION}={given[labels.INJECTION]}"
    for where, wishes in (("namespace", given), ("pod", pod)):
        if labels.REV in wishes:
            return f"no injector answers to {labels.REV}={wishes[labels.REV]} on the {where}"
    if pod.get(labels.INJECT) == "true":
        return f"no injector answers to {labels.INJECT}=true alone: nothing holds the default"
    return "neither the namespace nor the pod asks for it"


def _trial(webhook: Webhook, subject: Subject) -> Trial:
    if labels.DEACTIVATED in webhook.namespace_selector.match_labels:
        return Trial(webhook.name, False, "deactivated when tag default was set")
    for requirement in webhook.namespace_selector.unmet(subject.namespace_labels):
        found = state(requirement.key, subject.namespace_labels)
        return Trial(webhook.name, False, f"{requirement.wants()}, {found}")
    for requirement in webhook.object_selector.unmet(subject.labels):
        return Trial(webhook.name, False, f"pod's {requirement.wants()}, {state(requirement.key, subject.labels)}")
    if not covers_pods(webhook):
        return Trial(webhook.name, False, "its rules do not cover the creation of pods")
    doubt = "; its matchConditions were not evaluated" if webhook.match_conditions else ""
    return Trial(webhook.name, True, _asked_in_words(webhook, subject) + doubt)


def _asked_for(webhook: Webhook, subject: Subject) -> Iterator[tuple[str, str, str]]:
    """The labels that a matching webhook positively asks for: (`namespace` or `pod`, key, value)."""
    yield from _positive("namespace", webhook.namespace_selector, subject.namespace_labels)
    yield from _positive("pod", webhook.object_selector, subject.labels)


def _positive(where: str, selector: LabelSelector, given: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for requirement in selector.requirements:
        if requirement.operator in (Operator.IN, Operator.EXISTS) and requirement.key in given:
            yield where, requirement.key, given[requirement.key]


def _asked_in_words(webhook: Webhook, subject: Subject) -> str:
    asked = [f"the {where} says {key}={value}" for where, key, value in _asked_for(webhook, subject)]
    return " and ".join(asked) or "no label is against it"
