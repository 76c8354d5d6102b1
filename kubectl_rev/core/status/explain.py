"""Why: one namespace, workload or pod, told in full, from the labels over every webhook and istiod to what runs."""

from __future__ import annotations

from collections import Counter

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command, within
from kubectl_rev.core.checks.model import Catalogue, Finding, Ref, find, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import InjectorTrace, Subject, consider
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.gateways import GatewayKind, owner
from kubectl_rev.core.mesh.injection import InjectionDecision, State, refusal
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.objects import Gateway
from kubectl_rev.core.mesh.proxies import Proxy
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.remedies.commands import restart
from kubectl_rev.core.status.items import SelectedItem, selected_item


class IstiodDecision(msgspec.Struct, frozen=True):
    """istiod's own word: `accepts` is null when it cannot be told."""

    revision: str
    accepts: bool | None
    because: str


class Running(msgspec.Struct, frozen=True, rename="camel"):
    """`pods` alike: their proxy's revision (null: none or not known), what says so, and what a restart would do."""

    pods: int
    has_proxy: bool
    proxy_revision: str | None
    evidence: str | None
    restart: str


class Explanation(msgspec.Struct, rename="camel", kw_only=True):
    """The whole story of one subject; `labels` and `podLabels` are the ones that injection looks at. `labels` are null
    where the namespace was not read.

    `findings` are those about the subject and about its namespace; `hint` is the next step, where there is one.
    Where `gaps` has pods, an empty `running` does not mean that there are none.
    """

    subject: Ref
    headline: str
    selected: SelectedItem
    ignored: list[str]
    labels: dict[str, str] | None
    pod_labels: dict[str, str]
    pod_annotations: dict[str, str]
    injectors: list[InjectorTrace]
    istiod: IstiodDecision | None
    running: list[Running]
    findings: list[Finding]
    hint: Hint
    gaps: list[Gap]


def of_namespace(survey: Survey, name: str, checks: Catalogue) -> Explanation:
    """A pod without labels of its own, created in this namespace; running: all pods of the namespace."""
    subject = survey.plain_pod(name)
    selected = survey.selected_for_namespace(name)
    workloads = survey.by_namespace.get(name, [])
    groups = [group for workload in workloads for group in workload.groups]
    drifted = [workload for workload in workloads if workload.drifted]
    hint = restart(drifted[0]) if len(drifted) == 1 and drifted[0].having(*_BETTER) else NO_HINT
    if len(drifted) > 1:
        hint = command("rev-status", "workloads", within(name), Flag("--drifted"))
    return _explanation(survey, checks, namespace_ref(name), "new pods", subject, selected, groups, hint)


def of_workload(survey: Survey, workload: Workload, checks: Catalogue, pod: str | None = None) -> Explanation:
    """A workload, or one pod of it when `pod` is its name."""
    groups = [group for group in workload.groups if pod is None or group.pod.name == pod]
    ref = ref_of(workload) if pod is None else Ref("Pod", workload.namespace, pod)
    hint = restart(workload) if any(group.drifted and group.effect in _BETTER for group in groups) else NO_HINT
    who = "when recreated" if workload.kind == "Pod" else f"when replaced by {ref_of(workload)}" if pod else ""
    subject, selected, rendered = workload.subject, workload.selected, workload.gateway in RENDERED
    story = _explanation(survey, checks, ref, who, subject, selected, groups, hint, rendered, ref_of(workload))
    if selected.state is State.NONE and manual(workload.template):
        story.headline += "; its template has one (kube-inject)"
    elif workload.cannot_start:
        story.headline += "; it does not start, since nothing replaces its image: auto"
    elif selected.state is State.NONE and workload.gateway is GatewayKind.IN_PLACE:
        story.headline += "; its template has its own proxy, which installing it again moves"
    return story


def of_gateway(survey: Survey, gateway: Gateway, checks: Catalogue) -> Explanation:
    """A Gateway of one of Istio's classes: the workload that was rendered for it, or who would render one."""
    selected = owner(survey.mesh, gateway, survey.namespace_labels.get(gateway.namespace))
    made = [w for w in survey.by_namespace.get(gateway.namespace, ()) if w.made_from == gateway.name]
    groups = [group for workload in made for group in workload.groups]
    hint = restart(made[0]) if any(group.drifted for group in groups) else NO_HINT
    subject = replace(survey.plain_pod(gateway.namespace), labels=gateway.labels)
    ref = Ref("Gateway", gateway.namespace, gateway.name)
    return _explanation(survey, checks, ref, "", subject, selected, groups, hint, rendered=True)


def _explanation(
    survey: Survey,
    checks: Catalogue,
    ref: Ref,
    who: str,
    subject: Subject,
    selected: InjectionDecision,
    groups: list[PodGroup],
    hint: Hint,
    rendered: bool = False,
    also: Ref | None = None,
) -> Explanation:
    given = subject.namespace_labels
    word = None if rendered else refusal(survey.mesh, subject)
    shown = (labels.INJECTION, labels.REV, labels.DATAPLANE_MODE, *labels.USE_WAYPOINT)
    about = (ref, also, namespace_ref(ref.namespace))
    findings = [finding for finding in find(survey, checks) if finding.subject in about]
    return Explanation(
        subject=ref,
        headline=_headline(who, selected, rendered),
        selected=selected_item(selected),
        ignored=[f"{key}={value} on the {where}" for where, key, value in selected.ignored],
        labels={key: given[key] for key in shown if key in given} if subject.namespace_known else None,
        pod_labels={key: subject.labels[key] for key in (labels.INJECT, labels.REV) if key in subject.labels},
        pod_annotations={k: v for k, v in sorted(subject.annotations.items()) if k in _TOLD},
        injectors=[] if rendered else consider(survey.mesh, subject),
        istiod=IstiodDecision(word[0], word[1].accepts, word[1].because) if word else None,
        running=_running(groups, selected),
        findings=findings,
        hint=NO_HINT if ref.space in survey.terminating else hint or _next(findings, ref),
        gaps=sorted(survey.snapshot.gaps),
    )


_OF_SOME_PODS = ("REV202", "REV203", "REV204")


def _next(findings: list[Finding], ref: Ref) -> Hint:
    """The first step that a finding names, but to look here; what is about some pods may not be about this one."""
    hints = (finding.hint for finding in findings if ref.kind != "Pod" or finding.code not in _OF_SOME_PODS)
    return next((hint for hint in hints if not hint.calls("rev-status")), NO_HINT)


_TOLD = frozenset({labels.INJECT, labels.TEMPLATES, labels.PROXY_IMAGE})
_RENDERED = {
    State.INJECTED: "is rendered by {}",
    State.NONE: "belongs to no revision",
    State.CONFLICT: "belongs to two revisions",
    State.UNKNOWN: "belongs to a revision that cannot be told",
}
_OF_ONE = {
    State.INJECTED: "is injected by {}",
    State.NONE: "gets no sidecar",
    State.CONFLICT: "is selected by several injectors",
    State.REJECTED: "is rejected",
    State.UNKNOWN: "cannot be predicted",
}
_OF_SEVERAL = _OF_ONE | {
    State.INJECTED: "are injected by {}",
    State.NONE: "get no sidecar",
    State.CONFLICT: "are selected by several injectors",
    State.REJECTED: "are rejected",
}


def _headline(who: str, selected: InjectionDecision, rendered: bool) -> str:
    """The answer in one sentence, to stand after the subject's name and a blank, comma or colon."""
    plural = who == "new pods"
    start = f"{who} " if plural else f"{who}, " if who and not rendered else ""
    words = _RENDERED if rendered else _OF_SEVERAL if plural else _OF_ONE
    return f"{start}{words[selected.state].format(selected.revision)}: {selected.because}"


def _running(groups: list[PodGroup], selected: InjectionDecision) -> list[Running]:
    alike: Counter[tuple[Proxy | None, str]] = Counter()
    for group in groups:
        rendered = group.effect is Effect.MOVES and group.proxy is not None and group.proxy.gateway in RENDERED
        after = "terminating" if group.pod.terminating else _RENDERS if rendered else _EFFECTS[group.effect]
        alike[group.proxy, after] += group.count
    rows = [
        Running(
            pods=count,
            has_proxy=proxy is not None,
            proxy_revision=proxy.revision if proxy else None,
            evidence=proxy.evidence.value if proxy else None,
            restart=after.format(selected.revision, them="it" if count == 1 else "them"),
        )
        for (proxy, after), count in alike.items()
    ]
    return sorted(rows, key=lambda row: (row.proxy_revision or "", row.evidence or "", row.restart))


_BETTER = (Effect.MOVES, Effect.GAINS)  # what a restart may be recommended for
_RENDERS = "a restart changes nothing, the istiod of {} renders {them} again by itself"
_EFFECTS = {
    Effect.NOTHING: "a restart changes nothing",
    Effect.MOVES: "a restart moves {them} to {}",
    Effect.GAINS: "a restart gives {them} a sidecar of {}",
    Effect.LOSES: "a restart takes the sidecar away",
    Effect.STOPS: "a restart stops {them}: the new pod does not start",
    Effect.FIXED: "a restart changes nothing: the proxy is part of the template",
    Effect.REJECTED: "a restart fails: the new pod is rejected",
    Effect.UNDECIDED: "what a restart does cannot be told",
}
