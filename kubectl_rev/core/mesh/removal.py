"""What removing a control plane deletes, by the way it is removed, and the cluster as it is afterwards.

Nothing is predicted by rule from there on: who injects what, which Services are dead, which tags resolve is asked of
the snapshot after the removal just as of the one before.
Sources: operator/pkg/uninstall/prune.go (istioctl; before 1.24 operator/pkg/helmreconciler/prune.go, which the
in-cluster operator shares); Helm deletes what its release owns; Sail's objects are garbage collected with the
IstioRevision that owns them; AKS removes a revision's objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, assert_never

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of, revision_of
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.mesh.objects import Object, Pod, WebhookConfiguration, WorkloadObject
from kubectl_rev.core.mesh.ownership import Release, made_by_tag_set, release_of
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.services import Endpoint, EndpointConditions, EndpointSlice, Service
from kubectl_rev.core.mesh.snapshot import Snapshot


class Removal(msgspec.Struct, frozen=True):
    """The removal of one revision's control plane. `method` is None where nobody says how it was installed.

    `namesakes` is whether control planes of other namespaces have its name, too.

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
    namesakes: bool = False

    @property
    def name(self) -> str:
        """Its name, as labels have it."""
        return label_of(self.revision)

    def takes(self, kind: str, target: Object) -> bool:
        """Whether this object is deleted. `kind` matters to istioctl only, which knows a list of kinds."""
        given = target.labels
        ours = given.get(labels.REV) == self.name or (self.unlabelled and labels.REV not in given)
        match self.method:
            case Method.ISTIOCTL | Method.OPERATOR:
                component, owner_of = given.get(labels.OPERATOR_COMPONENT), given.get(labels.OWNING_NAMESPACE)
                home = owner_of is not None and (not self.namespaces or owner_of in self.namespaces)
                marked = component in labels.PRUNED_COMPONENTS and (home or self.prunes_all)
                return kind in _PRUNED_KINDS and ours and marked
            case Method.HELM if self.release.name:
                kept = target.metadata.annotations.get(labels.HELM_POLICY, "").strip().lower() == "keep"
                return not kept and release_of(target.metadata, target.namespace) == self.release
            case Method.HELM:  # a chart that was rendered and applied
                rendered = given.get(labels.MANAGED_BY) == "Helm" and not made_by_tag_set(target.metadata)
                return ours and rendered and target.name != labels.DEFAULT_VALIDATOR and self.here(target)
            case Method.SAIL:
                return self.owner in _sail_owners(target)
            case Method.AKS:
                home = not target.namespace or target.namespace.startswith(labels.AKS_NAMESPACE)
                return ours and home and kind in _PRUNED_KINDS
            case None:
                own = ours and labels.APP in given and labels.TAG not in given and kind in _PRUNED_KINDS
                return own and self.here(target)
        assert_never(self.method)

    def here(self, target: Object) -> bool:
        """Whether an object is not a namesake's: by its namespace, or that of the Services that it calls."""
        webhooks = target.webhooks if isinstance(target, WebhookConfiguration) else []
        called = {w.client_config.service.namespace for w in webhooks if w.client_config.service}
        return not self.namesakes or not (called or {target.namespace}).isdisjoint(self.namespaces)


_ASKS_FOR_THE_OWNER = (1, 24)
_PRUNED_KINDS = frozenset({
    "Deployment", "DaemonSet", "Service", "ConfigMap", "Pod", "EnvoyFilter",
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
})  # fmt: skip
Kept = TypeVar("Kept", bound=Object)


def removal(mesh: Mesh, revision: str, by: By | None = None) -> Removal:
    """How a revision would be removed: as `by` says, else as its marks say.

    Where nobody says which istioctl, it is taken to be of the control plane's own release.
    """
    name, planes = label_of(revision), mesh.planes_of(revision)
    own = [workload for workload in mesh.snapshot.workloads if mesh.runs(workload) == revision]
    injectors = [config for config in mesh.snapshot.injectors if config.labels.get(labels.REV) == name]
    marked: list[Object] = [*own] or [config for config in injectors if labels.TAG not in config.labels]
    operated = _operator_resources(mesh.snapshot, name)
    method = Method.OPERATOR if operated else next(filter(None, map(_method, marked)), None)
    releases = [by.release] if by and by.release else [release(v) for plane in planes for v in plane.versions] or [None]
    return Removal(
        revision=revision,
        method=by.method if by else method,
        marked=by is None or by.method is method,
        namespaces=tuple(sorted({plane.namespace for plane in planes if plane.namespace})),
        release=next(filter(None, (release_of(m.metadata, m.namespace) for m in marked)), Release("", "")),
        owner=next((owner for config in marked for owner in _sail_owners(config)), name),
        unlabelled=name == labels.DEFAULT
        and bool(own)
        and all(labels.REV not in deployment.labels for deployment in own),
        prunes_all=any(known is None or known < _ASKS_FOR_THE_OWNER for known in releases),
        operator_resources=operated,
        namesakes=name in mesh.namesakes,
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


def _method(marked: Object) -> Method | None:
    if marked.labels.get(labels.SAIL_MANAGED_BY) == labels.SAIL_OPERATOR or _sail_owners(marked):
        return Method.SAIL
    if marked.namespace.startswith(labels.AKS_NAMESPACE):
        return Method.AKS
    if release_of(marked.metadata):
        return Method.HELM
    ours = labels.OPERATOR_MANAGED in marked.labels or labels.OPERATOR_VERSION in marked.labels
    return Method.ISTIOCTL if ours else None


def _sail_owners(marked: Object) -> list[str]:
    return [owner.name for owner in marked.metadata.owner_references if owner.kind == labels.SAIL_REVISION]


def after(snapshot: Snapshot, gone: Removal) -> Snapshot:
    """The cluster when the removal is done and its garbage is collected. No object is changed, most are shared.

    Where Deployments could not be listed, the revision's istiods are taken to fall with theirs: what that breaks is
    foreseen, and whether the method really removes them is the gap.
    """
    fallen = [workload for workload in snapshot.workloads if gone.takes(workload.kind, workload)]

    def falls(pod: Pod) -> bool:
        home = not gone.namesakes or pod.namespace in gone.namespaces
        unread = home and revision_of(pod.labels) == gone.name and snapshot.has_gap("deployments.apps", pod.namespace)
        return unread or gone.takes("Pod", pod) or any(_made_by(workload, pod) for workload in fallen)

    istiods = [pod for pod in snapshot.istiods if not falls(pod)]
    services = _left(gone, "Service", snapshot.services)
    return msgspec.structs.replace(
        snapshot,
        workloads=[workload for workload in snapshot.workloads if not gone.takes(workload.kind, workload)],
        istiods=istiods,
        services=services,
        endpoint_slices=list(_slices(snapshot, services, istiods)),
        config_maps=_left(gone, "ConfigMap", snapshot.config_maps),
        injectors=_left(gone, "MutatingWebhookConfiguration", snapshot.injectors),
        validators=_left(gone, "ValidatingWebhookConfiguration", snapshot.validators),
    )


def _left(gone: Removal, kind: str, objects: list[Kept]) -> list[Kept]:
    return [it for it in objects if not gone.takes(kind, it)]


def _made_by(workload: WorkloadObject, pod: Pod) -> bool:
    """Whether this workload made the pod: the pod is in its namespace and has every label of its template."""
    given = workload.template.metadata.labels if workload.template else {}
    return workload.template is not None and workload.namespace == pod.namespace and given.items() <= pod.labels.items()


def _slices(snapshot: Snapshot, services: list[Service], istiods: list[Pod]) -> Iterator[EndpointSlice]:
    """The endpoints of Services that lead to istiods follow the istiods that are left; all others stay."""
    left = {(service.namespace, service.name): service for service in services}
    for endpoint_slice in snapshot.endpoint_slices:
        service = left.get((endpoint_slice.namespace, endpoint_slice.labels.get(labels.SERVICE_NAME, "")))
        if service is None:
            continue
        now = [pod for pod in istiods if service.leads_to(pod)]
        if len(now) == len(snapshot.istiods_behind(service)):
            yield endpoint_slice
        else:
            ready = [Endpoint(conditions=EndpointConditions(ready=pod.ready)) for pod in now]
            yield msgspec.structs.replace(endpoint_slice, endpoints=ready)
