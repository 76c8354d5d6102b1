"""Gateways, rendered by the real istiods or installed in place: they move only when that was said."""

import json

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
    assert "fixed" not in done.stderr
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
    assert done.stderr.splitlines()[-1] == "deployment.apps/free-istio rolled out (canary, 1/1)"
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
            "REV428 warning  validatingwebhookconfiguration/istiod-default-validator  canary validates Istio's "
            "configuration after this too"
        ) in done.stderr
    finally:
        lead_validator(edge, "default", "istiod")
        do.remove(edge, "ingress")
