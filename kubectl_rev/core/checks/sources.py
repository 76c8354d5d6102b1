"""What checks rest on (`Check.source`): files of istio/istio where no other place is named, issues, documents."""

_CHART = "manifests/charts/istio-control/istio-discovery"
SELECTORS = f"{_CHART}/templates/mutatingwebhook.yaml"  # failurePolicy Fail, CREATE only, and who is selected
TAGS = f"{_CHART}/templates/revision-tags-mwc.yaml"
SERVICE = f"{_CHART}/templates/service.yaml"  # one for each revision, of its own pods
VALIDATOR = f"{_CHART}/templates/validatingwebhookconfiguration.yaml"
TEMPLATE = f"{_CHART}/files/injection-template.yaml"
INJECTION = "pkg/kube/inject/inject.go"
STATUS = f"{INJECTION}: SidecarInjectionStatus"
KUBE_INJECT = "istioctl/pkg/kubeinject/kubeinject.go"
AMBIENT = "cni/pkg/util/podutil.go"
OWNERS = "pkg/revisions/tag_watcher.go"  # of Gateways, and of what has no label
SET_TAG = "istioctl/pkg/tag/generate.go"
INJECTOR_CAS = "pkg/webhooks/webhookpatch.go"  # by the label istio.io/rev
VALIDATOR_CAS = "pkg/webhooks/validation/controller/controller.go"  # by that label, too; and Ignore becomes Fail
CONFIG = "pkg/config/model.go: ObjectInRevision"
PRUNED = "operator/pkg/uninstall/prune.go"
SYNCZ = "pilot/pkg/xds/debug.go: Syncz"
RBAC = "kubernetes.io: Using RBAC Authorization"
GIT = "fluxcd.io: FAQ; argo-cd: Automated Sync Policy, self-healing"
