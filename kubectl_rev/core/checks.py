"""The catalogue of findings: what is looked for, how bad it is, why it matters. Data plus one pure function each.

A code is never reused: a retired one stays here as a comment. To add a check, write its function and its row.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from enum import Enum

import msgspec

from kubectl_rev.core import labels
from kubectl_rev.core.drift import RENDERED, Effect, manual
from kubectl_rev.core.injection import State
from kubectl_rev.core.policy import release
from kubectl_rev.core.survey import Survey, Unit, is_ambient


class Severity(Enum):
    """Istio's own three words (pkg/config/analysis/diag)."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Ref(msgspec.Struct, frozen=True, order=True):
    """The object a finding is about; `namespace` is empty for what has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


class Finding(msgspec.Struct, frozen=True):
    """One result of a check; `hint` is the command that helps, or what to look at."""

    code: str
    severity: Severity
    subject: Ref
    message: str
    hint: str


Found = Iterator[tuple[Ref, str, str]]  # subject, message, hint


class Check(msgspec.Struct, frozen=True):
    """A row of the catalogue."""

    code: str
    severity: Severity
    title: str
    why: str
    find: Callable[[Survey], Found]


def find(survey: Survey) -> list[Finding]:
    """All findings, the worst first, then by code and subject; each once."""
    severities = list(Severity)
    found = {
        Finding(check.code, check.severity, subject, message, hint)
        for check in CHECKS
        for subject, message, hint in check.find(survey)
    }
    return sorted(found, key=lambda f: (severities.index(f.severity), f.code, f.subject, f.message))


def command(*words: str) -> str:
    """A shell-quoted kubectl command."""
    return shlex.join(("kubectl", *words))


def namespace_ref(name: str) -> Ref:
    return Ref("Namespace", "", name)


def unit_ref(unit: Unit) -> Ref:
    return Ref(unit.kind, unit.namespace, unit.name)


def restart(unit: Unit) -> str:
    """How to replace a unit's pods by hand."""
    if unit.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return command("rollout", "restart", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)
    if unit.kind == "Pod":
        return f"recreate pod {unit.name} in namespace {unit.namespace}: it has no controller"
    return f"let {unit.kind} {unit.name} in namespace {unit.namespace} replace its pods"


def explain(unit: Unit) -> str:
    """The command that tells why."""
    return command("rev-status", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)


def _alternative(survey: Survey) -> str:
    """A revision to name in a hint: the default if it lives, else the first that does, else a placeholder."""
    ready = [plane.revision for plane in survey.mesh.control_planes if plane.ready or plane.kind == "remote"]
    default = survey.default.injection
    return default if default is not None and default in ready else (ready or ["REVISION"])[0]


def _dead_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.deactivated or injector.target.alive is not False:
            continue
        fails = [w.failure_policy != "Ignore" for w, target in injector.webhooks if target.alive is False]
        effect = "pods that it selects are rejected" if any(fails) else "pods that it selects start without a sidecar"
        name = injector.tag or injector.revision
        hint = command("get", "service,endpointslice", "-n", injector.target.namespace, "-l", "app=istiod")
        yield (
            Ref("MutatingWebhookConfiguration", "", injector.name),
            f"{injector.target.problem}: {effect} ({name})",
            hint,
        )


def _dead_tags(survey: Survey) -> Found:
    alive = {plane.revision for plane in survey.mesh.control_planes if plane.kind != "missing"}
    for tag in survey.mesh.tags:
        if tag.revision not in alive:
            message = f"tag {tag.name} points at revision {tag.revision}, which has no control plane"
            yield Ref("Tag", "", tag.name), message, f"istioctl tag set {tag.name} --revision REVISION --overwrite"


def _unready(survey: Survey) -> Found:
    for plane in survey.mesh.control_planes:
        unread = not plane.istiods and survey.snapshot.has_gap("pods", plane.namespace)
        if plane.kind == "local" and not unread and (not plane.istiods or plane.ready < len(plane.istiods)):
            message = f"{plane.ready} of {len(plane.istiods)} istiod pods are ready"
            label = f"app=istiod,istio.io/rev={plane.revision}"
            yield (
                Ref("Revision", plane.namespace, plane.revision),
                message,
                command("get", "pods", "-n", plane.namespace, "-l", label),
            )


def _ghosts(survey: Survey) -> Found:
    if survey.mesh.blind:
        return
    to = _alternative(survey)
    for name, given in survey.namespace_labels.items():
        rev = given.get(labels.REV)
        if rev is not None and labels.INJECTION not in given and survey.mesh.resolve(rev) is None:
            named = f"{labels.REV}={rev}" if rev else f"an empty {labels.REV}"
            message = f"{named} names no revision or tag: new pods get no sidecar"
            hint = command("label", "namespace", name, f"{labels.REV}={to}", "--overwrite")
            yield namespace_ref(name), message, hint
    for unit in survey.units:
        rev = unit.template.metadata.labels.get(labels.REV) if unit.template else None
        given = survey.namespace_labels.get(unit.namespace, {})
        if rev is None or labels.INJECTION in given or labels.REV in given or unit.gateway in RENDERED:
            continue
        if survey.mesh.resolve(rev) is None:
            message = f"its template's {labels.REV}={rev} names no revision or tag: new pods get no sidecar"
            yield unit_ref(unit), message, explain(unit)


def _defaults_disagree(survey: Survey) -> Found:
    default = survey.default
    if not default.agrees:
        holds = (("injection", default.injection), ("validation", default.validation), ("gateways", default.gateways))
        message = "default means " + ", ".join(f"{revision} for {what}" for what, revision in holds if revision)
        yield (
            Ref("Tag", "", labels.DEFAULT),
            message,
            "istioctl tag set default --revision REVISION --overwrite moves all",
        )


def _overlaps(survey: Survey) -> Found:
    for name, _ in survey.by_namespace.items():
        selected = survey.selected_for_namespace(name)
        if selected.state is State.CONFLICT:
            yield namespace_ref(name), selected.because, command("rev-status", f"namespace/{name}")


def _relabelled_injectors(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if injector.labelled and injector.labelled != injector.revision and not injector.deactivated:
            message = (
                f"labelled {labels.REV}={injector.labelled}, but its Service {injector.target.service} "
                f"leads to {injector.revision}"
            )
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            yield ref, message, command("get", "service", injector.target.service, "-n", injector.target.namespace)


def _no_default(survey: Survey) -> Found:
    if survey.default.injection is not None or not survey.mesh.injectors:
        return
    for name, given in survey.namespace_labels.items():
        selected = survey.selected_for_namespace(name)
        if given.get(labels.INJECTION) == "enabled" and selected.state is State.NONE:
            to = _alternative(survey)
            hint = command("label", "namespace", name, f"{labels.INJECTION}-", f"{labels.REV}={to}", "--overwrite")
            yield namespace_ref(name), f"{selected.because}: new pods get no sidecar", hint


def _conditions(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if any(webhook.match_conditions for webhook, _ in injector.webhooks):
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            message = "has matchConditions, which are not evaluated: what it would select is unknown"
            yield ref, message, command("get", "mutatingwebhookconfiguration", injector.name, "-o", "yaml")


def _two_labels(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        if labels.INJECTION in given and labels.REV in given:
            value = given[labels.INJECTION]
            decides = "the default injects" if value == "enabled" else "nothing injects"
            message = f"{labels.INJECTION}={value} decides ({decides}), {labels.REV}={given[labels.REV]} is ignored"
            yield namespace_ref(name), message, command("label", "namespace", name, f"{labels.INJECTION}-")


def _drift(survey: Survey) -> Found:
    for unit in survey.units:
        if count := unit.having(Effect.MOVES):
            runs = ", ".join(rev for rev in sorted(unit.proxies) if rev != unit.selected.revision)
            message = f"{_pods(count)} on {runs}, {unit.selected.revision} is selected"
            yield unit_ref(unit), message, restart(unit)


def _losing(survey: Survey) -> Found:
    for unit in survey.units:
        if count := unit.having(Effect.LOSES):
            message = f"{_pods(count)} would come back without a sidecar: {unit.selected.because}"
            yield unit_ref(unit), message, explain(unit)


def _missing(survey: Survey) -> Found:
    for unit in survey.units:
        if count := unit.having(Effect.GAINS):
            message = f"{_pods(count)} without a sidecar, {unit.selected.revision} is selected"
            yield unit_ref(unit), message, restart(unit)


def _ignored_pod_label(survey: Survey) -> Found:
    for unit in survey.units:
        for where, key, value in unit.selected.ignored:
            if where == "pod":
                message = f"its label {key}={value} is ignored: {unit.selected.because}"
                yield unit_ref(unit), message, explain(unit)


def _by_hand(survey: Survey) -> Found:
    for unit in survey.units:
        if manual(unit.template):
            message = "its sidecar is part of the template (kube-inject): a restart does not move it"
            yield unit_ref(unit), message, explain(unit)


def _odd_values(survey: Survey) -> Found:
    for unit in survey.units:
        for what, given in (("label", unit.subject.labels), ("annotation", unit.subject.annotations)):
            value = given.get(labels.INJECT)
            if value not in (None, "true", "false"):
                known = {release(v) for plane in survey.mesh.control_planes for v in plane.versions} - {None}
                both = len({r >= (1, 27) for r in known if r}) > 1
                now = " and the revisions here disagree" if both else ""
                message = f"{what} {labels.INJECT}={value!r} changed its meaning in 1.27{now}: say true or false"
                yield unit_ref(unit), message, explain(unit)


def _ambient(survey: Survey) -> Found:
    for name, given in survey.namespace_labels.items():
        if is_ambient(given) and survey.selected_for_namespace(name).state is State.INJECTED:
            message = f"{labels.DATAPLANE_MODE}=ambient and an injection label: new pods get a sidecar"
            yield namespace_ref(name), message, command("label", "namespace", name, f"{labels.DATAPLANE_MODE}-")


def _rejected(survey: Survey) -> Found:
    for name in survey.by_namespace:
        selected = survey.selected_for_namespace(name)
        if selected.state is State.REJECTED:
            to = _alternative(survey)
            given = survey.namespace_labels.get(name, {})
            drop = [f"{labels.INJECTION}-"] if labels.INJECTION in given else []
            hint = command("label", "namespace", name, *drop, f"{labels.REV}={to}", "--overwrite")
            yield namespace_ref(name), f"new pods are rejected: {selected.because}", hint
    for unit in survey.units:
        of_namespace = survey.selected_for_namespace(unit.namespace).state
        if unit.selected.state is State.REJECTED and of_namespace is not State.REJECTED:
            yield unit_ref(unit), f"new pods are rejected: {unit.selected.because}", explain(unit)


def _pinned_image(survey: Survey) -> Found:
    for unit in survey.units:
        image = unit.template.metadata.annotations.get(labels.PROXY_IMAGE) if unit.template else None
        if image and unit.selected.state is State.INJECTED:
            message = f"annotation {labels.PROXY_IMAGE}={image} pins the proxy's version whatever the revision"
            yield unit_ref(unit), message, explain(unit)


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CHECKS = (
    Check("REV101", _E, "an injector calls a Service that does not answer",
          "failurePolicy Fail: every pod that it selects is rejected", _dead_injectors),
    Check("REV102", _E, "a tag points at a revision without a control plane",
          "namespaces that use the tag cannot start pods, or start them without a sidecar", _dead_tags),
    Check("REV103", _W, "a control plane is not ready", "its proxies get no configuration from it", _unready),
    Check("REV104", _E, "a label names a revision that does not exist",
          "no injector matches: pods start without a sidecar and nothing says so", _ghosts),
    Check("REV105", _W, "the holders of default disagree",
          "istio-injection=enabled, validation and unlabelled Gateways follow different revisions", _defaults_disagree),
    Check("REV106", _E, "two injectors select the same pods", "the last one called wins", _overlaps),
    Check("REV107", _W, "an injector's label and Service name different revisions",
          "the istiod behind the Service injects, the one of the label maintains the webhook", _relabelled_injectors),
    Check("REV108", _I, "an injector has matchConditions", "they are CEL and are not evaluated here", _conditions),
    Check("REV109", _E, "istio-injection=enabled, and nothing holds the default",
          "no injector matches: pods start without a sidecar and nothing says so", _no_default),
    Check("REV201", _W, "a namespace has both injection labels",
          "istio-injection wins in every release, istio.io/rev is ignored", _two_labels),
    Check("REV202", _W, "proxies run on another revision than the selected one",
          "a relabelled namespace changes nothing until its pods are replaced", _drift),
    Check("REV203", _E, "pods would lose their sidecar", "nothing injects them when they are replaced", _losing),
    Check("REV204", _W, "pods without a sidecar where one is selected",
          "they were created before the label, or while it said something else", _missing),
    Check("REV205", _W, "a pod's revision label is ignored",
          "a namespace label decides before the pod's own", _ignored_pod_label),
    Check("REV206", _W, "a sidecar injected by hand", "a restart re-creates the old one", _by_hand),
    Check("REV207", _W, "an inject value that is neither true nor false",
          "its meaning changed in 1.27 (istio PR 56737)", _odd_values),
    Check("REV208", _W, "a namespace is both ambient and injected",
          "ztunnel leaves pods with a sidecar alone (cni/pkg/util)", _ambient),
    Check("REV209", _E, "new pods are rejected", "the webhook matches and its Service is dead", _rejected),
    Check("REV210", _W, "a proxy image is pinned", "a restart moves the revision, not the version", _pinned_image),
)  # fmt: skip
