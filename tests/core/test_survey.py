"""Which pods belong to which workload, whose template counts, and what is selected for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.drift import Effect
from kubectl_rev.core.mesh.enrollment import is_ambient
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.inventory import PodGroup, Survey, Workload
from kubectl_rev.core.mesh.labels import GATEWAYS, REV
from kubectl_rev.core.mesh.objects import (
    Metadata,
    Object,
    OwnerReference,
    Pod,
    PodTemplate,
    UpdateStrategy,
    WorkloadObject,
)
from kubectl_rev.core.mesh.proxies import Evidence, Proxy
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot, fold
from tests.build import (
    control_plane,
    cron_job,
    daemon_set,
    deployment,
    gateway,
    job,
    labels,
    metadata_only,
    ns,
    owned_by,
    pod,
    proxy_container,
    replica_set,
    rollout,
    running,
    stateful_set,
    workload,
    world,
)

MESH = (control_plane(), control_plane("canary"), ns("istio-system"), ns("shop", "rev=canary"))


def survey(*parts: Any, **more: Any) -> Survey:
    return Survey(world(*MESH, *parts, **more))


def shop(*parts: Any) -> list[Workload]:
    return survey(*parts).by_namespace["shop"]


def told(workloads: list[Workload]) -> list[tuple[str, str, bool, int]]:
    """Kind, name, whether its template is known, and how many pods it has."""
    return [(u.kind, u.name, u.template is not None, sum(group.count for group in u.groups)) for u in workloads]


def of_custom(made: Object, kind: str, name: str) -> Object:
    made.metadata.owner_references = owned_by(kind, name)
    return made


def without_spec(made: WorkloadObject) -> WorkloadObject:
    """As a metadata list has it."""
    return WorkloadObject(kind=made.kind, metadata=made.metadata)


def owned_but_not_controlled(made: Pod) -> Pod:
    made.metadata.owner_references = [OwnerReference(kind="X", name="x")]
    return made


ALONE = replica_set("alone")
NIGHTLY = cron_job("nightly")
TONIGHT = job("nightly-1", owner=NIGHTLY)
CANARIED = rollout("canaried")
STATIC = of_custom(pod("etcd-node1"), "Node", "node1")
CHAINS: dict[str, tuple[list[Object], list[tuple[str, str, bool, int]]]] = {
    "Deployment over ReplicaSet": (running(deployment("web"), "canary", None), [("Deployment", "web", True, 2)]),
    "StatefulSet": (running(stateful_set("db"), "canary"), [("StatefulSet", "db", True, 1)]),
    "DaemonSet": (running(daemon_set("agent"), "canary"), [("DaemonSet", "agent", True, 1)]),
    "ReplicationController": (
        running(workload("ReplicationController", "old"), "canary"),
        [("ReplicationController", "old", True, 1)],
    ),
    "ReplicaSet alone": ([ALONE, pod("alone-1", owner=ALONE)], [("ReplicaSet", "alone", True, 1)]),
    "ReplicaSet that was not listed": ([pod("x-1", owner=replica_set("x"))], [("ReplicaSet", "x", False, 1)]),
    "ReplicaSet over Rollout": (running(CANARIED, "canary"), [("Rollout", "canaried", True, 1)]),
    "ReplicaSet with a template over a Rollout that was not listed": (
        [of_custom(replica_set("r-1"), "Rollout", "r"), pod("r-1-x", owner=replica_set("r-1"))],
        [("Rollout", "r", True, 1)],
    ),
    "ReplicaSet as metadata over a controller that was not listed": (
        [of_custom(without_spec(replica_set("r-1")), "X", "r"), pod("r-1-x", owner=replica_set("r-1"))],
        [("X", "r", False, 1)],
    ),
    "Job over CronJob": ([NIGHTLY, TONIGHT, pod("nightly-1-a", owner=TONIGHT)], [("CronJob", "nightly", True, 1)]),
    "Job over a CronJob that was not listed": ([TONIGHT, pod("a", owner=TONIGHT)], [("CronJob", "nightly", True, 1)]),
    "Job alone, running": ([job("once"), pod("once-a", owner=job("once"))], [("Job", "once", True, 1)]),
    "Job alone, finished: left out": ([job("once"), pod("once-a", owner=job("once"), phase="Succeeded")], []),
    "CronJob between runs": ([NIGHTLY, TONIGHT], [("CronJob", "nightly", True, 0)]),
    "scaled to zero": ([deployment("archive", replicas=0)], [("Deployment", "archive", True, 0)]),
    "custom controller of pods": ([of_custom(pod("c-1"), "CloneSet", "c")], [("CloneSet", "c", False, 1)]),
    "custom controller of a StatefulSet: the StatefulSet is what is rolled": (
        [of_custom(stateful_set("kafka"), "Kafka", "k"), pod("kafka-0", owner=stateful_set("kafka"))],
        [("StatefulSet", "kafka", True, 1)],
    ),
    "bare pod": ([pod("lonely")], [("Pod", "lonely", False, 1)]),
    "static pod": ([STATIC], [("Pod", "etcd-node1", False, 1)]),
    "finished pods": ([pod("done", phase="Succeeded"), pod("failed", phase="Failed"), pod("todo", phase="Pending")],
                      [("Pod", "todo", False, 1)]),
    "an owner that is no controller": (
        [owned_but_not_controlled(pod("p"))],
        [("Pod", "p", False, 1)],
    ),
    "the same names of several kinds, sorted": (
        [*running(stateful_set("a"), "canary"), *running(deployment("a"), "canary"), pod("a")],
        [("Deployment", "a", True, 1), ("Pod", "a", False, 1), ("StatefulSet", "a", True, 1)],
    ),
    "a circle, as only a file can have it": (
        [of_custom(replica_set("a"), "ReplicaSet", "b"), of_custom(replica_set("b"), "ReplicaSet", "a"),
         pod("p", owner=replica_set("a"))],
        [("ReplicaSet", "a", True, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "workloads"), CHAINS.values(), ids=CHAINS.keys())
def test_owner_chains(parts: list[Object], workloads: list[tuple[str, str, bool, int]]) -> None:
    assert told(shop(*parts)) == workloads


def test_the_label_that_an_old_injector_left_on_a_bare_pod_is_no_wish() -> None:
    """Up to 1.10 the injector writes `istio.io/rev` on pods; since then it is the person's."""
    parts = (control_plane(), control_plane("canary"), ns("free"), ns("shop", "injection=enabled"))
    for era, ignored in (("1.9", ()), ("1.30", (("pod", REV, "canary"),))):
        pods = [pod("lonely", where, "rev=canary", on="canary", era=era) for where in ("free", "shop")]
        found = {unit.namespace: unit.selected for unit in survey(*parts, *pods).workloads if unit.kind == "Pod"}
        assert found["free"].revision == "canary"  # nothing else can have had it injected there
        assert (found["shop"].revision, found["shop"].ignored) == ("default", ignored)


def test_what_keeps_a_restart_from_replacing_pods() -> None:
    paused, on_delete = deployment("web"), stateful_set("db")
    paused.spec.paused = True
    on_delete.spec.update_strategy = UpdateStrategy(type="OnDelete")
    rolling = daemon_set("agent")
    rolling.spec.update_strategy = UpdateStrategy()
    assert {unit.name: unit.held for unit in shop(paused, on_delete, rolling)} == {
        "web": "paused",
        "db": "OnDelete",
        "agent": "",
    }


def test_a_gateway_that_was_not_read_is_unknown_one_that_is_gone_is_nobodys() -> None:
    text = "gateway.istio.io/managed=x gateway.networking.k8s.io/gateway-name=g"
    made = (*MESH, deployment("g", "shop", text))
    unread, gone = survey(*made, gaps=[Gap("list", GATEWAYS)]), survey(*made)
    assert [each.by_namespace["shop"][0].selected for each in (unread, gone)] == [
        InjectionDecision(State.UNKNOWN, "the Gateway, and so its labels, could not be read"),
        InjectionDecision(State.NONE, "its Gateway is gone"),
    ]


def test_a_unit_in_full() -> None:
    web = deployment("web", "shop", "inject=true")
    old, new = pod("web-5d8f-0", on="default", owner=web), pod("web-5d8f-1", on="canary", owner=web)
    bare, going = pod("web-5d8f-2", owner=web), pod("web-5d8f-3", on="default", owner=web, terminating=True)
    assert shop(web, old, new, bare, going) == [
        Workload(
            kind="Deployment",
            namespace="shop",
            name="web",
            metadata=web.metadata,
            template=web.template,
            subject=Subject("shop", labels("rev=canary"), labels("app=web inject=true"), {}, False, True, "Deployment"),
            selected=InjectionDecision(
                State.INJECTED,
                "the namespace says istio.io/rev=canary",
                "canary",
                ("istio-sidecar-injector-canary",),
            ),
            gateway=None,
            groups=(
                PodGroup(old, Proxy("default", Evidence.STATUS), Effect.MOVES),
                PodGroup(new, Proxy("canary", Evidence.STATUS), Effect.NOTHING),
                PodGroup(bare, None, Effect.GAINS),
                PodGroup(going, Proxy("default", Evidence.STATUS), Effect.MOVES),
            ),
        )
    ]


def test_counts_of_a_unit() -> None:
    """A terminating pod still runs a proxy, but it is no drift."""
    web = deployment("web")
    unknown = pod("u", owner=web, annotations={"sidecar.istio.io/status": "{}"})
    pods = [
        pod("a", on="default", owner=web),
        pod("b", on="default", owner=web, terminating=True),
        unknown,
        pod("c", owner=web),
    ]
    (unit,) = shop(web, pods)
    assert unit.proxies == Counter({"default": 2, "unknown": 1})
    assert unit.drifted == 2
    assert {what: unit.having(what) for what in Effect} == {
        Effect.NOTHING: 0,
        Effect.MOVES: 1,
        Effect.GAINS: 1,
        Effect.LOSES: 0,
        Effect.STOPS: 0,
        Effect.FIXED: 0,
        Effect.REJECTED: 0,
        Effect.UNDECIDED: 1,
    }
    assert unit.having(Effect.MOVES, Effect.GAINS) == 2


def test_the_template_decides_not_the_running_pod() -> None:
    """The pod ran with inject=false before the template lost it."""
    web = deployment("web")
    (unit,) = shop(web, pod("web-1", "shop", "inject=false", owner=web))
    assert (unit.selected.revision, unit.groups[0].effect) == ("canary", Effect.GAINS)


def test_without_a_template_the_newest_pod_speaks() -> None:
    old = of_custom(pod("c-9", "shop", "inject=false", created="2026-01-01T00:00:00Z"), "CloneSet", "c")
    new = of_custom(pod("c-1", "shop", "", created="2026-02-01T00:00:00Z"), "CloneSet", "c")
    for pods in ([old, new], [new, old]):
        assert shop(pods)[0].selected.revision == "canary"


def test_of_two_replica_sets_of_an_unknown_controller_the_newest_speaks() -> None:
    first, second = (
        of_custom(replica_set("r-1", "shop", "inject=false"), "Rollout", "r"),
        of_custom(replica_set("r-2"), "Rollout", "r"),
    )
    old = pod("a", owner=first, created="2026-01-01T00:00:00Z")
    new = pod("b", owner=second, created="2026-02-01T00:00:00Z")
    for pods in ([old, new], [new, old]):
        (unit,) = shop(first, second, pods)
        assert (unit.template, unit.selected.revision) == (second.template, "canary")


def test_host_network_is_read_from_the_template_or_the_pod() -> None:
    on_host = deployment("node", host_network=True)
    workloads = shop(on_host, pod("bare", host_network=True), pod("p"))
    assert [(unit.name, unit.selected.state) for unit in workloads] == [
        ("node", State.NONE),
        ("bare", State.NONE),
        ("p", State.INJECTED),
    ]


def test_a_bare_pod_of_which_only_metadata_was_read() -> None:
    (unit,) = shop(metadata_only(pod("p", on="default")))
    assert unit.subject.host_network is None
    assert unit.selected == InjectionDecision(
        State.UNKNOWN,
        "whether the pod is on the host network was not read",
        injectors=("istio-sidecar-injector-canary",),
    )
    assert unit.groups[0].effect is Effect.UNDECIDED


def test_gateways_of_the_gateway_api_follow_their_gateway_not_the_webhooks() -> None:
    named = "gateway.networking.k8s.io/gateway-name=edge gateway.networking.k8s.io/gateway-class-name=istio"
    edge = deployment("edge-istio", "shop", f"{named} inject=false", proxy=proxy_container("default", role="router"))
    edge.template.metadata.annotations = {"istio.io/rev": "default"}
    parts = [edge, gateway("edge", text="rev=default"), gateway("edge", "other", "rev=canary")]
    (unit,) = shop(*running(edge, None), *parts[1:])
    assert (unit.gateway, unit.selected) == (
        GatewayKind.GATEWAY_API,
        InjectionDecision(State.INJECTED, "the gateway says istio.io/rev=default", "default"),
    )
    assert unit.proxies == Counter({"default": 1})


def test_by_namespace_has_empty_and_unread_ones_by_name() -> None:
    found = survey(ns("zoo"), ns("alpha"), pod("x", "middle"))
    assert {name: len(workloads) for name, workloads in found.by_namespace.items()} == {
        "alpha": 0,
        "istio-system": 2,
        "middle": 1,
        "shop": 0,
        "zoo": 0,
    }
    assert list(found.by_namespace) == ["alpha", "istio-system", "middle", "shop", "zoo"]
    unread = InjectionDecision(State.UNKNOWN, "the namespace's labels could not be read")
    assert found.selected_for_namespace("middle") == found.by_namespace["middle"][0].selected == unread
    assert found.selected_for_namespace("zoo").state is State.NONE


def test_istiods_are_workloads_without_a_proxy_that_nobody_selects() -> None:
    assert [(u.name, u.selected.state, u.proxies) for u in survey().by_namespace["istio-system"]] == [
        ("istiod", State.NONE, Counter()),
        ("istiod-canary", State.NONE, Counter()),
    ]


@pytest.mark.parametrize(("text", "ambient"), [("mode=ambient", True), ("mode=none", False), ("", False)])
def test_is_ambient(text: str, ambient: bool) -> None:
    assert is_ambient(labels(text)) is ambient


def alike(*found: Pod) -> list[Pod]:
    return fold(metadata_only(each) for each in found)


def counts(pods: list[Pod]) -> list[tuple[str, int]]:
    return [(pod.name, pod.count) for pod in pods]


def test_fold_merges_the_pods_of_one_controller() -> None:
    web, api = replica_set("web-1"), replica_set("api-1")
    pods = [pod(f"web-1-{n}", "shop", "app=web", on="canary", owner=web) for n in range(3)]
    assert alike(*pods, pod("api-1-0", "shop", "app=web", on="canary", owner=api)) == [
        Pod(
            metadata=Metadata(
                namespace="shop",
                labels={"app": "web"},
                annotations=pods[0].metadata.annotations,
                owner_references=owned_by("ReplicaSet", name),
            ),
            count=count,
        )
        for name, count in (("web-1", 3), ("api-1", 1))
    ]


WEB = replica_set("web-1")
APART = {
    "another label": pod("b", "shop", "app=x", owner=WEB),
    "another annotation": pod("b", owner=WEB, annotations={"inject.istio.io/templates": "gateway"}),
    "another proxy": pod("b", on="canary", owner=WEB),
    "another namespace": pod("b", "elsewhere", owner=WEB),
    "another controller": pod("b", owner=replica_set("web-2")),
    "another kind of controller": pod("b", owner=stateful_set("web-1")),
    "terminating": pod("b", owner=WEB, terminating=True),
}


@pytest.mark.parametrize("other", APART.values(), ids=APART.keys())
def test_fold_keeps_apart(other: Pod) -> None:
    assert counts(alike(pod("a", owner=WEB), other)) == [("", 1), ("", 1)]


def test_fold_forgets_what_kubernetes_numbers_and_what_nobody_reads() -> None:
    db = stateful_set("db")
    pods = [
        pod(f"db-{n}", "shop", f"apps.kubernetes.io/pod-index={n} statefulset.kubernetes.io/pod-name=db-{n}", owner=db,
            annotations={"checksum": str(n)})
        for n in range(2)
    ]  # fmt: skip
    (found,) = alike(*pods)
    assert (found.count, found.labels, found.metadata.annotations) == (2, {}, {})


def test_fold_keeps_bare_pods_and_pods_that_are_not_ready() -> None:
    whole = [pod("a", owner=WEB), pod("b", owner=WEB), pod("c", owner=WEB, ready=False)]
    assert counts(fold(whole)) == [("c", 1), ("", 2)]
    other = pod("e", owner=WEB, host_network=True)
    assert counts(fold([pod("a", owner=WEB), other])) == [("", 1), ("", 1)]
    assert counts(alike(pod("a"), pod("b"))) == [("a", 1), ("b", 1)]


def test_fold_keeps_the_newest_creation() -> None:
    times = ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z")
    (found,) = alike(*(pod(f"web-1-{n}", owner=WEB, created=created) for n, created in enumerate(times)))
    assert found.metadata.creation_timestamp == "2026-03-01T00:00:00Z"


def test_a_snapshot_knows_its_gaps() -> None:
    snapshot = Snapshot(gaps=[Gap("list", "pods"), Gap("list", "services", "shop")])
    asked = [("pods", ""), ("pods", "shop"), ("services", ""), ("services", "shop"), ("services", "x"), ("jobs", "")]
    assert [snapshot.has_gap(*each) for each in asked] == [True, True, False, True, False, False]


def test_template_of_a_cron_job() -> None:
    assert isinstance(NIGHTLY.template, PodTemplate)
    assert WorkloadObject(kind="CronJob", metadata=Metadata(name="x")).template is None
