"""Everything that a command needs to know of a cluster, in one go: a `Snapshot`.

The lists are fetched side by side. What depends on them (which Services' endpoints, which istiods to ask) starts as
soon as its inputs are there, while the pods still stream. The number of requests does not depend on the number of
namespaces, workloads or pods. What may not be read becomes a Gap; that the cluster does not answer is an error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeVar

from kubectl_rev.cluster import lists, missing_specs, pod_streams
from kubectl_rev.cluster.config import read_groups
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels, mesh_config
from kubectl_rev.core.mesh.control_plane import namesakes
from kubectl_rev.core.mesh.installers import IstioOperator, Sail
from kubectl_rev.core.mesh.objects import (
    ConfigMap,
    IstioConfig,
    Namespace,
    Object,
    Pod,
    WebhookConfiguration,
    WorkloadObject,
)
from kubectl_rev.core.mesh.resources import BY_KIND, PREFLIGHT, WORKLOADS, Decoding, Key, Resource
from kubectl_rev.core.mesh.revisions import calls_injection, is_injection
from kubectl_rev.core.mesh.services import EndpointSlice
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot, fold
from kubectl_rev.dumps.redact import INJECTOR_CONFIG
from kubectl_rev.errors import ClusterError, NotFound

T = TypeVar("T")
Depth = Literal["folded", "metadata", "whole"]

_THREADS = 8
_VERSION_TIMEOUT = 5.0
ISTIO_SYSTEM = "istio-system"
_PODS = {"folded": lists.folded_pods, "metadata": lists.pods, "whole": lists.whole_pods}
_WHOLE = (Decoding.PROTOBUF, Decoding.JSON)


def read(
    connection: Connection,
    *,
    namespace: str = "",
    pods: Depth = "folded",
    istio_namespace: str | None = None,
    ask_versions: bool = True,
    config: Collection[str] = (),
    preflight: bool = False,
) -> Snapshot:
    """Read the mesh. `namespace` restricts pods, workloads and Gateways to one; all else is always the whole cluster's.

    `pods`: `folded` merges those that are alike, `metadata` keeps each, `whole` has spec and status too. Where
    injection cannot be told without it, spec is read in any case (bare pods, unknown controllers, lone ReplicaSets).
    `config` names the API groups whose objects are looked through for a label `istio.io/rev`; Sail's is read whole.
    `preflight`: what a migration alone asks for is read too.
    `istio_namespace` is where to look for istiod if it may not be looked for everywhere.
    Raises Unreachable when the API server does not answer or does not know us.
    """
    with Workers(_THREADS) as workers:
        reading = _Reading(connection, workers, namespace, istio_namespace or ISTIO_SYSTEM)
        return reading.read(pods, ask_versions, config, preflight)


class _Reading:
    def __init__(self, connection: Connection, workers: Workers, namespace: str, istio_namespace: str) -> None:
        self._connection, self._start = connection, workers.start
        self._namespace, self._istio_namespace = namespace, istio_namespace
        self._gaps: set[Gap] = set()

    def read(self, depth: Depth, ask_versions: bool, groups: Collection[str], preflight: bool) -> Snapshot:
        connection, namespace = self._connection, self._namespace
        # The longest first; last config's many small ones, which would keep the server from the pods.
        pods = self._list(partial(_PODS[depth], connection, namespace))
        # A gap of the whole cluster says nothing of the pods of the one namespace that is read: `Snapshot.scope`.
        istiods = self._everywhere_or_home(partial(lists.istiods, connection))
        injectors = self._list(partial(lists.installed, connection, "MutatingWebhookConfiguration"))
        validators = self._list(partial(lists.installed, connection, "ValidatingWebhookConfiguration"))
        services = self._everywhere_or_home(partial(lists.installed, connection, "Service"))
        replica_sets = self._list(partial(lists.replica_sets, connection, namespace))
        owners = [self._restricted(lists.workloads, one) for one in WORKLOADS if one.decoding in _WHOLE]
        namespaces = self._start(self._namespaces)
        gateways = self._restricted(lists.installed, BY_KIND["Gateway"])
        config = self._list(partial(self._config, groups))
        more_gaps: set[Gap] = set()
        facts = {
            kind.field: self._start(partial(lists.or_gap, partial(lists.installed, connection, kind.kind), more_gaps))
            for kind in (PREFLIGHT if preflight else ())
        }

        found = Snapshot(istiods=result(istiods), scope=namespace)
        versions = [
            (pod, self._start(partial(_version, connection, pod)))
            for pod in found.istiods
            if ask_versions and pod.status and pod.status.phase == "Running" and not pod.terminating
        ]
        found.injectors, found.validators = result(injectors), result(validators)
        config_maps = [self._list(work) for work in self._config_maps(found.istiods, found.injectors, preflight)]
        slices = [self._list(work) for work in self._endpoint_slices(found.injectors + found.validators)]
        found.services = result(services)
        found.namespaces, found.gateways = result(namespaces), result(gateways)
        foreign = any(gateway.spec.gateway_class_name not in labels.GATEWAY_CLASSES for gateway in found.gateways)
        classes = [self._restricted(lists.installed, BY_KIND["GatewayClass"])] if foreign else []
        found.workloads = [workload for kind in owners for workload in result(kind)]
        found.pods = result(pods)
        found.workloads += _of_interest(result(replica_sets), found.pods)
        places = missing_specs.of_pods(found.pods, found.workloads)
        if depth != "whole" and namesakes(found):
            places = [namespace]  # a pod's spec alone tells which of them its proxy calls
        whole = {ns: self._list(partial(self._whole_pods, pods=depth, namespace=ns)) for ns in places}
        alone = [
            self._list(partial(lists.whole_replica_sets, connection, ns))
            for ns in missing_specs.of_replica_sets(found.pods, found.workloads)
        ]
        found.config_maps = [item for group in config_maps for item in result(group)]
        found.endpoint_slices = [item for group in slices for item in result(group)]
        answers = {f"{pod.namespace}/{pod.name}": result(task) for pod, task in versions}
        found.versions = {pod: version for pod, version in answers.items() if version}
        found.gateway_classes = [item for task in classes for item in result(task)]
        for ns, listed in whole.items():
            found.pods = missing_specs.with_whole(found.pods, ns, result(listed))
        templates = {Key.of(one): one for task in alone for one in result(task) if one.metadata.controller is None}
        found.workloads = [templates.get(Key.of(workload), workload) for workload in found.workloads]
        found.config = [one for one in result(config) if isinstance(one, IstioConfig)]
        found.sail = [one for one in result(config) if isinstance(one, Sail)]
        found.operators = [one for one in result(config) if isinstance(one, IstioOperator)]
        for field, kept in facts.items():
            setattr(found, field, result(kept))
        found.gaps, found.preflight_gaps = sorted(self._gaps), sorted(more_gaps)
        found.taken = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return found

    def _whole_pods(self, pods: Depth, namespace: str) -> Iterable[Pod]:
        found = missing_specs.whole_pods(self._connection, namespace)
        return fold(found) if pods == "folded" else found

    def _list(self, work: Callable[[], Iterable[T]]) -> Future[list[T]]:
        return self._start(lambda: self._or_gap(work))

    def _or_gap(self, work: Callable[[], Iterable[T]]) -> list[T]:
        return lists.or_gap(lambda: [*work()], self._gaps)

    def _everywhere_or_home(self, work: Callable[[str], list[T]]) -> Future[list[T]]:
        """A list of the whole cluster; where that is forbidden, a gap, and what istiod's own namespace has."""

        def listed() -> list[T]:
            gaps: set[Gap] = set()
            found = lists.or_gap(lambda: work(""), gaps)
            self._gaps |= gaps
            return self._or_gap(lambda: work(self._istio_namespace)) if gaps else found

        return self._start(listed)

    def _restricted(self, work: Callable[[Connection, str, str], list[T]], resource: Resource) -> Future[list[T]]:
        """The objects of a kind in the one namespace, or in all. Where it comes as JSON it may be a custom resource:
        then a conversion webhook of its own that is broken (a 5xx) must not hide all the rest.
        """
        namespace = self._namespace if resource.namespaced else ""
        listed = partial(work, self._connection, resource.kind, namespace)
        custom = resource.resource if resource.decoding is Decoding.JSON else ""
        return self._start(lambda: lists.or_gap(listed, self._gaps, custom=custom, namespace=namespace))

    def _namespaces(self) -> list[Namespace]:
        found = self._or_gap(lambda: lists.namespaces(self._connection))
        if self._namespace and not found:
            return self._or_gap(
                lambda: _one_or_none(self._connection, f"/api/v1/namespaces/{self._namespace}", Namespace)
            )
        return found

    def _config(self, groups: Collection[str]) -> list[Object]:
        found, gaps = read_groups(self._connection, groups) if groups else ([], [])
        self._gaps.update(gaps)
        return found

    def _config_maps(
        self, istiods: Iterable[Pod], injectors: Iterable[WebhookConfiguration], preflight: bool
    ) -> list[Callable[[], list[ConfigMap]]]:
        """How to get the injector's configuration of each revision, in each namespace that has a control plane, and for
        a preflight the mesh's."""
        wanted = {(pod.namespace, pod.labels.get(labels.REV, "")) for pod in istiods}
        for injector in injectors:
            wanted |= {(ns, injector.labels.get(labels.REV, "")) for ns, _ in _references([injector])}
        where = {
            f"/api/v1/namespaces/{ns}/configmaps/{name}" + (f"-{rev}" if rev not in ("", "default") else "")
            for ns, rev in wanted
            for name in (INJECTOR_CONFIG, *([mesh_config.NAME] if preflight else []))
        }
        return [partial(_one_or_none, self._connection, w, ConfigMap) for w in sorted(where)]

    def _endpoint_slices(self, webhooks: Iterable[WebhookConfiguration]) -> list[Callable[[], list[EndpointSlice]]]:
        """How to list who stands behind the Services that Istio's webhooks call: one list per namespace of those."""
        services: dict[str, set[str]] = defaultdict(set)
        for namespace, name in _references(webhooks):
            services[namespace].add(name)
        selectors = {ns: f"{labels.SERVICE_NAME} in ({','.join(sorted(names))})" for ns, names in services.items()}
        return [
            partial(lists.installed, self._connection, "EndpointSlice", ns, {"labelSelector": selectors[ns]})
            for ns in sorted(selectors)
        ]


def _one_or_none(connection: Connection, where: str, kind: type[T]) -> list[T]:
    try:
        return [lists.one(connection, where, kind)]
    except NotFound:
        return []


def _version(connection: Connection, pod: Pod) -> str:
    """What an istiod says that its version is; empty when it does not, since its labels and image are there too."""
    try:
        port = pod_streams.ISTIOD_PORT
        body = pod_streams.http_get(connection, pod.namespace, pod.name, port, "/version", _VERSION_TIMEOUT)
    except ClusterError:
        return ""
    return pod_streams.istiod_version(body)


def _references(configurations: Iterable[WebhookConfiguration]) -> set[tuple[str, str]]:
    """Namespace and name of each Service that a webhook of Istio's calls.

    A webhook that has only a path like istiod's counts where a webhook that is surely Istio's calls the same namespace.
    """
    sure, others = set(), set()
    for configuration in configurations:
        for webhook in configuration.webhooks:
            if service := webhook.client_config.service:
                key = (service.namespace, service.name)
                if webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) or is_injection(webhook, configuration):
                    sure.add(key)
                elif calls_injection(webhook):
                    others.add(key)
    return sure | {key for key in others if key[0] in {namespace for namespace, _ in sure}}


def _of_interest(replica_sets: list[WorkloadObject], pods: list[Pod]) -> list[WorkloadObject]:
    """Without the old ReplicaSets of Deployments, which have no pods: nine in ten."""
    used = {(pod.namespace, owner.name) for pod in pods if (owner := pod.metadata.controller) is not None}
    return [r for r in replica_sets if r.metadata.controller is None or (r.namespace, r.name) in used]
