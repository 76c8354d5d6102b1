"""Workloads of other makers, whose controllers are not here: this plays them, from the patch that is written to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kubectl_rev.core.mesh.resources import BY_KIND
from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster
KINDS = ("Rollout", "DeploymentConfig")
ROLLOUT, CONFIG = (BY_KIND[kind].api_version for kind in KINDS)
Object = dict[str, Any]


def definition(kind: str) -> Object:
    resource = BY_KIND[kind]
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.resource},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": resource.plural,
                "singular": kind.lower(),
                "shortNames": list(resource.short),
            },
            "versions": [{"name": resource.version, "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def mesh(cluster: Cluster) -> Iterator[Cluster]:
    cluster.reset("istioctl")
    names = [f"crd/{BY_KIND[kind].resource}" for kind in KINDS]
    cluster.apply(*(definition(kind) for kind in KINDS))
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    yield cluster
    cluster.kubectl("delete", *names)


@pytest.fixture
def shop(mesh: Cluster) -> Iterator[Cluster]:
    yield mesh
    do.remove(mesh, "shop")


def owned(cluster: Cluster, kind: str, name: str) -> Object:
    """Metadata of what this object makes."""
    made = json.loads(cluster.kubectl("get", BY_KIND[kind].resource, name, "-n", "shop", "-o", "json"))
    owner = {"apiVersion": made["apiVersion"], "kind": kind, "name": name, "uid": made["metadata"]["uid"]}
    return {"namespace": "shop", "ownerReferences": [owner | {"controller": True}]}


def controller(cluster: Cluster, number: int, template: Object) -> None:
    """The ReplicationController of a rollout, as OpenShift makes it of a template."""
    labels = {**template["metadata"]["labels"], "deploymentconfig": "web", "deployment": f"web-{number}"}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    metadata = {"name": f"web-{number}", **owned(cluster, "DeploymentConfig", "web")}
    spec = {"replicas": 1, "selector": {"deployment": f"web-{number}"}, "template": template}
    cluster.apply({"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": spec})


def config(cluster: Cluster) -> Object:
    found: Object = json.loads(cluster.kubectl("get", "deploymentconfig", "web", "-n", "shop", "-o", "json"))
    return found


def deploy(cluster: Cluster, **spec: Any) -> None:
    cluster.apply(do.namespace("shop", injection="enabled"))
    metadata = {"name": "web", "namespace": "shop"}
    spec = {"replicas": 1, "selector": {"app": "web"}, "template": do.template("web"), **spec}
    cluster.apply({"apiVersion": CONFIG, "kind": "DeploymentConfig", "metadata": metadata, "spec": spec})
    controller(cluster, 1, do.template("web"))
    cluster.wait_until("its pod", lambda: do.by_workload(cluster, "shop") == {"web": {"default"}}, 30)
    do.settled(cluster, "shop")


def test_a_deployment_config_is_restarted_and_waited_for(shop: Cluster) -> None:
    deploy(shop, triggers=[{"type": "ConfigChange"}])
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(do.migrate, shop, "shop", "--to", "canary", "--yes", "--timeout", "90s", timeout=120)
        template = {}

        def changed() -> bool:
            template.update(config(shop)["spec"]["template"])
            return "kubectl.kubernetes.io/restartedAt" in template["metadata"].get("annotations", {})

        shop.wait_until("the restart", changed, 60)
        controller(shop, 2, template)
        shop.wait_until("the new pod", lambda: len(do.pods(shop, "shop")) == 2, 30)
        shop.kubectl("delete", "replicationcontroller", "web-1", "-n", "shop")
        done = run.result(timeout=120)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "deploymentconfig.apps.openshift.io/web restarted" in done.stderr
    assert "deploymentconfig.apps.openshift.io/web rolled out (canary, 1/1)" in done.stderr
    plan = do.answer(shop, "shop", "--to", "canary", "--dry-run=client")
    assert [(move["restarts"], move["left"], move["unchanged"]) for move in plan["moves"]] == [([], [], 1)]


def test_one_that_no_change_rolls_is_left_with_the_command(shop: Cluster) -> None:
    deploy(shop, triggers=[])
    before = config(shop)
    plan = do.answer(shop, "shop", "--to", "canary", "--dry-run=client")
    (left,) = plan["moves"][0]["left"]
    assert (left["kind"], left["reason"]) == ("DeploymentConfig", "no trigger")
    assert left["hint"].startswith("oc rollout latest dc/web -n shop")
    assert do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "0").returncode == ExitCode.OK
    assert config(shop) == before


def test_a_rollouts_pin_is_changed_in_the_template_that_it_borrows(shop: Cluster) -> None:
    """And back. Its Deployment is scaled to 0, as Argo leaves it: it has no pods to wait for."""
    lender = do.workload("Deployment", "shop", "base", replicas=0, labels={"istio.io/rev": "default"})
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "base"}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "base"}}, "workloadRef": reference}
    metadata = {"name": "web", "namespace": "shop"}
    shop.apply(do.namespace("shop"), lender)
    shop.apply({"apiVersion": ROLLOUT, "kind": "Rollout", "metadata": metadata, "spec": spec})
    made = {"name": "web-5d8f", **owned(shop, "Rollout", "web")}
    template = do.template("base", {"istio.io/rev": "default", "rollouts-pod-template-hash": "5d8f"})
    set_spec = {"replicas": 1, "selector": {"matchLabels": template["metadata"]["labels"]}, "template": template}
    shop.apply({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": made, "spec": set_spec})
    shop.wait_until("its pod", lambda: do.by_workload(shop, "shop") == {"base": {"default"}}, 30)

    def pin() -> str:
        found = shop.kubectl("get", "deployment", "base", "-n", "shop", "-o", "json")
        return str(json.loads(found)["spec"]["template"]["metadata"]["labels"]["istio.io/rev"])

    done = do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "0")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "deployment.apps/base labeled: rollout.argoproj.io/web restarts" in done.stderr
    assert pin() == "canary"
    assert json.loads(shop.kubectl("get", "rollout", "web", "-n", "shop", "-o", "json"))["spec"] == spec
    back = do.migrate(shop, "shop", "--undo", "--yes", "--timeout", "0")
    assert back.returncode == ExitCode.OK, back.stderr
    assert pin() == "default"
