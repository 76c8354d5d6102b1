"""REV116: proxies whose own istiod runs, and cannot be reached: the Service that they call is gone.

Which Service a proxy calls stands in its spec, which an overview of a cluster does not read. There it is only known
that no Service leads to the istiods of its revision at all, under whatever name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import Flag, Hint, command
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.proxies import addresses
from kubectl_rev.core.mesh.revisions import ControlPlane
from kubectl_rev.core.mesh.webhook_targets import own_service, revision_of
from kubectl_rev.core.remedies.commands import restart
from kubectl_rev.core.status.checks.control_planes import install_again


class _Callers:
    """The running proxies of one revision that call a Service which does not exist, and the workloads they are of."""

    def __init__(self) -> None:
        self.count, self.workloads = 0, list[Workload]()

    def add(self, workload: Workload, group: PodGroup) -> None:
        self.count += group.count
        if workload not in self.workloads[-1:]:
            self.workloads.append(workload)


def _unreachable(survey: Survey) -> Found:
    there = {(service.namespace, service.name) for service in survey.snapshot.services}
    gone: dict[tuple[str, str, str], _Callers] = defaultdict(_Callers)
    unread: dict[str, int] = defaultdict(int)
    for workload, group, revision in _proxies(survey):
        container = group.pod.spec.proxy if group.pod.spec else None
        if container is None:
            unread[revision] += group.count
            continue
        for address in addresses(container):
            service = address.service if address.certain else None
            if service and (service.namespace, service.name) not in there:
                gone[service.namespace, service.name, revision].add(workload, group)
                break
    for (namespace, name, revision), callers in sorted(gone.items()):
        planes = _ready(survey, revision)
        if planes and not survey.snapshot.has_gap("services", namespace):
            own = any((plane.namespace, own_service(revision)) == (namespace, name) for plane in planes)
            hint = _restore(survey, namespace, name, revision) if own else _elsewhere(callers, revision)
            yield Ref("Service", namespace, name), f"it does not exist: {_cut_off(callers.count, revision)}", hint
    for revision, count in sorted(unread.items()):
        planes = _ready(survey, revision)
        if planes and not any(_led_to(survey, plane) for plane in planes):
            message = f"no Service leads to its istiods: {_cut_off(count, revision)}"
            where = planes[0].namespace
            yield Ref("Revision", where, revision), message, _restore(survey, where, own_service(revision), revision)


def _proxies(survey: Survey) -> Iterator[tuple[Workload, PodGroup, str]]:
    """Those that run and stay, with the revision that injected them."""
    for workload in survey.workloads:
        for group in workload.staying if workload.namespace not in survey.terminating else ():
            if group.proxy and group.proxy.revision:
                yield workload, group, group.proxy.revision


def _cut_off(count: int, revision: str) -> str:
    proxies = "1 proxy of revision {} gets" if count == 1 else f"{count} proxies of revision {{}} get"
    return f"{proxies.format(revision)} no configuration and no new certificates"


def _ready(survey: Survey, revision: str) -> list[ControlPlane]:
    """Without one, that is the finding: REV114."""
    return [plane for plane in survey.mesh.control_planes if plane.revision == revision and plane.ready]


def _led_to(survey: Survey, plane: ControlPlane) -> bool:
    """Whether a Service of the istiods is there, or may be; that of a tag is called by webhooks alone."""
    snapshot = survey.snapshot
    if snapshot.has_gap("services", plane.namespace):
        return True
    istiods = [
        p for p in snapshot.istiods if p.namespace == plane.namespace and revision_of(p.labels) == plane.revision
    ]
    services = [s for s in snapshot.services if s.namespace == plane.namespace and labels.TAG not in s.labels]
    return any(s.spec.selector and s.spec.selector.items() <= p.labels.items() for s in services for p in istiods)


def _restore(survey: Survey, namespace: str, name: str, revision: str) -> Hint:
    """A repair of validation makes the Service anew where a validator calls it; else whoever made it has to."""
    for config in survey.snapshot.validators:
        for webhook in config.webhooks:
            service = webhook.client_config.service
            if service and (service.namespace, service.name) == (namespace, name):
                return command("rev-fix-validation")
    return install_again(revision, "Service")


def _elsewhere(callers: _Callers, revision: str) -> Hint:
    """Of a Service that is none of the revision's: its pods get another address when they are replaced."""
    if len(callers.workloads) == 1:
        return restart(callers.workloads[0])
    return command("rev-status", "pods", Flag("-A"), Flag("--revision", revision))


CHECKS = (
    Check("REV116", Severity.ERROR, "the Service that proxies call is gone",
          "they keep what they have until their certificates expire, 24 hours by default", _unreachable,
          f"{sources.SERVICE}; istio#28880", needs=(*needs.ISTIODS, "services", *needs.RUNNING)),
)  # fmt: skip
