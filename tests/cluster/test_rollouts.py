"""Rollouts are moved under Argo Rollouts' own controller: it restarts them, and rev-migrate sees that it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.testcluster import Cluster, rollouts

pytestmark = [pytest.mark.cluster, pytest.mark.long]
Object = dict[str, Any]
PAUSING = {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}


@pytest.fixture(scope="module")
def argo(cluster: Cluster, skip: Callable[[str, str], NoReturn]) -> Iterator[Cluster]:
    if not rollouts.built():
        skip("Argo Rollouts' controller is not built", f"run `{rollouts.BUILD}`")
    cluster.reset("istioctl")
    with rollouts.controller(cluster):
        yield cluster


@pytest.fixture
def shop(argo: Cluster) -> Iterator[Cluster]:
    yield argo
    do.remove(argo, "shop")


def rollout(cluster: Cluster, **spec: Any) -> Object:
    """A Rollout `web` of 4 pods as it is now, or, with a spec, as it is made or changed, when its controller rests."""
    if spec:
        made = {"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"canary": {}}, **spec}
        cluster.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": made,
            }
        )
        cluster.wait_until("the controller to rest", lambda: rests(cluster), 90)
    found: Object = json.loads(cluster.kubectl("get", "rollout", "web", "-n", "shop", "-o", "json"))
    return found


def rests(cluster: Cluster) -> bool:
    found = rollout(cluster)
    seen = found.get("status", {}).get("observedGeneration") == str(found["metadata"]["generation"])
    return seen and found["status"].get("phase") in ("Healthy", "Paused") and len(do.pods(cluster, "shop")) == 4


def is_moved(cluster: Cluster, before: set[str]) -> None:
    """Every pod is another, injected by canary, and ready; the controller says that its restart is done."""
    after = do.uids(cluster, "shop")["web"]
    assert len(after) == 4
    assert not after & before
    assert do.by_workload(cluster, "shop") == {"web": {"canary"}}
    found = rollout(cluster)
    assert found["status"]["availableReplicas"] == 4
    cluster.wait_until(
        "restartedAt", lambda: rollout(cluster)["status"].get("restartedAt") == found["spec"]["restartAt"]
    )


def drifted(cluster: Cluster) -> tuple[str, int]:
    """What rev-status says of it: its name, and how many of its pods drift."""
    done = cluster.run("kubectl", "rev-status", "rollouts", "-n", "shop", "-o", "json", check=False)
    (item,) = json.loads(done.stdout)["items"]
    return item["name"], item["drifted"]


def move(cluster: Cluster) -> None:
    """Its namespace to canary."""
    cluster.kubectl("label", "namespace", "shop", "istio-injection-", "istio.io/rev=canary")
    assert drifted(cluster) == ("web", 4)
    done = do.migrate(cluster, "shop", "--to", "canary", "--yes", "--timeout", "120s", timeout=200)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "rollout.argoproj.io/web restarted" in done.stderr
    assert "rollout.argoproj.io/web rolled out (canary, 4/4)" in done.stderr
    assert drifted(cluster) == ("web", 0)


BLUE_GREEN = {"blueGreen": {"activeService": "web", "autoPromotionEnabled": False}}
SPECS: dict[str, Object] = {
    "plain": {},
    "paused": {"paused": True},
    "canary-that-pauses": {"strategy": PAUSING},
    "blue-green": {"strategy": BLUE_GREEN},
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_rollout_is_restarted_by_its_controller(shop: Cluster, spec: Object) -> None:
    """A paused one too, and steps of a canary are not gone through: its template stays as it is."""
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    metadata = {"name": "web", "namespace": "shop"}
    shop.apply(
        do.namespace("shop", injection="enabled"),
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    )
    made = rollout(shop, template=do.template("web"), **{**spec, "paused": False})
    before = do.uids(shop, "shop")["web"]
    if spec.get("paused"):
        rollout(shop, template=do.template("web"), **spec)
    move(shop)
    is_moved(shop, before)
    assert rollout(shop)["status"]["currentPodHash"] == made["status"]["currentPodHash"]


def test_one_that_borrows_its_template(shop: Cluster) -> None:
    shop.apply(do.namespace("shop", injection="enabled"), do.workload("Deployment", "shop", "web", replicas=0))
    rollout(shop, workloadRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})
    generation, before = do.generations(shop, "shop"), do.uids(shop, "shop")["web"]
    move(shop)
    is_moved(shop, before)
    assert do.generations(shop, "shop") == generation


def test_one_in_the_middle_of_a_canary(shop: Cluster) -> None:
    """Pods of both templates are restarted, and it stays at its step."""
    shop.apply(do.namespace("shop", injection="enabled"))
    rollout(shop, template=do.template("web"), strategy=PAUSING)
    rollout(shop, template=do.template("web", annotations={"new": "yes"}), strategy=PAUSING)
    before = do.uids(shop, "shop")["web"]
    assert rollout(shop)["status"]["phase"] == "Paused"
    move(shop)
    is_moved(shop, before)
    assert rollout(shop)["status"]["phase"] == "Paused"
    assert {"yes", None} == {pod["metadata"]["annotations"].get("new") for pod in do.pods(shop, "shop")}


def test_a_budget_that_allows_no_eviction_is_said_before(shop: Cluster) -> None:
    """It is true: nothing is replaced as long as it does not, and all is when it does."""
    shop.apply(do.namespace("shop", injection="enabled"))
    rollout(shop, template=do.template("web"))
    before = do.uids(shop, "shop")["web"]
    selector = {"matchLabels": {"app": "web"}}
    metadata, api = {"name": "all", "namespace": "shop"}, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
    shop.apply({**api, "metadata": metadata, "spec": {"minAvailable": "100%", "selector": selector}})

    def counted() -> bool:
        found = json.loads(shop.kubectl("get", "pdb", "all", "-n", "shop", "-o", "json"))
        return bool(found.get("status", {}).get("expectedPods"))

    shop.wait_until("the budget", counted)
    done = do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "8s", timeout=100)
    assert done.returncode != ExitCode.OK
    assert "allows none now; its controller evicts pods, and replaces none until it does" in done.stderr
    assert do.uids(shop, "shop")["web"] == before
    shop.kubectl("delete", "pdb", "all", "-n", "shop")
    done = do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "120s", timeout=200)
    assert done.returncode == ExitCode.OK, done.stderr
    is_moved(shop, before)


def test_a_pinned_one_stays_at_the_pause_of_its_canary_until_it_is_promoted(shop: Cluster) -> None:
    """A restart would make the old pods again: rev-status says to promote it, and that heals."""
    shop.apply(do.namespace("shop"))
    rollout(shop, template=do.template("web", {"istio.io/rev": "default"}), strategy=PAUSING)
    before = do.uids(shop, "shop")["web"]
    done = do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "15s", timeout=100)
    assert done.returncode != ExitCode.OK
    assert "1 of 4 are ready on canary" in done.stderr
    hint = "kubectl argo rollouts promote web -n shop"
    (left,) = do.answer(shop, "shop", "--to", "canary", "--dry-run=client")["moves"][0]["left"]
    assert (left["reason"], left["pods"], left["hint"]) == ("paused", 3, hint)
    status = json.loads(shop.run("kubectl", "rev-status", "-n", "shop", "-o", "json", check=False).stdout)
    assert [(one["code"], one["hint"]) for one in status["findings"]] == [("REV202", hint)]
    shop.run(*hint.split())
    shop.wait_until("the promotion", lambda: do.by_workload(shop, "shop") == {"web": {"canary"}} and rests(shop), 60)
    assert not do.uids(shop, "shop")["web"] & before
    assert drifted(shop) == ("web", 0)


def test_a_restart_that_is_printed(shop: Cluster) -> None:
    shop.apply(do.namespace("shop", injection="enabled"))
    rollout(shop, template=do.template("web"))
    shop.kubectl("label", "namespace", "shop", "istio-injection-", "istio.io/rev=canary")
    status = json.loads(shop.run("kubectl", "rev-status", "-n", "shop", "-o", "json", check=False).stdout)
    (hint,) = {one["hint"] for one in status["findings"] if one["code"] == "REV202"}
    shop.run(*hint.split())
    shop.wait_until("the restart", lambda: drifted(shop) == ("web", 0), 90)
