"""Which istiod is each proxy connected to, as far as the istiods answered."""

import pytest

from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.verification.connections import Answer, Connections, Stream, Unreadable, streams_in
from tests.build import control_plane, injector, istiod, pod, world

SIDECAR = Stream("shop", "web-1", "Kubernetes", "sidecar", "1.31.0")


def test_what_releases_answer():
    of_today = b"""[{"cluster_id": "Kubernetes", "proxy": "web-1.shop", "proxy_type": "sidecar",
        "istio_version": "1.31.0", "cluster_sent": "x", "resources": {"a": {"sent": "1"}}}]"""
    of_1_12 = b'[{"proxy": "web-1.shop", "istio_version": "1.12.9"}]'
    of_1_6 = b'[{"proxy": "web-1.shop", "proxy_version": "1.6.8"}]'
    assert streams_in(of_today) == (SIDECAR,)
    assert streams_in(of_1_12) == (Stream("shop", "web-1", "", "", "1.12.9"),)
    assert streams_in(of_1_6) == (Stream("shop", "web-1", "", "", "1.6.8"),)


def test_a_name_may_have_dots_and_a_namespace_none():
    assert streams_in(b'[{"proxy": "vm.in.the.cellar.shop"}]')[0].pod == "vm.in.the.cellar"


def test_no_proxies_are_an_empty_answer_and_nonsense_is_none():
    assert streams_in(b"[]") == streams_in(b"null") == ()
    for nonsense in (b"", b"404 page not found", b'{"proxy": "a.b"}', b'[{"name": "a.b"}]'):
        with pytest.raises(Unreadable):
            streams_in(nonsense)


def test_an_entry_without_a_proxy_does_not_lose_the_others():
    named = b'{"proxy": "web-1.shop", "cluster_id": "Kubernetes", "proxy_type": "sidecar", "istio_version": "1.31.0"}'
    for other in (b"{}", b'{"cluster_id": "Kubernetes"}', b'{"proxy": ""}'):
        assert streams_in(b"[" + other + b"," + named + b"]") == (SIDECAR,)


def answer(revision: str, *streams: Stream, name: str = "") -> Answer:
    return Answer("istio-system", name or f"istiod-{revision}", revision, streams)


def test_a_pod_is_found_on_whom_it_is_on():
    both = Connections([answer("default"), answer("canary", SIDECAR)])
    assert [seen.revision for seen in both.of(pod("web-1"), "Kubernetes")] == ["canary"]
    assert both.of(pod("web-2"), "Kubernetes") == []
    assert both.of(pod("web-1", "blog"), "Kubernetes") == []


def test_a_pod_of_the_same_name_in_another_cluster_is_another():
    found = Connections([answer("canary", SIDECAR)])
    assert found.of(pod("web-1"), "west") == []
    unsaid = Connections([answer("canary", Stream("shop", "web-1"))])
    assert len(unsaid.of(pod("web-1"), "west")) == 1


def test_a_proxy_that_moves_is_on_two_for_a_moment():
    found = Connections([answer("default", SIDECAR), answer("canary", SIDECAR)])
    assert {seen.revision for seen in found.of(pod("web-1"), "Kubernetes")} == {"canary", "default"}
    assert len(found.on("default")) == len(found.on("canary")) == 1


def test_silence_is_a_gap_and_never_no_proxies():
    why = Gap("ask", "connections", "istio-system", "istiod-canary did not answer")
    silent = Answer("istio-system", "istiod-canary-0", "canary", None, (why,))
    found = Connections([answer("canary", name="istiod-canary-1"), silent])
    assert (found.tally("canary").asked, found.tally("canary").answered) == (2, 1)
    assert why in found.gaps(Mesh(world(control_plane("canary"))))


def test_an_istiod_that_was_not_asked_is_a_gap():
    mesh = Mesh(world(control_plane("canary", ready=(True, False))))
    asked = mesh.snapshot.istiods[0].name
    (gap,) = Connections([answer("canary", name=asked)]).gaps(mesh)
    assert mesh.snapshot.istiods[1].name in gap.reason


def test_one_that_has_not_started_holds_nothing():
    mesh = Mesh(world(istiod("canary", n=0)))
    mesh.snapshot.istiods[0].status.phase = "Pending"
    assert Connections([]).gaps(mesh) == []


def test_istiods_elsewhere_and_dumps_are_gaps():
    remote = Mesh(world(injector("far", url="https://istiod.example/inject")))
    assert [gap.reason for gap in Connections([]).gaps(remote)] == ["the istiods of revision far run elsewhere"]
    (gap,) = Connections(asked=False).gaps(Mesh(world(control_plane())))
    assert gap.reason.startswith("a dump says nothing")
