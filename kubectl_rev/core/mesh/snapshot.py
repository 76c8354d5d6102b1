"""Snapshot: everything that one read brought back, and what it could not bring back.

It holds Kubernetes' own objects and joins nothing: what they mean is `revisions.Mesh`'s question.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from kubectl_rev.core.mesh import labels, objects
from kubectl_rev.core.mesh.capacity import Autoscaler, Budget, Quota
from kubectl_rev.core.mesh.installers import IstioOperator, Sail
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.outside import Outside
from kubectl_rev.core.mesh.services import EndpointSlice, Service


class Absent(StrEnum):
    """Why there is a gap that nobody made by a refusal: a file holds no object of a kind, perhaps because that kind was
    never read; or what a cluster holds is no use.
    """

    DUMP = "not in the dump"
    SNAPSHOT = "not in the snapshot"
    USELESS = "not there, or not to be decoded"


class Gap(msgspec.Struct, frozen=True, order=True):
    """Something that was asked for and could not be read: `may not list pods in namespace shop: forbidden`.

    `resource` is the plural with its group (`deployments.apps`), `namespace` is empty for the whole cluster.
    """

    verb: str
    resource: str
    namespace: str = ""
    reason: str = ""  # or one of Absent

    @property
    def of_file(self) -> bool:
        """Whether nobody refused it: it is a file's, or of what was read in vain."""
        return self.reason in frozenset(Absent)

    @property
    def of_config(self) -> bool:
        """Whether it hides Istio's config, on which nothing but its validation depends."""
        return self.resource == labels.CONFIGURATION or self.resource.partition(".")[2] in labels.CONFIG_GROUPS


class Snapshot(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """What was read, as plain lists.

    `workloads` has every owner of pods that could be listed: ReplicaSets come as metadata unless they stand alone.
    `pods` has no finished pods; they may be folded (`Pod.count`). `istiods` are the pods labelled `app=istiod`, whole.
    `gateway_classes` are read where a Gateway is of a class whose name is not one of Istio's own.
    `config` are the objects of Istio's config, and of the Gateway API's, labelled `istio.io/rev`, and `sail` those of
    the Sail operator, `operators` the resources of Istio's in-cluster operator, where asked for. `outside` is evidence
    of proxies outside of the cluster, as far as it was asked for: that there is none says nothing.
    `budgets`, `autoscalers` and `quotas` are a migration's alone, as `preflight_gaps` are, which hide nothing else.
    `versions` maps `namespace/pod` of an istiod to what it answered about its version.
    `taken` is when it was read, as Kubernetes writes times; empty where nothing tells.
    `scope` is the one namespace that `pods`, `workloads` and `gateways` were read of; empty where all were to be.
    """

    namespaces: list[objects.Namespace] = []
    pods: list[Pod] = []
    istiods: list[Pod] = []
    workloads: list[objects.WorkloadObject] = []
    injectors: list[objects.WebhookConfiguration] = []
    validators: list[objects.WebhookConfiguration] = []
    services: list[Service] = []
    endpoint_slices: list[EndpointSlice] = []
    config_maps: list[objects.ConfigMap] = []
    gateways: list[objects.Gateway] = []
    gateway_classes: list[objects.GatewayClass] = []
    config: list[objects.IstioConfig] = []
    sail: list[Sail] = []
    operators: list[IstioOperator] = []
    outside: list[Outside] = []
    budgets: list[Budget] = []
    autoscalers: list[Autoscaler] = []
    quotas: list[Quota] = []
    versions: dict[str, str] = {}
    taken: str = ""
    scope: str = ""
    gaps: list[Gap] = []
    preflight_gaps: list[Gap] = []

    def has_gap(self, resource: str, namespace: str = "") -> bool:
        """Whether this resource could not be read, everywhere or in this namespace."""
        return any(g.resource == resource and (not g.namespace or g.namespace == namespace) for g in self.gaps)

    def hides(self, gap: Gap, namespace: str = "") -> bool:
        """Whether a gap in pods, workloads or Gateways hides some of this namespace, of any if empty.

        Of the scope they were read by themselves: that istiod's pods could not be looked for everywhere hides none.
        """
        return gap.namespace == namespace or (not gap.namespace and namespace != self.scope)

    def lacks(self, resource: str, namespace: str = "") -> bool:
        """Whether pods, a kind of workloads, or Gateways of this namespace could not be read."""
        return any(gap.resource == resource and self.hides(gap, namespace) for gap in self.gaps)

    def istiods_behind(self, service: Service) -> list[Pod]:
        """The istiods that a Service selects."""
        return [pod for pod in self.istiods if service.leads_to(pod)]


def fold(pods: Iterable[Pod]) -> list[Pod]:
    """Merge the running pods of one controller that are alike in all we look at into one Pod with a count.

    Memory then grows with the workloads, not with the pods. A folded pod has no name; a pod without a controller
    is kept as it is, since it is its own workload, and so is one that is not ready. Annotations that nothing here
    reads are dropped.
    """
    alone: list[Pod] = []
    folded: dict[tuple[object, ...], Pod] = {}
    for pod in pods:
        metadata = pod.metadata
        if not metadata.annotations.keys() <= labels.POD_ANNOTATIONS:
            metadata.annotations = {k: v for k, v in metadata.annotations.items() if k in labels.POD_ANNOTATIONS}
        controller = metadata.controller
        if controller is None or (pod.status is not None and not pod.ready):
            alone.append(pod)
            continue
        common = metadata.labels
        if not labels.PER_POD_LABELS.isdisjoint(common):
            common = {k: v for k, v in common.items() if k not in labels.PER_POD_LABELS}
        alike = frozenset(common.items()), frozenset(metadata.annotations.items()), msgspec.json.encode(pod.spec)
        key = (metadata.namespace, controller.kind, controller.name, pod.terminating, *alike)
        if (other := folded.get(key)) is not None:
            other.count += pod.count
            created = max(other.metadata.creation_timestamp or "", metadata.creation_timestamp or "")
            other.metadata.creation_timestamp = created or None
        else:
            metadata.name, metadata.labels = "", common
            folded[key] = pod
    return [*alone, *folded.values()]
