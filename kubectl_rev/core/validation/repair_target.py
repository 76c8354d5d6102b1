"""Who is to validate what has lost its validator: must somebody be chosen, who could it be, who is it by default?

And where would that istiod be called: which Service leads to it, and whose calls would follow the Service?
"""

from __future__ import annotations

from kubectl_rev.core.checks.model import ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of, own_service, revision_of
from kubectl_rev.core.mesh.defaults import meant_default
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import ClientConfig, ServiceReference
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.validation.coverage import UNLABELLED
from kubectl_rev.core.validation.validation import Diagnosis, Entry, Health, validates
from kubectl_rev.core.validation.validator_steps import SERVICE

_PORT = 443
# The names that istiod's certificate is good for, with `istiod-<revision>`: pilot/pkg/bootstrap/server.go.
_NAMES = ("istiod", "istiod-remote", "istio-pilot")
_NAMED = 3


def needs_target(diagnosis: Diagnosis) -> bool:
    """Whether somebody must be chosen to validate unlabelled config."""
    default = diagnosis.default
    if default is None:
        return UNLABELLED in [missing.scope for missing in diagnosis.uncovered]
    return diagnosis.split is not None or must_move(default)


def candidates(survey: Survey, diagnosis: Diagnosis) -> list[str]:
    """The revisions that could validate unlabelled config: those that are ready and can be called."""
    mesh, default, able = survey.mesh, diagnosis.default, sorted(survey.mesh.ready)
    if default is not None and wants_service(survey, default, able):
        return able
    return [revision for revision in able if service_of(mesh, revision) or missing_service(mesh, revision)]


def choose(survey: Survey, diagnosis: Diagnosis) -> str | None:
    """The one that holds the default, as labels have it, else the only one; None when a person must say."""
    able, meant = candidates(survey, diagnosis), meant_default(survey.mesh)
    if diagnosis.default and labels.DEFAULT in able and wants_service(survey, diagnosis.default, able):
        return labels.DEFAULT  # the Service is its own: no proxy moves
    holder = next((revision for revision in (meant.injection, meant.validation) if revision in able), None)
    return holder or (able[0] if len(able) == 1 else None)


def must_move(entry: Entry) -> bool:
    """Whether label or Service are wrong; an Ignore that its istiod is about to turn to Fail is not."""
    if entry.health is Health.FAIL_OPEN:
        return entry.target.alive is False or not _kept(entry)
    return entry.health in (Health.DANGLING, Health.MISLABELLED) and not (_kept(entry) and entry.target.alive)


def _kept(entry: Entry) -> bool:
    """Whether the istiod that is called is the one that maintains it: then a missing caBundle is about to come."""
    return entry.labelled is not None and (
        not entry.target.revisions or entry.labelled in map(label_of, entry.target.revisions)
    )


def wants_service(survey: Survey, entry: Entry, able: list[str]) -> bool:
    """Maintained by name, and all that is missing is the Service `istiod`."""
    if entry.labelled is not None or entry.target.service != SERVICE or entry.target.alive is not False:
        return False
    known = [bundle for revision in able for bundle in bundles(survey.mesh, revision)]
    bundle = entry.webhook.client_config.ca_bundle
    return bool(bundle) and entry.fails_closed and (bundle in known or not known)


def service_of(mesh: Mesh, revision: str) -> ServiceReference | None:
    """The Service to call a revision's istiod by: one that leads to it alone, answers, and is in its certificate.

    A tag's Service is not in the certificate. The revision's own comes first, then one that stands in for it.
    """
    own = own_service(revision)
    called = {
        (webhook.client_config.service.namespace, webhook.client_config.service.name)
        for injector in mesh.injectors
        if injector.labelled == label_of(revision) and not injector.deactivated
        for webhook, _ in injector.webhooks
        if webhook.client_config.service
    }
    ranked = []
    for service in mesh.snapshot.services:
        where = (service.namespace, service.name)
        if labels.TAG in service.labels or (service.name not in (own, *_NAMES) and where not in called):
            continue
        reference = _reference(*where)
        target = mesh.target(ClientConfig(service=reference))
        if target.alive and target.revisions == (revision,):
            ranked.append(((service.name != own, where not in called, where), reference))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _reference(namespace: str, name: str) -> ServiceReference:
    return ServiceReference(name=name, namespace=namespace, path="/validate", port=_PORT)


def missing_service(mesh: Mesh, revision: str) -> ServiceReference | None:
    """The Service that a revision's ready istiod has lost: nothing leads to it, and its own does not exist."""
    name, snapshot = own_service(revision), mesh.snapshot
    if snapshot.has_gap("services") or service_of(mesh, revision) is not None:
        return None
    homes = sorted({plane.namespace for plane in mesh.planes_of(revision) if plane.ready})
    there = {(service.namespace, service.name) for service in snapshot.services}
    if len(homes) != 1 or (homes[0], name) in there:
        return None
    return _reference(homes[0], name)


def selector_of(mesh: Mesh, revision: str, namespace: str) -> dict[str, str] | None:
    """What selects the istiods of a revision in a namespace and no others; None if none is ready there."""
    pods = [pod for pod in mesh.snapshot.istiods if pod.namespace == namespace]
    if not any(pod.ready and revision_of(pod.labels) == label_of(revision) for pod in pods):
        return None
    called = service_of(mesh, revision)
    for service in mesh.snapshot.services:
        if called and (service.namespace, service.name) == (called.namespace, called.name):
            return service.spec.selector
    # istio-discovery/templates/service.yaml
    chart = {labels.APP: labels.ISTIOD, labels.REV: label_of(revision)}
    by_name = {labels.APP: labels.ISTIOD, "istio": "pilot"}
    return chart if any(chart.items() <= pod.labels.items() for pod in pods) else by_name


def bundles(mesh: Mesh, revision: str) -> set[str]:
    """The caBundles that a revision's istiod has written: those of the webhooks that are its own and lead to it."""
    name = label_of(revision)
    injectors = (injector for injector in mesh.injectors if injector.labelled == name)
    validators = (config for config in mesh.snapshot.validators if config.labels.get(labels.REV) == name)
    webhooks = [webhook for injector in injectors for webhook, _ in injector.webhooks]
    webhooks += [w for config in validators for w in config.webhooks if validates(mesh, config, w)]
    own = (w.client_config for w in webhooks if revision in mesh.target(w.client_config).revisions)
    return {client.ca_bundle for client in own} - {""}


def reconnecting(survey: Survey) -> str:
    """The proxies that connect to the Service `istiod`, counted and named: those of the unrevisioned istiod.

    Their discoveryAddress is `istiod.<namespace>.svc` (istio-discovery/templates/configmap.yaml). Empty for none.
    """
    if survey.snapshot.has_gap("pods"):
        return "unknown, since pods may not be listed"
    workloads = [workload for workload in survey.workloads if workload.proxies[labels.DEFAULT]]
    count = sum(workload.proxies[labels.DEFAULT] for workload in workloads)
    names = [f"{ref_of(workload)} -n {workload.namespace}" for workload in workloads]
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    proxies = "1 proxy" if count == 1 else f"{count} proxies"
    return f"{proxies} ({', '.join(names[:_NAMED])}{more})" if names else ""
