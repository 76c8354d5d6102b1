"""Every kind of resource that is read: its names, how it is read, where it goes in a Snapshot; how a workload restarts.

This is the only list of kinds. Types and tab completion, lists, watches, patches, waiting, what a check needs and what
`--rbac` grants follow from it: a new kind of workload is an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from kubectl_rev.core.mesh import capacity, installers, labels, objects, outside, services
from kubectl_rev.core.mesh.objects import Object, Pod, WebhookConfiguration, WorkloadObject


class Keyed(Protocol):
    """An object, or what is said of one; `namespace` is empty of what has none."""

    @property
    def namespace(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...


class Key(NamedTuple):
    """What tells objects apart, and the order in which they are listed."""

    namespace: str
    kind: str
    name: str

    @classmethod
    def of(cls, keyed: Keyed) -> Key:
        return cls(keyed.namespace, keyed.kind, keyed.name)


class Decoding(Enum):
    """How a list of a kind comes from the API server."""

    PROTOBUF = "protobuf, whole"
    METADATA = "protobuf, metadata only"
    JSON = "JSON: small lists, and custom resources, which have no protobuf"
    DUMP = "not listed: read from dumps only"


class Restart(Enum):
    """What replaces the pods of a workload when nothing else about it changes."""

    ANNOTATION = "an annotation in its pod template, which the new pods carry: kubectl rollout restart"
    RESTART_AT = "its own field spec.restartAt; new pods do not show it"
    COMPLETION = "nothing: its pods end by themselves"
    DELETION = "nothing: pods are replaced when they are deleted"
    UNKNOWN = "its controller's own way"


class Middle(msgspec.Struct, frozen=True):
    """The object between a workload and its pods, named WORKLOAD-SUFFIX.

    The pods have a `label` whose value is that suffix (`holds="suffix"`) or the workload's name (`holds="name"`).
    """

    kind: str
    label: str
    holds: Literal["suffix", "name"] = "suffix"


class WorkloadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What only an owner of pods has.

    `restart_command` restarts it, `resume_command` ends a pause that keeps it from being restarted, `promote_command`
    one of a rollout half way: words with `{name}`, to which `-n NAMESPACE` is added. `template` is the JSON pointer to
    its pod template, which may be another workload's where the kind `borrows` (`spec.workloadRef`). A `made` kind is
    made by other workloads, which are restarted in its place. What runs `once` is over when it has no pods. Its
    controller `adds` labels to pods; those that differ between its pods (labels.PER_POD_LABELS) it may add.
    """

    restart: Restart = Restart.UNKNOWN
    restart_command: str = ""
    resume_command: str = ""
    promote_command: str = ""
    template: str = "/spec/template"
    borrows: bool = False
    middle: Middle | None = None
    made: bool = False
    once: bool = False
    adds: tuple[str, ...] = ()

    @property
    def rolled(self) -> bool:
        """Whether there is a patch that restarts it."""
        return self.restart in (Restart.ANNOTATION, Restart.RESTART_AT)


class Resource(msgspec.Struct, frozen=True):
    """A kind of resource. `older` are versions to ask for where its own is not served; `short` are its short names.

    `field` is its list in the Snapshot. An `optional` kind is missed only by what it owns; most clusters have none.
    One for the `preflight` is read for a migration and a saved snapshot, and missed by nothing else.
    Changes of a kind that is not `watched` show in others: a ReplicaSet's in its pods.
    """

    kind: str
    api_version: str
    field: str
    type: type[Object]
    decoding: Decoding = Decoding.JSON
    short: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    namespaced: bool = True
    optional: bool = False
    watched: bool = True
    preflight: bool = False
    workload: WorkloadFacts | None = None

    @property
    def group(self) -> str:
        return group_of(self.api_version)

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def plural(self) -> str:
        return plural_of(self.kind)

    @property
    def resource(self) -> str:
        """The plural with its group, as RBAC and gaps name it: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        """As kubectl prints it: `deployment.apps`."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()

    @property
    def path(self) -> str:
        """Where the API server has it: `apis/apps/v1/deployments`."""
        return self.path_of(self.version)

    def path_of(self, version: str) -> str:
        """The same, of one of its versions."""
        return f"apis/{self.group}/{version}/{self.plural}" if self.group else f"api/{version}/{self.plural}"


def plural_of(kind: str) -> str:
    """`virtualservices`, `serviceentries`, `gateways`: by English, as Istio's own are."""
    word = kind.lower()
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _workload(
    kind: str,
    api_version: str,
    *short: str,
    decoding: Decoding = Decoding.PROTOBUF,
    optional: bool = False,
    watched: bool = True,
    **facts: Any,
) -> Resource:
    workload = WorkloadFacts(**facts)
    return Resource(
        kind, api_version, "workloads", WorkloadObject, decoding, short,
        optional=optional, watched=watched, workload=workload,
    )  # fmt: skip


_WEBHOOKS = "admissionregistration.k8s.io/v1"
RESOURCES = (
    Resource("Namespace", "v1", "namespaces", objects.Namespace, Decoding.METADATA, ("ns",), namespaced=False),
    Resource("Pod", "v1", "pods", Pod, Decoding.PROTOBUF, ("po",)),
    _workload(
        "Deployment", "apps/v1", "deploy",
        restart=Restart.ANNOTATION,
        restart_command="kubectl rollout restart deployment/{name}",
        resume_command="kubectl rollout resume deployment/{name}",
        # k8s.io/kubernetes/pkg/controller/deployment/sync.go names the ReplicaSet
        middle=Middle("ReplicaSet", labels.POD_TEMPLATE_HASH),
        adds=(labels.POD_TEMPLATE_HASH,),
    ),
    _workload("StatefulSet", "apps/v1", "sts",
              restart=Restart.ANNOTATION, restart_command="kubectl rollout restart statefulset/{name}",
              adds=("controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index")),
    _workload("DaemonSet", "apps/v1", "ds",
              restart=Restart.ANNOTATION, restart_command="kubectl rollout restart daemonset/{name}",
              adds=("controller-revision-hash", "pod-template-generation")),
    _workload("ReplicaSet", "apps/v1", "rs", decoding=Decoding.METADATA, watched=False,
              restart=Restart.DELETION, made=True),
    _workload("Job", "batch/v1", restart=Restart.COMPLETION, made=True, once=True, adds=labels.OF_JOBS),
    _workload("CronJob", "batch/v1", "cj", restart=Restart.COMPLETION,
              template="/spec/jobTemplate/spec/template", adds=labels.OF_JOBS),
    _workload("ReplicationController", "v1", "rc", decoding=Decoding.DUMP, optional=True, watched=False,
              restart=Restart.DELETION, made=True),
    _workload(
        "Rollout", "argoproj.io/v1alpha1", "ro", decoding=Decoding.JSON, optional=True,
        # argo-rollouts' docs/features/restart.md: it evicts pods, of a paused one too; the template must not change
        restart=Restart.RESTART_AT,
        restart_command="kubectl argo rollouts restart {name}",
        promote_command="kubectl argo rollouts promote {name}",
        borrows=True,
        middle=Middle("ReplicaSet", "rollouts-pod-template-hash"),
        adds=("rollouts-pod-template-hash",),
    ),
    _workload(
        # A change of its template rolls it where it has a ConfigChange trigger; skip_reasons asks for that.
        "DeploymentConfig", "apps.openshift.io/v1", "dc", decoding=Decoding.JSON, optional=True,
        restart=Restart.ANNOTATION,
        restart_command="oc rollout latest dc/{name}",
        resume_command="oc rollout resume dc/{name}",
        # github.com/openshift/library-go/pkg/apps/appsutil/util.go, DeploymentConfigLabel
        middle=Middle("ReplicationController", "deploymentconfig", holds="name"),
        adds=("deployment", "deploymentconfig"),
    ),
    Resource("MutatingWebhookConfiguration", _WEBHOOKS, "injectors", WebhookConfiguration, namespaced=False),
    Resource("ValidatingWebhookConfiguration", _WEBHOOKS, "validators", WebhookConfiguration, namespaced=False),
    Resource("Service", "v1", "services", services.Service, short=("svc",)),
    Resource("EndpointSlice", "discovery.k8s.io/v1", "endpoint_slices", services.EndpointSlice),
    Resource("ConfigMap", "v1", "config_maps", objects.ConfigMap, short=("cm",), watched=False),
    Resource("Gateway", "gateway.networking.k8s.io/v1", "gateways", objects.Gateway, short=("gtw", "gw"),
             older=("v1beta1",), optional=True),
    Resource("GatewayClass", "gateway.networking.k8s.io/v1", "gateway_classes", objects.GatewayClass, short=("gc",),
             older=("v1beta1",), namespaced=False, optional=True, watched=False),
    *(Resource(kind, f"{installers.SAIL_GROUP}/v1", "sail", installers.Sail,
               namespaced=False, optional=True, watched=False)
      for kind in ("Istio", "IstioRevision", "IstioRevisionTag")),
    Resource("IstioOperator", f"{labels.OPERATOR_GROUP}/v1alpha1", "operators", installers.IstioOperator,
             short=("iop", "io"), optional=True, watched=False),
    *(Resource(kind, "networking.istio.io/v1", "outside", outside.Outside, Decoding.DUMP, optional=True, watched=False)
      for kind in ("WorkloadEntry", "WorkloadGroup", "VirtualService")),
    Resource("PodDisruptionBudget", "policy/v1", "budgets", capacity.Budget, short=("pdb",),
             optional=True, watched=False, preflight=True),
    Resource("HorizontalPodAutoscaler", "autoscaling/v2", "autoscalers", capacity.Autoscaler, short=("hpa",),
             older=("v1",), optional=True, watched=False, preflight=True),
    Resource("ResourceQuota", "v1", "quotas", capacity.Quota, short=("quota",),
             optional=True, watched=False, preflight=True),
)  # fmt: skip
INSTALLER_GROUPS = (installers.SAIL_GROUP, labels.OPERATOR_GROUP)  # how Istio was installed, and would be again
BY_NAME = {(resource.group, resource.kind): resource for resource in RESOURCES}
BY_KIND = {resource.kind: resource for resource in RESOURCES}
PREFLIGHT = tuple(resource for resource in RESOURCES if resource.preflight)
FIELDS = tuple(dict.fromkeys(resource.field for resource in RESOURCES))
WORKLOADS = tuple(resource for resource in RESOURCES if resource.workload)
# Without those that other workloads make: these are what people name, change and restart.
TOP_WORKLOADS = tuple(resource for resource in WORKLOADS if resource.workload and not resource.workload.made)

# What controllers write on pods beside their template's labels: k8s.io/api/apps/v1, batch/v1.
ADDED_LABELS = frozenset(key for r in WORKLOADS if r.workload for key in r.workload.adds)

_UNKNOWN = WorkloadFacts()
_MIDDLES = tuple((r.kind, r.workload.middle) for r in WORKLOADS if r.workload and r.workload.middle)


def facts_of(kind: str) -> WorkloadFacts:
    """The facts of a kind of workload; of one that is not in the registry nothing is known."""
    resource = BY_KIND.get(kind)
    return resource.workload if resource and resource.workload else _UNKNOWN


def printed(kind: str) -> str:
    """A kind as kubectl prints it: `deployment.apps`, `namespace`; in lower case where it is not in the registry."""
    return BY_KIND[kind].singular if kind in BY_KIND else kind.lower()


def maker(kind: str, name: str, pod_labels: Mapping[str, str]) -> tuple[str, str] | None:
    """Kind and name of the workload that made a pod's controller (a ReplicaSet), as far as the pod's labels tell."""
    for above, middle in _MIDDLES:
        value = pod_labels.get(middle.label)
        if middle.kind != kind or not value:
            continue
        if middle.holds == "name" and name.startswith(f"{value}-"):
            return above, value
        if middle.holds == "suffix" and name.endswith(f"-{value}"):
            return above, name.removesuffix(f"-{value}")
    return None


def workload_of(pod: Pod) -> Key:
    """Whose pod it is: that of its controller, or of what made that, as the pod's labels tell."""
    owner = pod.metadata.controller
    if owner is None:
        return Key(pod.namespace, "Pod", pod.name)
    return Key(pod.namespace, *(maker(owner.kind, owner.name, pod.labels) or (owner.kind, owner.name)))


def needed_kinds(one: Object) -> set[str]:
    """The kinds that an object needs to be understood: its owners', and that of a Gateway's class."""
    other = isinstance(one, objects.Gateway) and one.spec.gateway_class_name not in {"", *labels.GATEWAY_CLASSES}
    return {owner.kind for owner in one.metadata.owner_references} | ({"GatewayClass"} if other else set())
