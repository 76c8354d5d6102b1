"""Which kinds of object a dump may hold, what each is called, and where it goes in a Snapshot."""

from __future__ import annotations

import msgspec

from kubectl_rev.core.mesh import objects, sail
from kubectl_rev.core.mesh.objects import Object, Pod, Workload


class Kind(msgspec.Struct, frozen=True):
    """A kind that we read: where it goes in the Snapshot, and what its gap is called.

    An `optional` one is missed only by what it owns; most clusters have none.
    """

    kind: str
    api_version: str
    resource: str
    field: str
    type: type[Object]
    optional: bool = False

    @property
    def namespaced(self) -> bool:
        return self.kind != "Namespace" and self.type not in (objects.WebhookConfiguration, sail.Sail)


def _workload(kind: str, api_version: str, optional: bool = False) -> Kind:
    group = group_of(api_version)
    resource = f"{plural_of(kind)}.{group}" if group else plural_of(kind)
    return Kind(kind, api_version, resource, "workloads", Workload, optional)


def _webhooks(kind: str, field: str) -> Kind:
    group = "admissionregistration.k8s.io"
    return Kind(kind, f"{group}/v1", f"{plural_of(kind)}.{group}", field, objects.WebhookConfiguration)


def _sail(kind: str) -> Kind:
    return Kind(kind, f"{sail.GROUP}/v1", f"{plural_of(kind)}.{sail.GROUP}", "sail", sail.Sail, optional=True)


def plural_of(kind: str) -> str:
    """`virtualservices`, `serviceentries`, `gateways`: by English, as Istio's own are."""
    word = kind.lower()
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else f"{word}s"


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


KINDS = (
    Kind("Namespace", "v1", "namespaces", "namespaces", objects.Namespace),
    Kind("Pod", "v1", "pods", "pods", Pod),
    _workload("Deployment", "apps/v1"),
    _workload("StatefulSet", "apps/v1"),
    _workload("DaemonSet", "apps/v1"),
    _workload("ReplicaSet", "apps/v1"),
    _workload("Job", "batch/v1"),
    _workload("CronJob", "batch/v1"),
    _workload("ReplicationController", "v1", optional=True),
    _workload("Rollout", "argoproj.io/v1alpha1", optional=True),
    _webhooks("MutatingWebhookConfiguration", "injectors"),
    _webhooks("ValidatingWebhookConfiguration", "validators"),
    Kind("Service", "v1", "services", "services", objects.Service),
    Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices.discovery.k8s.io", "endpoint_slices",
         objects.EndpointSlice),
    Kind("ConfigMap", "v1", "configmaps", "config_maps", objects.ConfigMap),
    Kind("Gateway", "gateway.networking.k8s.io/v1", "gateways.gateway.networking.k8s.io", "gateways", objects.Gateway,
         optional=True),
    _sail("Istio"),
    _sail("IstioRevision"),
    _sail("IstioRevisionTag"),
)  # fmt: skip
BY_NAME = {(group_of(kind.api_version), kind.kind): kind for kind in KINDS}
BY_KIND = {kind.kind: kind for kind in KINDS}
FIELDS = tuple(dict.fromkeys(kind.field for kind in KINDS))
