"""Every label, annotation and well-known name that we rely on, each with its source.

Sources are paths in the istio/istio repository; the releases they hold for are in the comments.
"""

# What a user writes on namespaces and pods: istio-discovery/templates/mutatingwebhook.yaml
INJECTION = "istio-injection"
REV = "istio.io/rev"
INJECT = "sidecar.istio.io/inject"  # a pod label since 1.10 (webhook) and 1.12 (istiod); an annotation in every release
INJECTION_LABELS = (INJECTION, REV)

# What the charts write on webhook configurations, Services and istiod's pods.
TAG = "istio.io/tag"
APP = "app"
ISTIOD = "istiod"  # value of `app` on istiod's Deployment, pods and Services: istio-discovery/templates/deployment.yaml
INJECTOR_APP = "sidecar-injector"  # value of `app` on injectors
DEACTIVATED = "istio.io/deactivated"  # istioctl/pkg/util/common.go: in an injector that tag `default` replaced
# pkg/webhooks/webhookpatch.go: the entries that istiod maintains
INJECTION_WEBHOOK_SUFFIX = "sidecar-injector.istio.io"
DEFAULT = "default"  # name of the unrevisioned control plane's revision and of the default tag
DEFAULT_TAG_INJECTOR = "istio-revision-tag-default"  # pkg/revisions/tag_watcher.go: looked up by this literal name
DEFAULT_VALIDATOR = "istiod-default-validator"
VALIDATION_WEBHOOK_SUFFIX = "validation.istio.io"

# rules of base/templates/defaultrevision-validatingwebhookconfiguration.yaml
CONFIG_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
GATEWAY_API = "gateway.networking.k8s.io"
GATEWAYS = f"gateways.{GATEWAY_API}"
VALIDATORS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
INJECTORS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
CONFIGURATION = "configurations.istio.io"  # what a gap calls all config, where it is not even known which there is
ALWAYS_REJECT = "internal.istio.io/webhook-always-reject"  # pkg/config/constants/constants.go, honoured since 1.20

# What we leave on an object that we changed: its values before the first change. The default validator may be changed
# by a migration of the default tag and by a repair, and each takes back its own.
PREVIOUS = "kubectl-rev/previous"
PREVIOUS_VALIDATION = "kubectl-rev/previous-validation"

# What the injector leaves on a pod: pkg/kube/inject/inject.go and manifests/charts/.../files/injection-template.yaml
STATUS = "sidecar.istio.io/status"  # JSON; has `revision` since 1.11
TEMPLATES = "inject.istio.io/templates"
PROXY_CONFIG = "proxy.istio.io/config"  # YAML of a ProxyConfig, over meshConfig.defaultConfig
PROXY_IMAGE = "sidecar.istio.io/proxyImage"
PROXY_CONTAINER = "istio-proxy"
ZTUNNEL_ADDRESSES = ("CA_ADDRESS", "XDS_ADDRESS")  # charts/ztunnel/templates/daemonset.yaml

# Gateways: pilot/pkg/config/kube/gateway/deploymentcontroller.go, files/kube-gateway.yaml, files/waypoint.yaml
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
GATEWAY_NAME_LEGACY = "istio.io/gateway-name"  # up to 1.20
GATEWAY_CLASS = "gateway.networking.k8s.io/gateway-class-name"
GATEWAY_MANAGED = "gateway.istio.io/managed"
# pkg/config/constants/constants.go: the classes that istiod makes itself, and what its controllers' names begin with
GATEWAY_CLASSES = frozenset({
    "istio", "istio-remote", "istio-waypoint", "istio-east-west", "istio-agentgateway", "istio-agentgateway-waypoint",
})  # fmt: skip
GATEWAY_CONTROLLERS = "istio.io/"

# Ambient: pkg/config/constants/constants.go
DATAPLANE_MODE = "istio.io/dataplane-mode"
# Which waypoint, and since 1.31 which other one that gets a share of the traffic; it follows a Gateway's own revision.
USE_WAYPOINT = tuple(f"istio.io/use-waypoint{of}" for of in ("", "-namespace", "-canary", "-canary-namespace"))

# Versions of a control plane, when istiod itself was not asked.
VERSION_LABEL = "app.kubernetes.io/version"  # 1.24 and later
OPERATOR_VERSION = "operator.istio.io/version"  # the istioctl that installed it
OPERATOR_GROUP = "install.istio.io"
OPERATOR_CONTAINER = "istio-operator"  # manifests/charts/istio-operator, up to 1.23
OPERATOR_COMPONENT = "operator.istio.io/component"
OPERATOR_MANAGED = "operator.istio.io/managed"  # operator/pkg/install/install.go: only istioctl writes it
OWNING_NAMESPACE = "install.operator.istio.io/owning-resource-namespace"  # written by istioctl, asked for by its prune
# What `istioctl uninstall --revision` deletes: operator/pkg/uninstall/prune.go, GetPrunedResources
PRUNED_COMPONENTS = frozenset({"Pilot", "IngressGateways", "EgressGateways", "Cni", "Ztunnel"})

# Who owns an object: Helm's, Argo CD's and Flux's own conventions; Sail: pkg/constants/constants.go
HELM_CHART = "helm.sh/chart"
HELM_RELEASE = "meta.helm.sh/release-name"
HELM_POLICY = "helm.sh/resource-policy"  # "keep": `helm uninstall` leaves it (helm: pkg/action/resource_policy.go)
HELM_NAMESPACE = "meta.helm.sh/release-namespace"
MANAGED_BY = "app.kubernetes.io/managed-by"
ARGOCD_TRACKING = "argocd.argoproj.io/tracking-id"  # an annotation
ARGOCD_INSTANCE = "argocd.argoproj.io/instance"
HERITAGE = "heritage"
DECKHOUSE = "deckhouse"
FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")
SAIL_MANAGED_BY = "managed-by"
SAIL_OPERATOR = "sail-operator"
SAIL_TAG = "IstioRevisionTag"
SAIL_REVISION = "IstioRevision"  # kind of the owner of all that it installs for a revision
AKS_NAMESPACE = "aks-istio-"  # aks-istio-system, aks-istio-ingress, aks-istio-egress

# Kubernetes
SERVICE_NAME = "kubernetes.io/service-name"  # on EndpointSlices
# Labels that differ between the pods of one workload, by Kubernetes itself: they say nothing about injection.
PER_POD_LABELS = frozenset({
    "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index",
})  # fmt: skip
# k8s.io/api/batch/v1/types.go
OF_JOBS = ("controller-uid", "job-name",
           *(f"batch.kubernetes.io/{name}" for name in ("controller-uid", "job-name", "job-completion-index")),
)  # fmt: skip
POD_TEMPLATE_HASH = "pod-template-hash"  # on the pods of a Deployment, and the end of its ReplicaSet's name
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # kubectl rollout restart: polymorphichelpers/objectrestarter.go
# The annotations of a pod that anything here reads; all others are dropped while the pods stream by.
POD_ANNOTATIONS = frozenset({STATUS, REV, INJECT, TEMPLATES, PROXY_IMAGE, RESTARTED_AT})
