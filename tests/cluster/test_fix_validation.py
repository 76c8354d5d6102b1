"""istio#28880 on a real cluster: the guide's case, both repairs, each undone, and nothing lost on the way."""

import re

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.validating import (
    DEFAULT,
    OF_CANARY,
    OF_DEFAULT,
    SERVICES,
    VALIDATORS,
    Writer,
    old_era,
    wait_until,
)

pytestmark = pytest.mark.cluster
FROZEN = 'service "istiod" not found'


def place(validator):
    service = validator["webhooks"][0]["clientConfig"]["service"]
    return validator["metadata"]["labels"].get("istio.io/rev"), service["namespace"], service["name"]


def test_the_service_is_gone_and_the_label_moves(world):
    """Repair (b) and its undo. Writes are rejected before, and never again once the first one was accepted."""
    before = world.validator()
    world.delete(SERVICES, "istiod")
    world.delete(VALIDATORS, OF_DEFAULT)  # as `istioctl uninstall --revision default` does
    world.says(FROZEN)
    with Writer(world) as writer:
        done = world.cluster.run("kubectl", "rev-fix-validation", "--to", "canary", "--yes", check=False)
        answers = [why for _, why in writer.answers]
    assert "validatingwebhookconfiguration.admissionregistration.k8s.io/istiod-default-validator patched" in done.stdout
    assert done.stderr.count("undo: kubectl rev-fix-validation --undo") == 1
    first = next(n for n, why in enumerate(answers) if not why)
    assert [why for why in answers[first:] if why] == [], "a write was lost after the repair had begun to work"
    assert all(FROZEN in why for why in answers[:first])

    assert place(world.validator()) == ("canary", "istio-system", "istiod-canary")
    assert world.write() == ""
    assert 'webhook "validation.istio.io" denied the request' in world.write(valid=False)
    world.cluster.stop_istiod("default")
    try:
        assert "denied the request" in world.write(valid=False), "it is canary's istiod that rejects it"
    finally:
        world.cluster.start_istiod("default")

    again = world.fix("--yes", "--to", "canary")
    assert "patched" not in again.stdout
    undone = world.fix("--undo", "--yes")
    assert undone.returncode == ExitCode.OK
    after = world.validator()
    assert place(after) == place(before)
    assert "annotations" not in after["metadata"] or after["metadata"]["annotations"] == {}
    assert "goes back to where it did not work" in undone.stderr


def test_undo_of_a_move_between_two_that_work(world):
    """The undo brings back everything but what is istiod's."""
    before = world.validator()
    world.point(label="gone")
    assert world.fix("--yes", "--to", "canary").returncode in (ExitCode.OK, ExitCode.INCOMPLETE)
    assert place(world.validator())[0] == "canary"
    with Writer(world) as writer:
        assert world.fix("--undo", "--yes").returncode == ExitCode.OK
    assert writer.lost == []
    after = world.validator()
    assert place(after) == ("gone", *place(before)[1:]), "as it was when it was first changed"
    assert after["webhooks"][0]["clientConfig"] == before["webhooks"][0]["clientConfig"]
    assert world.fix("--undo", "--yes").stderr.strip() == "nothing to undo: no repair has left a note"


def test_no_write_is_lost_while_a_validator_that_works_is_moved(world):
    world.point(label="gone")
    with Writer(world) as writer:
        wait_until(lambda: len(writer.answers) > 3, "some writes")
        assert world.fix("--yes", "--to", "canary").returncode in (ExitCode.OK, ExitCode.INCOMPLETE)
        before_the_end = len(writer.answers)
        wait_until(lambda: len(writer.answers) > before_the_end + 3, "some more writes")
    assert writer.lost == []


def test_the_first_values_are_kept_until_undo(world):
    before = world.validator()
    world.delete(VALIDATORS, OF_DEFAULT)
    world.point(name="istiod-gone")
    assert world.fix("--yes", "--to", "canary").returncode in (ExitCode.OK, ExitCode.INCOMPLETE)
    world.point(name="istiod-gone-too", label="gone")
    assert world.fix("--yes", "--to", "default").returncode == ExitCode.FINDINGS or place(world.validator())
    world.fix("--undo", "--yes")
    assert place(world.validator()) == ("default", "istio-system", "istiod-gone") != place(before)


def test_up_to_1_10_the_service_is_made(world):
    """Repair (a) and its undo; who reconnects is counted and named."""
    shop = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}},
    }
    container = {"name": "app", "image": "registry.example/app:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    world.cluster.apply(shop)
    world.cluster.apply(web)
    world.cluster.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=90s")
    old_era(world)
    world.delete(SERVICES, "istiod")
    world.says(FROZEN)
    world.cluster.stop_istiod("default")
    try:
        before = world.raw(VALIDATORS, "istiod-istio-system")
        done = world.fix("--yes")
        assert done.returncode == ExitCode.OK, done.stdout + done.stderr
        assert "service/istiod created" in done.stdout
        assert "proxies that know istiod.istio-system.svc reconnect to canary: 2 proxies (deployment/web -n shop)" in (
            re.sub(r"\s+", " ", done.stderr)
        )
        assert world.write() == ""
        assert "denied the request" in world.write(valid=False)
        assert world.raw(VALIDATORS, "istiod-istio-system") == before, "the Service was all that it took"
        made = world.get(SERVICES, "istiod")
        own = world.get(SERVICES, "istiod-canary")
        assert made["spec"]["selector"] == own["spec"]["selector"]
        assert made["spec"]["clusterIP"] != own["spec"]["clusterIP"]
        assert [p["port"] for p in made["spec"]["ports"]] == [p["port"] for p in own["spec"]["ports"]]
        assert made["metadata"].get("labels", {}) == {}

        undone = world.fix("--undo", "--yes")
        assert undone.returncode == ExitCode.OK
        assert "service/istiod deleted" in undone.stdout
        assert "config writes are rejected again afterwards" in re.sub(r"\s+", " ", undone.stderr)
        world.says(FROZEN)
    finally:
        world.cluster.start_istiod("default")
        world.cluster.kubectl("delete", "namespace", "shop", "--wait=false")


def test_the_service_is_not_given_away_while_its_istiod_is_ready(world):
    old_era(world)
    world.delete(SERVICES, "istiod")
    done = world.fix("--yes", "--to", "canary")
    assert done.returncode == ExitCode.FINDINGS
    assert "istiod default is ready" in done.stdout
    assert "istiod" not in world.all(SERVICES)
    assert world.fix("--yes").returncode == ExitCode.OK
    assert world.get(SERVICES, "istiod")["spec"]["selector"]["istio.io/rev"] == "default"


def test_an_old_service_without_endpoints_is_repointed_and_put_back(world):
    old_era(world)
    selector = world.get(SERVICES, "istiod")["spec"]["selector"]
    world.cluster.stop_istiod("default")
    try:
        world.says("no endpoints available")
        assert world.fix("--yes").returncode == ExitCode.OK
        assert world.get(SERVICES, "istiod")["spec"]["selector"]["istio.io/rev"] == "canary"
        assert world.write() == ""
        assert world.fix("--undo", "--yes").returncode == ExitCode.OK
        assert world.get(SERVICES, "istiod")["spec"]["selector"] == selector
    finally:
        world.cluster.start_istiod("default")


def test_a_living_istiod_gets_the_service_back_that_it_lost(world):
    """Of today: both of its validators call it, and so do injection and its proxies. Nothing moves."""
    validators = {name: world.validator(name) for name in (DEFAULT, OF_DEFAULT, OF_CANARY)}
    world.delete(SERVICES, "istiod")
    world.says(FROZEN)
    world.becomes({DEFAULT: "dangling", OF_DEFAULT: "dangling", OF_CANARY: "healthy"})
    done = world.fix("--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "service/istiod created" in done.stdout
    assert "install revision default again when you can" in re.sub(r"\s+", " ", done.stderr)
    world.says("", "denied the request")
    assert {name: world.validator(name) for name in validators} == validators
    assert world.fix("--undo", "--yes").returncode == ExitCode.OK
    assert "istiod" not in world.all(SERVICES)
    world.says(FROZEN)


def test_both_a_lost_service_and_another_revision_that_is_asked_for(world):
    world.delete(SERVICES, "istiod-canary")
    world.point(label="gone", name="istiod-gone")
    done = world.fix("--yes", "--to", "canary")
    assert "service/istiod-canary created" in done.stdout, done.stderr
    assert place(world.validator()) == ("canary", "istio-system", "istiod-canary")
    world.says("", "denied the request")
    world.says("", "denied the request", rev="canary")
