"""What removing a control plane deletes, by the way it is removed, and the cluster as it is afterwards.

Nothing is predicted by rule from there on: who injects what, which Services are dead, which tags resolve is asked of
the snapshot after the removal just as of the one before.
Sources: operator/pkg/uninstall/prune.go (istioctl; before 1.24 operator/pkg/helmreconciler/prune.go, which the
in-cluster operator shares); Helm deletes what its release owns; Sail's objects are garbage collected with the
IstioRevision that owns them; AKS removes a revision's objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.endpoints import Endpoint, EndpointConditions, EndpointSlice
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.mesh.objects import Object, Pod, Service, WorkloadObject
from kubectl_rev.core.mesh.ownership import Release, made_by_tag_set, release_of
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.mesh.webhook_targets import revision_of


class Removal(msgspec.Struct, frozen=True):
    """The removal of one revision's control plane. `method` is None where nobody says how it was installed.

    `marked` is whether the installer's marks say that it is this method, not the person. `owner` is the IstioRevision.
    `unlabelled` is a control plane whose own objects have no revision label: releases before 1.7. `prunes_all` is
    whether the tool may be older than 1.24, which does not ask who installed what it deletes. `operator_resources` are
    the IstioOperators of the revision that an operator in the cluster carries out: namespace and name.
    """

    revision: str
    method: Method | None
    marked: bool
    namespaces: tuple[str, ...] = ()
    release: Release = Release("", "")
    owner: str = ""
    unlabelled: bool = False
    prunes_all: bool = False
    operator_resources: tuple[tuple[str, str], ...] = ()

    def takes(self, kind: str, each: Object) -> bool:
        """Whether this object is deleted. `kind` matters to istioctl only, which knows a list of kinds."""
        given = each.labels
        ours = given.get(labels.REV) == self.revision or (self.unlabelled and labels.REV not in given)
        match self.method:
            case Method.ISTIOCTL | Method.OPERATOR:
                component, owner_of = given.get(labels.OPERATOR_COMPONENT), given.get(labels.OWNING_NAMESPACE)
                found = owner_of is not None and (not self.namespaces or owner_of in self.namespaces)
                marked = component in labels.PRUNED_COMPONENTS and (found or self.prunes_all)
                return kind in _PRUNED_KINDS and ours and marked
            case Method.HELM if self.release.name:
                return release_of(each.metadata, each.namespace) == self.release
            case Method.HELM:  # a chart that was rendered and applied
                rendered = given.get(labels.MANAGED_BY) == "Helm" and not made_by_tag_set(each.metadata)
                return ours and rendered and each.name != labels.DEFAULT_VALIDATOR
            case Method.SAIL:
                return self.owner in _sail_owners(each)
            case Method.AKS:
                home = not each.namespace or each.namespace.startswith(labels.AKS_NAMESPACE)
                return ours and home and kind in _PRUNED_KINDS
        return ours and labels.APP in given and labels.TAG not in given and kind in _PRUNED_KINDS


_ASKS_FOR_THE_OWNER = (1, 24)
_PRUNED_KINDS = frozenset(
    {
        "Deployment",
        "DaemonSet",
        "Service",
        "ConfigMap",
        "Pod",
        "EnvoyFilter",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    }
)


def removal(mesh: Mesh, revision: str, by: By | None = None) -> Removal:
    """How a revision would be removed: as `by` says, else as its marks say.

    Where nobody says which istioctl, it is taken to be of the control plane's own release.
    """
    own = istiod_deployments(mesh.snapshot, revision)
    marked: list[Object] = [*own] or [
        injector
        for injector in mesh.snapshot.injectors
        if injector.labels.get(labels.REV) == revision and labels.TAG not in injector.labels
    ]
    operated = _operator_resources(mesh.snapshot, revision)
    found = Method.OPERATOR if operated else _method(marked)
    planes = [plane for plane in mesh.control_planes if plane.revision == revision]
    releases = [by.release] if by and by.release else [release(v) for plane in planes for v in plane.versions] or [None]
    return Removal(
        revision=revision,
        method=by.method if by else found,
        marked=by is None or by.method is found,
        namespaces=tuple(sorted({plane.namespace for plane in planes if plane.namespace})),
        release=next(filter(None, (release_of(m.metadata, m.namespace) for m in marked)), Release("", "")),
        owner=next((owner for each in marked for owner in _sail_owners(each)), revision),
        unlabelled=revision == labels.DEFAULT and bool(own) and all(labels.REV not in each.labels for each in own),
        prunes_all=any(known is None or known < _ASKS_FOR_THE_OWNER for known in releases),
        operator_resources=operated,
    )


def _operator_resources(snapshot: Snapshot, revision: str) -> tuple[tuple[str, str], ...]:
    """The IstioOperators of a revision, if an operator runs that would make it again from them.

    What `istioctl install` keeps for itself the operator ignores. Source: 1.23.2, operator/pkg/controller/
    istiocontrolplane/istiocontrolplane_controller.go; the container's name: manifests/charts/istio-operator.
    """
    runs = any(
        w.template and any(c.name == labels.OPERATOR_CONTAINER for c in w.template.spec.containers)
        for w in snapshot.workloads
    )
    return tuple(
        (resource.namespace, resource.name)
        for resource in snapshot.operators
        if runs
        and (resource.spec.revision or labels.DEFAULT) == revision
        and not resource.name.startswith("installed-state")
    )


def istiod_deployments(snapshot: Snapshot, revision: str) -> list[WorkloadObject]:
    """The Deployments whose pods are istiods of a revision."""
    return [
        workload
        for workload in snapshot.workloads
        if workload.kind == "Deployment"
        and (template := workload.template) is not None
        and template.metadata.labels.get(labels.APP) == labels.ISTIOD
        and revision_of(template.metadata.labels) == revision
    ]


def _method(marked: Iterable[Object]) -> Method | None:
    for each in marked:
        if each.labels.get(labels.SAIL_MANAGED_BY) == labels.SAIL_OPERATOR or _sail_owners(each):
            return Method.SAIL
        if each.namespace.startswith(labels.AKS_NAMESPACE):
            return Method.AKS
        if release_of(each.metadata):
            return Method.HELM
        if labels.OPERATOR_MANAGED in each.labels or labels.OPERATOR_VERSION in each.labels:
            return Method.ISTIOCTL
    return None


def _sail_owners(each: Object) -> list[str]:
    return [owner.name for owner in each.metadata.owner_references if owner.kind == labels.SAIL_REVISION]


def after(snapshot: Snapshot, gone: Removal) -> Snapshot:
    """The cluster when the removal is done and its garbage is collected. No object is changed, most are shared.

    Where Deployments could not be listed, the revision's istiods are taken to fall with theirs: what that breaks is
    foreseen, and whether the method really removes them is the gap.
    """
    fallen = [workload for workload in snapshot.workloads if gone.takes(workload.kind, workload)]
    istiods = [
        pod
        for pod in snapshot.istiods
        if not (
            _made_by(fallen, pod)
            or gone.takes("Pod", pod)
            or (revision_of(pod.labels) == gone.revision and snapshot.has_gap("deployments.apps", pod.namespace))
        )
    ]
    services = [service for service in snapshot.services if not gone.takes("Service", service)]
    return msgspec.structs.replace(
        snapshot,
        workloads=[each for each in snapshot.workloads if not gone.takes(each.kind, each)],
        istiods=istiods,
        services=services,
        endpoint_slices=list(_slices(snapshot, services, istiods)),
        config_maps=[each for each in snapshot.config_maps if not gone.takes("ConfigMap", each)],
        injectors=[
            injector for injector in snapshot.injectors if not gone.takes("MutatingWebhookConfiguration", injector)
        ],
        validators=[
            validator
            for validator in snapshot.validators
            if not gone.takes("ValidatingWebhookConfiguration", validator)
        ],
    )


def _made_by(workloads: Iterable[WorkloadObject], pod: Pod) -> bool:
    """Whether a pod comes from one of these Deployments: it then has all labels of the template."""
    return any(
        workload.namespace == pod.namespace
        and workload.template is not None
        and workload.template.metadata.labels.items() <= pod.labels.items()
        for workload in workloads
    )


def _slices(snapshot: Snapshot, services: list[Service], istiods: list[Pod]) -> Iterator[EndpointSlice]:
    """The endpoints of Services that lead to istiods follow the istiods that are left; all others stay."""
    left = {(each.namespace, each.name): each for each in services}
    for endpoint_slice in snapshot.endpoint_slices:
        service = left.get((endpoint_slice.namespace, endpoint_slice.labels.get(labels.SERVICE_NAME, "")))
        if service is None:
            continue
        before, now = leads_to(service, snapshot.istiods), leads_to(service, istiods)
        if len(before) == len(now):
            yield endpoint_slice
        else:
            ready = [Endpoint(conditions=EndpointConditions(ready=pod.ready)) for pod in now]
            yield msgspec.structs.replace(endpoint_slice, endpoints=ready)


def leads_to(service: Service, istiods: Iterable[Pod]) -> list[Pod]:
    """The istiods that a Service selects."""
    selects = service.spec.selector.items()
    return [pod for pod in istiods if selects and pod.namespace == service.namespace and selects <= pod.labels.items()]
