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

from kubectl_rev.cluster import lists, missing_specs, portforward
from kubectl_rev.cluster.config import read_groups
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.gaps import gap_of, or_gap
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istio_operator import IstioOperator
from kubectl_rev.core.mesh.objects import (
    ConfigMap,
    IstioConfig,
    Namespace,
    Object,
    Pod,
    WebhookConfiguration,
    WorkloadObject,
)
from kubectl_rev.core.mesh.resources import BY_KIND, WORKLOADS, Decoding, Resource
from kubectl_rev.core.mesh.revisions import is_injection
from kubectl_rev.core.mesh.sail import Sail
from kubectl_rev.core.mesh.services import EndpointSlice, Service
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.errors import ClusterError, Forbidden, NotFound

T = TypeVar("T")
Depth = Literal["folded", "metadata", "whole"]

_THREADS = 8
_VERSION_TIMEOUT = 5.0
_ISTIO_SYSTEM = "istio-system"
_WHOLE = (Decoding.PROTOBUF, Decoding.JSON)
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_INJECTOR_CONFIG = "istio-sidecar-injector"  # manifests/charts/istio-control/istio-discovery/templates: + "-<revision>"


def read(
    connection: Connection,
    *,
    namespace: str = "",
    pods: Depth = "folded",
    istio_namespace: str | None = None,
    ask_versions: bool = True,
    config: Collection[str] = (),
) -> Snapshot:
    """Read the mesh. `namespace` restricts pods, workloads and Gateways to one; all else is always the whole cluster's.

    `pods`: `folded` merges those that are alike, `metadata` keeps each, `whole` has spec and status too. Where
    injection cannot be told without it, spec is read in any case (bare pods, unknown controllers, lone ReplicaSets).
    `config` names the API groups whose objects are looked through for a label `istio.io/rev`; Sail's is read whole.
    `istio_namespace` is where to look for istiod if it may not be looked for everywhere.
    Raises Unreachable when the API server does not answer or does not know us.
    """
    with Workers(_THREADS) as workers:
        reading = _Reading(connection, workers, namespace, istio_namespace or _ISTIO_SYSTEM)
        return reading.read(pods, ask_versions, config)


class _Reading:
    def __init__(self, connection: Connection, workers: Workers, namespace: str, istio_namespace: str) -> None:
        self._connection, self._workers = connection, workers
        self._namespace, self._istio_namespace = namespace, istio_namespace
        self._gaps: set[Gap] = set()

    def read(self, depth: Depth, ask_versions: bool, groups: Collection[str]) -> Snapshot:
        connection, namespace = self._connection, self._namespace
        # The longest first; last config's many small ones, which would keep the server from the pods.
        pods = self._list(lambda: self._pods(depth))
        istiods = self._start(self._istiods)
        injectors = self._list(lambda: self._webhooks("mutating"))
        validators = self._list(lambda: self._webhooks("validating"))
        services = self._start(self._services)
        replica_sets = self._list(lambda: lists.replica_sets(connection, namespace))
        owners = [self._list(partial(self._workloads, each)) for each in WORKLOADS if each.decoding in _WHOLE]
        namespaces = self._start(self._namespaces)
        gateways = self._list(lambda: self._custom(lists.installed, BY_KIND["Gateway"]))
        config = self._list(partial(self._config, groups))

        found = Snapshot(istiods=result(istiods), scope=namespace)
        versions = [(pod, self._ask(pod)) for pod in found.istiods if ask_versions and _answers(pod)]
        found.injectors, found.validators = result(injectors), result(validators)
        config_maps = [self._list(w) for w in self._config_maps(found.istiods, found.injectors)]
        slices = [self._list(w) for w in self._endpoint_slices(found.injectors + found.validators)]
        found.services = result(services)
        found.namespaces, found.gateways = result(namespaces), result(gateways)
        found.workloads = [workload for kind in owners for workload in result(kind)]
        found.pods = result(pods)
        found.workloads += _of_interest(result(replica_sets), found.pods)
        more = [self._list(partial(w, connection)) for w in missing_specs.missing(found.pods, found.workloads)]
        found.config_maps = [item for group in config_maps for item in result(group)]
        found.endpoint_slices = [item for group in slices for item in result(group)]
        for pod, asked in versions:
            if version := result(asked):
                found.versions[f"{pod.namespace}/{pod.name}"] = version
        for task in more:
            result(task)
        found.config = [each for each in result(config) if isinstance(each, IstioConfig)]
        found.sail = [each for each in result(config) if isinstance(each, Sail)]
        found.operators = [each for each in result(config) if isinstance(each, IstioOperator)]
        found.gaps = sorted(self._gaps)
        found.taken = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return found

    def _start(self, work: Callable[[], T]) -> Future[T]:
        return self._workers.start(work)

    def _list(self, work: Callable[[], list[T]]) -> Future[list[T]]:
        return self._start(lambda: self._or_gap(work))

    def _or_gap(self, work: Callable[[], list[T]]) -> list[T]:
        return or_gap(work, self._gaps)

    def _everywhere_or(self, namespace: str, work: Callable[[str], list[T]]) -> list[T]:
        """A list of the whole cluster; where that is forbidden, a gap, and what one namespace has."""
        try:
            return work("")
        except Forbidden as error:
            self._gaps.add(gap_of(error))
            return self._or_gap(lambda: work(namespace))

    def _pods(self, depth: Depth) -> list[Pod]:
        if depth == "whole":
            return list(lists.whole_pods(self._connection, self._namespace))
        if depth == "folded":
            return lists.folded_pods(self._connection, self._namespace)
        return list(lists.pods(self._connection, self._namespace))

    def _workloads(self, resource: Resource) -> list[WorkloadObject]:
        if resource.decoding is Decoding.PROTOBUF:
            return lists.workloads(self._connection, resource, self._namespace)
        return self._custom(lists.workloads, resource)

    def _custom(self, work: Callable[[Connection, Resource, str], list[T]], resource: Resource) -> list[T]:
        """A list of custom resources; a broken conversion webhook of theirs (a 5xx) must not hide all the rest."""
        listed = partial(work, self._connection, resource, self._namespace)
        return or_gap(listed, self._gaps, custom=resource.resource, namespace=self._namespace)

    def _istiods(self) -> list[Pod]:
        """A gap of the whole cluster says nothing of the pods of the one namespace that is read: `Snapshot.scope`."""
        return self._everywhere_or(self._istio_namespace, lambda namespace: lists.istiods(self._connection, namespace))

    def _services(self) -> list[Service]:
        def work(namespace: str) -> list[Service]:
            return lists.in_json(self._connection, lists.path("api/v1/services", namespace), Service)

        return self._everywhere_or(self._istio_namespace, work)

    def _namespaces(self) -> list[Namespace]:
        def only() -> list[Namespace]:
            return [lists.one(self._connection, f"/api/v1/namespaces/{self._namespace}", Namespace)]

        found = self._or_gap(lambda: lists.namespaces(self._connection))
        if self._namespace and not found:
            try:
                return self._or_gap(only)
            except NotFound:
                return []
        return found

    def _webhooks(self, kind: str) -> list[WebhookConfiguration]:
        return lists.in_json(self._connection, f"{_ADMISSION}/{kind}webhookconfigurations", WebhookConfiguration)

    def _config(self, groups: Collection[str]) -> list[Object]:
        found, gaps = read_groups(self._connection, groups) if groups else ([], [])
        self._gaps.update(gaps)
        return found

    def _config_maps(
        self, istiods: Iterable[Pod], injectors: Iterable[WebhookConfiguration]
    ) -> list[Callable[[], list[ConfigMap]]]:
        """How to get the injector's configuration of each revision, in each namespace that has a control plane."""
        wanted = {(pod.namespace, pod.labels.get(labels.REV, "")) for pod in istiods}
        for injector in injectors:
            wanted |= {(ns, injector.labels.get(labels.REV, "")) for ns, _ in _references([injector])}
        where = {
            f"/api/v1/namespaces/{ns}/configmaps/{_INJECTOR_CONFIG}" + (f"-{rev}" if rev not in ("", "default") else "")
            for ns, rev in wanted
        }
        return [partial(self._config_map, w) for w in sorted(where)]

    def _config_map(self, where: str) -> list[ConfigMap]:
        try:
            return [lists.one(self._connection, where, ConfigMap)]
        except NotFound:
            return []

    def _endpoint_slices(self, webhooks: Iterable[WebhookConfiguration]) -> list[Callable[[], list[EndpointSlice]]]:
        """How to list who stands behind the Services that Istio's webhooks call: one list per namespace of those."""
        services: dict[str, set[str]] = defaultdict(set)
        for namespace, name in _references(webhooks):
            services[namespace].add(name)

        def work(namespace: str, names: set[str]) -> list[EndpointSlice]:
            where = lists.path("apis/discovery.k8s.io/v1/endpointslices", namespace)
            selector = f"{labels.SERVICE_NAME} in ({','.join(sorted(names))})"
            return lists.in_json(self._connection, where, EndpointSlice, {"labelSelector": selector})

        return [partial(work, ns, names) for ns, names in sorted(services.items())]

    def _ask(self, pod: Pod) -> Future[str]:
        """Ask an istiod for its version; empty when it does not tell, since its labels and image are there too."""

        def work() -> str:
            try:
                body = portforward.http_get(
                    self._connection, pod.namespace, pod.name, portforward.ISTIOD_PORT, "/version", _VERSION_TIMEOUT
                )
            except ClusterError:
                return ""
            return portforward.istiod_version(body)

        return self._start(work)


def _answers(pod: Pod) -> bool:
    return pod.status is not None and pod.status.phase == "Running" and not pod.terminating


def _references(configurations: Iterable[WebhookConfiguration]) -> set[tuple[str, str]]:
    """Namespace and name of the Services that Istio's own entries in these configurations call."""
    return {
        (webhook.client_config.service.namespace, webhook.client_config.service.name)
        for configuration in configurations
        for webhook in configuration.webhooks
        if webhook.client_config.service
        and (webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX) or is_injection(webhook, configuration))
    }


def _of_interest(replica_sets: list[WorkloadObject], pods: list[Pod]) -> list[WorkloadObject]:
    """Without the old ReplicaSets of Deployments, which have no pods: nine in ten."""
    used = {(pod.namespace, owner.name) for pod in pods if (owner := pod.metadata.controller) is not None}
    return [r for r in replica_sets if r.metadata.controller is None or (r.namespace, r.name) in used]
