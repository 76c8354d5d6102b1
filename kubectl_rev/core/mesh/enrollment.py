"""Is a namespace in the mesh, by its own labels or by those of its workloads; and if not, why not?"""

from __future__ import annotations

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import SYSTEM_NAMESPACES


def why_not_injected(survey: Survey, name: str) -> str:
    """Why nobody injects a namespace's pods today; empty when somebody does, or when that is not known."""
    given, selected = survey.namespace_labels.get(name, {}), survey.selected_for_namespace(name)
    if name in SYSTEM_NAMESPACES:
        return "it is Kubernetes' own: istiod never injects there"
    if selected.state is not State.NONE or pinned(survey, name):
        return ""
    if given.get(labels.INJECTION) == "disabled":
        return "injection is disabled"
    if is_ambient(given):
        return "it is ambient"
    if labels.INJECTION not in given and labels.REV not in given:
        return "it has no injection label"
    return selected.because


def pinned(survey: Survey, name: str) -> list[Workload]:
    """The workloads that are injected by their template's labels and not by the namespace's."""
    given = survey.namespace_labels.get(name, {})
    if labels.INJECTION in given or labels.REV in given:
        return []
    return [
        workload
        for workload in survey.by_namespace.get(name, ())
        if workload.selected.state is State.INJECTED and _by_own_label(workload.subject.labels)
    ]


def _by_own_label(pod_labels: dict[str, str]) -> bool:
    """Whether a pod asks for injection itself, by a revision or by `sidecar.istio.io/inject: "true"`."""
    return labels.REV in pod_labels or pod_labels.get(labels.INJECT) == "true"


def is_ambient(namespace_labels: dict[str, str]) -> bool:
    """Whether ztunnel carries the namespace's traffic: pkg/config/constants/constants.go, DataplaneModeAmbient."""
    return namespace_labels.get(labels.DATAPLANE_MODE) == "ambient"
