"""What the writes of a validation repair look like, each one request, tested against what was read, and undone how.

A validator's label `istio.io/rev` and its Service move together, and failurePolicy becomes Ignore in the same write
where the new place could not be trusted at once; from then on both are istiod's again. The values from before the first
change are kept in an annotation of the object itself, where `--undo` finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import ClientConfig, Metadata, ServiceReference, Webhook, WebhookConfiguration
from kubectl_rev.core.mesh.services import Port, Service
from kubectl_rev.core.writes import Op, Step, patch, pointer, singular

SERVICE = "istiod"  # the name that validators up to 1.10, and the proxies of an unrevisioned istiod, have built in
_ISTIOD_PORTS = (  # istio-discovery/templates/service.yaml
    Port(name="grpc-xds", port=15010),
    Port(name="https-dns", port=15012),
    Port(name="https-webhook", port=443, target_port=15017),
    Port(name="http-monitoring", port=15014),
)
_NOTE = pointer("metadata", "annotations", labels.PREVIOUS_VALIDATION)
_FORGET = Op("remove", _NOTE)


class Before(msgspec.Struct, omit_defaults=True, rename="camel"):
    """The annotation `kubectl-rev/previous-validation`.

    Of a validator: its label and where each entry called, by entry name. Of a Service: its selector, or that there was
    none of that name.
    """

    label: str | None = None
    calls: dict[str, ClientConfig] | None = None
    selector: dict[str, str] | None = None
    absent: bool = False


def before(metadata: Metadata) -> Before | None:
    """What we noted when we first changed this object; None if we never did, or somebody else wrote the note."""
    try:
        return msgspec.json.decode(metadata.annotations.get(labels.PREVIOUS_VALIDATION, ""), type=Before, strict=True)
    except msgspec.MsgspecError:
        return None


def move(
    config: WebhookConfiguration, webhooks: Sequence[Webhook], to: str, service: ServiceReference, *, trusted: bool
) -> Step:
    """Give entries of a validator to a revision. `trusted`: its caBundle is that revision's already."""
    calls, wanted = {}, {}
    for webhook in webhooks:
        client = webhook.client_config
        calls[webhook.name] = replace(client, ca_bundle="")
        path = (client.service or service).path or "/validate"
        wanted[webhook.name] = ClientConfig(service=replace(service, path=path))
    noted = before(config.metadata) or Before(config.labels.get(labels.REV), calls)
    return _patch(config, [*_note(config.metadata, noted), *_redirected(config, to, wanted, trusted=trusted)])


def move_back(config: WebhookConfiguration, noted: Before, *, trusted: bool) -> Step:
    """The label and the Services that a validator had before we first changed it."""
    return _patch(config, [*_redirected(config, noted.label, noted.calls or {}, trusted=trusted), _FORGET])


def _redirected(
    config: WebhookConfiguration, revision: str | None, calls: Mapping[str, ClientConfig], *, trusted: bool
) -> Iterator[Op]:
    """Another label and, by the name of an entry, where it calls then."""
    yield from _label(config.metadata, revision)
    for index, webhook in enumerate(config.webhooks):
        if webhook.name in calls:
            yield from _calls(index, webhook, calls[webhook.name])
            if not trusted:
                yield Op("add", pointer("webhooks", str(index), "failurePolicy"), "Ignore")


def delete(metadata: Metadata, resource: str) -> Step:
    """Delete exactly the object that was read."""
    known = {"uid": metadata.uid, "resourceVersion": metadata.resource_version}
    same = {key: value for key, value in known.items() if value}
    return Step(
        action="delete",
        resource=resource,
        namespace=metadata.namespace,
        name=metadata.name,
        manifest={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": same},
        says=f"{singular(resource)}/{metadata.name} deleted",
    )


def create_service(namespace: str, selector: dict[str, str], model: Service | None, name: str = SERVICE) -> Step:
    """A Service `istiod` for another revision's pods, as the guide makes it by hand, or a lost one: built fresh.

    Of `model`, the revision's own Service, only the ports are taken. No label `istio.io/rev`, none of the operator's:
    with them `istioctl uninstall --revision` deletes it again, and from 1.28 on `istioctl tag set` refuses since the
    revision has two Services (operator/pkg/uninstall/prune.go, istioctl/pkg/tag/generate.go).
    """
    note = {labels.PREVIOUS_VALIDATION: _encoded(Before(absent=True))}
    ports = model.spec.ports if model and model.spec.ports else _ISTIOD_PORTS
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "annotations": note},
        "spec": {"selector": selector, "ports": [_port(port) for port in ports]},
    }
    says = f"service/{name} created"
    return Step(action="create", resource="services", namespace=namespace, name=name, manifest=manifest, says=says)


def repoint_service(service: Service, selector: dict[str, str]) -> Step:
    """Let an existing Service select other pods."""
    noted = before(service.metadata) or Before(selector=service.spec.selector)
    return _patch(service, [*_note(service.metadata, noted), *_selects(service, selector)])


def service_back(service: Service, noted: Before) -> Step:
    """Delete the Service that we made, or give it the selector that it had."""
    if noted.absent:
        return delete(service.metadata, "services")
    return _patch(service, [*_selects(service, noted.selector or {}), _FORGET])


def _patch(target: WebhookConfiguration | Service, operations: Iterable[Op]) -> Step:
    """Of the version that was read; a dump may have no resourceVersion, what is read from a cluster has."""
    resource = "services" if isinstance(target, Service) else labels.VALIDATORS
    version = target.metadata.resource_version
    unchanged = [Op("test", pointer("metadata", "resourceVersion"), version)] if version else []
    return patch(resource, target.metadata, [*unchanged, *operations])


def _note(metadata: Metadata, noted: Before) -> Iterator[Op]:
    if labels.PREVIOUS_VALIDATION in metadata.annotations:
        return
    if not metadata.annotations:
        yield Op("add", pointer("metadata", "annotations"), {})
    yield Op("add", _NOTE, _encoded(noted))


def _label(metadata: Metadata, revision: str | None) -> Iterator[Op]:
    path = pointer("metadata", "labels", labels.REV)
    if metadata.labels.get(labels.REV) == revision:
        return
    if revision is None:
        yield Op("remove", path)
        return
    if not metadata.labels:
        yield Op("add", pointer("metadata", "labels"), {})
    yield Op("add", path, revision)


def _calls(index: int, webhook: Webhook, wanted: ClientConfig) -> Iterator[Op]:
    """Where an entry calls; its caBundle stays. The name is tested since an index says little."""
    has, at = webhook.client_config, ("webhooks", str(index))
    yield Op("test", pointer(*at, "name"), webhook.name)
    if (called := wanted.service) and has.service != called:
        whole = {"name": called.name, "namespace": called.namespace, "path": called.path, "port": called.port}
        yield Op("add", pointer(*at, "clientConfig", "service"), whole)
    if wanted.url and has.url != wanted.url:
        yield Op("add", pointer(*at, "clientConfig", "url"), wanted.url)
    if has.url and not wanted.url:
        yield Op("remove", pointer(*at, "clientConfig", "url"))
    if has.service and not wanted.service:
        yield Op("remove", pointer(*at, "clientConfig", "service"))


def _selects(service: Service, selector: dict[str, str]) -> Iterator[Op]:
    path = pointer("spec", "selector")
    if service.spec.selector:
        yield Op("test", path, service.spec.selector)
    yield Op("add", path, selector)


def _port(port: Port) -> dict[str, Any]:
    target = {} if port.target_port is None else {"targetPort": port.target_port}
    return {"name": port.name, "port": port.port, "protocol": "TCP", **target}


def _encoded(noted: Before) -> str:
    return msgspec.json.encode(noted).decode()
