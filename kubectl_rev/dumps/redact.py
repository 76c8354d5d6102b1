"""A snapshot without what nothing here reads, so that a saved one may be shown to others.

Kept of pods and templates: istio's own containers, of their environment the addresses they call, a few annotations. Of
ConfigMaps: istiod's injection policy, the names of its templates, and the mesh's trust domain, ID and discovery
selectors. Of other objects' annotations: those that say who owns them or are Istio's. Of URLs no password.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels, mesh_config
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig
from kubectl_rev.core.mesh.mesh_config import MeshConfig
from kubectl_rev.core.mesh.objects import (
    ConfigMap,
    Container,
    Pod,
    PodSpec,
    PodTemplate,
    Webhook,
    WebhookConfiguration,
    WorkloadObject,
    WorkloadSpec,
)
from kubectl_rev.core.mesh.proxies import own_address
from kubectl_rev.core.mesh.resources import FIELDS
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.dumps.yaml_reader import decode, documents

INJECTOR_CONFIG = "istio-sidecar-injector"  # pilot/pkg/bootstrap/sidecarinjector.go: and "-<revision>"
_ISTIOD_CONTAINER = "discovery"
_LOGIN = re.compile("//[^/?#]*@")  # of a URL
_KEPT = (labels.PROXY_CONTAINER, _ISTIOD_CONTAINER, labels.OPERATOR_CONTAINER)
_ENVIRONMENT = frozenset({"CA_ADDR", "PROXY_CONFIG", *labels.ZTUNNEL_ADDRESSES})
# kubectl's last-applied-configuration is not among them: it holds the whole object, secrets too.
_DOMAINS = (".istio.io", ".helm.sh", ".argoproj.io", ".fluxcd.io", ".kubectl-rev")


def lean(snapshot: Snapshot) -> Snapshot:
    """A snapshot without what nothing here reads: what `save` writes, so that a dump may be shown to others."""
    lists = {field: getattr(snapshot, field) for field in (*FIELDS, "istiods", "config")}
    lists["config_maps"] = [one for one in snapshot.config_maps if one.name.partition("-")[0] == mesh_config.NAME]
    istiods = {(service.namespace, service.name) for service in snapshot.services if snapshot.istiods_behind(service)}
    lists["outside"] = [one for one in snapshot.outside if not one.routes or one.shows(istiods)]
    kept = {field: [_lean(shape) for shape in objects] for field, objects in lists.items()}
    kept["config_maps"] = [one for one in kept["config_maps"] if one.data or one.name.startswith(INJECTOR_CONFIG)]
    return replace(snapshot, **kept, gaps=sorted(snapshot.gaps), preflight_gaps=sorted(snapshot.preflight_gaps))


def _lean(shape: Any) -> Any:
    """An object, or the pod template of one."""
    if isinstance(shape, Pod | PodTemplate):
        kept = {k: v for k, v in shape.metadata.annotations.items() if k in labels.POD_ANNOTATIONS}
        if isinstance(shape, PodTemplate) and (address := own_address(shape)):
            kept[labels.PROXY_CONFIG] = f"discoveryAddress: {address.host}:15012"
        metadata = replace(shape.metadata, annotations=kept, uid="", resource_version="")
        return replace(shape, metadata=metadata, spec=_lean_spec(shape.spec) if shape.spec else None)
    kept = {k: v for k, v in shape.metadata.annotations.items() if f".{k.partition('/')[0]}".endswith(_DOMAINS)}
    shape = replace(shape, metadata=replace(shape.metadata, annotations=kept))
    if isinstance(shape, WebhookConfiguration):
        return replace(shape, webhooks=[_lean_webhook(webhook) for webhook in shape.webhooks])
    if isinstance(shape, WorkloadObject):
        return replace(shape, spec=_lean_workload_spec(shape.spec))
    return replace(shape, data=_lean_policy(shape.data)) if isinstance(shape, ConfigMap) else shape


def _lean_webhook(webhook: Webhook) -> Webhook:
    client = webhook.client_config
    return replace(webhook, client_config=replace(client, url=client.url and _LOGIN.sub("//", client.url)))


def _lean_workload_spec(spec: WorkloadSpec[PodTemplate]) -> WorkloadSpec[PodTemplate]:
    if spec.template:
        spec = replace(spec, template=_lean(spec.template))
    if spec.job_template and (template := spec.job_template.spec.template):
        job = replace(spec.job_template.spec, template=_lean(template))
        spec = replace(spec, job_template=replace(spec.job_template, spec=job))
    return spec


def _lean_spec(spec: PodSpec) -> PodSpec:
    return replace(
        spec,
        containers=[_lean_container(c) for c in spec.containers if c.name in _KEPT],
        init_containers=[_lean_container(c) for c in spec.init_containers if c.name == labels.PROXY_CONTAINER],
    )


def _lean_container(container: Container) -> Container:
    if container.name != labels.PROXY_CONTAINER:
        return Container(name=container.name, image=container.image)
    return replace(container, env=[var for var in container.env if var.name in _ENVIRONMENT])


def _lean_policy(data: dict[str, str]) -> dict[str, str]:
    """istiod's policy without its templates; a config that cannot be read is left out, and counts as not read."""
    kept: dict[str, InjectorConfig | MeshConfig] = {}
    with contextlib.suppress(ValueError, RecursionError):
        for document in documents(data.get("config", "")):
            policy = decode(document, InjectorConfig)
            kept["config"] = replace(policy, templates=dict.fromkeys(policy.templates or (), "") or None)
    with contextlib.suppress(ValueError, RecursionError):
        for document in documents(data[mesh_config.KEY] or "{}") if mesh_config.KEY in data else ():
            kept[mesh_config.KEY] = decode(document, MeshConfig)
    return {key: msgspec.json.encode(config).decode() for key, config in kept.items()}
