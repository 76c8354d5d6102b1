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
from kubectl_rev.core.mesh.inventory import Key, Survey, Unit
from kubectl_rev.core.mesh.objects import Service


class Managed(msgspec.Struct, frozen=True):
    """A gateway that goes with its revision, and how many ready pods of others each of its Services keeps."""

    unit: Unit
    kept: dict[str, int]

    @property
    def replaced(self) -> bool:
        return bool(self.kept) and all(self.kept.values())


def gateways(
    survey: Survey, revision: str, stays: Callable[[str | None], bool], removed: Callable[[Service], bool]
) -> dict[Key, Managed]:
    """Those of one revision; `stays` says of a revision that it serves afterwards, `removed` what goes with it."""
    found = {}
    for unit in survey.units:
        if _of_the_add_on(unit, revision):
            services = _services(survey, unit)
            kept = {each.name: 0 if removed(each) else _ready(survey, each, stays) for each in services}
            found[unit.namespace, unit.kind, unit.name] = Managed(unit, kept)
    return found


def _of_the_add_on(unit: Unit, revision: str) -> bool:
    if not unit.namespace.startswith(labels.AKS_NAMESPACE) or not unit.name.endswith(f"-{revision}"):
        return False
    runs: set[str | None] = {*unit.proxies} or {unit.selected.revision}
    return unit.kind == "Deployment" and unit.gateway is not None and runs == {revision}


def _services(survey: Survey, unit: Unit) -> list[Service]:
    given = unit.template.metadata.labels if unit.template else unit.groups[0].pod.labels
    return [each for each in survey.snapshot.services if each.namespace == unit.namespace and _selects(each, given)]


def _selects(service: Service, given: dict[str, str]) -> bool:
    selector = service.spec.selector
    return bool(selector) and selector.items() <= given.items()


def _ready(survey: Survey, service: Service, stays: Callable[[str | None], bool]) -> int:
    """How many ready pods stand behind a Service afterwards; one whose status was not read is not known to be ready."""
    return sum(
        group.count
        for unit in survey.by_namespace[service.namespace]
        for group in unit.groups
        if group.proxy is not None
        and stays(group.proxy.revision)
        and group.pod.ready
        and not group.pod.terminating
        and _selects(service, group.pod.labels)
    )
