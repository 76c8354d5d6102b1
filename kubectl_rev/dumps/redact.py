"""A snapshot without what nothing here reads, so that a saved one may be shown to others.

Kept of pods and templates: istio's own containers, of their environment the addresses they call, a few annotations. Of
ConfigMaps: istiod's injection policy. Of other objects' annotations: those that say who owns them or are Istio's.
"""

from __future__ import annotations

import contextlib
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig
from kubectl_rev.core.mesh.objects import (
    ConfigMap,
    Container,
    Metadata,
    Object,
    Pod,
    PodSpec,
    PodTemplate,
    WorkloadObject,
)
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.dumps.yaml_reader import decode, documents

INJECTOR_CONFIG = "istio-sidecar-injector"  # pilot/pkg/bootstrap/sidecarinjector.go: and "-<revision>"
_ISTIOD_CONTAINER = "discovery"
_KEPT = (labels.PROXY_CONTAINER, _ISTIOD_CONTAINER, labels.OPERATOR_CONTAINER)
_ENVIRONMENT = frozenset({"CA_ADDR", "PROXY_CONFIG", *labels.ZTUNNEL_ADDRESSES})
# kubectl's last-applied-configuration is not among them: it holds the whole object, secrets too.
_DOMAINS = ("istio.io", "helm.sh", "argoproj.io", "fluxcd.io", "kubectl-rev")
T = TypeVar("T", bound=Object)


def lean(snapshot: Snapshot) -> Snapshot:
    """A snapshot without what nothing here reads: what `save` writes, so that a dump may be shown to others."""
    return replace(
        snapshot,
        namespaces=[_lean(namespace) for namespace in snapshot.namespaces],
        pods=[_lean_pod(pod) for pod in snapshot.pods],
        istiods=[_lean_pod(pod) for pod in snapshot.istiods],
        workloads=[_lean_workload(workload) for workload in snapshot.workloads],
        injectors=[_lean(injector) for injector in snapshot.injectors],
        validators=[_lean(validator) for validator in snapshot.validators],
        services=[_lean(service) for service in snapshot.services],
        endpoint_slices=[_lean(endpoint_slice) for endpoint_slice in snapshot.endpoint_slices],
        config_maps=[_lean_config(each) for each in snapshot.config_maps if each.name.startswith(INJECTOR_CONFIG)],
        gateways=[_lean(gateway) for gateway in snapshot.gateways],
        config=[_lean(config_object) for config_object in snapshot.config],
        sail=[_lean(resource) for resource in snapshot.sail],
        operators=[_lean(resource) for resource in snapshot.operators],
        gaps=sorted(snapshot.gaps),
    )


def _lean(each: T) -> T:
    kept = {k: v for k, v in each.metadata.annotations.items() if k.partition("/")[0].endswith(_DOMAINS)}
    return replace(each, metadata=replace(each.metadata, annotations=kept))


def _lean_pod(pod: Pod) -> Pod:
    spec = _lean_spec(pod.spec) if pod.spec else None
    return replace(pod, metadata=_lean_metadata(pod.metadata), spec=spec)


def _lean_metadata(metadata: Metadata) -> Metadata:
    kept = {k: v for k, v in metadata.annotations.items() if k in labels.POD_ANNOTATIONS}
    return replace(metadata, annotations=kept, uid="", resource_version="")


def _lean_workload(each: WorkloadObject) -> WorkloadObject:
    spec = each.spec
    if spec.template:
        spec = replace(spec, template=_lean_template(spec.template))
    if spec.job_template and (template := spec.job_template.spec.template):
        job = replace(spec.job_template.spec, template=_lean_template(template))
        spec = replace(spec, job_template=replace(spec.job_template, spec=job))
    return replace(_lean(each), spec=spec)


def _lean_template(template: PodTemplate) -> PodTemplate:
    return replace(template, metadata=_lean_metadata(template.metadata), spec=_lean_spec(template.spec))


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


def _lean_config(config_map: ConfigMap) -> ConfigMap:
    """istiod's policy without its templates; a config that cannot be read is left out, and counts as not read."""
    data = {}
    with contextlib.suppress(ValueError, RecursionError):
        for document in documents(config_map.data.get("config", "")):
            data["config"] = msgspec.json.encode(decode(document, InjectorConfig)).decode()
    return replace(_lean(config_map), data=data)
