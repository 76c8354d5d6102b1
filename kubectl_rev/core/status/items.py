"""The public JSON of rev-status as types: field names here are documented and do not change within kubectl-rev/v1.

What is counted is null where it could not be read: unknown is not zero. The gap that it comes from is in `gaps`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kubectl_rev.core.checks.model import Finding
from kubectl_rev.core.mesh.defaults import Default
from kubectl_rev.core.mesh.injection import InjectionDecision
from kubectl_rev.core.mesh.snapshot import Gap


class Item(msgspec.Struct, rename="camel", kw_only=True):
    """Base of everything that JSON shows; all fields are always there."""

    kind: str
    namespace: str = ""
    name: str


class SelectedItem(msgspec.Struct, rename="camel"):
    """`selected` in JSON; `revision` and `injector` are null unless there is exactly one."""

    state: str
    revision: str | None
    injector: str | None
    injectors: tuple[str, ...]
    because: str


class Count(msgspec.Struct):
    """Ready ones of all."""

    ready: int
    total: int


class InjectorItem(msgspec.Struct):
    """An injector of a revision; `answers` is false when its Service is dead, null when that cannot be known."""

    name: str
    answers: bool | None


class ControlPlaneItem(Item, kw_only=True):
    """`proxies` run on it and are ready, those that are `notReady` or `terminating` aside; `selected` would after a
    restart of all. `revision` is the name, `NAMESPACE/NAME` where control planes of several namespaces have it; so
    it is wherever a revision is named.

    `state` is local, remote, external, missing or unknown; `default` lists what it holds of the four: injection,
    validation, gateways, name. `namespaces` are those whose labels lead to it, also while calling it fails or others
    are called too.
    """

    kind: str = "ControlPlane"
    revision: str
    state: str
    tags: list[str]
    default: list[str]
    version: str | None
    istiod: Count
    injectors: list[InjectorItem] | None
    namespaces: int | None
    proxies: int | None
    not_ready: int | None
    terminating: int | None
    selected: int | None


class TagItem(Item, kw_only=True):
    """`namespaces` are those that name it in their label, or whose new pods its injector is called for.

    `resolves` is false when its revision has no istiod.
    """

    kind: str = "Tag"
    revision: str
    injector: str | None
    service: str | None
    resolves: bool
    namespaces: int | None


class NamespaceItem(Item, kw_only=True):
    """`labels` are the injection labels as they stand, null where they were not read; `selected` is for a pod without
    labels of its own.

    `pods` are those that have not finished; `drifted` of them would change by a restart. `proxyRevisions` counts the
    proxies in whatever state, `notReady` those that are neither ready nor being deleted.
    """

    kind: str = "Namespace"
    labels: dict[str, str] | None
    selected: SelectedItem
    ignored: list[str]
    ambient: bool
    proxy_revisions: dict[str, int] | None
    not_ready: int | None
    pods: int | None
    drift: bool | None
    drifted: int | None
    attention: bool
    note: str


class WorkloadItem(Item, kw_only=True):
    """A workload, bare pod or gateway; `gateway` is its kind or null, its proxies are counted as a namespace's."""

    selected: SelectedItem
    proxy_revisions: dict[str, int] | None
    not_ready: int | None
    pods: int | None
    drift: bool | None
    drifted: int | None
    gateway: str | None
    note: str


class Owner(msgspec.Struct):
    """`owner` of a pod: the workload that is restarted to replace it."""

    kind: str
    name: str


class PodItem(Item, kw_only=True):
    """`proxyRevision` is null without a proxy or when unknown; `evidence` says what it is read from.

    `created` is a time as Kubernetes writes it.
    """

    kind: str = "Pod"
    selected: SelectedItem
    proxy_revision: str | None
    has_proxy: bool
    evidence: str | None
    owner: Owner | None
    drift: bool | None
    created: str | None
    note: str


# What an overview never looks at; all but the first are kinds of gap of rev-verify's (verification/evidence.py).
NOT_CHECKED = {
    "calls": "whether the API server reaches istiod",
    "connections": "which istiod each proxy is connected to",
    "remote-clusters": "other clusters",
    "vms": "VMs",
}


class Overview(msgspec.Struct, rename="camel", kw_only=True):
    """The one-screen answer. `proxies` are the ready ones, `drifted` of all pods would change by a restart.

    `gaps` is what could not be read, `notChecked` what was not even asked (rev-verify does).
    """

    control_planes: list[ControlPlaneItem]
    default: Default
    namespaces: list[NamespaceItem]
    findings: list[Finding]
    gaps: list[Gap]
    proxies: int | None
    not_ready: int | None
    drifted: int | None
    not_checked: list[str] = msgspec.field(default_factory=lambda: list(NOT_CHECKED))


def selected_item(selected: InjectionDecision) -> SelectedItem:
    """`Selected` as JSON shows it."""
    return SelectedItem(
        selected.state.value, selected.revision, selected.injector, selected.injectors, selected.because
    )


def asked_of(selected: InjectionDecision | SelectedItem, served: Mapping[str, str]) -> set[str]:
    """The revision that is selected, or those that would be if calling their injectors did not fail or collide.

    `served` maps injectors to their revisions (`Mesh.served`).
    """
    return {selected.revision} if selected.revision else {served[name] for name in selected.injectors}


def revisions_of(item: Item, served: Mapping[str, str]) -> set[str]:
    """The revisions that an item runs on, asks for, or is; one that is down is asked for as before."""
    match item:
        case ControlPlaneItem() | TagItem():
            return {item.revision}
        case NamespaceItem() | WorkloadItem():
            return {*asked_of(item.selected, served), *(item.proxy_revisions or ())}
        case PodItem():
            return {*asked_of(item.selected, served), item.proxy_revision or ""}
    return set()
