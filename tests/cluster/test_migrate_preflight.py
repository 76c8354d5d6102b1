"""The preflight on real objects: budgets, autoscalers, quotas, owners, config; and an Argo Rollout's own restart."""

import gzip
import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster
DUMPED = (
    *("namespaces", "pods", "deployments", "replicasets", "services", "endpointslices", "configmaps"),
    *("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "poddisruptionbudgets", "virtualservices"),
)
ENABLED = {"injection": "enabled"}
ROLLOUTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def mesh(cluster):
    cluster.reset("istioctl")
    return cluster


@pytest.fixture
def shop(mesh):
    mesh.apply(do.namespace("shop", **ENABLED), do.workload("Deployment", "shop", "web", replicas=2))
    do.settled(mesh, "shop")
    yield mesh
    do.remove(mesh, "shop")


def codes(cluster, *arguments, code=ExitCode.OK):
    found = do.answer(cluster, "shop", "--to", "canary", "--dry-run=client", *arguments, code=code)
    return {each["code"] for each in found["findings"]}


def applied(cluster, kind, api, **more):
    metadata = {"name": "it", "namespace": "shop"} | more.pop("metadata", {})
    cluster.apply({"apiVersion": api, "kind": kind, "metadata": metadata, **more})


def test_all_is_well(shop):
    assert codes(shop) == set()


def test_mesh_config_that_is_none_is_not_checked(shop):
    """Neither where the ConfigMap is gone, nor where it is no YAML."""
    kept = [
        one for one in shop.items("configmaps", "-n", "istio-system") if one["metadata"]["name"].startswith("istio")
    ]
    shop.kubectl("patch", "configmap", "istio-canary", "-n", "istio-system", "-p", '{"data":{"mesh":"{"}}')
    shop.kubectl("delete", "configmap", "istio", "-n", "istio-system")
    said = do.migrate(shop, "shop", "--to", "canary", "--dry-run=client").stderr
    for one in kept:
        if one["metadata"]["name"] in ("istio", "istio-canary"):
            shop.apply({**one, "metadata": {key: one["metadata"][key] for key in ("name", "namespace", "labels")}})
    about = " (trust domain, mesh ID, discovery selectors)"
    assert f"(not there, or not to be decoded): mesh config of canary{about}, mesh config of default{about}\n" in said


def test_a_budget_that_allows_none(shop):
    applied(
        shop,
        "PodDisruptionBudget",
        "policy/v1",
        spec={"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    )
    shop.wait_until("the budget's status", lambda: "REV415" in codes(shop), 20)
    assert codes(shop) == {"REV415"}


def test_a_dump_and_a_saved_snapshot_say_what_the_cluster_says(shop, tmp_path):
    """With config of the root namespace, which is every namespace's, though one is named."""
    labelled = {"namespace": "istio-system", "labels": {"istio.io/rev": "default"}}
    route = {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]}
    applied(shop, "VirtualService", "networking.istio.io/v1", metadata=labelled, spec=route)
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    applied(shop, "PodDisruptionBudget", "policy/v1", spec=budget)
    try:
        shop.wait_until("the budget's status", lambda: codes(shop) == {"REV407", "REV415"}, 20)
        (tmp_path / "mesh").mkdir()
        for kind in DUMPED:
            dump = gzip.compress(shop.kubectl("get", kind, "-A", "-o", "yaml").encode())
            (tmp_path / "mesh" / f"{kind}.yaml.gz").write_bytes(dump)
        saved = str(tmp_path / "saved.yaml")
        shop.kubectl("rev-status", "--save", saved)
        for file in (str(tmp_path / "mesh"), saved):
            assert codes(shop, "-f", file) == {"REV407", "REV415"}, file
    finally:
        shop.kubectl("delete", "virtualservice", "it", "-n", "istio-system")


def test_an_autoscaler_at_its_maximum(shop):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 2}
    applied(shop, "HorizontalPodAutoscaler", "autoscaling/v2", spec=spec)
    shop.wait_until("the autoscaler's status", lambda: "REV416" in codes(shop), 40)


def test_a_quota_without_room_stops_it_and_the_proof_would_have_too(shop):
    applied(shop, "ResourceQuota", "v1", spec={"hard": {"pods": "2"}})
    shop.wait_until("the quota's status", lambda: _used(shop) == "2", 20)
    before = do.metadata(shop, "shop")
    done = do.migrate(shop, "shop", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.FINDINGS
    assert "REV417 error    resourcequota/it -n shop  pods is used up (2 of 2): no new pod fits" in done.stderr
    assert do.metadata(shop, "shop") == before


def _used(cluster):
    (quota,) = cluster.items("resourcequotas", "-n", "shop")
    return quota.get("status", {}).get("used", {}).get("pods")


def test_config_labelled_with_the_old_revision(shop):
    applied(
        shop,
        "VirtualService",
        "networking.istio.io/v1",
        metadata={"labels": {"istio.io/rev": "default"}},
        spec={"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
    )
    assert codes(shop) == {"REV407"}


def test_labels_that_git_owns_are_refused_without_force(shop):
    shop.kubectl("annotate", "namespace", "shop", "argocd.argoproj.io/tracking-id=shop-app:/Namespace:/shop")
    before = do.metadata(shop, "shop")
    done = do.migrate(shop, "shop", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.FINDINGS
    assert (
        "in the manifest of Namespace shop: remove the label istio-injection, set the label istio.io/rev: canary"
        in (done.stderr)
    )
    assert do.metadata(shop, "shop") == before
    forced = do.migrate(shop, "shop", "--to", "canary", "--yes", "--force-owned")
    assert forced.returncode == ExitCode.OK, forced.stderr


def test_a_target_without_a_ready_istiod_stops_it_and_an_undo_to_one_too(shop):
    shop.stop_istiod("canary")
    try:
        done = do.migrate(shop, "shop", "--to", "canary", "--yes")
        assert done.returncode == ExitCode.FINDINGS
        assert "REV401 error    revision/canary  none of its 1 istiods is ready" in done.stderr
    finally:
        shop.start_istiod("canary")
    assert do.migrate(shop, "shop", "--to", "canary", "--yes").returncode == ExitCode.OK
    shop.stop_istiod("default")
    try:
        back = do.migrate(shop, "--undo", "shop", "--yes")
        assert back.returncode == ExitCode.FINDINGS
        assert "REV401 error    namespace/shop  new pods would be rejected: " in back.stderr
    finally:
        shop.start_istiod("default")
    assert do.migrate(shop, "--undo", "shop", "--yes").returncode == ExitCode.OK


def test_a_proof_that_fails_puts_the_labels_back(shop):
    """An istiod that died unnoticed: its endpoints are still there, so only the tried pod can tell."""
    before, uids = do.metadata(shop, "shop"), do.uids(shop, "shop")
    shop.stop_istiod("canary", unnoticed=True)
    try:
        done = do.migrate(shop, "shop", "--to", "canary", "--yes", timeout=120)
    finally:
        shop.start_istiod("canary")
    assert done.returncode == ExitCode.INCOMPLETE, done.stderr
    assert "namespace/shop failed: a pod of deployment.apps/web would not be admitted: " in done.stderr
    assert "namespace/shop labels put back" in done.stderr
    assert do.metadata(shop, "shop") == before
    assert do.uids(shop, "shop") == uids


def test_an_argo_rollout_is_restarted_by_its_own_field(shop):
    """The write only: its controller is not here, so what follows is not shown."""
    shop.apply(ROLLOUTS)
    shop.kubectl("wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=30s")
    template = do.template("argo")
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "argo"}}, "template": template}
    metadata = {"name": "argo", "namespace": "shop"}
    shop.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec})
    made = json.loads(shop.kubectl("get", "rollout", "argo", "-n", "shop", "-o", "json"))
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "argo", "controller": True}
    owner["uid"] = made["metadata"]["uid"]
    replica_set = {"name": "argo-5d8f", "namespace": "shop", "ownerReferences": [owner]}
    shop.apply({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": replica_set, "spec": spec})
    shop.wait_until("its pod", lambda: "argo" in do.by_workload(shop, "shop"), 30)
    done = do.migrate(shop, "shop", "--to", "canary", "--yes", "--timeout", "0")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "rollout.argoproj.io/argo restarted" in done.stderr
    after = json.loads(shop.kubectl("get", "rollout", "argo", "-n", "shop", "-o", "json"))
    assert after["spec"].pop("restartAt").endswith("Z")
    assert after["spec"] == made["spec"]
    shop.kubectl("delete", "crd", "rollouts.argoproj.io")


def test_the_root_certificate_is_made_where_the_leader_discovers(mesh):
    """The default istiod makes it for canary's namespaces, too."""
    told = json.loads(mesh.kubectl("get", "configmap", "istio", "-n", "istio-system", "-o", "json"))["data"]["mesh"]
    made = []

    def tell(text):
        mesh.kubectl("patch", "configmap", "istio", "-n", "istio-system", "-p", json.dumps({"data": {"mesh": text}}))

    def certified(space):
        return bool(mesh.kubectl("get", "configmap", "istio-ca-root-cert", "-n", space, "--ignore-not-found"))

    def left_out():
        """Whether a namespace without the label gets none while one with it does."""
        led, out = f"led-{len(made)}", f"out-{len(made)}"
        made.extend((led, out))
        mesh.apply(do.namespace(out, **ENABLED), do.namespace(led, **ENABLED, team="a"))
        mesh.wait_until("the certificate where it is discovered", lambda: certified(led))
        return not certified(out)

    tell(f"{told}\ndiscoverySelectors:\n- matchLabels: {{team: a}}\n")
    try:
        mesh.wait_until("istiod to heed its selectors", left_out)
        led, out = made[-2:]
        found = do.answer(mesh, led, out, "--to", "canary", "--dry-run=client")["findings"]
        (finding,) = [each for each in found if each["code"] == "REV440"]
        assert finding["subject"]["name"] == out
        assert finding["hint"] == f"kubectl get configmap istio-ca-root-cert -n {out}"
        assert not certified(out), "and canary does not make it, though it discovers the namespace"
    finally:
        tell(told)
        do.remove(mesh, *made)
