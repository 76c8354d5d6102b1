"""REV1xx: tags, and labels that name a control plane, none or two; `control_planes` has those themselves."""

from __future__ import annotations

from itertools import product

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import NO_HINT, Hint, command
from kubectl_rev.core.checks.messages import Message
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import called, kept_away, unanswered
from kubectl_rev.core.mesh.defaults import meant_default
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.gateways import GatewayKind, istio_gateways, owner
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.core.remedies import at_source, commands
from kubectl_rev.core.status.checks.control_planes import injector_ref, install_again, without_injector
from kubectl_rev.core.status.checks.namespaces import decided
from kubectl_rev.core.suggestions import nearest


def _dead_tags(survey: Survey) -> Found:
    for tag in survey.mesh.tags:
        if tag.revision not in survey.mesh.existing:
            message = f"tag {tag.name} points at revision {tag.revision}, which has no control plane"
            yield Ref("Tag", "", tag.name), message, at_source.retag(survey, tag.name, commands.living(survey))


def _ghosts(survey: Survey) -> Found:
    if survey.mesh.blind:
        return
    for name, given in survey.namespace_labels.items():
        rev = given.get(labels.REV)
        if rev is None or labels.INJECTION in given or not unanswered(survey.mesh, survey.plain_pod(name)):
            continue
        if is_ambient(given):  # where nothing is to be injected: the label is for its waypoints and gateways
            if survey.mesh.resolve(rev) is None:
                message = _meaningless(survey, "", rev, "its waypoints and gateways are nobody's")
                yield namespace_ref(name), message, commands.label("namespace", name, f"{labels.REV}-")
            continue
        near = _meant(survey, rev)
        hint = commands.relabel(survey, name, meant=(labels.REV, near) if near else None)
        if rev == labels.DEFAULT and survey.default.injection is None:
            hint = commands.hold_default(survey) or hint
        elif survey.mesh.resolve(rev) in without_injector(survey):
            hint = install_again(rev)
        yield namespace_ref(name), _meaningless(survey, "", rev, "new pods get no sidecar"), hint
    for workload in survey.workloads:
        rev = workload.template.metadata.labels.get(labels.REV) if workload.template else None
        given = survey.namespace_labels.get(workload.namespace, {})
        if rev is None or labels.INJECTION in given or labels.REV in given or workload.gateway in RENDERED:
            continue
        pod = workload.subject
        opted_out = "false" in (pod.labels.get(labels.INJECT), pod.annotations.get(labels.INJECT))
        if not (opted_out or workload.cannot_start) and unanswered(survey.mesh, pod):  # that is REV213's
            near = _meant(survey, rev) if facts_of(workload.kind).rolled else None
            hint = commands.reset_label(workload, near) if near else commands.explain(workload)
            message = _meaningless(survey, "its template's ", rev, "new pods get no sidecar")
            yield ref_of(workload), message, hint
    for gateway, _ in istio_gateways(survey.mesh):
        rev = gateway.labels.get(labels.REV)
        selected = owner(survey.mesh, gateway, survey.namespace_labels.get(gateway.namespace))
        if rev and selected.state is State.NONE:
            hint = commands.own_gateway(survey, gateway, _meant(survey, rev))
            message = _meaningless(survey, "", rev, "no istiod renders it")
            yield Ref("Gateway", gateway.namespace, gateway.name), message, hint


def _meant(survey: Survey, rev: str) -> str | None:
    """The revision or tag that a mistyped label was meant to name."""
    return nearest(rev, survey.mesh.names) if survey.mesh.resolve(rev) is None else None


def _meaningless(survey: Survey, whose: str, rev: str, then: str) -> Message:
    """A revision may exist and yet have no injector: deleted, or a tag made for ambient, or `default` before 1.10."""
    why = "names no revision or tag" if survey.mesh.resolve(rev) is None else "is answered by no injector"
    near = _meant(survey, rev)
    guess = f" (did you mean {near}?)" if near else ""
    if not rev:
        return Message(f"{whose}an empty {labels.REV} {why}{{}}: {then}", guess)
    return Message(f"{whose}{labels.REV}={{}} {why}{{}}: {then}", rev, guess)


def _defaults_disagree(survey: Survey) -> Found:
    """Where only a label and a Service of one object disagree, that is the finding (REV107, REV505)."""
    default, meant = survey.default, meant_default(survey.mesh)
    if not default.agrees and not meant.agrees:
        held = {what: revision for what, revision in default.holders.items() if revision}
        message = "default means " + ", ".join(f"{revision} for {what}" for what, revision in held.items())
        able = (revision for revision in meant.holders.values() if revision and commands.is_taggable(survey, revision))
        heir = next(able, None)
        hint = commands.tag_set(survey, labels.DEFAULT, heir) if heir else command("rev-status", "revisions")
        yield Ref("Tag", "", labels.DEFAULT), message, hint


def _overlaps(survey: Survey) -> Found:
    for ref, selected in decided(survey, State.CONFLICT):
        yield ref, selected.because, _one_default(survey, selected) or commands.explain(ref)


def _one_default(survey: Survey, selected: InjectionDecision) -> Hint:
    """Helm's unrevisioned injector beside a tag default: setting the tag again turns the other off."""
    ours = [injector for injector in survey.mesh.injectors if injector.name in selected.injectors]
    # istioctl gives it the namespace as a suffix outside istio-system: istioctl/pkg/tag/generate.go
    tags = [i for i in ours if i.tag == labels.DEFAULT and i.name.startswith(labels.DEFAULT_TAG_INJECTOR)]
    others = [injector for injector in ours if injector.tag is None and injector.labelled == labels.DEFAULT]
    return (
        commands.tag_set(survey, labels.DEFAULT, tags[0].revision) if tags and len(others) == len(ours) - 1 else NO_HINT
    )


def _twice(survey: Survey) -> Found:
    chosen = [survey.selected_for_namespace(name) for name in survey.by_namespace]
    chosen += [workload.selected for workload in survey.workloads]
    injected = {selected.injectors: selected for selected in chosen if selected.state is State.INJECTED}
    for names, selected in injected.items():
        if len(names) > 1:
            message = f"{' and '.join(names)} have the same istiod inject the same pods, one after the other"
            hint = _one_default(survey, selected) or command("get", "mutatingwebhookconfigurations", *names)
            yield injector_ref(names[0]), message, hint


def _kept_away(survey: Survey) -> Found:
    mesh, told = survey.mesh, set()
    for name in survey.namespace_labels:
        alone = survey.selected_for_namespace(name).state is State.NONE
        if alone and (reason := kept_away(mesh, survey.plain_pod(name))):
            told.add(name)
            yield namespace_ref(name), f"{reason}: new pods get no sidecar", commands.explain(namespace_ref(name))
    for workload in survey.workloads:
        alone = workload.template is not None and workload.selected.state is State.NONE
        if alone and workload.namespace not in told and (reason := kept_away(mesh, workload.subject)):
            yield ref_of(workload), f"{reason}: new pods get no sidecar", commands.explain(workload)


def _split_tags(survey: Survey) -> Found:
    for one, other in product(survey.mesh.tags, repeat=2):
        same = (one.name, one.namespace) == (other.name, other.namespace) and one.revision != other.revision
        if same and one.injector and other.service and not other.injector:
            message = f"its injector leads to {one.revision}, its Service to {other.revision}"
            points_to = survey.mesh.tag_revisions[one.name]
            yield Ref("Tag", "", one.name), message, commands.tag_set(survey, one.name, points_to)


def _contested(survey: Survey) -> Found:
    for gateway, _ in istio_gateways(survey.mesh):
        given = survey.namespace_labels.get(gateway.namespace)
        selected = owner(survey.mesh, gateway, given)
        if selected.state is State.CONFLICT:
            said = gateway.labels.get(labels.REV, (given or {}).get(labels.REV, ""))
            meant = survey.mesh.resolve(said) if said else survey.default.gateways
            ref = Ref("Gateway", gateway.namespace, gateway.name)
            yield ref, selected.because, commands.own_gateway(survey, gateway, meant)


def _unowned(survey: Survey) -> Found:
    """Those whose own label names nobody are REV104's."""
    for gateway, kind in istio_gateways(survey.mesh):
        selected = owner(survey.mesh, gateway, survey.namespace_labels.get(gateway.namespace))
        gone = selected.state is State.INJECTED and selected.revision not in survey.mesh.existing
        if gone or (selected.state is State.NONE and not gateway.labels.get(labels.REV)):
            why = f"{selected.because}, whose istiod is gone" if gone else selected.because
            what = "waypoint" if kind is GatewayKind.WAYPOINT else "gateway"
            message = f"{why}: no istiod renders or programs this {what}"
            hint = commands.own_gateway(survey, gateway)
            yield Ref("Gateway", gateway.namespace, gateway.name), message, hint


def _no_default(survey: Survey) -> Found:
    if survey.default.injection is not None or not survey.mesh.injectors:
        return
    for name, given in survey.namespace_labels.items():
        plain = survey.plain_pod(name)
        if given.get(labels.INJECTION) != "enabled" or not unanswered(survey.mesh, plain):
            continue
        if labels.REV in given and called(survey.mesh, plain.without(labels.INJECTION)):  # as REV201 would have it
            hint = commands.relabel(survey, name, meant=(labels.REV, given[labels.REV]))
        else:
            hint = commands.hold_default(survey) or commands.relabel(survey, name)
        because = survey.selected_for_namespace(name).because
        yield namespace_ref(name), f"{because}: new pods get no sidecar", hint


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CHECKS = (
    Check("REV102", _E, "a tag points at a revision without a control plane",
          "namespaces that use the tag cannot start pods, or start them without a sidecar", _dead_tags,
          f"{sources.TAGS}; {sources.PRUNED}", needs=(*needs.INJECTORS, *needs.SERVED, *needs.ISTIODS)),
    Check("REV104", _E, "a label names a revision that does not exist",
          "no injector matches: pods start without a sidecar and nothing says so", _ghosts, sources.SELECTORS,
          needs=needs.SELECTED),
    Check("REV105", _W, "the holders of default disagree",
          "istio-injection=enabled, validation and unlabelled Gateways follow different revisions", _defaults_disagree,
          f"{sources.OWNERS}; {sources.SET_TAG}",
          needs=(*needs.INJECTORS, *needs.SERVED, *needs.ISTIODS, "validatingwebhookconfigurations")),
    Check("REV106", _E, "two revisions inject the same pods",
          "the last of two webhooks wins, or any of the istiods behind one Service", _overlaps, sources.INJECTION,
          needs=needs.SELECTED),
    Check("REV109", _E, "istio-injection=enabled, and nothing holds the default",
          "no injector matches: pods start without a sidecar and nothing says so", _no_default,
          f"{sources.SELECTORS}; istioctl/pkg/tag/tag.go", needs=needs.SELECTED),
    Check("REV110", _E, "two control planes take a Gateway for theirs",
          "they render its Deployment anew in turns, several times a second, and replace its pods each time",
          _contested, f"{sources.OWNERS}; istio#54280", needs=needs.SELECTED),
    Check("REV111", _W, "two injectors call the same istiod for the same pods",
          "what the first injected is taken out and injected again", _twice, sources.INJECTION, needs=needs.SELECTED),
    Check("REV112", _E, "an injector that is asked for is kept away by another label",
          "no injector matches: pods start without a sidecar and nothing says so", _kept_away,
          f"{sources.SELECTORS}; Azure/AKS#1771", needs=needs.SELECTED),
    Check("REV117", _E, "a Gateway or waypoint belongs to no control plane",
          "nothing renders its Deployment or sends it configuration; what it has, it keeps until its certificate ends",
          _unowned, f"{sources.OWNERS}; istio#55392", needs=(*needs.SELECTED, "validatingwebhookconfigurations")),
    Check("REV113", _W, "a tag's injector and its Service name different revisions",
          "pods follow the injector; istiod and ambient read both", _split_tags, sources.TAGS,
          needs=(*needs.INJECTORS, "services")),
)  # fmt: skip
