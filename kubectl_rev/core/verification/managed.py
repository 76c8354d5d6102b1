"""The gateways that AKS runs itself: a Deployment for each revision, which goes with it, all behind one Service.

While two revisions are installed the pods of both serve. That the old ones run on the old revision is therefore no
reason to keep it, as long as each Service that leads to them leads to a ready pod of another revision too.
Source: learn.microsoft.com/azure/aks/istio-upgrade, "Minor revision upgrades with the ingress gateway". It names the
namespace and how the Deployments are called; which labels they carry it does not say, so none is relied on.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.objects import Service
from kubectl_rev.core.mesh.resources import Key


class Managed(msgspec.Struct, frozen=True):
    """A gateway that goes with its revision, and how many ready pods of others each of its Services keeps."""

    workload: Workload
    kept: dict[str, int]

    @property
    def replaced(self) -> bool:
        return bool(self.kept) and all(self.kept.values())


def gateways(
    survey: Survey, revision: str, stays: Callable[[str | None], bool], removed: Callable[[Service], bool]
) -> dict[Key, Managed]:
    """Those of one revision; `stays` says of a revision that it serves afterwards, `removed` what goes with it."""
    found = {}
    for workload in survey.workloads:
        if _of_the_add_on(workload, revision):
            services = _services(survey, workload)
            kept = {service.name: 0 if removed(service) else _ready(survey, service, stays) for service in services}
            found[Key.of(workload)] = Managed(workload, kept)
    return found


def _of_the_add_on(workload: Workload, revision: str) -> bool:
    if not workload.namespace.startswith(labels.AKS_NAMESPACE) or not workload.name.endswith(f"-{revision}"):
        return False
    runs: set[str | None] = {*workload.proxies} or {workload.selected.revision}
    return workload.kind == "Deployment" and workload.gateway is not None and runs == {revision}


def _services(survey: Survey, workload: Workload) -> list[Service]:
    given = workload.template.metadata.labels if workload.template else workload.groups[0].pod.labels
    return [
        service
        for service in survey.snapshot.services
        if service.namespace == workload.namespace and _selects(service, given)
    ]


def _selects(service: Service, given: dict[str, str]) -> bool:
    selector = service.spec.selector
    return bool(selector) and selector.items() <= given.items()


def _ready(survey: Survey, service: Service, stays: Callable[[str | None], bool]) -> int:
    """How many ready pods stand behind a Service afterwards; one whose status was not read is not known to be ready."""
    return sum(
        group.count
        for workload in survey.by_namespace[service.namespace]
        for group in workload.groups
        if group.proxy is not None
        and stays(group.proxy.revision)
        and group.pod.ready
        and not group.pod.terminating
        and _selects(service, group.pod.labels)
    )
