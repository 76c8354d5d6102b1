"""What an uninstall leaves behind: tags, validators and Services of a revision that is gone, each with its removal."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from kubectl_rev.core.checks.hints import Hint, command, program, within
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import ServiceReference
from kubectl_rev.core.verification.checks.objects import only_for
from kubectl_rev.core.verification.uninstall import Uninstall


class Leftover(msgspec.Struct, frozen=True):
    """An object that nobody removes; `command` does."""

    subject: Ref
    message: str
    command: Hint


def leftovers(leaving: Uninstall, moved: Collection[Ref] = ()) -> list[Leftover]:
    """What the method leaves of it: tags, validators, Services that lead nowhere.

    `moved` are the subjects of findings: what heals those has given them to another revision by then.
    """
    left = {*_injectors(leaving, moved), *_validators(leaving), *_services(leaving)}
    left = {leftover for leftover in left if leftover.subject not in moved}
    return sorted(left, key=lambda leftover: (leftover.subject, leftover.message, str(leftover.command)))


def _injectors(leaving: Uninstall, moved: Collection[Ref]) -> Iterator[Leftover]:
    for injector in leaving.after.mesh.injectors:
        if injector.tag and Ref("Tag", "", injector.tag) in moved:
            continue
        if injector.revision == leaving.revision and not leaving.alive_after(injector.revision):
            kind = "MutatingWebhookConfiguration"
            what, how = "injector", command("delete", kind.lower(), injector.name)
            if injector.tag:
                what, how = f"tag {injector.tag}", program("istioctl", "tag", "remove", injector.tag)
            yield Leftover(Ref(kind, "", injector.name), f"{what} of revision {leaving.revision}", how)


def _validators(leaving: Uninstall) -> Iterator[Leftover]:
    kind = "ValidatingWebhookConfiguration"
    for config in leaving.after.snapshot.validators:
        if not any(webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) for webhook in config.webhooks):
            continue
        services = [w.client_config.service for w in config.webhooks if w.client_config.service]
        dead = bool(services) and all(map(leaving.dies, services))
        ours = config.labels.get(labels.REV) == leaving.name and leaving.removal.here(config)
        if dead or (ours and all(only_for(webhook, leaving.name) for webhook in config.webhooks)):
            whose = f"validator of revision {leaving.revision}" if ours else "validator that calls its Service"
            yield Leftover(Ref(kind, "", config.name), whose, command("delete", kind.lower(), config.name))


def _services(leaving: Uninstall) -> Iterator[Leftover]:
    """A tag's Service goes with its injector: `istioctl tag remove` deletes both."""
    with_injector = {injector.tag for injector in leaving.after.mesh.injectors if injector.revision == leaving.revision}
    for service in leaving.after.snapshot.services:
        tagged = labels.TAG in service.labels and service.labels.get(labels.REV) == leaving.name
        tagged = tagged and leaving.removal.here(service)
        if tagged and service.labels[labels.TAG] in with_injector:
            continue
        if tagged or leaving.dies(ServiceReference(name=service.name, namespace=service.namespace)):
            what = f"Service of tag {service.labels[labels.TAG]}" if tagged else "Service that leads to no istiod"
            how = command("delete", "service", service.name, within(service.namespace))
            yield Leftover(Ref("Service", service.namespace, service.name), what, how)
