"""kubectl rev-verify against two real istiods and fake sidecars that hold real XDS streams: one story per test."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.migrating import Running
from tests.cluster.uninstall.mesh import Mesh
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def pristine(cluster: Cluster) -> Cluster:
    cluster.reset("istioctl")
    return cluster


@pytest.fixture
def mesh(pristine: Cluster) -> Iterator[Mesh]:
    """Namespace `web` on canary and `old` on default, one pod each; what a test makes besides goes with it."""
    with ExitStack() as stack:
        found = Mesh(pristine, stack)
        found.namespace("web", istio_io_rev="canary")
        found.namespace("old", istio_injection="enabled")
        for namespace in ("web", "old"):
            found.deployment(namespace)
        yield found


def pod_of(mesh: Mesh, namespace: str) -> str:
    pods = mesh.cluster.items("pods", "-n", namespace, "-l", "app=web")
    return next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])


def ask(mesh: Mesh, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = mesh.cluster.run("kubectl", "rev-verify", *arguments, "-o", "json", check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def found(said: dict[str, Any], *codes: str) -> list[tuple[str, str, str]]:
    """Kind, name and message of the findings of these codes, or of all."""
    findings = [f for f in said["findings"] if not codes or f["code"] in codes]
    return [(f["subject"]["kind"], f["subject"]["name"], f["message"]) for f in findings]


def test_vms_and_who_shows_an_istiod_to_them(mesh: Mesh) -> None:
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry"}
    mesh.cluster.apply({**kind, "metadata": {"name": "vm", "namespace": "web"}, "spec": {"address": "10.9.0.7"}})
    to = [{"destination": {"host": "istiod-canary.istio-system.svc.cluster.local", "port": {"number": 15012}}}]
    routes = {"hosts": ["mesh.example"], "gateways": ["expose"], "tcp": [{"route": to}]}
    shown = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": routes}
    mesh.cluster.apply({**shown, "metadata": {"name": "expose", "namespace": "istio-system"}})
    try:
        _, said = ask(mesh, "--uninstall", "canary")
    finally:
        mesh.cluster.kubectl("delete", "virtualservice", "expose", "-n", "istio-system")
        mesh.cluster.kubectl("delete", "workloadentry", "vm", "-n", "web")
    assert sorted(gap["reason"] for gap in said["gaps"] if gap["kind"] == "vms") == [
        f"VirtualService expose shows {to[0]['destination']['host']} to the outside through Gateway expose: "
        "a VM's proxy may use it",
        "WorkloadEntry vm: a proxy outside the cluster may use it",
    ]


def test_connected(mesh: Mesh) -> None:
    web, old = pod_of(mesh, "web"), pod_of(mesh, "old")
    mesh.connect(web, "web", "canary", version="1.31.0")
    mesh.connect(old, "old", "default", version="1.30.3")
    code, said = ask(mesh)
    assert (code, said["verdict"], found(said)) == (ExitCode.OK, "COMPLETE", [])
    assert said["istiods"] == {"asked": 2, "answered": 2, "proxies": 2}
    code, said = ask(mesh, "--uninstall", "canary")
    assert (code, said["verdict"]) == (ExitCode.FINDINGS, "NOT SAFE")
    istiod = mesh.cluster.istiods("canary")[0].name
    assert found(said, "REV301") == [("Pod", web, f"its sidecar is connected to istiod {istiod}")]


def test_drifting(mesh: Mesh) -> None:
    web, old = pod_of(mesh, "web"), pod_of(mesh, "old")
    mesh.connect(web, "web", "canary", version="1.31.0")
    mesh.connect(old, "old", "default", version="1.30.3")
    mesh.label("web", "istio.io/rev=default")
    try:
        code, said = ask(mesh, "web")
        assert (code, said["verdict"]) == (ExitCode.FINDINGS, "INCOMPLETE")
        assert found(said) == [("Deployment", "web", "1 pod on canary, not on default")]
        code, said = ask(mesh, "old", "--revision", "canary")
        assert found(said, "REV221", "REV223", "REV224") == [
            ("Namespace", "old", "new pods get default, not canary: the namespace says istio-injection=enabled"),
            ("Deployment", "web", "1 pod on default, not on canary"),
            ("Pod", old, "injected by default, connected to default"),
        ]
    finally:
        mesh.label("web", "istio.io/rev=canary")


def test_connected_to_the_wrong_revision_through_a_service_that_was_pointed_elsewhere(mesh: Mesh) -> None:
    """The guide's workaround turned round: Service istiod-canary leads to default's istiod."""
    web, default = pod_of(mesh, "web"), mesh.cluster.istiods("default")[0].address
    before = {"app": "istiod", "istio": None, "istio.io/rev": "canary"}
    select(mesh, {"app": "istiod", "istio": "pilot", "istio.io/rev": None})
    try:
        mesh.cluster.wait_until("the endpoints to follow", lambda: addresses(mesh, "istiod-canary") == [default])
        mesh.connect_through("istiod-canary", web, "web", version="1.30.3")
        mesh.connect(pod_of(mesh, "old"), "old", "default", version="1.30.3")
        code, said = ask(mesh)
        assert (code, said["verdict"]) == (ExitCode.FINDINGS, "INCOMPLETE")
        assert ("Pod", web, "injected by canary, connected to default") in found(said, "REV224")
        code, said = ask(mesh, "--uninstall", "canary")
        assert (code, said["verdict"]) == (ExitCode.FINDINGS, "NOT SAFE")
    finally:
        select(mesh, before)
        canary = mesh.cluster.istiods("canary")[0].address
        mesh.cluster.wait_until("the endpoints to be back", lambda: addresses(mesh, "istiod-canary") == [canary])


def select(mesh: Mesh, selector: dict[str, str | None]) -> None:
    patch = json.dumps({"spec": {"selector": selector}})
    mesh.cluster.kubectl("patch", "service", "istiod-canary", "-n", "istio-system", "--type=merge", "-p", patch)


def addresses(mesh: Mesh, service: str) -> list[str]:
    selects = f"kubernetes.io/service-name={service}"
    slices = mesh.cluster.items("endpointslices", "-n", "istio-system", "-l", selects)
    return [a for each in slices for endpoint in each["endpoints"] or [] for a in endpoint["addresses"]]


def test_disconnected(mesh: Mesh) -> None:
    web = pod_of(mesh, "web")
    mesh.connect(pod_of(mesh, "old"), "old", "default", version="1.30.3")
    code, said = ask(mesh)
    assert (code, said["verdict"]) == (ExitCode.FINDINGS, "INCOMPLETE")
    assert found(said) == [("Pod", web, "its proxy is connected to no istiod")]


def test_vm_and_remote_cluster(mesh: Mesh) -> None:
    mesh.connect(pod_of(mesh, "web"), "web", "canary", version="1.31.0")
    mesh.connect(pod_of(mesh, "old"), "old", "default", version="1.30.3")
    mesh.connect("vm-1", "old", "canary")
    mesh.connect("far-1", "old", "canary", cluster_id="west", kind="router")
    code, said = ask(mesh, "--uninstall", "canary")
    istiod = mesh.cluster.istiods("canary")[0].name
    strangers = [row for row in found(said, "REV301") if row[0] == "Proxy"]
    assert (code, said["verdict"], strangers) == (
        ExitCode.FINDINGS,
        "NOT SAFE",
        [
            ("Proxy", "far-1", f"its router of cluster west is connected to istiod {istiod}"),
            ("Proxy", "vm-1", f"its sidecar that is no pod here: a VM is connected to istiod {istiod}"),
        ],
    )
    code, said = ask(mesh)
    assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
    assert [gap["kind"] for gap in said["gaps"]] == ["remote-clusters"]


def test_proxy_that_is_too_old_for_its_istiod(mesh: Mesh) -> None:
    mesh.connect(pod_of(mesh, "web"), "web", "canary", version="1.28.1")
    mesh.connect(pod_of(mesh, "old"), "old", "default", version="1.30.3")
    code, said = ask(mesh)
    assert (code, said["verdict"]) == (ExitCode.OK, "COMPLETE")
    assert [f["code"] for f in said["findings"]] == ["REV226"]
    code, said = ask(mesh, "--fail-on", "warning")
    assert (code, said["verdict"]) == (ExitCode.FINDINGS, "INCOMPLETE")


def test_istiod_down(mesh: Mesh) -> None:
    """Its pod still looks ready: nothing but asking it tells."""
    mesh.cluster.stop_istiod("canary", unnoticed=True)
    try:
        code, said = ask(mesh, "web")
        assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
        assert [gap["kind"] for gap in said["gaps"]] == ["connections"] * len(said["gaps"])
        assert said["istiods"]["asked"] - said["istiods"]["answered"] == 1
        text = mesh.cluster.run("kubectl", "rev-verify", "--uninstall", "canary", check=False).stdout
        assert re.search(r"REV301 .*\(1 asked, 0 answered\)", text)
        assert " ok    REV301" not in text
    finally:
        mesh.cluster.start_istiod("canary")


def test_401_on_debug(mesh: Mesh) -> None:
    """A runtime that forwards to the pod's address and not to its loopback: istiod takes us for a stranger.

    From inside the pod it answers; where that is not possible either, nobody knows.
    """
    istiod = mesh.cluster.istiods("canary")[0]
    only = ("--uninstall", "canary", "--check", "REV301,REV315")
    stranger = {"forwards": [{"ports": [15014], "target": {"address": istiod.address, "port": 8080}}]}
    with kwok_told(mesh, "portforward", istiod.name, stranger):
        _, said = ask(mesh, *only)
        assert (said["istiods"]["asked"], said["istiods"]["answered"]) == (1, 1), "by exec"
        assert "connections" not in {gap["kind"] for gap in said["gaps"]}
        with kwok_told(mesh, "exec", istiod.name, {"execs": []}):
            code, said = ask(mesh, *only)
            assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
            assert any("answered 401" in gap["reason"] for gap in said["gaps"])
            code, said = ask(mesh, "--uninstall", "canary")
            assert said["verdict"] != "SAFE"


def test_control_c_while_an_istiod_keeps_it_waiting(mesh: Mesh) -> None:
    istiod = mesh.cluster.istiods("canary")[0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        leads = {"address": "127.0.0.1", "port": silent.getsockname()[1]}
        with kwok_told(mesh, "portforward", istiod.name, {"forwards": [{"ports": [15014], "target": leads}]}):
            running = Running(mesh.cluster, "--uninstall", "canary", plugin="rev-verify")
            asked, _ = silent.accept()
            with asked:
                asked.settimeout(30)
                asked.recv(1)
                running.interrupt()
    assert (running.process.returncode, running.stderr) == (ExitCode.INTERRUPTED, "")


def test_control_c_while_it_waits_for_a_change(mesh: Mesh) -> None:
    running = Running(mesh.cluster, "--uninstall", "canary", "--wait", plugin="rev-verify")
    running.until("NOT SAFE to uninstall revision canary")
    running.interrupt()
    assert running.process.returncode == ExitCode.INTERRUPTED
    assert len(running.lines) == 1, running.lines


@contextmanager
def kwok_told(mesh: Mesh, what: str, pod: str, spec: dict[str, Any]) -> Iterator[None]:
    """Where a port-forward to a pod leads, or what an exec runs there, is something else within the block."""
    of_pod = (f"{what}s.kwok.x-k8s.io", pod, "-n", "istio-system")
    before = json.loads(mesh.cluster.kubectl("get", *of_pod, "-o", "json"))["spec"]
    mesh.cluster.kubectl("patch", *of_pod, "--type=merge", "-p", json.dumps({"spec": spec}))
    try:
        yield
    finally:
        mesh.cluster.kubectl("patch", *of_pod, "--type=merge", "-p", json.dumps({"spec": before}))


def test_404_on_debug_and_one_of_three_replicas_unreachable(pristine: Cluster) -> None:
    """Partial answers are never "0 proxies"."""
    with ExitStack() as stack:
        mesh = Mesh(pristine, stack)
        for namespace in ("web", "old"):
            pristine.kubectl("delete", "namespace", namespace, "--ignore-not-found")
        canary = ("-n", "istio-system", "deployment/istiod-canary")
        pristine.kubectl("scale", *canary, "--replicas=3")
        pristine.sync_istiods()
        code, said = ask(mesh, "--uninstall", "canary")
        assert (code, said["verdict"], said["istiods"]["answered"]) == (ExitCode.OK, "SAFE", 3)
        lost = pristine.istiods("canary")[1].name
        pristine.kubectl("annotate", "pod", lost, "-n", "istio-system", "kubectl-rev.test/stopped=unnoticed")
        pristine.sync_istiods()
        code, said = ask(mesh, "--uninstall", "canary")
        assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
        assert said["istiods"] == {"asked": 3, "answered": 2, "proxies": 0}
        assert all(lost in gap["reason"] for gap in said["gaps"])
        code, said = ask(mesh, "--uninstall", "canary", "--accept-gap", "connections")
        assert (code, said["verdict"], said["accepted"]) == (ExitCode.OK, "SAFE", ["connections"])

        pristine.kubectl("scale", *canary, "--replicas=1")
        pristine.kubectl("set", "env", *canary, "ENABLE_DEBUG_ON_HTTP=false")
        pristine.sync_istiods()
        code, said = ask(mesh, "--uninstall", "canary")
        assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
        assert any("answered 404" in gap["reason"] for gap in said["gaps"])
    pristine.reset("istioctl")


def test_unknown_revision_and_tag_are_usage_errors(mesh: Mesh) -> None:
    for name, says in (("canry", "did you mean canary?"), ("1-6-5", 'revision "1-6-5" not found')):
        done = mesh.cluster.run("kubectl", "rev-verify", "--uninstall", name, check=False)
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert says in done.stderr
    mesh.tag("prod", "canary")
    done = mesh.cluster.run("kubectl", "rev-verify", "--uninstall", "prod", check=False)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == "error: prod is a tag of revision canary: use --uninstall canary\n"


def test_a_skipped_check_is_never_safe(pristine: Cluster) -> None:
    pristine.reset("istioctl")
    done = pristine.run("kubectl", "rev-verify", "--uninstall", "canary", "--skip", "REV314", check=False)
    assert done.returncode == ExitCode.NO_ANSWER
    assert done.stdout.endswith("UNKNOWN to uninstall revision canary with istioctl: 1 check skipped.\n")


def test_it_waits_and_says_what_changes(pristine: Cluster) -> None:
    pristine.reset("istioctl")
    with ExitStack() as stack:
        mesh = Mesh(pristine, stack)
        mesh.namespace("shop", istio_io_rev="canary")
        waiting = ("kubectl", "rev-verify", "--uninstall", "canary", "--wait", "--timeout")
        done = pristine.run(*waiting, "4s", check=False)
        assert done.returncode == ExitCode.INCOMPLETE
        first, *_, last = done.stderr.splitlines()
        assert first == "NOT SAFE to uninstall revision canary with istioctl: 1 reason. (REV306 1)"
        assert last.startswith("timed out: it did not hold within 4s")
        mesh.label("shop", "istio.io/rev-")
        done = pristine.run(*waiting, "60s", check=False)
        assert (done.returncode, done.stderr) == (ExitCode.OK, "")
