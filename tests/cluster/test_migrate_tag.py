"""Moving a tag itself, on a real cluster: what istioctl shows afterwards, who moves with it, and the way back."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def mesh(cluster):
    """`tagged` follows tag prod, `enabled` the default tag; both lead to default."""
    cluster.reset("istioctl")
    cluster.istioctl("tag", "set", "prod", "--revision", "default")
    cluster.apply(
        do.namespace("tagged", rev="prod"),
        do.workload("Deployment", "tagged", "web", replicas=2),
        do.namespace("enabled", injection="enabled"),
        do.workload("Deployment", "enabled", "web"),
        do.namespace("other", rev="default"),
        do.workload("Deployment", "other", "web"),
    )
    do.settled(cluster, "tagged", "enabled", "other")
    yield cluster
    do.remove(cluster, "tagged", "enabled", "other")


def tag(cluster, name):
    """The revision that istioctl says a tag leads to."""
    listed = json.loads(cluster.istioctl("tag", "list", "-o", "json"))
    return {each["tag"]: each["revision"] for each in listed}[name]


def state(cluster, name):
    """What the tag's objects say, but for what the server counts."""
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations,services"
    found = {}
    for each in cluster.items(kinds, "-A", "-l", f"istio.io/tag={name}"):
        meta = {key: each["metadata"].get(key) for key in ("labels", "annotations")}
        rest = {key: each.get(key) for key in ("webhooks", "spec")}
        found[each["kind"], each["metadata"]["name"]] = json.dumps([meta, rest], sort_keys=True)
    return found


def test_a_tag_moves_with_all_that_follows_it_and_back(mesh):
    before, uids = state(mesh, "prod"), do.uids(mesh, "other")
    plan = do.answer(mesh, "--tag", "prod", "--to", "canary", "--dry-run=client")
    assert [move["namespace"] for move in plan["moves"]] == ["tagged"]
    assert [step["name"] for step in plan["first"]] == ["istio-revision-tag-prod", "istiod-revision-tag-prod"]

    done = do.migrate(mesh, "--tag", "prod", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert tag(mesh, "prod") == "canary"
    assert set(do.revisions(mesh, "tagged").values()) == {"canary"}
    assert set(do.revisions(mesh, "enabled").values()) == {"default"}
    assert do.uids(mesh, "other") == uids

    generations = do.generations(mesh, "tagged")
    again = do.migrate(mesh, "--tag", "prod", "--to", "canary", "--yes")
    assert again.returncode == ExitCode.OK, again.stderr
    assert do.generations(mesh, "tagged") == generations

    back = do.migrate(mesh, "--undo", "--tag", "prod", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert state(mesh, "prod") == before
    assert set(do.revisions(mesh, "tagged").values()) == {"default"}


def test_what_we_write_is_what_istioctl_tag_set_writes(mesh):
    before = state(mesh, "prod")
    mesh.istioctl("tag", "set", "prod", "--revision", "canary", "--overwrite", "-y")
    istioctls = state(mesh, "prod")
    mesh.istioctl("tag", "set", "prod", "--revision", "default", "--overwrite", "-y")
    assert state(mesh, "prod") == before
    done = do.migrate(mesh, "--tag", "prod", "--to", "canary", "--yes", "--no-restart")
    assert done.returncode == ExitCode.OK, done.stderr
    ours = state(mesh, "prod")
    for key, value in istioctls.items():
        assert json.loads(ours[key])[1] == json.loads(value)[1]
        assert json.loads(ours[key])[0]["labels"] == json.loads(value)[0]["labels"]
    assert do.migrate(mesh, "--undo", "--tag", "prod", "--yes").returncode == ExitCode.OK


def test_the_default_tag_has_its_validator_too(mesh):
    before = state(mesh, "default")
    plan = do.answer(mesh, "--tag", "default", "--to", "canary", "--dry-run=client")
    assert "istiod-default-validator" in [step["name"] for step in plan["first"]]
    assert "enabled" in [move["namespace"] for move in plan["moves"]]
    done = do.migrate(mesh, "--tag", "default", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    default = json.loads(mesh.kubectl("rev-status", "-o", "json"))["default"]
    assert (default["injection"], default["validation"], default["gateways"]) == ("canary", "canary", "canary")
    assert set(do.revisions(mesh, "enabled").values()) == {"canary"}
    assert do.migrate(mesh, "--undo", "--tag", "default", "--yes").returncode == ExitCode.OK
    assert set(do.revisions(mesh, "enabled").values()) == {"default"}
    mesh.sync_istiods()
    assert state(mesh, "default") == before


def test_a_tag_that_does_not_exist(mesh):
    done = do.migrate(mesh, "--tag", "prd", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == 'error: no tag "prd" to move: there are default, prod; istioctl tag set makes one\n'
