"""REV422 to REV424, and REV435: what a migration does to gateways."""

from __future__ import annotations

from kubectl_rev.core.checks.hints import NO_HINT
from kubectl_rev.core.checks.model import Found, Ref
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.gateways import GatewayKind, claimants, is_istio, owner
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.migration.checks.context import Situation
from kubectl_rev.core.migration.checks.context import targets as targets_of
from kubectl_rev.core.remedies.commands import label, label_gateway


def rendered(situation: Situation) -> Found:
    """Gateway API gateways follow the namespace's label at once, whoever wanted only the sidecars moved."""
    if situation.request.include_gateways:
        return
    for move in situation.plan.moves:
        was = {(u.kind, u.name): u.selected.revision for u in situation.before.by_namespace.get(move.namespace, ())}
        relabelled = move.before.get(labels.REV) != move.after.get(labels.REV)
        for unit in situation.after.by_namespace.get(move.namespace, ()) if move.label or situation.plan.tag else ():
            old = was.get((unit.kind, unit.name))
            unread = unit.selected.state is State.UNKNOWN and relabelled  # it may have a label of its own
            contested = unit.selected.state is State.CONFLICT  # REV435's
            if unit.gateway in RENDERED and not contested and (unread or old != unit.selected.revision):
                message = (
                    f"istiod replaces this gateway ({unit.gateway.value}) as soon as the label changes: "
                    "say --include-gateways, or give the Gateway a label of its own "
                    "(which replaces its pods once, by the same revision's)"
                )
                name = unit.subject.labels.get(labels.GATEWAY_NAME, unit.name)
                alone = old and claimants(situation.after.mesh, old) == [old]
                change = f"{labels.REV}={old}"
                hint = label("gateway", name, change, namespace=unit.namespace) if alone else NO_HINT
                yield Ref(unit.kind, unit.namespace, unit.name), message, hint


def contested(situation: Situation) -> Found:
    """Whom the tag `default` is given does not make the unrevisioned istiod forget that it is called so."""
    before, after = situation.before, situation.after
    for gateway in filter(is_istio, after.snapshot.gateways):
        then = owner(after.mesh, gateway, after.namespace_labels.get(gateway.namespace))
        now = owner(before.mesh, gateway, before.namespace_labels.get(gateway.namespace))
        if then.state is State.CONFLICT and now.state is not State.CONFLICT:
            message = f"{then.because}: they would replace its pods in turns, without end"
            to = situation.plan.revision or now.revision
            hint = label_gateway(gateway.namespace, gateway.name, to) if to else NO_HINT
            yield Ref("Gateway", gateway.namespace, gateway.name), message, hint


def moving(situation: Situation) -> Found:
    for restart in situation.plan.restarts:
        if restart.gateway:
            count = "1 pod" if restart.pods == 1 else f"all {restart.pods} pods"
            message = f"{count} of this gateway ({restart.gateway}) will be replaced: its traffic moves with it"
            yield Ref(restart.kind, restart.namespace, restart.name), message, NO_HINT


def only_there(situation: Situation) -> Found:
    """Guide, "Uninstall canary control plane": gateways that were upgraded in place do not go back by themselves."""
    if not situation.plan.undo:
        return
    targets = set(targets_of(situation))
    in_place = [unit for unit in situation.before.units if unit.gateway is GatewayKind.IN_PLACE]
    if any(revision in targets for unit in in_place for revision in unit.proxies):
        return
    stay = {unit.selected.revision for unit in situation.after.units if unit.gateway is None}
    for unit in in_place:
        if unit.proxies and targets and stay.isdisjoint(unit.proxies):  # who goes back alone leaves a living revision
            runs = ", ".join(unit.proxies)
            message = f"this gateway lives only on {runs}: reinstall it for {', '.join(sorted(targets))} first"
            yield Ref(unit.kind, unit.namespace, unit.name), message, NO_HINT
