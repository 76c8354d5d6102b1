"""kubectl rev-migrate on a real cluster with two real istiods, run by real kubectl: the guide, stuck, interrupted."""

import json
import time

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def mesh(cluster):
    cluster.reset("istioctl")
    return cluster


@pytest.fixture
def shop(mesh):
    """A namespace on the default revision with one of each kind."""
    do.remove(mesh, "shop")
    mesh.apply(
        do.namespace("shop", injection="enabled", team="a"),
        do.workload("Deployment", "shop", "web", replicas=3),
        do.workload("StatefulSet", "shop", "db", replicas=2),
        do.workload("DaemonSet", "shop", "agent"),
        do.cron_job("shop", "report"),
    )
    do.settled(mesh, "shop")
    yield mesh
    do.remove(mesh, "shop")


def test_the_guides_data_plane_by_one_command_and_back(shop):
    before = do.metadata(shop, "shop")
    done = do.migrate(shop, "shop", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert set(do.revisions(shop, "shop").values()) == {"canary"}
    assert done.stderr.splitlines()[-7:] == [
        "namespace/shop labeled",
        "daemonset.apps/agent restarted",
        "daemonset.apps/agent rolled out (canary, 1/1)",
        "deployment.apps/web restarted",
        "deployment.apps/web rolled out (canary, 3/3)",
        "statefulset.apps/db restarted",
        "statefulset.apps/db rolled out (canary, 2/2)",
    ]
    assert done.stdout == (
        "NAMESPACE   STATE     RESTARTED   UNCHANGED   FAILED   LEFT   LABEL\n"
        "shop        labeled   3           1           0        0      istio.io/rev=canary\n"
    )
    overview = json.loads(shop.kubectl("rev-status", "-o", "json"))
    assert overview["findings"] == []
    assert overview["drifted"] == 0

    back = do.migrate(shop, "--undo", "shop", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(shop, "shop") == before
    assert set(do.revisions(shop, "shop").values()) == {"default"}


def test_the_same_command_again_changes_nothing(shop):
    assert do.migrate(shop, "shop", "--to", "canary", "--yes").returncode == ExitCode.OK
    uids, generations = do.uids(shop, "shop"), do.generations(shop, "shop")
    version = shop.kubectl("get", "namespace", "shop", "-o", "jsonpath={.metadata.resourceVersion}")
    again = do.migrate(shop, "shop", "--to", "canary", "--yes")
    assert again.returncode == ExitCode.OK
    assert again.stderr == "namespace/shop unchanged\n"
    assert (do.uids(shop, "shop"), do.generations(shop, "shop")) == (uids, generations)
    assert shop.kubectl("get", "namespace", "shop", "-o", "jsonpath={.metadata.resourceVersion}") == version


def test_undo_after_two_migrations_goes_back_to_the_first_labels(shop):
    before = do.metadata(shop, "shop")
    for to in ("canary", "default"):
        assert do.migrate(shop, "shop", "--to", to, "--yes").returncode == ExitCode.OK
    assert do.metadata(shop, "shop")["labels"]["istio.io/rev"] == "default"
    assert do.migrate(shop, "--undo", "shop", "--yes").returncode == ExitCode.OK
    assert do.metadata(shop, "shop") == before


def test_enroll_and_undo_restore_a_namespace_without_labels_and_without_sidecars(mesh):
    mesh.apply(do.namespace("dark"), do.workload("Deployment", "dark", "web", replicas=2))
    do.settled(mesh, "dark")
    before = do.metadata(mesh, "dark")
    refused = do.migrate(mesh, "dark", "--to", "canary", "--yes")
    assert refused.returncode == ExitCode.USAGE
    assert refused.stderr == (
        "error: nobody injects namespace dark: it has no injection label; --enroll puts it in the mesh\n"
    )
    assert do.migrate(mesh, "dark", "--to", "canary", "--enroll", "--yes").returncode == ExitCode.OK
    assert set(do.revisions(mesh, "dark").values()) == {"canary"}
    back = do.migrate(mesh, "--undo", "dark", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(mesh, "dark") == before
    assert set(do.revisions(mesh, "dark").values()) == {None}
    do.remove(mesh, "dark")


@pytest.fixture
def stuck(mesh):
    """Three Deployments, of which the second never becomes ready."""
    do.remove(mesh, "stuck")
    mesh.apply(
        do.namespace("stuck", injection="enabled"),
        do.workload("Deployment", "stuck", "first"),
        do.workload("Deployment", "stuck", "second", annotations={do.NEVER_READY: "true"}),
        do.workload("Deployment", "stuck", "third"),
    )
    do.settled(mesh, "stuck", ready=False)
    yield mesh
    do.remove(mesh, "stuck")


def test_a_workload_that_is_never_ready_stops_the_rest_and_both_ways_work(stuck):
    before, uids = do.metadata(stuck, "stuck"), do.uids(stuck, "stuck")
    done = do.migrate(stuck, "stuck", "--to", "canary", "--yes", "--timeout", "5s")
    assert done.returncode == ExitCode.INCOMPLETE, done.stderr
    (failed,) = [line for line in done.stderr.splitlines() if " failed: " in line]
    assert failed.startswith("deployment.apps/second failed: not rolled out within 5s: 0 of 1 are ready on canary; ")
    assert "; not ready: second-" in failed
    assert "; last event: S" in failed  # SuccessfulCreate or Scheduled, in the same second
    assert do.by_workload(stuck, "stuck")["first"] == {"canary"}
    assert do.uids(stuck, "stuck")["third"] == uids["third"]
    assert "to go on: kubectl rev-migrate stuck --to=canary" in done.stderr
    assert "to go back: kubectl rev-migrate --undo stuck" in done.stderr

    generations = do.generations(stuck, "stuck")
    with do.made_ready(stuck, "stuck", "second"):
        on = do.migrate(stuck, "stuck", "--to=canary", "--yes")
    assert on.returncode == ExitCode.OK, on.stderr
    assert "namespace/stuck unchanged" in on.stderr
    assert do.by_workload(stuck, "stuck") == {name: {"canary"} for name in ("first", "second", "third")}
    rolled = [name for name, n in do.generations(stuck, "stuck").items() if n != generations[name]]
    assert rolled == ["stuck/Deployment/third"]

    with do.made_ready(stuck, "stuck", "second"):
        back = do.migrate(stuck, "stuck", "--undo", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(stuck, "stuck") == before


def test_back_from_where_it_got_stuck(stuck):
    before, uids = do.metadata(stuck, "stuck"), do.uids(stuck, "stuck")
    done = do.migrate(stuck, "stuck", "--to", "canary", "--yes", "--timeout", "3s")
    assert done.returncode == ExitCode.INCOMPLETE
    with do.made_ready(stuck, "stuck", "second"):
        back = do.migrate(stuck, "stuck", "--undo", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(stuck, "stuck") == before
    assert do.by_workload(stuck, "stuck") == {name: {"default"} for name in ("first", "second", "third")}
    assert do.uids(stuck, "stuck")["third"] == uids["third"]


def test_rollback_on_failure(stuck):
    before = do.metadata(stuck, "stuck")
    with do.made_ready(stuck, "stuck", "nothing"):
        done = do.migrate(stuck, "stuck", "--to", "canary", "--yes", "--timeout", "3s", "--rollback-on-failure")
    assert done.returncode == ExitCode.INCOMPLETE
    assert "rolling back: stuck" in done.stderr
    assert do.metadata(stuck, "stuck")["labels"] == before["labels"]
    assert do.by_workload(stuck, "stuck")["first"] == {"default"}


def test_a_rollback_that_fails_prints_the_undo_that_goes_on_with_it(stuck):
    """Its pods are never ready, so neither way ends in time; nobody said --force-owned."""
    done = do.migrate(stuck, "stuck", "--to", "canary", "--yes", "--timeout", "3s", "--rollback-on-failure")
    assert done.returncode == ExitCode.INCOMPLETE
    before, rolling_back, after = done.stderr.partition("rolling back: stuck")
    assert rolling_back
    assert "to go on" not in before
    assert "to go on: kubectl rev-migrate stuck --undo --yes\n" in after
    assert "to go back" not in after
    with do.made_ready(stuck, "stuck", "second"):
        back = do.migrate(stuck, "stuck", "--undo", "--yes")
    assert back.returncode == ExitCode.OK, back.stderr


@pytest.mark.parametrize("moment", ["labeled", "agent restarted", "agent rolled out", "web restarted", "db restarted"])
def test_ctrl_c_stops_at_once_and_the_same_command_ends_it(shop, moment, report):
    run = do.Running(shop, "shop", "--to", "canary", "--yes")
    run.until(moment)
    seconds = run.interrupt()
    assert run.process.returncode == ExitCode.INTERRUPTED
    report(f"Ctrl-C at {moment!r}: ended after {seconds:.2f} s")
    assert "interrupted: " in run.stderr, run.stderr
    assert "to go on: kubectl rev-migrate shop --to=canary" in run.stderr
    done = do.migrate(shop, "shop", "--to", "canary", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert set(do.revisions(shop, "shop").values()) == {"canary"}
    assert set(do.generations(shop, "shop").values()) == {2}


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
def test_ctrl_c_before_anything_was_written(shop, seconds):
    before = do.metadata(shop, "shop")
    run = do.Running(shop, "shop", "--to", "canary", "--dry-run=client")
    time.sleep(seconds)
    run.interrupt()
    # So early that Python is still starting, it is Python that ends: by the signal or, while it imports its own `site`,
    # with 1. So late that all is done, the command is just over.
    starting = run.process.returncode == -2 or "init_import_site" in run.stderr
    assert starting or run.process.returncode in (ExitCode.INTERRUPTED, ExitCode.OK), run.stderr
    assert do.metadata(shop, "shop") == before
