"""Kubernetes objects as Istio's charts make them: valid by default, so that a test names only what deviates.

Labels are written short: `"injection=enabled rev=canary"` on a namespace, `"inject=false rev=canary app=web"` on a pod.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.installers import IstioOperator, Sail
from kubectl_rev.core.mesh.objects import (
    ClientConfig,
    Condition,
    ConfigMap,
    Container,
    EnvVar,
    Gateway,
    GatewayClass,
    GatewaySpec,
    JobSpec,
    JobTemplate,
    MatchCondition,
    Metadata,
    Namespace,
    Object,
    OwnerReference,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplate,
    Rule,
    ServiceReference,
    Webhook,
    WebhookConfiguration,
    WorkloadObject,
    WorkloadReference,
    WorkloadSpec,
)
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.mesh.services import Endpoint, EndpointConditions, EndpointSlice, Port, Service, ServiceSpec
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from tests.webhooks import entries

ISTIO = "istio-system"
_SHORT = {
    "injection": well_known.INJECTION,
    "rev": well_known.REV,
    "inject": well_known.INJECT,
    "mode": well_known.DATAPLANE_MODE,
}


def labels(text: str) -> dict[str, str]:
    """`"injection=enabled app=web"` with the short names spelled out; `"rev="` is an empty value."""
    pairs = (pair.partition("=") for pair in text.split())
    return {_SHORT.get(key, key): value for key, _, value in pairs}


def suffixed(name: str, revision: str) -> str:
    """The charts' names: `istiod` of the unrevisioned control plane, `istiod-canary` of a revision."""
    return name if revision == "default" else f"{name}-{revision}"


def ns(name: str, text: str = "", **annotations: str) -> Namespace:
    found = {well_known_name.replace("__", "/"): value for well_known_name, value in annotations.items()}
    return Namespace(metadata=Metadata(name=name, labels=labels(text), annotations=found))


def owned_by(kind: str, name: str) -> list[OwnerReference]:
    return [OwnerReference(kind=kind, name=name, controller=True)]


def template(
    text: str = "",
    *,
    annotations: dict[str, str] | None = None,
    host_network: bool = False,
    proxy: Container | None = None,
) -> PodTemplate:
    """A pod template with an application container, and one of istio-proxy if given."""
    containers = [Container(name="app", image="registry.example/app:1"), *([proxy] if proxy else [])]
    return PodTemplate(
        metadata=Metadata(labels=labels(text), annotations=annotations or {}),
        spec=PodSpec(host_network=host_network, containers=containers),
    )


def workload(
    kind: str, name: str, namespace: str = "shop", text: str = "", *, owner: Object | None = None, **more: Any
) -> WorkloadObject:
    """A workload; `text` are its template's labels, `more` is for `template`, `replicas` aside."""
    replicas = more.pop("replicas", None)
    made = template(f"app={name} {text}", **more)
    spec = WorkloadSpec(template=made, replicas=replicas)
    if kind == "CronJob":
        spec = WorkloadSpec(job_template=JobTemplate(spec=JobSpec(template=made)))
    return WorkloadObject(
        kind=kind, metadata=Metadata(name=name, namespace=namespace, owner_references=_owners(owner)), spec=spec
    )


deployment = partial(workload, "Deployment")
stateful_set = partial(workload, "StatefulSet")
daemon_set = partial(workload, "DaemonSet")
replica_set = partial(workload, "ReplicaSet")
job = partial(workload, "Job")
cron_job = partial(workload, "CronJob")
rollout = partial(workload, "Rollout")
deployment_config = partial(workload, "DeploymentConfig")


def borrowing(name: str, lender: WorkloadObject, *, replicas: int | None = None) -> WorkloadObject:
    """An Argo Rollout that uses the template of another workload."""
    reference = WorkloadReference(kind=lender.kind, name=lender.name)
    spec = WorkloadSpec(workload_ref=reference, replicas=replicas)
    return WorkloadObject(kind="Rollout", metadata=Metadata(name=name, namespace=lender.namespace), spec=spec)


def _owners(owner: Object | None) -> list[OwnerReference]:
    if owner is None:
        return []
    return owned_by(owner.kind if isinstance(owner, WorkloadObject) else type(owner).__name__, owner.name)


def gateway_by_chart(
    name: str,
    namespace: str = "shop",
    text: str = "",
    *,
    chart: str = "gateway-1.30.3",
    release: str = "",
    **annotations: str,
) -> WorkloadObject:
    """What Helm's gateway chart makes: its proxy is a place for the injector's; `release` where Helm marks it."""
    made = deployment(name, namespace, f"inject=true {text}",
                      annotations={well_known.TEMPLATES: "gateway"} | annotations,
                      proxy=Container(name="istio-proxy", image="auto"))  # fmt: skip
    made.spec.template.spec.containers = made.spec.template.spec.containers[1:]
    if release:
        made.metadata.labels |= {well_known.MANAGED_BY: "Helm", well_known.HELM_CHART: chart}
        made.metadata.annotations |= {well_known.HELM_RELEASE: release, well_known.HELM_NAMESPACE: namespace}
    return made


def proxy_container(
    revision: str = "default", namespace: str = ISTIO, *, role: str = "sidecar", **env: str
) -> Container:
    """istio-proxy as injected: `role` is sidecar or router; `env` overrides CA_ADDR and adds others."""
    values = {"CA_ADDR": f"{suffixed('istiod', revision)}.{namespace}.svc:15012"} | env
    return Container(
        name="istio-proxy",
        image="docker.io/istio/proxyv2:1.30.3",
        args=["proxy", role, "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
        env=[EnvVar(name=name, value=value) for name, value in values.items() if value],
    )


def traces(revision: str, era: str = "1.30") -> tuple[dict[str, str], dict[str, str]]:
    """The labels and annotations that the injector of a release leaves on a pod."""
    status: dict[str, object] = {"initContainers": ["istio-init"], "containers": ["istio-proxy"]}
    minor = int(era.partition(".")[2])
    if minor >= 11:
        status["revision"] = revision
    annotations = {well_known.STATUS: json.dumps(status)}
    if minor >= 18:
        annotations[well_known.REV] = revision
    return ({well_known.REV: revision} if minor <= 10 else {}), annotations


def pod(
    name: str,
    namespace: str = "shop",
    text: str = "",
    *,
    on: str | None = None,
    era: str = "1.30",
    owner: Object | None = None,
    native: bool = False,
    phase: str = "Running",
    ready: bool = True,
    terminating: bool = False,
    host_network: bool = False,
    annotations: dict[str, str] | None = None,
    created: str | None = None,
    istio: str = ISTIO,
) -> Pod:
    """A running pod, whole; `on` is the revision that injected it, `era` its release, `istio` where it lives."""
    added, noted = traces(on, era) if on else ({}, {})
    sidecar = [proxy_container(on, istio)] if on else []
    app = [Container(name="app", image="registry.example/app:1")]
    return Pod(
        metadata=Metadata(
            name=name,
            namespace=namespace,
            labels=labels(text) | added,
            annotations=(annotations or {}) | noted,
            owner_references=_owners(owner),
            creation_timestamp=created,
            deletion_timestamp="2026-11-01T00:00:00Z" if terminating else None,
        ),
        spec=PodSpec(
            host_network=host_network,
            containers=app + ([] if native else sidecar),
            init_containers=sidecar if native else [],
        ),
        status=PodStatus(phase=phase, conditions=[Condition(type="Ready", status="True" if ready else "False")]),
    )


def running(owner: WorkloadObject, *on: str | None, lender: WorkloadObject | None = None, **more: Any) -> list[Object]:
    """A workload with a pod for each of `on`; a Deployment's hang on a ReplicaSet that is known by its metadata.

    `lender` has the template, where that is another's.
    """
    template = (lender or owner).template
    made = dict(template.metadata.labels) if template else {}
    between: list[Object] = []
    if (middle := facts_of(owner.kind).middle) is not None:
        if middle.holds == "name":
            made[middle.label] = owner.name
        metadata = Metadata(name=f"{owner.name}-5d8f", namespace=owner.namespace, owner_references=_owners(owner))
        between = [WorkloadObject(kind=middle.kind, metadata=metadata)]
    text = " ".join(f"{key}={value}" for key, value in made.items())
    above = between[0] if between else owner
    spec = template.spec if template else PodSpec()
    annotations = dict(template.metadata.annotations) if template else {}
    more.setdefault("host_network", spec.host_network)
    found = [
        pod(f"{above.name}-{n}", owner.namespace, text, on=rev, owner=above, annotations=annotations, **more)
        for n, rev in enumerate(on)
    ]
    for each, rev in zip(found, on, strict=True):
        if rev is None and each.spec and spec.proxy:  # baked into the template
            each.spec.containers.append(spec.proxy)
    return [owner, *between, *found]


def metadata_only(found: Pod) -> Pod:
    """The pod as a metadata list has it."""
    return Pod(metadata=found.metadata)


def client(revision: str, namespace: str = ISTIO, service: str | None = None, path: str = "/inject") -> ClientConfig:
    name = service if service is not None else suffixed("istiod", revision)
    return ClientConfig(service=ServiceReference(name=name, namespace=namespace, path=path), ca_bundle="Q0E=")


def injector(
    revision: str = "default",
    *,
    tag: str | None = None,
    layout: str = "current",
    namespace: str = ISTIO,
    name: str | None = None,
    service: str | None = None,
    url: str | None = None,
    deactivated: bool = False,
    auto: bool = False,
    failure_policy: str = "Fail",
    match_conditions: Iterable[str] = (),
) -> WebhookConfiguration:
    """The injector of a revision, or of a tag that points at it. `layout`: current, 1.9 or 1.6 (§1.2, §1.4)."""
    found = labels(f"rev={revision} app=sidecar-injector") | ({well_known.TAG: tag} if tag else {})
    usual = f"istio-revision-tag-{tag}" if tag else suffixed("istio-sidecar-injector", revision)
    config = ClientConfig(url=url) if url else client(revision, namespace, service)
    never = LabelSelector(match_labels={well_known.DEACTIVATED: "never-match"})
    return WebhookConfiguration(
        metadata=Metadata(name=name or (usual if namespace == ISTIO else f"{usual}-{namespace}"), labels=found),
        webhooks=[
            Webhook(
                name=f"{prefix}sidecar-injector.istio.io",
                client_config=config,
                namespace_selector=never if deactivated else of_namespace,
                object_selector=never if deactivated else of_pod,
                match_conditions=[MatchCondition(name=f"c{n}", expression=e) for n, e in enumerate(match_conditions)],
                rules=[Rule(operations=["CREATE"], api_groups=[""], api_versions=["v1"], resources=["pods"])],
                failure_policy=failure_policy,
            )
            for prefix, of_namespace, of_pod in entries(layout, tag or revision, auto=auto)
        ],
    )


def validator(
    revision: str = "default",
    *,
    name: str = "istiod-default-validator",
    namespace: str = ISTIO,
    service: str | None = None,
    per_revision: bool = False,
    tag: str | None = None,
    labelled: str | None = "",
) -> WebhookConfiguration:
    """The default validator, or (`per_revision`) `istio-validator-REV-NS`. `labelled` None: no revision label."""
    found = {} if labelled is None else {well_known.REV: labelled or revision}
    selects = LabelSelector()
    if per_revision:
        name, selects = f"{suffixed('istio-validator', revision)}-{namespace}", _rev_in(revision)
    rule = Rule(operations=["CREATE", "UPDATE"], api_groups=["networking.istio.io"], resources=["*"])
    webhook = Webhook(
        name="rev.validation.istio.io" if per_revision else "validation.istio.io",
        client_config=client(revision, namespace, service, "/validate"),
        object_selector=selects,
        rules=[rule],
    )
    metadata = Metadata(name=name, labels=found | ({well_known.TAG: tag} if tag else {}))
    return WebhookConfiguration(metadata=metadata, webhooks=[webhook])


def _rev_in(revision: str) -> LabelSelector:
    return LabelSelector(match_labels={well_known.REV: revision})


def istiod(
    revision: str = "default", namespace: str = ISTIO, *, version: str = "1.30.3", n: int = 0, **more: Any
) -> Pod:
    """One istiod pod."""
    role = "istio=pilot" if revision == "default" else "istio=istiod"
    text = f"app=istiod {role} rev={revision} inject=false {well_known.VERSION_LABEL}={version}"
    found = pod(f"{suffixed('istiod', revision)}-7c9-{n}", namespace, text, **more)
    found.metadata.owner_references = owned_by("ReplicaSet", f"{suffixed('istiod', revision)}-7c9")
    found.spec = PodSpec(containers=[Container(name="discovery", image=f"docker.io/istio/pilot:{version}")])
    return found


def service(
    revision: str = "default",
    namespace: str = ISTIO,
    *,
    name: str | None = None,
    tag: str | None = None,
    select: str | None = None,
) -> Service:
    """istiod's Service. `select` are the labels that it selects, empty for none."""
    usual = "app=istiod istio=pilot" if revision == "default" else f"app=istiod rev={revision}"
    found = labels(f"app=istiod istio=pilot rev={revision}") | ({well_known.TAG: tag} if tag else {})
    default_name = f"istiod-revision-tag-{tag}" if tag else suffixed("istiod", revision)
    return Service(
        metadata=Metadata(name=name or default_name, namespace=namespace, labels=found),
        spec=ServiceSpec(
            selector=labels(usual if select is None else select),
            ports=[Port(name="https-webhook", port=443, target_port=15017)],
        ),
    )


def endpoints(of: Service, *ready: bool) -> EndpointSlice:
    """The EndpointSlice of a Service, with an endpoint for each of `ready`."""
    found = {well_known.SERVICE_NAME: of.name}
    return EndpointSlice(
        metadata=Metadata(name=f"{of.name}-x2k", namespace=of.namespace, labels=found),
        endpoints=[Endpoint(conditions=EndpointConditions(ready=each)) for each in ready],
    )


def config_map(revision: str = "default", namespace: str = ISTIO, **config: Any) -> ConfigMap:
    """istiod's injector configuration; `config` overrides `policy: enabled`."""
    data = {"config": json.dumps({"policy": "enabled"} | config)}
    name = suffixed("istio-sidecar-injector", revision)
    return ConfigMap(metadata=Metadata(name=name, namespace=namespace), data=data)


def gateway(name: str, namespace: str = "shop", text: str = "", class_name: str = "istio") -> Gateway:
    metadata = Metadata(name=name, namespace=namespace, labels=labels(text))
    return Gateway(metadata=metadata, spec=GatewaySpec(gateway_class_name=class_name))


def gateway_class(name: str, controller: str) -> GatewayClass:
    return GatewayClass(metadata=Metadata(name=name), spec=GatewaySpec(controller_name=controller))


def sail(kind: str, name: str, **more: Any) -> Sail:
    """An Istio, IstioRevision or IstioRevisionTag; `more` are its spec and status."""
    return Sail(metadata=Metadata(name=name), kind=kind, **more)


def control_plane(
    revision: str = "default",
    namespace: str = ISTIO,
    *,
    version: str = "1.30.3",
    ready: Iterable[bool] = (True,),
    **more: Any,
) -> list[Object]:
    """A whole revision: istiods, Deployment, Service, endpoints, injector (`more`), its validator and ConfigMap."""
    ready = tuple(ready)
    pods = [istiod(revision, namespace, version=version, n=n, ready=each) for n, each in enumerate(ready)]
    name, its_service = suffixed("istiod", revision), service(revision, namespace)
    role = "istio=pilot" if revision == "default" else "istio=istiod"
    owner = deployment(name, namespace, f"app=istiod {role} rev={revision} inject=false")
    between = Metadata(name=f"{name}-7c9", namespace=namespace, owner_references=_owners(owner))
    return [
        owner,
        WorkloadObject(kind="ReplicaSet", metadata=between),
        *pods,
        its_service,
        endpoints(its_service, *ready),
        injector(revision, namespace=namespace, **more),
        validator(revision, namespace=namespace, per_revision=True),
        config_map(revision, namespace),
    ]


def world(
    *parts: Object | Iterable[Object], gaps: Iterable[Gap] = (), versions: dict[str, str] | None = None
) -> Snapshot:
    """All these objects as one Snapshot."""
    found = Snapshot(
        namespaces=[], pods=[], istiods=[], workloads=[], injectors=[], validators=[], services=[],
        endpoint_slices=[], config_maps=[], gateways=[], sail=[], versions=versions or {}, gaps=sorted(gaps),
    )  # fmt: skip
    for part in parts:
        for each in [part] if isinstance(part, Object) else part:
            _place(found, each)
    return found


def _place(found: Snapshot, each: Object) -> None:
    match each:
        case Namespace():
            found.namespaces.append(each)
        case Pod():
            found.pods.append(each)
            if each.labels.get(well_known.APP) == well_known.ISTIOD:
                found.istiods.append(each)
        case WorkloadObject():
            found.workloads.append(each)
        case WebhookConfiguration():
            validates = any("validation" in webhook.name for webhook in each.webhooks)
            (found.validators if validates else found.injectors).append(each)
        case Service():
            found.services.append(each)
        case EndpointSlice():
            found.endpoint_slices.append(each)
        case ConfigMap():
            found.config_maps.append(each)
        case Gateway():
            found.gateways.append(each)
        case GatewayClass():
            found.gateway_classes.append(each)
        case Sail():
            found.sail.append(each)
        case IstioOperator():
            found.operators.append(each)
        case _:
            raise TypeError(each)
