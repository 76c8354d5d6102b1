"""A migration of five namespaces that is killed after each of its writes, or whose API server fails in every way."""

import threading
import time

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.cluster.faulty import Fault, Proxy

pytestmark = pytest.mark.cluster
SPACES = [f"five-{n}" for n in range(5)]
WRITES = 15
SAMPLE = (1, 2, 7, 15)


@pytest.fixture(scope="module")
def five(cluster):
    """Five namespaces, two workloads in each; every test ends with an undo."""
    cluster.reset("istioctl")
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Deployment", "StatefulSet")
    for space, kind in zip(SPACES, kinds, strict=True):
        cluster.apply(
            do.namespace(space, injection="enabled"),
            do.workload("Deployment", space, "web", replicas=2),
            do.workload(kind, space, "other"),
        )
    do.settled(cluster, *SPACES)
    yield cluster
    do.remove(cluster, *SPACES)


@pytest.fixture
def before(five):
    return {space: do.metadata(five, space) for space in SPACES}, do.generations(five, *SPACES)


def as_undisturbed(cluster, before):
    """Each namespace on canary, each workload rolled exactly once, and the way back exact."""
    metadata, generations = before
    for space in SPACES:
        assert set(do.revisions(cluster, space).values()) == {"canary"}
        found = do.metadata(cluster, space)
        assert found["labels"] == {"istio.io/rev": "canary", "kubernetes.io/metadata.name": space}
        assert found["annotations"] == {"kubectl-rev/previous": '{"istio-injection":"enabled"}'}
    assert do.generations(cluster, *SPACES) == {key: n + 1 for key, n in generations.items()}
    back = do.migrate(cluster, "--undo", *SPACES, "--yes")
    assert back.returncode == ExitCode.OK, back.stderr
    assert {space: do.metadata(cluster, space) for space in SPACES} == metadata
    for space in SPACES:
        assert set(do.revisions(cluster, space).values()) == {"default"}
    assert do.generations(cluster, *SPACES) == {key: n + 2 for key, n in generations.items()}


@pytest.mark.parametrize(
    "write", [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.long) for n in range(1, WRITES + 1)]
)
def test_killed_after_a_write_the_same_command_ends_it(five, before, tmp_path, write):
    with Proxy(five) as proxy:
        run = do.Running(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
        proxy.wrote = lambda n: run.kill() if n == write else None
        run.ended()
        assert run.process.returncode == -9
        assert proxy.count("PATCH", dry_run=False) >= write
    again = do.migrate(five, *SPACES, "--to", "canary", "--yes")
    assert again.returncode == ExitCode.OK, again.stderr
    as_undisturbed(five, before)


@pytest.mark.long
@pytest.mark.parametrize("write", range(1, 21))
def test_an_undo_that_is_killed_is_ended_by_the_same_command(five, before, tmp_path, write):
    metadata, generations = before
    assert do.migrate(five, *SPACES, "--to", "canary", "--yes").returncode == ExitCode.OK
    with Proxy(five) as proxy:
        run = do.Running(five, "--undo", *SPACES, "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig"))
        proxy.wrote = lambda n: run.kill() if n == write else None
        run.ended()
    again = do.migrate(five, "--undo", *SPACES, "--yes")
    assert again.returncode == ExitCode.OK, again.stderr
    assert {space: do.metadata(five, space) for space in SPACES} == metadata
    for space in SPACES:
        assert set(do.revisions(five, space).values()) == {"default"}
    assert do.generations(five, *SPACES) == {key: n + 2 for key, n in generations.items()}


def first_time(fault):
    """Each write fails once, and each namespace's first pod that is tried; a write is told by its object."""
    seen = set()

    def rule(request):
        tried = request.method == "POST" and request.path.endswith("/pods")
        if not (request.write or tried) or request.path in seen:
            return None
        seen.add(request.path)
        return fault

    return rule


FAULTS = {
    "a 409 to every write": Fault(409),
    "a 429 with Retry-After": Fault(429, retry_after="1"),
    "a 500 to every write": Fault(500),
    "a 500, though it was done": Fault(500, after=True),
    "a dropped connection": Fault(),
    "a dropped connection, though it was done": Fault(after=True),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_server_that_fails_every_write_once(five, before, tmp_path, fault):
    with Proxy(five, first_time(fault)) as proxy:
        done = do.migrate(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
    assert done.returncode == ExitCode.OK, done.stderr
    as_undisturbed(five, before)


def test_a_watch_that_ends_after_every_few_lines(five, before, tmp_path):
    with Proxy(five) as proxy:
        proxy.watch_lines = 3
        done = do.migrate(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
        watches = proxy.count("GET", "/pods", watch=True)
    assert done.returncode == ExitCode.OK, done.stderr
    assert watches > 5
    as_undisturbed(five, before)


@pytest.mark.parametrize("write", [1, 6, 11])
def test_a_server_that_is_gone_for_some_seconds(five, before, tmp_path, write):
    """As while it restarts: every connection breaks, watches too, and new ones are closed at once."""
    with Proxy(five) as proxy:

        def wrote(n):
            if n == write:
                proxy.down_until = time.monotonic() + 3

        proxy.wrote = wrote
        done = do.migrate(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
    assert done.returncode == ExitCode.OK, done.stderr
    as_undisturbed(five, before)


@pytest.mark.parametrize("moment", ["namespace/five-0 labeled", "namespace/five-2 labeled", "-n five-3 rolled out"])
def test_the_api_server_is_killed_and_started_again(five, before, moment):
    run = do.Running(five, *SPACES, "--to", "canary", "--yes")
    run.until(moment)
    five.restart_api_server()
    run.ended()
    assert run.process.returncode == ExitCode.OK, run.stderr
    as_undisturbed(five, before)


HANGS = {
    "a list": lambda request: request.path.endswith("/statefulsets"),
    "an access review": lambda request: request.path.endswith("/selfsubjectaccessreviews"),
    "a label": lambda request: request.write and request.path.endswith("/five-1"),
    "a pod that is tried": lambda request: request.method == "POST" and request.path.endswith("/five-1/pods"),
    "a restart": lambda request: request.write and "/five-1/" in request.path,
}


@pytest.mark.parametrize("hangs", HANGS.values(), ids=HANGS)
def test_ctrl_c_while_the_server_does_not_answer(five, before, tmp_path, hangs):
    asked, over = threading.Event(), threading.Event()

    def rule(request):
        if hangs(request):
            asked.set()
            over.wait(60)
            return Fault()
        return None

    with Proxy(five, rule) as proxy:
        run = do.Running(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
        assert asked.wait(60), run.stderr
        run.interrupt()  # waits for 10 seconds at most
        over.set()
    assert run.process.returncode == ExitCode.INTERRUPTED
    assert ("to go on: kubectl rev-migrate five-0" in run.stderr) == (
        do.metadata(five, "five-0") != before[0]["five-0"]
    )
    again = do.migrate(five, *SPACES, "--to", "canary", "--yes")
    assert again.returncode == ExitCode.OK, again.stderr
    as_undisturbed(five, before)


def test_a_server_that_fails_while_it_is_read_changes_nothing(five, before, tmp_path):
    with Proxy(five, lambda request: Fault(500) if request.path.endswith("/deployments") else None) as proxy:
        done = do.migrate(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
        assert proxy.count("PATCH") == 0
    assert done.returncode == ExitCode.NO_ANSWER
    assert {space: do.metadata(five, space) for space in SPACES} == before[0]


def test_two_people_at_once_the_second_is_told_and_nothing_is_rolled_twice(five, before, tmp_path):
    """The second has read everything and is about to write when the first does it all."""
    with Proxy(five) as proxy:
        first = []

        def rule(request):
            if request.write and not first:
                time.sleep(1)  # `restartedAt` has seconds: of the same second their patches are one and the same
                first.append(do.migrate(five, *SPACES, "--to", "canary", "--yes"))
            return None

        proxy.rule = rule
        second = do.migrate(
            five, *SPACES, "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
    assert first[0].returncode == ExitCode.OK, first[0].stderr
    assert second.returncode == ExitCode.INCOMPLETE
    # The labels are as both want them; the first restart is where their ways part.
    assert " failed: nothing was overwritten: " in second.stderr
    as_undisturbed(five, before)


def test_two_people_with_different_wishes(five, before, tmp_path):
    with Proxy(five) as proxy:
        done = []

        def rule(request):
            if request.write and not done:
                done.append(five.kubectl("label", "namespace", SPACES[0], "istio.io/rev=default", "istio-injection-"))
            return None

        proxy.rule = rule
        second = do.migrate(
            five, SPACES[0], "--to", "canary", "--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig")
        )
    assert second.returncode == ExitCode.INCOMPLETE
    assert do.metadata(five, SPACES[0])["labels"]["istio.io/rev"] == "default"
    five.kubectl("label", "namespace", SPACES[0], "istio-injection=enabled", "istio.io/rev-")
    assert do.metadata(five, SPACES[0]) == before[0][SPACES[0]]
