"""How a revision is uninstalled by the method it was installed with, and what stays behind: the commands for both."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubectl_rev.core.checks.hints import Flag, Hint, command, flag, program, within
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.mesh.objects import ServiceReference, WebhookConfiguration
from kubectl_rev.core.verification.checks.objects import only_for
from kubectl_rev.core.verification.method import Method
from kubectl_rev.core.verification.uninstall import Uninstall

_UNINSTALL_IS_STABLE = (1, 15)  # `istioctl x uninstall` before


class Leftover(msgspec.Struct, frozen=True):
    """An object that nobody removes; `command` does."""

    subject: Ref
    message: str
    command: Hint


class Command(msgspec.Struct, frozen=True):
    """A command that removes the control plane, and what to know about it."""

    command: Hint
    note: str = ""


def commands(leaving: Uninstall) -> list[Command]:
    """How to uninstall it; none where nobody knows how it was installed."""
    gone = leaving.removal
    match gone.method:
        case Method.ISTIOCTL:
            return [_istioctl(leaving)]
        case Method.HELM if gone.release.name:
            return [Command(program("helm", "uninstall", gone.release.name, within(gone.release.namespace)))]
        case Method.HELM:
            note = "its objects do not say which release they are of"
            return [Command(program("helm", "uninstall", "RELEASE", within("NAMESPACE")), note)]
        case Method.SAIL:
            return list(_sail(leaving))
        case Method.AKS:
            note = "complete removes the older revision, rollback the newer one; its gateways go too"
            kept = {(g.unit.namespace, name): count for g in leaving.managed.values() for name, count in g.kept.items()}
            note += "".join(f", Service {name} keeps {_ready(count)}" for (_, name), count in sorted(kept.items()))
            done = "complete" if _older(leaving) else "rollback"
            where = (flag("--resource-group", "GROUP"), flag("--name", "CLUSTER"))
            return [Command(program("az", "aks", "mesh", "upgrade", done, *where), note)]
    return []


def _ready(pods: int) -> str:
    return "1 ready pod" if pods == 1 else f"{pods or 'no'} ready pods"


def _istioctl(leaving: Uninstall) -> Command:
    plane = leaving.before.mesh.control_plane(leaving.revision)
    known = [found for version in (plane.versions if plane else ()) if (found := release(version))]
    old = any(found < _UNINSTALL_IS_STABLE for found in known)
    words = ["istioctl", *(["x"] if old else []), "uninstall"]
    if leaving.removal.unlabelled:
        note = "FILE is what it was installed with: it has no revision label"
        return Command(program(*words, flag("-f", "FILE")), note)
    elsewhere = [namespace for namespace in leaving.removal.namespaces if namespace != "istio-system"]
    # It prunes by the namespace that its settings name, whatever --istioNamespace says.
    where = [Flag(f"--set=values.global.istioNamespace={namespace}") for namespace in elsewhere[:1]]
    return Command(program(*words, flag("--revision", leaving.revision), *where))


def _sail(leaving: Uninstall) -> Iterator[Command]:
    """An IstioRevision that an Istio made is deleted by the operator; one that was made by hand, by hand."""
    name = leaving.removal.owner
    for each in leaving.evidence.snapshot.sail:
        if each.kind != "Istio" or not (name == each.name or name.startswith(f"{each.name}-")):
            continue
        strategy = each.spec.update_strategy
        if strategy is not None and strategy.type == "RevisionBased" and name != each.name:
            grace = strategy.inactive_revision_deletion_grace_period_seconds
            seconds = 30 if grace is None else grace  # the operator's default
            note = f"Sail deletes it by itself {seconds} s after it is no longer in use, unless it is the active one"
            yield Command(command("delete", "istiorevision", name), note)
            return
        yield Command(command("delete", "istio", each.name), "it owns the revision, and would make it again")
        return
    yield Command(command("delete", "istiorevision", name))


def _older(leaving: Uninstall) -> bool:
    def age(revision: str) -> tuple[int, int]:
        plane = leaving.before.mesh.control_plane(revision)
        return max((release(v) or (0, 0) for v in plane.versions), default=(0, 0)) if plane else (0, 0)

    return all(age(leaving.revision) <= age(plane.revision) for plane in leaving.others)


def leftovers(leaving: Uninstall) -> list[Leftover]:
    """What the method leaves of it: tags, validators, Services that lead nowhere."""
    left = {*_injectors(leaving), *_validators(leaving), *_services(leaving)}
    return sorted(left, key=lambda each: (each.subject, each.message, str(each.command)))


def _injectors(leaving: Uninstall) -> Iterator[Leftover]:
    for injector in leaving.after.mesh.injectors:
        if injector.revision != leaving.revision or leaving.alive_after(injector.revision):
            continue
        what = f"tag {injector.tag}" if injector.tag else "injector"
        how = program("istioctl", "tag", "remove", injector.tag) if injector.tag else None
        kind = "MutatingWebhookConfiguration"
        message = f"{what} of revision {leaving.revision}"
        yield Leftover(Ref(kind, "", injector.name), message, how or command("delete", kind.lower(), injector.name))


def _validators(leaving: Uninstall) -> Iterator[Leftover]:
    kind = "ValidatingWebhookConfiguration"
    for config in leaving.after.snapshot.validators:
        if not _is_validator(config):
            continue
        services = [w.client_config.service for w in config.webhooks if w.client_config.service]
        dead = bool(services) and all(map(leaving.dies, services))
        ours = config.labels.get(labels.REV) == leaving.revision
        if dead or (ours and all(only_for(webhook, leaving.revision) for webhook in config.webhooks)):
            whose = f"validator of revision {leaving.revision}" if ours else "validator that calls its Service"
            yield Leftover(Ref(kind, "", config.name), whose, command("delete", kind.lower(), config.name))


def _is_validator(config: WebhookConfiguration) -> bool:
    return any(webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) for webhook in config.webhooks)


def _services(leaving: Uninstall) -> Iterator[Leftover]:
    """A tag's Service goes with its injector: `istioctl tag remove` deletes both."""
    with_injector = {each.tag for each in leaving.after.mesh.injectors if each.revision == leaving.revision}
    for service in leaving.after.snapshot.services:
        tagged = labels.TAG in service.labels and service.labels.get(labels.REV) == leaving.revision
        if tagged and service.labels[labels.TAG] in with_injector:
            continue
        if tagged or leaving.dies(ServiceReference(name=service.name, namespace=service.namespace)):
            what = f"Service of tag {service.labels[labels.TAG]}" if tagged else "Service that leads to no istiod"
            how = command("delete", "service", service.name, within(service.namespace))
            yield Leftover(Ref("Service", service.namespace, service.name), what, how)
