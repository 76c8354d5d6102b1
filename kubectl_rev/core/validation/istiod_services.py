"""Which revisions can validate, where are they called, and whose calls would follow a Service?"""

from __future__ import annotations

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import ClientConfig, ServiceReference
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.webhook_targets import own_service, revision_of
from kubectl_rev.core.status.notes import reference
from kubectl_rev.core.validation.validation import validates

WEBHOOK_PORT = 443
# The names that istiod's certificate is good for, with `istiod-<revision>`: pilot/pkg/bootstrap/server.go.
_NAMES = ("istiod", "istiod-remote", "istio-pilot")
_NAMED = 3


def ready(mesh: Mesh) -> list[str]:
    """The revisions with a ready istiod in this cluster, sorted."""
    return sorted({plane.revision for plane in mesh.control_planes if plane.ready})


def service_of(mesh: Mesh, revision: str) -> ServiceReference | None:
    """The Service to call a revision's istiod by: one that leads to it alone, answers, and is in its certificate.

    A tag's Service is not in the certificate. The revision's own comes first, then one that stands in for it.
    """
    own = own_service(revision)
    used = {
        (w.client_config.service.namespace, w.client_config.service.name)
        for injector in mesh.injectors
        if injector.labelled == revision and not injector.deactivated
        for w, _ in injector.webhooks
        if w.client_config.service
    }
    found = []
    for service in mesh.snapshot.services:
        where = (service.namespace, service.name)
        if labels.TAG in service.labels or (service.name not in (own, *_NAMES) and where not in used):
            continue
        called = ServiceReference(name=service.name, namespace=service.namespace, path="/validate", port=WEBHOOK_PORT)
        target = mesh.target(ClientConfig(service=called))
        if target.alive and target.revisions == (revision,):
            found.append((service.name != own, where not in used, where, called))
    return min(found, default=(None, None, None, None), key=lambda each: each[:3])[3]


def missing_service(mesh: Mesh, revision: str) -> ServiceReference | None:
    """The Service that a revision's ready istiod has lost: nothing leads to it, and its own does not exist."""
    name, snapshot = own_service(revision), mesh.snapshot
    if snapshot.has_gap("services") or service_of(mesh, revision) is not None:
        return None
    homes = sorted({p.namespace for p in snapshot.istiods if p.ready and revision_of(p.labels) == revision})
    there = {(service.namespace, service.name) for service in snapshot.services}
    if len(homes) != 1 or (homes[0], name) in there:
        return None
    return ServiceReference(name=name, namespace=homes[0], path="/validate", port=WEBHOOK_PORT)


def selector_of(mesh: Mesh, revision: str, namespace: str) -> dict[str, str] | None:
    """What selects the istiods of a revision in a namespace and no others; None if none is ready there."""
    pods = [pod for pod in mesh.snapshot.istiods if pod.namespace == namespace]
    if not any(pod.ready and revision_of(pod.labels) == revision for pod in pods):
        return None
    called = service_of(mesh, revision)
    for service in mesh.snapshot.services:
        if called and (service.namespace, service.name) == (called.namespace, called.name):
            return service.spec.selector
    # istio-discovery/templates/service.yaml
    chart = {labels.APP: labels.ISTIOD, labels.REV: revision}
    by_name = {labels.APP: labels.ISTIOD, "istio": "pilot"}
    matching = [pod for pod in pods if chart.items() <= pod.labels.items()]
    return chart if matching else by_name


def bundles(mesh: Mesh, revision: str) -> set[str]:
    """The caBundles that a revision's istiod has written: those of the webhooks that are its own and lead to it."""
    found = set()
    for injector in mesh.injectors:
        if injector.labelled == revision:
            found |= {w.client_config.ca_bundle for w, target in injector.webhooks if revision in target.revisions}
    for config in mesh.snapshot.validators:
        if config.labels.get(labels.REV) == revision:
            for w in config.webhooks:
                if validates(mesh, config, w) and revision in mesh.target(w.client_config).revisions:
                    found.add(w.client_config.ca_bundle)
    return found - {""}


def reconnecting(survey: Survey) -> str:
    """The proxies that connect to the Service `istiod`, counted and named: those of the unrevisioned istiod.

    Their discoveryAddress is `istiod.<namespace>.svc` (istio-discovery/templates/configmap.yaml). Empty for none.
    """
    if survey.snapshot.has_gap("pods"):
        return "unknown, since pods may not be listed"
    workloads = [workload for workload in survey.workloads if workload.proxies[labels.DEFAULT]]
    count = sum(workload.proxies[labels.DEFAULT] for workload in workloads)
    names = [f"{reference(workload)} -n {workload.namespace}" for workload in workloads]
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    proxies = "1 proxy" if count == 1 else f"{count} proxies"
    return f"{proxies} ({', '.join(names[:_NAMED])}{more})" if names else ""
