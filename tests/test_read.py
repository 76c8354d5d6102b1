"""read: one snapshot of a small API server that really listens; the forbidden is a gap, the broken an error."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.cluster.pod_streams import istiod_version
from kubectl_rev.cluster.read import Depth, read
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.errors import Unreachable
from tests.local_server import Answer, Request, serving, status
from tests.protobuf import field, items, meta, number

STATUS = {"sidecar.istio.io/status": '{"revision":"canary"}'}
TEMPLATE = field(2, number(11, 1))


def pod(
    name: str, namespace: str, owner: tuple[str, str] | None = None, spec: bytes = b"", ready: str = "True"
) -> bytes:
    state = field(1, "Running") + field(2, field(1, "Ready") + field(2, ready))
    return field(1, meta(name, namespace, {"app": "web"}, STATUS, owner)) + field(2, spec) + field(3, state)


def workload(name: str, namespace: str, owner: tuple[str, str] | None = None) -> bytes:
    return field(1, meta(name, namespace, owner=owner)) + field(2, field(3, TEMPLATE))


def webhook(name: str, service: str) -> dict[str, Any]:
    entry = {"name": name, "clientConfig": {"service": {"name": service, "namespace": "istio-system"}}}
    return {"metadata": {"name": "injector", "labels": {"istio.io/rev": "canary"}}, "webhooks": [entry]}


def in_json(*bodies: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "List", "metadata": {}, "items": list(bodies) or None}).encode()


ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CONFIG_MAP = "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-canary"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices"
CLUSTER: dict[str, bytes] = {
    "/api/v1/namespaces": items(field(1, meta("shop", labels={"istio.io/rev": "canary"}))),
    "/api/v1/pods": items(
        *(pod(f"web-{n}", "shop", ("ReplicaSet", "web-1")) for n in range(3)),
        pod("bare", "shop", spec=number(11, 1)),
        pod("static", "shop", ("Node", "node-0")),
        pod("clone-1", "shop", ("CloneSet", "clone"), number(11, 1)),
    ),
    "/api/v1/pods?app=istiod": items(field(1, meta("istiod-1", "istio-system", {"istio.io/rev": "canary"}))),
    "/apis/apps/v1/deployments": items(workload("web", "shop")),
    "/apis/apps/v1/statefulsets": items(),
    "/apis/apps/v1/daemonsets": items(),
    "/apis/apps/v1/replicasets": items(
        workload("web-0", "shop", ("Deployment", "web")), workload("web-1", "shop", ("Deployment", "web"))
    ),
    "/apis/batch/v1/jobs": items(),
    "/apis/batch/v1/cronjobs": items(),
    f"{ADMISSION}/mutatingwebhookconfigurations": in_json(webhook("rev.object.sidecar-injector.istio.io", "istiod-c")),
    f"{ADMISSION}/validatingwebhookconfigurations": in_json(webhook("rev.validation.istio.io", "istiod")),
    "/api/v1/services": in_json({"metadata": {"name": "istiod-c", "namespace": "istio-system"}}),
    CONFIG_MAP: json.dumps(
        {"metadata": {"name": CONFIG_MAP.rpartition("/")[2]}, "data": {"config": "policy: enabled"}}
    ).encode(),
    SLICES: in_json({"metadata": {"name": "s"}, "endpoints": None}, {"metadata": {"name": "t"}, "endpoints": [{}]}),
}


def answering(special: Callable[[str, Request], Answer | None] = lambda path, _: None) -> Callable[[Request], Answer]:
    """The cluster above, except what `special` answers."""

    def answer(request: Request) -> Answer:
        parts = urlsplit(request.path)
        path = parts.path
        if (given := special(path, request)) is not None:
            return given
        if path.endswith("/pods") and "labelSelector" in parse_qs(parts.query):
            path += "?app=istiod"
        path = path.replace("/namespaces/shop/", "/")
        return Answer(body=CLUSTER[path]) if path in CLUSTER else status(404, "the server could not find it")

    return answer


def snapshot(
    special: Callable[[str, Request], Answer | None] = lambda path, _: None,
    *,
    namespace: str = "",
    pods: Depth = "folded",
    config: tuple[str, ...] = (),
) -> tuple[Snapshot, list[Request]]:
    with serving(answering(special)) as server, connect(ConnectionFlags(server=server.url)) as connection:
        found = read(connection, namespace=namespace, pods=pods, ask_versions=False, config=config)
        return found, server.requests


def served(group: str, *kinds: str, scope: str = "Cluster") -> dict[str, Any]:
    """A group as aggregated discovery has it."""
    resources = [
        {"resource": f"{kind.lower()}s", "scope": scope, "responseKind": {"kind": kind}, "verbs": ["list"]}
        for kind in kinds
    ]
    return {"metadata": {"name": group}, "versions": [{"version": "v1", "resources": resources}]}


SAIL = "sailoperator.io"


def test_sails_objects_are_read_where_there_are_any() -> None:
    """Its revisions whole, its CNI not at all; a refusal is a gap, and where it is not installed nothing is asked."""
    kinds = ("Istio", "IstioRevision", "IstioRevisionTag", "IstioCNI")
    groups = json.dumps({"kind": "APIGroupDiscoveryList", "items": [served(SAIL, *kinds)]}).encode()
    in_use = {"conditions": [{"type": "InUse", "status": "True"}]}
    canary = {"kind": "IstioRevision", "metadata": {"name": "canary"}, "status": in_use}
    answers = {
        "/apis": Answer(body=groups),
        f"/apis/{SAIL}/v1/istios": in_json({"kind": "Istio", "metadata": {"name": "mesh"}}),
        f"/apis/{SAIL}/v1/istiorevisions": in_json(canary),
        f"/apis/{SAIL}/v1/istiorevisiontags": status(403, "forbidden"),
    }

    def special(path: str, _: Request) -> Answer | None:
        given = answers.get(path)
        return Answer(body=given) if isinstance(given, bytes) else given

    found, requests = snapshot(special, config=(SAIL,))
    assert [(each.kind, each.name, bool(each.condition("InUse"))) for each in found.sail] == [
        ("IstioRevision", "canary", True),
        ("Istio", "mesh", False),
    ]
    assert [gap.resource for gap in found.gaps] == [f"istiorevisiontags.{SAIL}"]
    assert not any("istiocnis" in request.path for request in requests)

    answers["/apis"] = Answer(
        body=json.dumps({"kind": "APIGroupDiscoveryList", "items": [served("apps", "Deployment")]}).encode()
    )
    found, requests = snapshot(special, config=(SAIL,))
    assert (found.sail, found.gaps) == ([], [])
    assert not any(SAIL in request.path for request in requests)


def test_discovery_that_is_refused_hides_sail_too() -> None:
    found, _ = snapshot(lambda path, _: status(403, "forbidden") if path == "/apis" else None, config=(SAIL,))
    assert [gap.resource for gap in found.gaps] == ["configurations.istio.io", f"istiorevisions.{SAIL}"]


@pytest.mark.parametrize("body", [b"{}", b'{"items": []}', b'{"kind": "Status", "status": "Success"}'])
def test_an_empty_discovery_is_a_gap(body: bytes) -> None:
    """Every API server serves some group."""
    found, _ = snapshot(lambda path, _: Answer(body=body) if path == "/apis" else None, config=(SAIL,))
    assert [gap.resource for gap in found.gaps] == ["configurations.istio.io", f"istiorevisions.{SAIL}"]


@pytest.mark.parametrize("body", [b"{}", b'{"kind": "Status", "status": "Success"}', b'{"metadata": {}}'])
@pytest.mark.parametrize("part", ["services", "mutatingwebhookconfigurations", "rollouts"])
def test_an_answer_that_is_no_list_is_a_gap(part: str, body: bytes) -> None:
    found, _ = snapshot(lambda path, _: Answer(body=body) if path.endswith(f"/{part}") else None)
    reasons = [gap.reason for gap in found.gaps if gap.resource.partition(".")[0] == part]
    assert reasons
    assert all("something that is not a list" in reason for reason in reasons)


def test_a_snapshot() -> None:
    found, requests = snapshot()
    assert found.gaps == []
    assert [(w.kind, w.name) for w in found.workloads] == [("Deployment", "web"), ("ReplicaSet", "web-1")]
    assert found.workloads[0].template
    assert found.workloads[0].template.spec.host_network
    assert {pod.name or f"{pod.count} of {pod.metadata.owner_references[0].name}" for pod in found.pods} == {
        "3 of web-1",
        "bare",
        "1 of node-0",
        "1 of clone",
    }
    assert [pod.name for pod in found.istiods] == ["istiod-1"]
    assert found.config_maps[0].data == {"config": "policy: enabled"}
    assert [len(each.endpoints) for each in found.endpoint_slices] == [0, 1]
    assert found.endpoint_slices[1].endpoints[0].conditions.ready
    assert found.services[0].name == "istiod-c"
    assert found.namespaces[0].labels == {"istio.io/rev": "canary"}
    assert "kubernetes.io%2Fservice-name+in+%28istiod%2Cistiod-c%29" in next(
        r.path for r in requests if SLICES in r.path
    )
    assert all("resourceVersion" not in request.path for request in requests)


def test_spec_is_read_where_no_template_tells_it() -> None:
    """Of the bare pod and of the unknown controller's, by one list of the namespace where they are."""
    found, requests = snapshot()
    specs = {pod.name or pod.metadata.owner_references[0].name: pod.spec for pod in found.pods}
    assert specs["bare"]
    assert specs["bare"].host_network
    assert specs["clone"]
    assert specs["clone"].host_network
    assert len([r for r in requests if "/namespaces/shop/pods" in r.path]) == 1


def test_one_namespace() -> None:
    found, requests = snapshot(namespace="shop", pods="metadata")
    assert len(found.pods) == 6
    paths = {urlsplit(request.path).path for request in requests}
    assert {"/api/v1/namespaces/shop/pods", "/apis/apps/v1/namespaces/shop/deployments"} <= paths
    assert {"/api/v1/namespaces", "/api/v1/services", f"{ADMISSION}/mutatingwebhookconfigurations"} <= paths


def forbidding(*parts: str) -> Callable[[str, Request], Answer | None]:
    return lambda path, _: status(403, "no") if any(path.endswith(part) for part in parts) else None


GAPS = {
    "/pods": Gap("list", "pods", "", "no"),
    "/deployments": Gap("list", "deployments.apps", "", "no"),
    "/mutatingwebhookconfigurations": Gap(
        "list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "no"
    ),
    "/endpointslices": Gap("list", "endpointslices.discovery.k8s.io", "istio-system", "no"),
    "/istio-sidecar-injector-canary": Gap("get", "configmaps", "istio-system", "no"),
    "/rollouts": Gap("list", "rollouts.argoproj.io", "", "no"),
    "/gateways": Gap("list", "gateways.gateway.networking.k8s.io", "", "no"),
    "/namespaces": Gap("list", "namespaces", "", "no"),
}


@pytest.mark.parametrize("part", GAPS)
def test_what_is_forbidden_is_a_gap_and_the_rest_is_read(part: str) -> None:
    found, _ = snapshot(forbidding(part))
    assert GAPS[part] in found.gaps
    assert len(found.gaps) == (2 if part == "/pods" else 1)
    assert found.validators


def test_istiod_is_looked_for_in_its_own_namespace_where_it_may_not_be_everywhere() -> None:
    def answer(path: str, request: Request) -> Answer | None:
        if path == "/api/v1/pods":
            return status(403, "no")
        return Answer(body=CLUSTER["/api/v1/pods?app=istiod"]) if path.endswith("istio-system/pods") else None

    found, _ = snapshot(answer)
    assert [pod.name for pod in found.istiods] == ["istiod-1"]
    assert found.gaps == [Gap("list", "pods", "", "no")]


def test_pods_of_one_namespace_count_where_istiod_may_not_be_looked_for() -> None:
    """The gap about istiod stays; only where the pods of the namespace are refused too are they unknown."""
    elsewhere = ("/api/v1/pods", "/api/v1/namespaces/istio-system/pods")
    found, _ = snapshot(lambda path, _: status(403, "no") if path in elsewhere else None, namespace="shop")
    assert found.gaps == [Gap("list", "pods", "", "no"), Gap("list", "pods", "istio-system", "no")]
    assert (found.scope, found.lacks("pods", "shop"), found.has_gap("pods", "istio-system")) == ("shop", False, True)
    assert found.pods
    found, _ = snapshot(forbidding("/pods"), namespace="shop")
    assert found.lacks("pods", "shop")
    assert Gap("list", "pods", "shop", "no") in found.gaps


def test_the_one_namespace_is_read_where_all_may_not_be_listed() -> None:
    one = json.dumps({"metadata": {"name": "shop", "annotations": None}}).encode()
    answers = {"/api/v1/namespaces": status(403, "no"), "/api/v1/namespaces/shop": Answer(body=one)}
    found, _ = snapshot(lambda path, _: answers.get(path), namespace="shop")
    assert [each.name for each in found.namespaces] == ["shop"]
    assert found.gaps == [Gap("list", "namespaces", "", "no")]


def test_a_broken_custom_resource_hides_nothing_else() -> None:
    found, _ = snapshot(lambda path, _: status(500, "conversion webhook failed") if "gateways" in path else None)
    assert [(gap.resource, gap.namespace) for gap in found.gaps] == [("gateways.gateway.networking.k8s.io", "")]
    assert "conversion webhook failed" in found.gaps[0].reason
    assert found.pods


BROKEN = {
    "not authenticated": lambda: status(401, "Unauthorized"),
    "overloaded": lambda: status(503, "etcd is slow"),
    "half a list": lambda: Answer(body=CLUSTER["/api/v1/pods"][:-40]),
    "not protobuf": lambda: Answer(body=b"{}"),
    "cut off": lambda: Answer(body=CLUSTER["/api/v1/pods"][:-40], length=len(CLUSTER["/api/v1/pods"])),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_pods_list_that_breaks_is_an_error(case: str) -> None:
    with pytest.raises(Unreachable):
        snapshot(lambda path, _: BROKEN[case]() if path == "/api/v1/pods" else None)


def test_lists_that_come_in_pages() -> None:
    """We ask for none, but a proxy in between may insist."""
    pages = {"": items(field(1, meta("a")), next_page="2"), "2": items(field(1, meta("b")))}

    def answer(path: str, request: Request) -> Answer | None:
        if path != "/api/v1/namespaces":
            return None
        return Answer(body=pages[parse_qs(urlsplit(request.path).query).get("continue", [""])[0]])

    assert [each.name for each in snapshot(answer)[0].namespaces] == ["a", "b"]


CODE = """
import signal, sys
from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.cluster.read import read
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, as in a background job, it would be inherited
print("reading", flush=True)
try:
    read(connect(ConnectionFlags(server=sys.argv[1])), ask_versions=False)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_does_not_wait_for_a_server_that_hangs() -> None:
    never = threading.Event()
    with serving(lambda _: Answer(after=never)) as server:
        command = [sys.executable, "-c", CODE, server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
            assert process.stdout
            assert process.stdout.readline() == "reading\n"
            while len(server.requests) < 8:
                time.sleep(0.01)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == "interrupted\n"
            assert process.wait() == 0
            assert time.monotonic() - started < 2
        never.set()


VERSIONS = {
    b"1.30.3-5ee4ad3f1b3e2d2-Clean": "1.30.3",
    b"1.31.0-rc.0-5ee4ad3f1b3e2d2d-Modified\n": "1.31.0-rc.0",
    b"1.30.3-unknown-unknown": "1.30.3",
    b"1.24-alpha.0123456789abcdef0123456789abcdef01234567-0123456789abcdef0123456789abcdef01234567-Clean": (
        "1.24-alpha.0123456789abcdef0123456789abcdef01234567"
    ),
    b"1.6.14": "1.6.14",
    b'{"version":"1.6.8","revision":"abc"}': "1.6.8",
    b"<html>no</html>": "",
    b"": "",
    b"\xff\xfe": "",
    b"{": "",
}


@pytest.mark.parametrize("body", VERSIONS)
def test_istiods_version(body: bytes) -> None:
    assert istiod_version(body) == VERSIONS[body]
