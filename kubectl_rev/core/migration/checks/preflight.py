"""REV4xx: the preflight of a migration. An error stops it before anything is written; a warning says what will happen.

This module has the target and the namespaces (REV401 to REV409, REV42x), `relabelled` whose labels they are (REV420,
REV436 to REV439), `rolling` the workloads (REV41x, REV43x).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kubectl_rev.core.checks import sources
from kubectl_rev.core.checks.hints import NO_HINT, Flag, command, selecting, within
from kubectl_rev.core.checks.messages import Message
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity, namespace_ref, ref_of, run
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.defaults import default_validator
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.migration.checks import gateways, relabelled, rolling
from kubectl_rev.core.migration.inferred_injectors import names_of
from kubectl_rev.core.migration.preflight_facts import PreflightContext, targets
from kubectl_rev.core.migration.skip_reasons import SEEN_BY
from kubectl_rev.core.remedies import at_source
from kubectl_rev.core.remedies.commands import label, tag_set


def _dead_target(situation: PreflightContext) -> Found:
    mesh = situation.before.mesh
    for revision in targets(situation):
        ref = Ref("Revision", "", revision)
        planes = mesh.planes_of(revision)
        if not planes:
            yield ref, "it has no control plane", command("rev-status", "revisions")
        for plane in planes:
            if plane.kind == "missing" or (plane.kind == "local" and not plane.ready):
                pods = selecting({labels.APP: labels.ISTIOD, labels.REV: label_of(revision)})
                message = f"none of its {len(plane.istiods)} istiods is ready: new pods would be rejected"
                yield ref, message, command("get", "pods", within(plane.namespace), pods)
    for move in situation.plan.moves:
        selected = situation.after.selected_for_namespace(move.namespace)
        if selected.state is State.REJECTED and move.label:
            yield namespace_ref(move.namespace), f"new pods would be rejected: {selected.because}", NO_HINT


def _not_by_target(situation: PreflightContext) -> Found:
    plan = situation.plan
    for move in plan.moves:
        selected = situation.after.selected_for_namespace(move.namespace)
        leads = move.after.get(labels.REV) == plan.to and labels.INJECTION not in move.after  # else that decides
        asked = move.label or leads or selected.state is State.CONFLICT
        if plan.undo or not asked or selected.state is State.REJECTED or selected.revision == plan.revision:
            continue
        how = f"tag {plan.tag} there" if plan.tag else f"{labels.REV}={plan.to}"
        instead = f"{selected.revision}, {selected.because}" if selected.revision else selected.because
        message = f"with {how} its pods would not be injected by {plan.revision}: {instead}"
        yield namespace_ref(move.namespace), message, command("rev-status", "revisions")


def _pairs(situation: PreflightContext) -> Iterator[tuple[str, str]]:
    """The revisions that are left, each with the one that is moved to."""
    for revision, namespaces in targets(situation).items():
        for old in sorted(filter(None, {situation.runs_on(name) for name in namespaces} - {revision})):
            yield old, revision


def _root_ca(situation: PreflightContext) -> Found:
    """Each istiod writes its own root into its injector; istio-ca-root-cert is one ConfigMap for all of them."""
    own = {i.revision: i for i in situation.before.mesh.injectors if not i.tag}
    for old, new in _pairs(situation):
        first, second = (own[name].webhooks[0][0].client_config.ca_bundle if name in own else "" for name in (old, new))
        if first and second and first != second:
            message = f"its injector's CA is not {old}'s: if the roots differ, moved and unmoved pods refuse each other"
            columns = Flag("-o", "custom-columns=NAME:.metadata.name,CA:.webhooks[0].clientConfig.caBundle")
            names = (own[old].name, own[new].name)
            hint = command("get", "mutatingwebhookconfigurations", *names, columns)
            yield Ref("Revision", "", new), message, hint


def _trust_domain(situation: PreflightContext) -> Found:
    for old, new in _pairs(situation):
        first, second = situation.mesh_config(old), situation.mesh_config(new)
        accepted = (second.trust_domain, *second.trust_domain_aliases) if second else ()
        if first and second and first.trust_domain not in accepted:
            domains = f"{second.trust_domain}, {old}'s is {first.trust_domain}"
            yield Ref("Revision", "", new), f"its trust domain is {domains}: policies would not match", NO_HINT


def _mesh_id(situation: PreflightContext) -> Found:
    for old, new in _pairs(situation):
        first, second = situation.mesh_config(old), situation.mesh_config(new)
        if first and second and first.mesh_id != second.mesh_id:
            message = f"its mesh ID is {second.mesh_id}, not {first.mesh_id}: telemetry would show two meshes"
            yield Ref("Revision", "", new), message, NO_HINT


def _undiscovered(situation: PreflightContext) -> Found:
    for revision, namespaces in targets(situation).items():
        config = situation.mesh_config(revision)
        for name in namespaces:
            given = situation.after.namespace_labels.get(name, {})
            if config and not config.discovers(given):
                message = f"{revision}'s discoverySelectors leave it out: its proxies would get no configuration"
                yield namespace_ref(name), message, NO_HINT


def _uncertified(situation: PreflightContext) -> Found:
    """One istiod makes istio-ca-root-cert for all revisions of its namespace, where its own discoverySelectors match:
    the default revision takes the lead from others (pilot/pkg/leaderelection); without a default any of them may lead.
    """
    mesh, default = situation.before.mesh, situation.before.default.injection
    for revision, namespaces in targets(situation).items():
        homes = {plane.namespace for plane in mesh.planes_of(revision)}
        ready = sorted(plane.revision for plane in mesh.control_planes if plane.ready and plane.namespace in homes)
        for leader in [default] if default in ready else ready:
            config = situation.mesh_config(leader) if leader != revision else None
            for name in namespaces if config else ():
                if config and not config.discovers(situation.after.namespace_labels.get(name, {})):
                    message = f"{leader} makes the root certificates of all revisions, and does not discover it"
                    look = command("get", "configmap", "istio-ca-root-cert", within(name))
                    yield namespace_ref(name), message, look


def _config_of_old(situation: PreflightContext) -> Found:
    olds = {label_of(old) for old, _ in _pairs(situation)} - {label_of(new) for _, new in _pairs(situation)}
    read = {move.namespace for move in situation.plan.moves}
    meshes, planes = situation.facts.meshes, situation.before.mesh.control_planes
    read |= {mesh.root_namespace for mesh in meshes.values()}
    read |= {
        plane.namespace for plane in planes if (plane.namespace, label_of(plane.revision)) not in meshes
    }  # its default
    for config in situation.facts.configs:
        if (name := config.labels[labels.REV]) in olds and config.namespace in read:
            message = Message(f"labelled {labels.REV}={{}}: the new control plane ignores it", name)
            hint = label(config.resource, config.name, f"{labels.REV}-", namespace=config.namespace)
            yield ref_of(config), message, hint


def _owned_tag(situation: PreflightContext) -> Found:
    names = {step.name for step in situation.plan.first}
    snapshot = situation.before.snapshot
    if situation.request.force_owned:
        return
    for injector in [*snapshot.injectors, *snapshot.validators, *snapshot.services]:
        owner = owner_of(injector.metadata)
        if injector.name in names and owner:
            message = f"it belongs to {owner}, which may put it back: move the tag there, or say --force-owned"
            tag, to = situation.plan.tag, situation.plan.revision
            hint = at_source.move_tag(situation.before, owner, tag, to)
            if injector.name == labels.DEFAULT_VALIDATOR:
                hint = at_source.repoint(situation.before, owner, injector.name, to, default=True)
            yield Ref(type(injector).__name__, injector.namespace, injector.name), message, hint


def _ambient(situation: PreflightContext) -> Found:
    for move in situation.plan.moves:
        given = situation.before.namespace_labels.get(move.namespace, {})
        if move.label and not move.before and given.get(labels.DATAPLANE_MODE) == "ambient":
            hint = label("namespace", move.namespace, f"{labels.DATAPLANE_MODE}-")
            yield namespace_ref(move.namespace), "it is ambient: new pods would leave ztunnel for a sidecar", hint


def _validator_stays(situation: PreflightContext) -> Found:
    """istio#43227: whoever goes back and uninstalls the new revision leaves the default validator without a Service."""
    after, goals = situation.after, sorted(targets(situation))
    config = default_validator(after.mesh) if situation.plan.undo else None
    if config is None or not goals:
        return
    subject, holder = Ref("ValidatingWebhookConfiguration", "", config.name), after.default.validation
    target = after.mesh.target(config.webhooks[0].client_config)
    if target.alive is False:
        yield subject, f"it validates nothing: {target.problem}", command("rev-fix-validation")
    elif holder is not None and holder not in goals:
        message = f"revision {holder} goes on validating all of Istio's config: once it is gone, none can be written"
        yield subject, message, tag_set(after, labels.DEFAULT, goals[0])


def _denied(situation: PreflightContext) -> Found:
    for denied in situation.facts.denied:
        message = f"you may not {denied.verb} {denied.resource} there, which this takes"
        hint = command("auth", "can-i", denied.verb, denied.resource, within(denied.namespace))
        yield namespace_ref(denied.namespace), message, hint


def _unseen(situation: PreflightContext) -> Found:
    """A move would look complete that restarted nothing."""
    one = len(situation.request.names) == 1  # then only that namespace was asked for
    for move in situation.plan.moves:
        where = (move.namespace,) if one else ("", move.namespace)
        for gap in situation.before.snapshot.gaps:
            if gap.namespace in where and gap.resource in SEEN_BY and gap.verb == "list":
                where_not = "" if gap.namespace else " everywhere: name one namespace at a time"
                message = f"what runs there cannot be seen: you may not list {gap.resource}{where_not}"
                hint = command("auth", "can-i", "list", gap.resource, within(move.namespace))
                yield namespace_ref(move.namespace), message, hint


def _unread_injectors(situation: PreflightContext) -> Found:
    for move in situation.plan.moves:
        for name in sorted(names_of(move.after)) if situation.learned and move.label else ():
            label = ",".join(f"{key}={value}" for key, value in move.after.items())
            otherwise = "nothing is restarted" if situation.plan.undo else "it is put back"
            message = (
                f"you may not list the injectors: that {label} leads to revision {name} is seen from pods tried "
                f"after it is written; if not, {otherwise}"
            )
            yield namespace_ref(move.namespace), message, NO_HINT


def _overruled(situation: PreflightContext) -> Found:
    for move in situation.plan.moves:
        for workload in situation.after.by_namespace.get(move.namespace, ()):
            wish, selected = workload.subject.labels.get(labels.REV), workload.selected.revision
            if move.label and wish and selected and situation.before.mesh.resolve(wish) != selected:
                message = Message(f"its own label {labels.REV}={{}} has no effect: the namespace decides", wish)
                yield ref_of(workload), message, NO_HINT


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
CHECKS: tuple[Check[PreflightContext], ...] = (
    Check("REV401", _E, "the target has no ready control plane",
          "its injector's failurePolicy is Fail: new pods are rejected", _dead_target, sources.SELECTORS),
    Check("REV402", _E, "the new label would not lead to the target",
          "an injector is deactivated, overlaps, or istiod's policy is against it", _not_by_target,
          f"{sources.SELECTORS}; {sources.INJECTION}"),
    Check("REV403", _W, "the two control planes' injectors have different CAs",
          "with different roots, mTLS between moved and unmoved pods fails", _root_ca, sources.INJECTOR_CAS),
    Check("REV404", _E, "the trust domain differs", "identities change, so authorization policies no longer match",
          _trust_domain, "istio.io: Trust Domain Migration"),
    Check("REV405", _W, "the mesh ID differs", "telemetry and multicluster tell meshes apart by it", _mesh_id,
          sources.TEMPLATE),
    Check("REV406", _E, "the target does not discover a namespace",
          "istiod ignores what its discoverySelectors leave out", _undiscovered, "pkg/kube/namespace/filter.go"),
    Check("REV440", _W, "nobody may make the root certificate of a namespace",
          "pods wait in Init for ConfigMap istio-ca-root-cert; one that is there already stays", _uncertified,
          "istio#56594; pilot/pkg/leaderelection"),
    Check("REV407", _W, "Istio config is labelled with the old revision",
          "an istiod reads only config without a label or with its own", _config_of_old, sources.CONFIG),
    Check("REV408", _E, "you may not do what this takes", "it would stop half-way", _denied, sources.RBAC),
    Check("REV409", _W, "the injectors could not be read",
          "pods that are tried with a dry run tell what they do, but only once the label is there", _unread_injectors,
          sources.RBAC),
    Check("REV427", _E, "what runs in a namespace could not be read", "it would be left behind unseen", _unseen,
          sources.RBAC),
    Check("REV421", _W, "the namespace is ambient", "a sidecar takes pods away from ztunnel", _ambient,
          sources.AMBIENT),
    Check("REV422", _E, "a gateway would be replaced by the label alone",
          "istiod renders Gateway API gateways anew when their owner changes", gateways.rendered,
          "pilot/pkg/config/kube/gateway/deploymentcontroller.go"),
    Check("REV423", _W, "gateways move", "all traffic through them moves at once", gateways.moving,
          "manifests/charts/gateway/templates/deployment.yaml"),
    Check("REV424", _W, "a gateway lives only on the revision that is left",
          "it is not reverted by labels and restarts", gateways.only_there,
          "manifests/charts/gateways/istio-ingress/templates/deployment.yaml"),
    Check("REV435", _E, "two control planes would take a Gateway for theirs",
          "each renders its Deployment anew as soon as the other has", gateways.contested,
          f"{sources.OWNERS}; istio#54280"),
    Check("REV428", _W, "the default validator does not go back",
          "labels and restarts leave it with the revision that goes", _validator_stays, "istio#43227"),
    Check("REV426", _E, "the tag belongs to Git, Helm or Sail", "it would be put back", _owned_tag,
          f"{sources.TAGS}; {sources.GIT}"),
    Check("REV425", _I, "a pod's revision label has no effect", "a namespace label decides first", _overruled,
          sources.SELECTORS),
    *relabelled.CHECKS,
    *rolling.CHECKS,
)  # fmt: skip
find = partial(run, CHECKS)  # all findings about a plan, the worst first
