"""rev-migrate --tag default and rev-fix-validation change one object, the default validator: each undoes its own."""

import copy

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster
_ISTIODS = ("resourceVersion", "generation", "managedFields")


def state(world):
    """The default validator but for what the server counts and what is istiod's."""
    found = copy.deepcopy(world.validator())
    for key in _ISTIODS:
        found["metadata"].pop(key, None)
    if not found["metadata"].get("annotations"):
        found["metadata"].pop("annotations", None)
    for webhook in found["webhooks"]:
        webhook.pop("failurePolicy")
        webhook["clientConfig"].pop("caBundle", None)
    return found


def place(world):
    found = world.validator()
    return found["metadata"]["labels"]["istio.io/rev"], found["webhooks"][0]["clientConfig"]["service"]["name"]


def notes(world):
    return sorted(world.validator()["metadata"].get("annotations", {}))


def fix(world, *flags):
    done = world.fix("--yes", *flags)
    assert done.returncode in (ExitCode.OK, ExitCode.INCOMPLETE), done.stdout + done.stderr
    return done


def move(world, *flags):
    done = do.migrate(world.cluster, "--tag", "default", "--yes", *flags)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr


@pytest.mark.parametrize("first_back", ["migration", "repair"])
def test_a_repair_then_a_migration_and_each_undone(world, first_back):
    world.point(label="gone", name="istiod-gone")
    broken = state(world)
    fix(world)
    repaired = state(world)
    assert place(world) == ("default", "istiod")
    move(world, "--to", "canary")
    assert place(world) == ("canary", "istiod-canary")
    assert notes(world) == ["kubectl-rev/previous", "kubectl-rev/previous-validation"]
    if first_back == "migration":
        move(world, "--undo")
        assert state(world) == repaired
        fix(world, "--undo")
        assert state(world) == broken
    else:
        fix(world, "--undo")
        assert place(world) == ("gone", "istiod-gone")
        assert notes(world) == ["kubectl-rev/previous"]
        move(world, "--undo")
        assert place(world) == ("default", "istiod")
    assert notes(world) == []


@pytest.mark.parametrize("first_back", ["migration", "repair"])
def test_a_migration_then_a_repair_and_each_undone(world, first_back):
    before = state(world)
    move(world, "--to", "canary")
    moved = state(world)
    world.point(label="gone", name="istiod-gone")
    fix(world)
    assert place(world) == ("canary", "istiod-canary"), "canary holds the default now"
    assert notes(world) == ["kubectl-rev/previous", "kubectl-rev/previous-validation"]
    if first_back == "repair":
        fix(world, "--undo")
        assert place(world) == ("gone", "istiod-gone")
        world.point(label="canary", name="istiod-canary")
        assert state(world) == moved
        move(world, "--undo")
        assert state(world) == before
    else:
        move(world, "--undo")
        assert place(world) == ("default", "istiod")
        fix(world, "--undo")
        assert place(world) == ("gone", "istiod-gone")
        world.point(label="default", name="istiod")
    assert notes(world) == []
    assert world.fix("--undo", "--yes").stderr.strip() == "nothing to undo: no repair has left a note"


def test_a_migration_puts_a_validator_back_that_was_not_where_the_tag_was(world):
    world.point(label="canary", name="istiod-canary")
    split = state(world)
    move(world, "--to", "canary")
    move(world, "--undo")
    assert state(world) == split
