"""Which revision injected this running pod, and what says so.

Best evidence first: the status annotation's `revision` (1.11 and later), the annotation
`istio.io/rev` (1.18), the label `istio.io/rev` (1.10 and before; later it is the user's wish, not a fact), the Service
that CA_ADDR or discoveryAddress names. A pod's label alone is never believed while anything better speaks.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from functools import lru_cache

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.gateways import GatewayKind, classify
from kubectl_rev.core.mesh.objects import ClientConfig, Container, Metadata, Pod, PodTemplate, ServiceReference
from kubectl_rev.core.mesh.revisions import Mesh

ZTUNNEL = "ztunnel"  # value of `app` on ztunnel's pods: one per node, of no revision (charts/ztunnel)
_DEFAULT_DISCOVERY = "istiod.istio-system.svc:15012"  # pkg/config/mesh/mesh.go; left out of PROXY_CONFIG when equal


class Evidence(Enum):
    """What said which revision injected a pod."""

    STATUS = "sidecar.istio.io/status"
    ANNOTATION = "annotation istio.io/rev"
    LABEL = "label istio.io/rev"
    ADDRESS = "CA_ADDR"
    NOTHING = "nothing"


class Proxy(msgspec.Struct, frozen=True):
    """The proxy of a running pod; `revision` is None when nothing tells."""

    revision: str | None
    evidence: Evidence
    gateway: GatewayKind | None = None

    @property
    def fixed(self) -> bool:
        """Whether a restart cannot change it: baked into its template by an installation."""
        return self.gateway is GatewayKind.IN_PLACE


class _Status(msgspec.Struct):
    """Annotation `sidecar.istio.io/status`: pkg/kube/inject/inject.go, SidecarInjectionStatus."""

    revision: str | None = None


class _ProxyConfig(msgspec.Struct, rename="camel"):
    discovery_address: str = _DEFAULT_DISCOVERY


# Made once, here: msgspec resolves a type when it is first used, and not safely in several threads.
_STATUS, _PROXY_CONFIG = msgspec.json.Decoder(_Status), msgspec.json.Decoder(_ProxyConfig)


def proxy_of(mesh: Mesh, pod: Pod, template: PodTemplate | None) -> Proxy | None:
    """The proxy of a pod, None if it has none. `template` stands in for a spec that was not read."""
    metadata = pod.metadata
    spec = pod.spec or (template.spec if template else None)
    if metadata.labels.get(labels.APP) in (ZTUNNEL, labels.ISTIOD):
        return None
    gateway = classify(metadata, spec, mesh.gateway_controllers)
    container = spec.proxy if spec else None
    baked = container is not None and container.image != "auto" and _complete(container)
    status = metadata.annotations.get(labels.STATUS)
    if status is not None and (revision := _revision_in(status)):
        return Proxy(_told_apart(mesh, revision, container if baked else None), Evidence.STATUS, gateway)
    if status is None and not baked and gateway not in (GatewayKind.GATEWAY_API, GatewayKind.WAYPOINT):
        return None  # an annotation `istio.io/rev` alone was put there by a person: no istiod reads it
    if revision := metadata.annotations.get(labels.REV):
        return Proxy(_told_apart(mesh, revision, container if baked else None), Evidence.ANNOTATION, gateway)
    if revision := metadata.labels.get(labels.REV):
        return Proxy(_told_apart(mesh, revision, container if baked else None), Evidence.LABEL, gateway)
    if container is not None and baked and (revision := _revision_at(mesh, container)):
        return Proxy(revision, Evidence.ADDRESS, gateway)
    return Proxy(None, Evidence.NOTHING, gateway)


def _complete(container: Container) -> bool:
    """Whether istio-proxy was put there whole; one that a template only begins waits for the injector to fill it in
    (pkg/kube/inject/webhook.go, reapplyOverwrittenContainers).
    """
    return bool(container.args) or not {"CA_ADDR", "PROXY_CONFIG"}.isdisjoint(var.name for var in container.env)


def as_wished(metadata: Metadata) -> Metadata:
    """What a running pod may have asked for: up to 1.10 its label `istio.io/rev` can be the injector's word."""
    status = metadata.annotations.get(labels.STATUS)
    if status is None or _revision_in(status) or labels.REV not in metadata.labels:
        return metadata
    return msgspec.structs.replace(metadata, labels={k: v for k, v in metadata.labels.items() if k != labels.REV})


@lru_cache(maxsize=1024)
def _revision_in(status: str) -> str | None:
    try:
        return _STATUS.decode(status).revision
    except msgspec.MsgspecError:
        return None


def _told_apart(mesh: Mesh, name: str, container: Container | None) -> str | None:
    """Which of the control planes of one name injected a proxy: the one in the namespace that it was told to call."""
    if name not in mesh.namesakes:
        return name
    called = [address.service.namespace for address in addresses(container) if address.service] if container else []
    return next((mesh.called(name, home) for home in called if home in mesh.namesakes[name]), None)


def _revision_at(mesh: Mesh, container: Container) -> str | None:
    """The one revision behind the Service that the proxy was told to call, None if there are several or none."""
    services = [address.service for address in addresses(container)[:1] if address.service]
    revisions = [revision for s in services for revision in mesh.target(ClientConfig(service=s)).revisions]
    return revisions[0] if len(revisions) == 1 else None


class Address(msgspec.Struct, frozen=True):
    """Where a proxy was told to call. `service` is None of a host that is no Service of this cluster by its form.

    `certain`: no other host can have this name, so that a Service that is not there is gone.
    """

    host: str
    service: ServiceReference | None = None
    certain: bool = False


def addresses(container: Container) -> list[Address]:
    """Where a proxy was told to call: for certificates (CA_ADDR, ztunnel's CA_ADDRESS), then for configuration.

    A PROXY_CONFIG that does not name the latter means the default; a missing one does only if nothing else speaks.
    """
    env = {var.name: var.value for var in container.env}
    texts = [env[name] for name in ("CA_ADDR", *labels.ZTUNNEL_ADDRESSES) if env.get(name)]
    if "PROXY_CONFIG" in env or not texts:
        with suppress(msgspec.MsgspecError):
            texts.append(_PROXY_CONFIG.decode(env.get("PROXY_CONFIG") or "{}").discovery_address)
    return [_address(text) for text in dict.fromkeys(texts)]


def own_address(template: PodTemplate | None) -> Address | None:
    """The discoveryAddress that a template's annotation proxy.istio.io/config pins: whoever injects its pods, they
    call that one (pkg/kube/inject/inject.go, the annotation overrides meshConfig.defaultConfig).
    """
    text = template.metadata.annotations.get(labels.PROXY_CONFIG) if template else None
    if text and "discoveryAddress" in text:
        with suppress(msgspec.MsgspecError):
            return _address(msgspec.yaml.decode(text, type=_ProxyConfig).discovery_address)
    return None


def _address(text: str) -> Address:
    """`istiod.istio-system.svc:15012`, with a scheme or the cluster's domain, and the short `istiod.istio-system`."""
    text = text.rpartition("://")[2]
    host = text.rpartition(":")[0] or text
    name, *rest = host.split(".")
    certain = rest[1:2] == ["svc"]
    if certain or len(rest) == 1:
        return Address(host, ServiceReference(name=name, namespace=rest[0]), certain)
    return Address(host)
