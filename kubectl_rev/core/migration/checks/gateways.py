"""REV422 to REV424, and REV435: what a migration does to gateways."""

from __future__ import annotations

from kubectl_rev.core.checks.hints import NO_HINT
from kubectl_rev.core.checks.model import Found, Ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.defaults import claimants
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.gateways import GatewayKind, istio_gateways, owner
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.migration.preflight_facts import PreflightContext
from kubectl_rev.core.migration.preflight_facts import targets as targets_of
from kubectl_rev.core.remedies.commands import label, label_gateway


def rendered(situation: PreflightContext) -> Found:
    """Gateway API gateways follow the namespace's label at once, whoever wanted only the sidecars moved."""
    if situation.request.include_gateways:
        return
    for move in situation.plan.moves:
        if not move.label and not situation.plan.tag:
            continue
        relabelled = move.before.get(labels.REV) != move.after.get(labels.REV)
        before = situation.before.by_namespace.get(move.namespace, ())
        was = {Key.of(workload): workload.selected.revision for workload in before}
        for workload in situation.after.by_namespace.get(move.namespace, ()):
            old, selected = was.get(Key.of(workload)), workload.selected
            if workload.gateway not in RENDERED or selected.state is State.CONFLICT:  # that is REV435's
                continue
            # One that was not read may have a label of its own.
            if old != selected.revision or (relabelled and selected.state is State.UNKNOWN):
                message = (
                    f"istiod replaces this gateway ({workload.gateway.value}) as soon as the label changes: "
                    "say --include-gateways, or give the Gateway a label of its own "
                    "(which replaces its pods once, by the same revision's)"
                )
                name = workload.subject.labels.get(labels.GATEWAY_NAME, workload.name)
                alone = old and claimants(situation.after.mesh, old) == [old]
                change = f"{labels.REV}={label_of(old or '')}"
                hint = label("gateway", name, change, namespace=workload.namespace) if alone else NO_HINT
                yield ref_of(workload), message, hint


def contested(situation: PreflightContext) -> Found:
    """Whom the tag `default` is given does not make the unrevisioned istiod forget that it is called so."""
    before, after = situation.before, situation.after
    for gateway, _ in istio_gateways(after.mesh):
        then = owner(after.mesh, gateway, after.namespace_labels.get(gateway.namespace))
        now = owner(before.mesh, gateway, before.namespace_labels.get(gateway.namespace))
        if then.state is State.CONFLICT and now.state is not State.CONFLICT:
            message = f"{then.because}: they would replace its pods in turns, without end"
            to = situation.plan.revision or now.revision
            hint = label_gateway(gateway.namespace, gateway.name, to) if to else NO_HINT
            yield Ref("Gateway", gateway.namespace, gateway.name), message, hint


def moving(situation: PreflightContext) -> Found:
    for restart in situation.plan.restarts:
        if restart.gateway:
            count = "1 pod" if restart.pods == 1 else f"all {restart.pods} pods"
            message = f"{count} of this gateway ({restart.gateway}) will be replaced: its traffic moves with it"
            yield ref_of(restart), message, NO_HINT


def only_there(situation: PreflightContext) -> Found:
    """Guide, "Uninstall canary control plane": gateways that were upgraded in place do not go back by themselves."""
    if not situation.plan.undo:
        return
    targets = set(targets_of(situation))
    in_place = [workload for workload in situation.before.workloads if workload.gateway is GatewayKind.IN_PLACE]
    if any(revision in targets for workload in in_place for revision in workload.proxies):
        return
    stay = {workload.selected.revision for workload in situation.after.workloads if workload.gateway is None}
    for workload in in_place:
        if workload.proxies and targets and stay.isdisjoint(workload.proxies):  # else a living revision is left
            runs = ", ".join(workload.proxies)
            message = f"this gateway lives only on {runs}: reinstall it for {', '.join(sorted(targets))} first"
            yield ref_of(workload), message, NO_HINT
