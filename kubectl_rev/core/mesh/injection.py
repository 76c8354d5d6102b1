"""Who injects this pod if it is created now, and why.

Two halves decide, as in the cluster: the API server calls webhooks (`admission.py`), whose Services may be dead, and
then istiod itself may refuse (`istiod_veto.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Match, Subject, asked_for, kept_away, matching, skipped
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.istiod_veto import Veto, veto
from kubectl_rev.core.mesh.revisions import Mesh


class State(Enum):
    """What becomes of a pod that is created now."""

    INJECTED = "injected"
    NONE = "none"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class InjectionDecision(msgspec.Struct, frozen=True):
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


def select(mesh: Mesh, subject: Subject) -> InjectionDecision:
    """Decide; never raises, always gives a reason. What could not be read makes it unknown, not none."""
    if mesh.blind:
        return InjectionDecision(State.UNKNOWN, "the injectors could not be read")
    if not subject.namespace_known:
        return InjectionDecision(State.UNKNOWN, "the namespace's labels could not be read")
    matches = matching(mesh, subject)
    answer = _answer(mesh, subject, matches)
    return msgspec.structs.replace(answer, ignored=tuple(_ignored(mesh, subject, matches)))


def has_conditions(mesh: Mesh) -> bool:
    """Whether anything about a pod may count: an injector has matchConditions."""
    return any(webhook.match_conditions for injector in mesh.injectors for webhook, _ in injector.webhooks)


def label_keys_used(mesh: Mesh) -> frozenset[str]:
    """The keys of pod labels that selectors and istiods ask for: without conditions, all that can decide anything."""
    selectors = [webhook.object_selector for injector in mesh.injectors for webhook, _ in injector.webhooks]
    for config in mesh.injector_configs.values():
        selectors += [*(config.never_inject_selector or ()), *(config.always_inject_selector or ())]
    asked = {requirement.key for selector in selectors for requirement in selector.requirements}
    return frozenset({labels.INJECT, labels.REV, *asked})


def refusal(mesh: Mesh, subject: Subject) -> tuple[str, Veto] | None:
    """The revision whose istiod is asked, and its word; None unless exactly one injector would be called."""
    called = [match for match in matching(mesh, subject) if not match.rejects]
    alive = [match for match in called if match.target.alive is not False]
    names = {match.injector.name for match in alive}
    return (alive[0].injector.revision, _veto(mesh, subject, alive[0])) if len(names) == 1 else None


def _answer(mesh: Mesh, subject: Subject, matches: list[Match]) -> InjectionDecision:
    """A webhook whose Service is dead rejects the pod; with failurePolicy Ignore it is passed over."""
    for match in matches:
        if match.rejects or (match.sure and match.fails):
            why = match.reason or f"calling {match.injector.name} fails: {match.target.problem}"
            return InjectionDecision(State.REJECTED, f"{match.because}, but {why}", injectors=(match.injector.name,))
    for match in matches:
        works = match.target.alive is not None or not match.target.cause
        if not works or (match.reason and (match.fails or match.target.alive is not False)):
            why = f"whether calling {match.injector.name} works is not known: {match.target.problem}"
            because = f"{match.because}, but {match.reason or why}"
            return InjectionDecision(State.UNKNOWN, because, injectors=(match.injector.name,))
    if not matches:
        return InjectionDecision(State.NONE, _why_none(mesh, subject))
    alive = {match.injector.name: match for match in matches if match.target.alive is not False}
    if not alive:
        because = f"{matches[0].injector.name} is passed over (failurePolicy Ignore): {matches[0].target.problem}"
        return InjectionDecision(State.NONE, because, injectors=tuple(dict.fromkeys(m.injector.name for m in matches)))
    words = {name: _veto(mesh, subject, match) for name, match in alive.items()}
    willing = [name for name, word in words.items() if word.accepts is not False]
    if len({alive[name].served for name in willing}) > 1:
        several = " and ".join(f"{name} ({alive[name].injector.revision})" for name in willing)
        because = f"{several} all select it: the last one called wins"
        return InjectionDecision(State.CONFLICT, because, injectors=(*alive,))
    name = willing[0] if willing else next(iter(alive))
    match, word = alive[name], words[name]
    if word.accepts is None:
        return InjectionDecision(State.UNKNOWN, word.because, injectors=(*alive,))
    if word.accepts and len(match.target.revisions) > 1:
        several = " and ".join(match.target.revisions)
        because = f"{name} calls Service {match.target.service}, behind which the istiods of {several} take turns"
        return InjectionDecision(State.CONFLICT, because, injectors=(*alive,))
    if not word.accepts:
        return InjectionDecision(State.NONE, f"{match.because}, but istiod leaves it alone: {word.because}")
    return InjectionDecision(State.INJECTED, match.because, match.injector.revision, (*alive,))


def _veto(mesh: Mesh, subject: Subject, match: Match) -> Veto:
    revision, home = match.injector.revision, match.target.namespace
    return veto(
        namespace=subject.namespace,
        labels=subject.labels,
        annotations=subject.annotations,
        host_network=subject.host_network,
        config=mesh.injector_configs.get((home, label_of(revision))),
        versions=mesh.versions_of(revision),
    )


def _ignored(mesh: Mesh, subject: Subject, matches: list[Match]) -> Iterator[tuple[str, str, str]]:
    """Revision labels that no webhook asked about where another label decides, and that name something else.

    A label that no injector answers to is not ignored where it is the only one: that is another finding.
    """
    overruled = labels.INJECTION in subject.namespace_labels
    of_namespace = subject.namespace_labels.get(labels.REV) if overruled else None
    wish = subject.labels.get(labels.REV)
    if (of_namespace is None and wish is None) or excluding(mesh, subject):
        return
    asked = {(where, key) for match in matches for where, key, _ in asked_for(match.webhook, subject)}
    if of_namespace is not None and ("namespace", labels.REV) not in asked:
        yield "namespace", labels.REV, of_namespace
    if wish is None or ("pod", labels.REV) in asked or subject.labels.get(labels.INJECT) == "false":
        return
    if wish == subject.namespace_labels.get(labels.REV) and not overruled:
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
    if pod.get(labels.INJECT, "true") != "true" and matching(mesh, willing):
        return f"the pod says {labels.INJECT}={pod[labels.INJECT]}"
    if reason := skipped(mesh, subject) or kept_away(mesh, subject):
        return reason
    if both := excluding(mesh, subject):
        return f"{' and '.join(both)} each want the other's label to be absent"
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


def excluding(mesh: Mesh, subject: Subject) -> tuple[str, ...]:
    """The injectors, one for each of the namespace's two injection labels, that want the other to be absent.

    Neither is then called. The charts' injectors are not so: the one for `istio-injection` does not ask for the other.
    """
    if not subject.namespace_labels.keys() >= {*labels.INJECTION_LABELS} or matching(mesh, subject):
        return ()
    by_injection, by_revision = (matching(mesh, subject.without(key)) for key in (labels.REV, labels.INJECTION))
    return (by_injection[0].injector.name, by_revision[0].injector.name) if by_injection and by_revision else ()
