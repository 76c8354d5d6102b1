"""REV2xx: namespaces, workloads and pods: what is selected for them, and what runs."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command
from kubectl_rev.core.checks.messages import Message, Pods
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED, Effect, manual
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.injection import InjectionDecision, State, excluding, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.remedies.commands import explain, label, relabel, restart
from kubectl_rev.core.status.checks.control_planes import look_at_service, why_dead
from kubectl_rev.core.suggestions import nearest

_EFFECTS = {
    State.INJECTED: "the default injects",
    State.NONE: "nothing injects",
    State.CONFLICT: "several injectors answer",
    State.REJECTED: "new pods are rejected",
}


def _two_labels(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        if labels.INJECTION not in given or labels.REV not in given:
            continue
        value, revision, selected = given[labels.INJECTION], given[labels.REV], survey.selected_for_namespace(name)
        both = excluding(survey.mesh, survey.plain_pod(name))
        if not (survey.mesh.blind or both or ("namespace", labels.REV, revision) in selected.ignored):
            continue  # a hand-made webhook asks for it
        effect = f" ({_EFFECTS[selected.state]})" if selected.state in _EFFECTS else ""
        message = Message(f"{labels.INJECTION}={{}} decides{effect}, {labels.REV}={{}} is ignored", value, revision)
        if both:
            message = Message(
                f"{labels.INJECTION}={{}} and {labels.REV}={{}} exclude each other{effect}", value, revision
            )
        then = select(survey.mesh, survey.plain_pod(name).without(labels.INJECTION)).state
        if value == "disabled":  # somebody opted out: nothing is to be put into the mesh, unless it is in it
            safe = then is State.INJECTED and any(workload.proxies for workload in survey.by_namespace[name])
        elif value == "enabled":  # sidecars are not to be lost, nor pods
            safe = then is State.INJECTED
        else:
            safe = then is not State.REJECTED
        mend = label("namespace", name, f"{labels.INJECTION if safe else labels.REV}-")
        yield namespace_ref(name), message, explain(namespace_ref(name)) if survey.mesh.blind else mend


def _drift(survey: Survey) -> Found:
    for workload in survey.workloads:
        if count := workload.having(Effect.MOVES):
            runs = ", ".join(rev for rev in sorted(workload.proxies) if rev != workload.selected.revision)
            selected = str(workload.selected.revision)
            message = Message("{} on {}, {} is selected{}", Pods(count), runs, selected, _HELD[workload.held])
            yield ref_of(workload), message, restart(workload)


_HELD = {
    "": "",
    "paused": "; it is paused",
    "half way": "; its rollout pauses half way",
    "OnDelete": "; its updateStrategy is OnDelete",
    "partition": "; its partition keeps pods from being replaced",
    "rolling": "; its rollout is under way",
    "stuck": "; its rollout is stuck (ProgressDeadlineExceeded)",
}


def _losing(survey: Survey) -> Found:
    for workload in survey.workloads:
        if count := workload.having(Effect.LOSES):
            message = Message("{} would come back without a sidecar: {}", Pods(count), workload.selected.because)
            yield ref_of(workload), message, _keep(survey, workload)


def _keep(survey: Survey, workload: Workload) -> Hint:
    """The command that keeps a sidecar: where the namespace has lost its label, the one for what runs there."""
    given, running = survey.namespace_labels.get(workload.namespace, {}), [*workload.proxies]
    lost = labels.INJECTION not in given and labels.REV not in given
    if lost and len(running) == 1 and not any(_meant(key) for key in given):
        wish = {labels.REV: running[0]}
        again = msgspec.structs.replace(workload.subject, namespace_labels=given | wish)
        if select(survey.mesh, again).state is State.INJECTED:
            return relabel(survey, workload.namespace, meant=(labels.REV, running[0]))
    return explain(workload)


def _missing(survey: Survey) -> Found:
    for workload in survey.workloads:
        if count := workload.having(Effect.GAINS):
            selected = str(workload.selected.revision)
            message = Message("{} without a sidecar, {} is selected{}", Pods(count), selected, _HELD[workload.held])
            yield ref_of(workload), message, restart(workload)


def _ignored_pod_label(survey: Survey) -> Found:
    for workload in survey.workloads:
        for where, key, value in workload.selected.ignored:
            if where == "pod":
                message = Message("its label {}={} is ignored: {}", key, value, _decides(workload))
                yield ref_of(workload), message, explain(workload)


def _decides(workload: Workload) -> str:
    """What wins over a pod's label, whatever then comes of it: its injector may be dead, or there may be none."""
    given = workload.subject.namespace_labels
    if workload.selected.state is not State.INJECTED:
        for key in labels.INJECTION_LABELS:
            if key in given:
                return f"the namespace says {key}={given[key]}"
    return workload.selected.because


def _by_hand(survey: Survey) -> Found:
    for workload in survey.workloads:
        if manual(workload.template):
            revision = workload.selected.revision
            then = f"{revision} puts its own in place of it" if revision else "a restart does not move it"
            yield ref_of(workload), f"its sidecar is part of the template (kube-inject): {then}", explain(workload)


def _odd_values(survey: Survey) -> Found:
    releases = [release(version) for plane in survey.mesh.control_planes for version in plane.versions]
    both = len({known >= (1, 27) for known in releases if known}) > 1
    now = " and the revisions here disagree" if both else ""
    for workload in survey.workloads:
        for what, given in (("label", workload.subject.labels), ("annotation", workload.subject.annotations)):
            value = given.get(labels.INJECT)
            if value not in (None, "", "true", "false"):
                message = f"{what} {labels.INJECT}={value!r} changed its meaning in 1.27{now}: say true or false"
                yield ref_of(workload), message, explain(workload)


def _ambient(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        if is_ambient(given) and survey.selected_for_namespace(name).state is State.INJECTED:
            message = f"{labels.DATAPLANE_MODE}=ambient and an injection label: new pods get a sidecar"
            yield namespace_ref(name), message, label("namespace", name, f"{labels.DATAPLANE_MODE}-")


def _rejected(survey: Survey) -> Found:
    for ref, selected in decided(survey, State.REJECTED):
        last_resort = explain(ref) if ref.namespace else relabel(survey, ref.name)
        yield ref, f"new pods are rejected: {selected.because}", _revive(survey, selected) or last_resort


def decided(survey: Survey, state: State) -> Iterator[tuple[Ref, InjectionDecision]]:
    """The namespaces with this decision, and the workloads that have it where their namespace has another."""
    for name in survey.by_namespace:
        selected = survey.selected_for_namespace(name)
        if selected.state is state:
            yield namespace_ref(name), selected
    for workload in survey.workloads:
        of_namespace = survey.selected_for_namespace(workload.namespace).state
        if workload.selected.state is state and of_namespace is not state and workload.gateway not in RENDERED:
            yield ref_of(workload), workload.selected


def _revive(survey: Survey, selected: InjectionDecision) -> Hint:
    """The command for the control plane that rejects, where it still is: to move away from it is the last resort."""
    dead = [injector for injector in survey.mesh.injectors if injector.name in selected.injectors]
    for injector in dead:
        if injector.target.alive:  # a condition of it rejects
            return command("get", "mutatingwebhookconfiguration", injector.name, Flag("-o", "yaml"))
        if why := why_dead(survey, injector):
            return why[1]
    return next((look_at_service(injector) for injector in dead if injector.revision in survey.mesh.ready), NO_HINT)


def _pinned_image(survey: Survey) -> Found:
    for workload in survey.workloads:
        if workload.template is None or workload.selected.state is not State.INJECTED or workload.gateway in RENDERED:
            continue
        own = workload.template.spec.proxy
        if image := workload.template.metadata.annotations.get(labels.PROXY_IMAGE):
            pins = f"annotation {labels.PROXY_IMAGE}={{}} pins the proxy's version whatever the revision"
            yield ref_of(workload), Message(pins, image), explain(workload)
        elif own and own.image not in ("", "auto") and not manual(workload.template):
            pins = "its own container {} pins the proxy's image, {}, whatever the revision"
            yield ref_of(workload), Message(pins, own.name, own.image), explain(workload)


def _odd_injection(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        value = given.get(labels.INJECTION, "disabled")
        if value in ("enabled", "disabled") or labels.REV in given:
            continue
        if survey.selected_for_namespace(name).state is State.NONE:
            message = Message(f"{labels.INJECTION}={{}} injects nothing: only {labels.INJECTION}=enabled does", value)
            yield namespace_ref(name), message, relabel(survey, name, meant=(labels.INJECTION, "enabled"))


def _mistyped(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        if labels.INJECTION in given or labels.REV in given:
            continue
        for key, value in given.items():
            near = _meant(key) if survey.selected_for_namespace(name).state is State.NONE else None
            if near and value not in ("false", "disabled"):
                meant = (near, value if near == labels.REV else "enabled")
                message = Message("the label {} means nothing on a namespace; did you mean {}?", key, near)
                yield namespace_ref(name), message, relabel(survey, name, meant=meant, wrong=key)


def _meant(key: str) -> str | None:
    """The injection label that a namespace's label was meant to be: another one typed wrong, or the pods' own."""
    if key == labels.INJECT:
        return labels.INJECTION
    if "istio" not in key or key in labels.INJECTION_LABELS:
        return None
    return nearest(key, labels.INJECTION_LABELS, cutoff=0.8)  # istio.io/revision, istio-injected; not istio.io/tag


_E, _W = Severity.ERROR, Severity.WARNING
CHECKS = (
    Check("REV201", _W, "a namespace has both injection labels",
          "istio-injection wins in every release, istio.io/rev is ignored", _two_labels, sources.SELECTORS,
          needs=("namespaces",)),
    Check("REV202", _W, "proxies run on another revision than the selected one",
          "a relabelled namespace changes nothing until its pods are replaced", _drift, sources.STATUS,
          needs=needs.RUNNING),
    Check("REV203", _E, "pods would lose their sidecar", "nothing injects them when they are replaced", _losing,
          sources.SELECTORS, needs=needs.RUNNING),
    Check("REV204", _W, "pods without a sidecar where one is selected",
          "they were created before the label, or while it said something else", _missing, sources.SELECTORS,
          needs=needs.RUNNING),
    Check("REV205", _W, "a pod's revision label is ignored",
          "a namespace label decides before the pod's own", _ignored_pod_label, sources.SELECTORS,
          needs=needs.SELECTED),
    Check("REV206", _W, "a sidecar injected by hand",
          "a restart re-creates the old one unless a webhook matches", _by_hand, sources.KUBE_INJECT,
          needs=needs.WORKLOADS),
    Check("REV207", _W, "an inject value that is neither true nor false",
          "its meaning changed in 1.27", _odd_values, f"istio#56737; {sources.INJECTION}", needs=needs.WORKLOADS),
    Check("REV208", _W, "a namespace is both ambient and injected",
          "ztunnel leaves pods with a sidecar alone", _ambient, sources.AMBIENT, needs=needs.NAMESPACES_SELECTED),
    Check("REV209", _E, "new pods are rejected", "the webhook matches and its Service is dead", _rejected,
          sources.SELECTORS, needs=needs.SELECTED),
    Check("REV210", _W, "a proxy image is pinned", "a restart moves the revision, not the version", _pinned_image,
          sources.TEMPLATE, needs=needs.SELECTED),
    Check("REV211", _W, "istio-injection with another value than enabled or disabled",
          "no injector matches, and no other label counts beside it", _odd_injection, sources.SELECTORS,
          needs=needs.NAMESPACES_SELECTED),
    Check("REV212", _W, "a label that looks like an injection label and is none",
          "no injector matches: pods start without a sidecar and nothing says so", _mistyped, sources.SELECTORS,
          needs=needs.NAMESPACES_SELECTED),
)  # fmt: skip
