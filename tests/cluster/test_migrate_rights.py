"""Who may do it: a user with rights in one namespace only; and how many requests a migration makes."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.cluster.faulty import Proxy

pytestmark = pytest.mark.cluster


def role(space, *rules):
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "mover", "namespace": space},
        "rules": [
            {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
            for group, resources, verbs in rules
        ],
    }


def binding(kind, name, user, space=""):
    scope = {"namespace": space} if space else {}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": f"{name}-{user}", **scope},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }


MOVER = (
    ("", "namespaces", "get patch"),
    ("", "pods", "get list watch create"),
    ("apps", "deployments statefulsets daemonsets", "get list patch"),
    ("apps", "replicasets", "get list"),
    ("batch", "jobs cronjobs", "get list"),
)


@pytest.fixture(scope="module")
def two(cluster):
    """`mine`, where user limited may do everything that a migration takes, and `theirs`, where nothing."""
    cluster.reset("istioctl")
    reader = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "injectors"},
        "rules": [
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["mutatingwebhookconfigurations"],
                "verbs": ["get", "list"],
            }
        ],
    }
    for space in ("mine", "theirs"):
        cluster.apply(do.namespace(space, injection="enabled"), do.workload("Deployment", space, "web", replicas=2))
    cluster.apply(role("mine", *MOVER), binding("Role", "mover", "limited", "mine"))
    cluster.apply(reader, binding("ClusterRole", "injectors", "limited"))
    do.settled(cluster, "mine", "theirs")
    yield cluster
    do.remove(cluster, "mine", "theirs")


def test_a_user_of_one_namespace_migrates_it_and_undoes_it(two):
    before = do.metadata(two, "mine")
    done = do.migrate(two, "mine", "--to", "canary", "--yes", "--context", "limited")
    assert done.returncode == ExitCode.OK, done.stderr
    assert set(do.revisions(two, "mine").values()) == {"canary"}
    back = do.migrate(two, "--undo", "mine", "--yes", "--context", "limited")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(two, "mine") == before
    assert set(do.revisions(two, "mine").values()) == {"default"}


def test_elsewhere_the_missing_verbs_are_named_before_the_first_write(two):
    reads = tuple((group, resources, "get list watch") for group, resources, _ in MOVER)
    two.apply(role("theirs", *reads), binding("Role", "mover", "limited", "theirs"))
    before = do.metadata(two, "theirs"), do.generations(two, "theirs")
    done = do.migrate(two, "theirs", "--to", "canary", "--yes", "--context", "limited")
    assert done.returncode == ExitCode.FINDINGS, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("REV408")]
    assert said == [
        "REV408 error    namespace/theirs  you may not create pods there, which this takes",
        "REV408 error    namespace/theirs  you may not patch deployments.apps there, which this takes",
        "REV408 error    namespace/theirs  you may not patch namespaces there, which this takes",
    ]
    assert (do.metadata(two, "theirs"), do.generations(two, "theirs")) == before


def test_where_nothing_may_even_be_read(two):
    two.kubectl("delete", "role", "mover", "-n", "theirs", "--ignore-not-found")
    done = do.migrate(two, "theirs", "--to", "canary", "--yes", "--context", "limited")
    assert done.returncode in (ExitCode.NO_ANSWER, ExitCode.FINDINGS, ExitCode.USAGE)
    assert "may not" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def solo(two):
    """A user whose only rights are a Role in `mine`: no Role can let anybody read the injectors."""
    two.apply(role("mine", *MOVER), binding("Role", "mover", "solo", "mine"))
    two.wait_until(
        "the binding",
        lambda: (
            two.run("kubectl", "auth", "can-i", "list", "pods", "-n", "mine", "--as=solo", check=False).returncode == 0
        ),
        20,
    )
    return two


def test_whoever_may_not_read_the_injectors_learns_from_pods_that_are_tried(solo):
    before = do.metadata(solo, "mine")
    done = do.migrate(solo, "mine", "--to", "canary", "--yes", "--as=solo")
    assert done.returncode == ExitCode.OK, done.stderr
    assert (
        "REV409 warning  namespace/mine  you may not list the injectors: that istio.io/rev=canary leads to revision "
        "canary is seen from pods tried after it is written; if not, it is put back"
    ) in done.stderr
    (named,) = [line for line in done.stderr.splitlines() if line.startswith("Not checked (may not list: forbidden")]
    assert ", mutatingwebhookconfigurations.admissionregistration.k8s.io, namespaces, " in named
    assert set(do.revisions(solo, "mine").values()) == {"canary"}
    again = do.migrate(solo, "mine", "--to", "canary", "--yes", "--as=solo")
    assert (again.returncode, again.stderr.splitlines()[0]) == (ExitCode.OK, "namespace/mine unchanged")
    back = do.migrate(solo, "--undo", "mine", "--yes", "--as=solo")
    assert back.returncode == ExitCode.OK, back.stderr
    assert do.metadata(solo, "mine") == before
    assert set(do.revisions(solo, "mine").values()) == {"default"}


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("canry", "would start without a sidecar, not with one of canry"),
        ("next", "would be injected by canary, not by next"),
    ],
)
def test_their_wrong_guess_is_put_back_before_anything_is_restarted(solo, to, why):
    solo.istioctl("tag", "set", "next", "--revision", "canary", "--overwrite", "-y")
    before = do.metadata(solo, "mine"), do.uids(solo, "mine"), do.generations(solo, "mine")
    done = do.migrate(solo, "mine", "--to", to, "--yes", "--as=solo")
    assert done.returncode == ExitCode.INCOMPLETE, done.stderr
    assert f"namespace/mine failed: a pod of deployment.apps/web {why}" in done.stderr
    assert "namespace/mine labels put back" in done.stderr
    assert (do.metadata(solo, "mine"), do.uids(solo, "mine"), do.generations(solo, "mine")) == before


def test_without_the_injectors_namespaces_must_be_named(solo):
    done = do.migrate(solo, "--from", "default", "--to", "canary", "--yes", "--as=solo")
    assert done.returncode == ExitCode.NO_ANSWER
    assert "may not list" in done.stderr


def test_what_cannot_be_seen_is_not_called_complete(solo):
    """Rights to change labels alone: what runs there would be left behind unseen."""
    solo.apply(role("theirs", ("", "namespaces", "get patch")), binding("Role", "mover", "labeller", "theirs"))
    before = do.metadata(solo, "theirs")
    done = do.migrate(solo, "theirs", "--to", "canary", "--yes", "--as=labeller")
    assert done.returncode != ExitCode.OK
    assert "may not list pods" in done.stderr
    assert do.metadata(solo, "theirs") == before


SPACES = [f"many-{n:02}" for n in range(12)]


@pytest.mark.parametrize("spaces", [4, 12])
def test_requests_grow_by_the_object_and_by_nothing_else(two, tmp_path, spaces):
    """Lists and watches are constant; a patch per changed object; dry-run creates per template."""
    names = SPACES[:spaces]
    do.remove(two, *names)
    for space in names:
        two.apply(
            do.namespace(space, injection="enabled"),
            *(do.workload("Deployment", space, f"web-{n}") for n in range(3)),
        )
    do.settled(two, *names)
    with Proxy(two) as proxy:
        config = proxy.kubeconfig(tmp_path / "kubeconfig")
        done = do.migrate(two, *names, "--to", "canary", "--yes", "--kubeconfig", config, "-o", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["complete"]
    assert proxy.count("PATCH", dry_run=False) == spaces * 4
    assert proxy.count("GET", "/pods", watch=True) == 1
    created = proxy.count("POST", "/pods", dry_run=True)
    assert spaces * 3 <= created <= spaces * 3 * 2  # a server that has not seen the label yet is asked again
    others = [each for each in proxy.requests if each.method == "GET" and "portforward" not in each.path]
    assert len(others) == FIXED_GETS, sorted(each.path for each in others)
    assert proxy.count("POST", "selfsubjectaccessreviews") == 5
    do.remove(two, *names)


# read.py's lists, patch_targets.py's eight, preflight.py's, one list and one watch of pods.
FIXED_GETS = 49
