"""wire and decode: a body means the same however the network cuts it, and half a body is never a list."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_rev.cluster import decode, wire
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import (
    Condition,
    Metadata,
    OwnerReference,
    RollingUpdate,
    UpdateStrategy,
    WorkloadStatus,
)
from kubectl_rev.core.mesh.snapshot import fold
from tests.protobuf import field, items, meta, number, pairs

text = st.text(max_size=20)
some_meta = st.builds(
    Metadata,
    name=text,
    namespace=text,
    labels=st.dictionaries(text, text, max_size=4),
    annotations=st.dictionaries(st.sampled_from(sorted(labels.POD_ANNOTATIONS)), text, max_size=3),
    owner_references=st.lists(
        st.builds(OwnerReference, kind=text, name=text, api_version=st.just("apps/v1"), controller=st.just(True)),
        max_size=1,
    ),
)


def encoded(metadata: Metadata) -> bytes:
    owner = next(((o.kind, o.name) for o in metadata.owner_references), None)
    return field(1, meta(metadata.name, metadata.namespace, metadata.labels, metadata.annotations, owner))


def cut(body: bytes, at: list[int]) -> Iterator[bytes]:
    """The body in pieces, some of them empty."""
    edges = [0, *sorted(i % (len(body) + 1) for i in at), len(body)]
    return (body[a:b] for a, b in itertools.pairwise(edges))


@settings(deadline=None)  # the machine may be busy
@given(st.lists(some_meta, max_size=5), st.lists(st.integers(min_value=0), max_size=30))
def test_any_chunks_give_the_same_items(wanted: list[Metadata], at: list[int]) -> None:
    body = items(*map(encoded, wanted))
    found = [decode.pod_metadata(item).metadata for item in wire.Items(cut(body, at))]
    assert found == wanted


@settings(deadline=None)
@given(st.lists(some_meta, min_size=1, max_size=3), st.integers(min_value=0))
def test_half_a_body_is_malformed(wanted: list[Metadata], at: int) -> None:
    body = items(*map(encoded, wanted))
    whole = len(body) - len(field(3, "") + field(4, ""))
    with pytest.raises(wire.Malformed):
        list(wire.Items([body[: at % whole]]))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_anything_else_is_malformed_or_empty(body: bytes) -> None:
    with contextlib.suppress(wire.Malformed):
        assert not list(wire.Items([wire.MAGIC + body])) or body


def test_one_byte_at_a_time() -> None:
    body = items(encoded(Metadata(name="a" * 300)), encoded(Metadata(name="b")))
    found = wire.Items(body[i : i + 1] for i in range(len(body)))
    assert [decode.metadata(item).name for item in found] == ["a" * 300, "b"]


def test_the_next_page_is_known_at_the_end() -> None:
    found = wire.Items([items(next_page="more")])
    assert (list(found), found.next_page) == ([], "more")


def test_a_pod_keeps_only_the_annotations_that_are_read() -> None:
    body = field(1, meta("a", annotations={labels.STATUS: "{}", "other": "x", decode.LAST_APPLIED: "{}"}))
    assert decode.pod_metadata(body).metadata.annotations == {labels.STATUS: "{}"}
    assert decode.metadata(body).annotations == {labels.STATUS: "{}", "other": "x"}


few = st.sampled_from(["a", "b"])
alike_meta = st.builds(
    Metadata,
    name=few,
    namespace=few,
    labels=st.dictionaries(st.sampled_from(["app", "statefulset.kubernetes.io/pod-name"]), few),
    annotations=st.dictionaries(st.sampled_from([labels.STATUS, "cni.example/ip"]), few),
    owner_references=st.lists(st.builds(OwnerReference, kind=st.just("ReplicaSet"), name=few), max_size=1),
)
moment = st.integers(min_value=0, max_value=3)


@settings(deadline=None)
@given(st.lists(st.tuples(alike_meta, moment, st.booleans(), moment), max_size=12))
def test_merging_encoded_pods_is_merging_pods(pods: list[tuple[Metadata, int, bool, int]]) -> None:
    """Controllers or mere owners, created and deleted at any time, with labels and annotations of their own."""
    bodies = []
    for wanted, created, controlled, deleted in pods:
        owner = next((("ReplicaSet", o.name) for o in wanted.owner_references), None)
        made = meta(wanted.name, wanted.namespace, wanted.labels, wanted.annotations, owner, created, controlled)
        bodies.append(field(1, made + (field(9, number(1, deleted)) if deleted else b"")))
    fast = fold(decode.alike(map(decode.partial, bodies)))
    slow = fold(map(decode.pod_metadata, bodies))
    for each in (*fast, *slow):  # which of several merged pods' times of deletion is kept says nothing
        each.metadata.deletion_timestamp = each.metadata.deletion_timestamp and "some time"
    order = [msgspec.json.encode(each) for each in fast]
    assert sorted(order) == sorted(msgspec.json.encode(each) for each in slow)


def test_times_are_as_json_has_them() -> None:
    found = decode.metadata(field(1, meta("a", created=1790000000)))
    assert found.creation_timestamp == "2026-09-21T14:13:20Z"
    assert found.deletion_timestamp is None
    assert decode.metadata(field(1, meta("a"))).creation_timestamp is None


def container(name: str) -> bytes:
    env = field(7, field(1, "CA_ADDR") + field(2, "istiod:15012"))
    return field(1, name) + field(2, f"{name}:1") + field(4, "proxy") + env


def test_a_whole_pod() -> None:
    spec = field(2, container("app")) + field(20, container(labels.PROXY_CONTAINER)) + number(11, 1)
    status = field(1, "Running") + field(2, field(1, "Ready") + field(2, "True"))
    pod = decode.pod(field(1, meta("a", "shop")) + field(2, spec) + field(3, status))
    assert pod.spec
    assert pod.spec.host_network
    assert pod.spec.containers[0].image == "app:1"
    assert not pod.spec.containers[0].env, "of ordinary containers the environment may hold secrets"
    assert pod.spec.proxy
    assert pod.spec.proxy.env[0].value == "istiod:15012"
    assert pod.spec.proxy.args == ["proxy"]
    assert pod.ready
    assert not pod.finished


TEMPLATE = field(1, pairs(11, {"app": "web"})) + field(2, number(11, 1))
WORKLOADS = {  # the numbers of spec's fields differ by kind
    "Deployment": number(1, 3) + field(3, TEMPLATE) + number(7, 1),
    "StatefulSet": number(1, 3) + field(3, TEMPLATE) + field(7, field(1, "RollingUpdate") + field(2, number(1, 2))),
    "ReplicaSet": number(1, 3) + field(3, TEMPLATE),
    "DaemonSet": field(2, TEMPLATE),
    "Job": number(1, 1) + field(6, TEMPLATE) + number(10, 1),
    "CronJob": field(1, "* * * * *") + number(4, 1) + field(5, field(2, field(6, TEMPLATE))),
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_workloads(kind: str) -> None:
    found = decode.workload(kind, field(1, meta("web", "shop")) + field(2, WORKLOADS[kind]))
    assert (found.kind, found.name, found.namespace) == (kind, "web", "shop")
    assert found.template
    assert found.template.metadata.labels == {"app": "web"}
    assert found.template.spec.host_network
    assert found.spec.replicas == (3 if kind in ("Deployment", "StatefulSet", "ReplicaSet") else None)
    assert found.spec.suspend == (kind in ("Job", "CronJob"))
    assert found.spec.paused == (kind == "Deployment")
    strategy = UpdateStrategy(rolling_update=RollingUpdate(partition=2))
    assert found.spec.update_strategy == (strategy if kind == "StatefulSet" else None)


def test_why_a_deployment_is_progressing_or_not() -> None:
    conditions = field(6, field(1, "Available") + field(2, "True")), field(6, field(1, "Progressing") + field(4, "R"))
    found = decode.workload("Deployment", field(1, meta("web")) + field(2, b"") + field(3, b"".join(conditions)))
    progressing = Condition(type="Progressing", reason="R")
    assert found.status == WorkloadStatus(conditions=[Condition(type="Available"), progressing])


def test_no_replicas_is_not_zero_replicas() -> None:
    decoded = partial(decode.workload, "Deployment")
    assert decoded(field(1, meta("a")) + field(2, number(1, 0))).spec.replicas == 0
    assert decoded(field(1, meta("a")) + field(2, b"")).spec.replicas is None
