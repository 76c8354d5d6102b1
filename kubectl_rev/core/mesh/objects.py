"""The Kubernetes objects we read, each declaring just the fields that we use.

msgspec decodes them from JSON and dumps: unknown fields are ignored, a wrong type is an error that names its path.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.selectors import LabelSelector

Template = TypeVar("Template")


class Shape(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of everything that looks as Kubernetes writes it: camelCase, absent where default."""


class OwnerReference(Shape):
    """`metadata.ownerReferences[]`."""

    kind: str
    name: str
    api_version: str = ""
    controller: bool = False


class Metadata(Shape):
    """`metadata`, of any object and of a pod template."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages the object (there is at most one, by the API server's validation)."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Object(Shape):
    """Anything with a name."""

    metadata: Metadata

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.labels


class Namespace(Object):
    """v1 Namespace."""


class EnvVar(Shape):
    """`containers[].env[]`."""

    name: str
    value: str = ""


class Container(Shape):
    """`containers[]` and `initContainers[]`: a native sidecar stands among the latter."""

    name: str = ""
    image: str = ""
    args: list[str] = []
    env: list[EnvVar] = []


class PodSpec(Shape):
    """The part of a pod's spec that injection depends on or leaves traces in."""

    host_network: bool = False
    containers: list[Container] = []
    init_containers: list[Container] = []

    @property
    def proxy(self) -> Container | None:
        """The istio-proxy container, ordinary or native sidecar (pkg/kube/inject/app_probe.go looks in both lists)."""
        return next((c for c in self.containers + self.init_containers if c.name == labels.PROXY_CONTAINER), None)


class Condition(Shape):
    """`status.conditions[]`."""

    type: str = ""
    status: str = ""
    reason: str = ""


class PodStatus(Shape):
    """`status` of a pod."""

    phase: str = ""
    conditions: list[Condition] = []


class Pod(Object):
    """v1 Pod, or `count` pods of one controller that are alike in all we look at, when they were folded while read.

    `spec` and `status` are None when only metadata was read: then host network and containers are not known from here.
    """

    spec: PodSpec | None = None
    status: PodStatus | None = None
    count: int = 1

    @property
    def finished(self) -> bool:
        """Succeeded or Failed: it runs no proxy any more, so it is no user of a revision."""
        return self.status is not None and self.status.phase in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        return self.status is not None and any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def terminating(self) -> bool:
        return self.metadata.deletion_timestamp is not None


class PodTemplate(Shape):
    """`spec.template` of a workload."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)


class JobSpec(Shape, Generic[Template]):
    """`spec.jobTemplate.spec` of a CronJob."""

    template: Template | None = None


class JobTemplate(Shape, Generic[Template]):
    """`spec.jobTemplate` of a CronJob."""

    spec: JobSpec[Template] = msgspec.field(default_factory=JobSpec)


class RollingUpdate(Shape):
    """`rollingUpdate` of a strategy; only StatefulSets have a partition: pods numbered below it are not replaced."""

    partition: int = 0


class UpdateStrategy(Shape):
    """`spec.updateStrategy` of StatefulSets and DaemonSets, `spec.strategy` of Deployments."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = msgspec.field(default_factory=RollingUpdate)


class WorkloadReference(Shape):
    """`spec.workloadRef`: the workload of the same namespace whose template is used."""

    kind: str = ""
    name: str = ""


class Trigger(Shape):
    """`spec.triggers[]`: what makes a workload replace its pods."""

    type: str = ""


class WorkloadSpec(Shape, Generic[Template]):
    """`spec` of any kind of workload (resources.WORKLOADS); its template as a PodTemplate, or whole to be patched."""

    template: Template | None = None
    job_template: JobTemplate[Template] | None = None
    replicas: int | None = None
    paused: bool = False
    suspend: bool = False
    update_strategy: UpdateStrategy | None = None
    workload_ref: WorkloadReference | None = None
    triggers: list[Trigger] | None = None


class WorkloadStatus(Shape):
    """`status` of a workload, as far as it tells of a rollout and of pods that are not ready."""

    conditions: list[Condition] = []
    replicas: int = 0
    ready_replicas: int = 0
    current_pod_hash: str = ""


class WorkloadObject(Object):
    """An owner of pods. `template` is None when only metadata was read, or it is another's (`Survey.lender`)."""

    kind: str = ""
    spec: WorkloadSpec[PodTemplate] = msgspec.field(default_factory=WorkloadSpec)
    status: WorkloadStatus | None = None

    @property
    def template(self) -> PodTemplate | None:
        return self.spec.job_template.spec.template if self.spec.job_template else self.spec.template


class ServiceReference(Shape):
    """`clientConfig.service` of a webhook."""

    name: str
    namespace: str
    path: str = ""
    port: int = 443


class ClientConfig(Shape):
    """`clientConfig` of a webhook: a Service in this cluster, or the url of something outside."""

    service: ServiceReference | None = None
    url: str | None = None
    ca_bundle: str = ""


class MatchCondition(Shape):
    """`matchConditions[]` of a webhook: a CEL expression."""

    name: str = ""
    expression: str = ""


class Rule(Shape):
    """`rules[]` of a webhook; the API server always has `apiVersions`, a dump that lacks it restricts nothing."""

    operations: list[str] = []
    api_groups: list[str] = []
    api_versions: list[str] = msgspec.field(default_factory=lambda: ["*"])
    resources: list[str] = []
    scope: str = "*"


class Webhook(Shape):
    """One entry of `.webhooks[]`. The defaults are admissionregistration.k8s.io/v1's."""

    name: str
    client_config: ClientConfig = msgspec.field(default_factory=ClientConfig)
    namespace_selector: LabelSelector = LabelSelector()
    object_selector: LabelSelector = LabelSelector()
    match_conditions: list[MatchCondition] = []
    rules: list[Rule] = []
    failure_policy: str = "Fail"


class WebhookConfiguration(Object):
    """A MutatingWebhookConfiguration or a ValidatingWebhookConfiguration."""

    webhooks: list[Webhook] = []


class ConfigMap(Object):
    """v1 ConfigMap; only istiod's own are read."""

    data: dict[str, str] = {}


class GatewaySpec(Shape):
    """`spec` of a Gateway API Gateway, which has a class, or of a GatewayClass, which has a controller."""

    gateway_class_name: str = ""
    controller_name: str = ""


class GatewayClass(Object):
    """gateway.networking.k8s.io GatewayClass: which controller the Gateways of a class belong to."""

    spec: GatewaySpec = msgspec.field(default_factory=GatewaySpec)


class Gateway(Object):
    """gateway.networking.k8s.io Gateway."""

    spec: GatewaySpec = msgspec.field(default_factory=GatewaySpec)


class IstioConfig(Object):
    """A VirtualService, HTTPRoute, … as metadata; `resource` is its plural with its group."""

    kind: str = ""
    resource: str = ""
