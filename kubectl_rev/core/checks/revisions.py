"""REV1xx: control planes, injectors, tags, and labels that name none of them."""

from __future__ import annotations

from kubectl_rev.core import labels
from kubectl_rev.core.checks.hints import command, explain, namespace_ref, relabel, unit_ref
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.drift import RENDERED
from kubectl_rev.core.injection import State, called
from kubectl_rev.core.survey import Survey


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
        if plane.kind == "local" and (not plane.istiods or plane.ready < len(plane.istiods)):
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
    for name, given in survey.namespace_labels.items():
        rev = given.get(labels.REV)
        if rev is not None and labels.INJECTION not in given and not called(survey.mesh, survey.plain_pod(name)):
            named = f"{labels.REV}={rev}" if rev else f"an empty {labels.REV}"
            yield namespace_ref(name), f"{named} {_means_nothing(survey, rev)}", relabel(survey, name)
    for unit in survey.units:
        rev = unit.template.metadata.labels.get(labels.REV) if unit.template else None
        given = survey.namespace_labels.get(unit.namespace, {})
        if rev is None or labels.INJECTION in given or labels.REV in given or unit.gateway in RENDERED:
            continue
        opted_out = "false" in (unit.subject.labels.get(labels.INJECT), unit.subject.annotations.get(labels.INJECT))
        if not opted_out and not called(survey.mesh, unit.subject):
            yield unit_ref(unit), f"its template's {labels.REV}={rev} {_means_nothing(survey, rev)}", explain(unit)


def _means_nothing(survey: Survey, rev: str) -> str:
    """A revision may exist and yet have no injector: deleted, or a tag made for ambient, or `default` before 1.10."""
    why = "names no revision or tag" if survey.mesh.resolve(rev) is None else "is answered by no injector"
    return f"{why}: new pods get no sidecar"


def _defaults_disagree(survey: Survey) -> Found:
    default = survey.default
    if not default.agrees:
        holds = (("injection", default.injection), ("validation", default.validation), ("gateways", default.gateways))
        message = "default means " + ", ".join(f"{revision} for {what}" for what, revision in holds if revision)
        yield Ref("Tag", "", labels.DEFAULT), message, "istioctl tag set default --revision REVISION --overwrite"


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
            yield namespace_ref(name), f"{selected.because}: new pods get no sidecar", relabel(survey, name)


def _conditions(survey: Survey) -> Found:
    for injector in survey.mesh.injectors:
        if any(webhook.match_conditions for webhook, _ in injector.webhooks):
            ref = Ref("MutatingWebhookConfiguration", "", injector.name)
            message = "has matchConditions, which are not evaluated: what it would select is unknown"
            yield ref, message, command("get", "mutatingwebhookconfiguration", injector.name, "-o", "yaml")


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
)  # fmt: skip
