"""Why: one namespace, workload or pod, told in full, from the labels over every webhook and istiod to what runs."""

from __future__ import annotations

from collections import Counter

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.checks import Catalogue, Finding, Ref, find
from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command, within
from kubectl_rev.core.checks.model import namespace_ref, ref_of
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
    subject, rendered = workload.subject, workload.gateway in RENDERED
    who = "" if pod is None else f"when replaced by {workload.kind.lower()}/{workload.name}"
    if workload.kind == "Pod":
        who = "when recreated"
    made_by = ref_of(workload)
    story = _explanation(
        survey, checks, ref, who, subject, workload.selected, groups, hint, rendered=rendered, also=made_by
    )
    if workload.selected.state is State.NONE and manual(workload.template):
        story.headline += "; its template has one (kube-inject)"
    elif workload.selected.state is State.NONE and workload.gateway is GatewayKind.IN_PLACE:
        story.headline += "; its template has its own proxy, which installing it again moves"
    return story


def of_gateway(survey: Survey, gateway: Gateway, checks: Catalogue) -> Explanation:
    """A Gateway of one of Istio's classes: the workload that was rendered for it, or who would render one."""
    given = survey.namespace_labels.get(gateway.namespace)
    selected = owner(survey.mesh, gateway, given)
    made = [
        workload for workload in survey.by_namespace.get(gateway.namespace, ()) if workload.made_from == gateway.name
    ]
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
    *,
    rendered: bool = False,
    also: Ref | None = None,
) -> Explanation:
    given = subject.namespace_labels
    word = None if rendered else refusal(survey.mesh, subject)
    shown = (labels.INJECTION, labels.REV, labels.DATAPLANE_MODE, labels.USE_WAYPOINT)
    about = (ref, also, namespace_ref(ref.namespace))
    found = [each for each in find(survey, checks) if each.subject in about]
    going = (ref.namespace or ref.name) in survey.terminating
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
        findings=found,
        hint=NO_HINT if going else hint or _next(found, ref),
        gaps=sorted(survey.snapshot.gaps),
    )


_OF_SOME_PODS = ("REV202", "REV203", "REV204")


def _next(found: list[Finding], ref: Ref) -> Hint:
    """The first step that a finding names, but to look here; what is about some pods may not be about this one."""
    mine = (each for each in found if ref.kind != "Pod" or each.code not in _OF_SOME_PODS)
    return next((each.hint for each in mine if not each.hint.calls("rev-status")), NO_HINT)


_TOLD = frozenset({labels.INJECT, labels.TEMPLATES, labels.PROXY_IMAGE})


_RENDERED = {
    State.INJECTED: "is rendered by {}",
    State.NONE: "belongs to no revision",
    State.CONFLICT: "belongs to two revisions",
    State.UNKNOWN: "belongs to a revision that cannot be told",
}


def _headline(who: str, selected: InjectionDecision, rendered: bool) -> str:
    """The answer in one sentence, to stand after the subject's name and a blank, comma or colon."""
    said = f": {selected.because}"
    if rendered:
        return _RENDERED[selected.state].format(selected.revision) + said
    plural = who == "new pods"
    start = f"{who} " if plural else f"{who}, " if who else ""
    match selected.state:
        case State.INJECTED:
            return f"{start}{'are' if plural else 'is'} injected by {selected.revision}{said}"
        case State.NONE:
            return f"{start}{'get' if plural else 'gets'} no sidecar{said}"
        case State.CONFLICT:
            return f"{start}{'are' if plural else 'is'} selected by several injectors{said}"
        case State.REJECTED:
            return f"{start}{'are' if plural else 'is'} rejected{said}"
        case State.UNKNOWN:
            return f"{start}cannot be predicted{said}"


def _running(groups: list[PodGroup], selected: InjectionDecision) -> list[Running]:
    alike: Counter[tuple[Proxy | None, str]] = Counter()
    for group in groups:
        rendered = group.effect is Effect.MOVES and group.proxy is not None and group.proxy.gateway in RENDERED
        after = RENDERS if rendered else EFFECTS[group.effect]
        alike[group.proxy, TERMINATING if group.pod.terminating else after] += group.count
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
TERMINATING = "terminating"
RENDERS = "a restart changes nothing, the istiod of {} renders {them} again by itself"
EFFECTS = {
    Effect.NOTHING: "a restart changes nothing",
    Effect.MOVES: "a restart moves {them} to {}",
    Effect.GAINS: "a restart gives {them} a sidecar of {}",
    Effect.LOSES: "a restart takes the sidecar away",
    Effect.FIXED: "a restart changes nothing: the proxy is part of the template",
    Effect.REJECTED: "a restart fails: the new pod is rejected",
    Effect.UNDECIDED: "what a restart does cannot be told",
}
