"""Gateways, rendered by the real istiods or installed in place: they move only when that was said."""

import json
import time

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def mesh(cluster):
    cluster.reset("istioctl")
    do.gateway_api(cluster)
    return cluster


@pytest.fixture
def edge(mesh):
    """A Gateway that follows its namespace, another with a label of its own, and a workload."""
    mesh.apply(
        do.namespace("edge", rev="default"),
        do.gateway("edge", "free"),
        do.gateway("edge", "fixed", rev="default"),
        do.workload("Deployment", "edge", "web", replicas=2),
    )
    mesh.wait_until("the gateways' pods", lambda: set(rendered(mesh)) == {"free", "fixed"})
    do.settled(mesh, "edge")
    yield mesh
    do.remove(mesh, "edge")


def rendered(cluster):
    """By Gateway: who rendered its pods, by istiod's own annotation."""
    name, rev = "gateway.networking.k8s.io/gateway-name", "istio.io/rev"
    return {
        pod["metadata"]["labels"][name]: pod["metadata"]["annotations"][rev]
        for pod in do.pods(cluster, "edge")
        if name in pod["metadata"]["labels"]
    }


def lead_validator(cluster, revision, service):
    """Not by `istioctl tag set default`: then `istio.io/rev=default` would lead to canary too."""
    patch = [
        {"op": "replace", "path": "/metadata/labels/istio.io~1rev", "value": revision},
        {"op": "replace", "path": "/webhooks/0/clientConfig/service/name", "value": service},
    ]
    name = "validatingwebhookconfiguration/istiod-default-validator"
    cluster.kubectl("patch", name, "--type=json", "-p", json.dumps(patch))


def test_a_gateway_that_would_move_with_the_label_stops_it(edge):
    before = do.metadata(edge, "edge"), do.uids(edge, "edge")
    done = do.migrate(edge, "edge", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.FINDINGS
    assert (
        "REV422 error    deployment/free-istio -n edge  istiod replaces this gateway (gateway api) as soon as the"
        in done.stderr
    )
    assert "kubectl label gateway free -n edge istio.io/rev=default" in done.stderr
    assert "deployment.apps/fixed-istio   stays (1 pod): istiod renders it for its Gateway" in done.stderr
    assert not any("fixed" in line for line in done.stderr.splitlines() if line.startswith("REV"))
    assert (do.metadata(edge, "edge"), do.uids(edge, "edge")) == before


def label_as_advised(cluster):
    """istiod puts a Gateway's labels on its pods, so that this replaces them once."""
    cluster.kubectl("label", "gateway", "free", "-n", "edge", "istio.io/rev=default")

    def replaced():
        pods = [pod["metadata"]["labels"] for pod in do.pods(cluster, "edge")]
        free = [given for given in pods if given.get("gateway.networking.k8s.io/gateway-name") == "free"]
        return [given.get("istio.io/rev") for given in free] == ["default"]

    cluster.wait_until("the one pod of the gateway to have its label", replaced)
    do.settled(cluster, "edge")


def test_with_the_label_that_is_advised_only_the_workloads_move(edge):
    label_as_advised(edge)
    uids = do.uids(edge, "edge")[""]
    done = do.migrate(edge, "edge", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert do.by_workload(edge, "edge")["web"] == {"canary"}
    assert rendered(edge) == {"free": "default", "fixed": "default"}
    assert do.uids(edge, "edge")[""] == uids


def test_included_it_is_waited_for_until_the_other_istiod_has_rendered_it_and_back(edge):
    before = do.metadata(edge, "edge")
    done = do.migrate(edge, "edge", "--to", "canary", "--include-gateways", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "REV423 warning  deployment/free-istio -n edge  1 pod of this gateway (gateway api) will be" in done.stderr
    outcomes = [line for line in done.stderr.splitlines() if " rolled out (" in line]
    assert outcomes[-1] == "deployment.apps/free-istio rolled out (canary, 1/1)"
    assert rendered(edge) == {"free": "canary", "fixed": "default"}
    back = do.migrate(edge, "--undo", "edge", "--include-gateways", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert rendered(edge) == {"free": "default", "fixed": "default"}
    assert do.metadata(edge, "edge") == before


def test_an_undo_says_which_gateways_and_which_validator_do_not_go_back(edge):
    """Guide, "Uninstall canary control plane"; istio#43227."""
    label_as_advised(edge)
    assert do.migrate(edge, "edge", "--to", "canary", "--yes").returncode == ExitCode.OK
    edge.apply(do.namespace("ingress"), do.in_place_gateway("ingress", "istio-ingressgateway", "canary"))
    do.settled(edge, "ingress")
    lead_validator(edge, "canary", "istiod-canary")
    try:
        done = do.migrate(edge, "--undo", "edge", "--yes")
        assert done.returncode == ExitCode.OK, done.stderr
        assert (
            "REV424 warning  deployment/istio-ingressgateway -n ingress  this gateway lives only on canary: "
            "reinstall it for default first"
        ) in done.stderr
        assert (
            "REV428 warning  validatingwebhookconfiguration/istiod-default-validator  revision canary goes on "
            "validating all of Istio's config"
        ) in done.stderr
    finally:
        lead_validator(edge, "default", "istiod")
        do.remove(edge, "ingress")


@pytest.fixture
def shared(mesh):
    """A Gateway without a label: whoever holds the default has it."""
    mesh.apply(do.namespace("shared"), do.gateway("shared", "free"))
    mesh.wait_until("the gateway's pod", lambda: len(do.pods(mesh, "shared")) == 1)
    do.settled(mesh, "shared")
    yield mesh
    mesh.istioctl("tag", "set", "default", "--revision", "default", "--overwrite", "-y")
    do.remove(mesh, "shared")


def status(cluster):
    """The finding about the Gateway, if there is one."""
    found = json.loads(cluster.kubectl("rev-status", "-o", "json"))["findings"]
    return [each for each in found if each["subject"] == {"kind": "Gateway", "namespace": "shared", "name": "free"}]


def renders(cluster, seconds):
    """How often the Gateway's Deployment is changed meanwhile."""
    (before,) = do.generations(cluster, "shared").values()
    time.sleep(seconds)
    (after,) = do.generations(cluster, "shared").values()
    return after - before


def test_the_tag_default_is_not_given_away_while_a_gateway_would_be_shared(shared):
    """istio#54280: the unrevisioned istiod answers to `default`, whoever has the tag."""
    before = do.generations(shared, "shared")
    done = do.migrate(shared, "--tag", "default", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.FINDINGS
    assert "REV435 error    gateway/free -n shared  the default owns gateways without a label, and" in done.stderr
    mends = "kubectl label gateways.gateway.networking.k8s.io free -n shared istio.io/rev=canary --overwrite"
    assert mends in done.stderr
    assert (do.generations(shared, "shared"), status(shared)) == (before, [])

    shared.run("bash", "-c", mends)
    moved = do.migrate(shared, "--tag", "default", "--to", "canary", "--yes")
    assert moved.returncode == ExitCode.OK, moved.stderr
    do.settled(shared, "shared")
    assert (renders(shared, 3), status(shared)) == (0, [])


def test_two_istiods_that_render_a_gateway_in_turns_are_told_and_told_apart(shared):
    shared.istioctl("tag", "set", "default", "--revision", "canary", "--overwrite", "-y")
    shared.wait_until("both istiods to take the gateway for theirs", lambda: renders(shared, 2) > 2, 60)
    (finding,) = status(shared)
    assert (finding["code"], finding["severity"]) == ("REV110", "error")
    assert "the istiods of canary and default both take it for theirs" in finding["message"]

    shared.run("bash", "-c", finding["hint"])
    shared.wait_until("one of them to have it", lambda: renders(shared, 3) == 0, 60)
    do.settled(shared, "shared")
    assert status(shared) == []
    (pod,) = do.pods(shared, "shared")
    assert pod["metadata"]["annotations"]["istio.io/rev"] == "canary"


def test_a_gateway_of_a_class_of_ones_own_that_nobody_owns_is_found_and_its_hint_gives_it_an_owner(mesh):
    """Istio's by the controller of its class; another's class that is called like Istio's is not."""
    classes = {"inside": "istio.io/gateway-controller", "istio-like": "example.com/controller"}
    for name, controller in classes.items():
        body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name}}
        mesh.apply(body | {"spec": {"controllerName": controller}})
    mesh.apply(do.namespace("lost", rev="nobody"))
    mesh.apply(*(do.gateway("lost", kind, kind=kind) for kind in classes))
    try:
        found = json.loads(mesh.kubectl("rev-status", "-o", "json"))["findings"]
        about = [each for each in found if each["subject"]["kind"] == "Gateway"]
        assert [(each["code"], each["subject"]["name"]) for each in about] == [("REV117", "inside")]
        assert do.pods(mesh, "lost") == []
        mesh.run("bash", "-c", about[0]["hint"])
        mesh.wait_until("the gateway's pod", lambda: len(do.pods(mesh, "lost")) == 1)
        (row,) = json.loads(mesh.kubectl("rev-status", "gateways", "-n", "lost", "-o", "json"))["items"]
        assert (row["kind"], row["gateway"], row["proxyRevisions"]) == ("Deployment", "gateway api", {"default": 1})
    finally:
        do.remove(mesh, "lost")
        mesh.kubectl("delete", "gatewayclass", *classes)
