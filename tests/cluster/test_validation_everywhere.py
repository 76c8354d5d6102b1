"""rev-status, rev-verify and rev-fix-validation say the same about validation, whatever is wrong with it."""

import json
from contextlib import contextmanager

import pytest

from kubectl_rev.cluster.connection import JSON
from kubectl_rev.cluster.discovery import served
from kubectl_rev.core.mesh import labels
from kubectl_rev.errors import ExitCode
from tests.cluster.limits import allow
from tests.cluster.validating import (
    CONFIG,
    DEFAULT,
    OF_CANARY,
    OF_DEFAULT,
    VALIDATORS,
    injection_moved,
    leftover,
    virtual_service,
    wait_until,
)

pytestmark = pytest.mark.cluster


@contextmanager
def dangling(world):
    world.point(name="istiod-gone")
    yield


@contextmanager
def fail_open(world):
    world.point(label="gone", policy="Ignore")
    yield


@contextmanager
def no_default_validator(world):
    world.delete(VALIDATORS, DEFAULT)
    yield


@contextmanager
def tag_and_ghost(world):
    """Config whose label no validator selects, which only a list of the config itself can show."""
    world.cluster.istioctl("tag", "set", "prod", "--revision", "canary")
    try:
        for rev in ("prod", "1-6-5"):
            world.create(CONFIG, virtual_service(rev=rev, name=f"labelled-{rev}"))
        yield
    finally:
        world.cluster.kubectl("delete", "virtualservices", "--all", "-n", "default")
        world.cluster.istioctl("tag", "remove", "prod", "--skip-confirmation")


@contextmanager
def left_over(world):
    leftover(world)
    yield


@contextmanager
def mislabelled(world):
    world.point(OF_CANARY, label="gone")
    yield


@contextmanager
def all_of_them(world):
    with tag_and_ghost(world):
        leftover(world)
        world.point(OF_CANARY, policy="Ignore", label="gone")
        world.point(OF_DEFAULT, label="gone")
        world.point(name="istiod-gone")
        yield


@contextmanager
def calm(world):
    yield


CLASSES = {
    "healthy": (calm, []),
    "dangling": (dangling, ["REV501"]),
    "fail-open": (fail_open, ["REV502"]),
    "uncovered: unlabelled config": (no_default_validator, ["REV503"]),
    "uncovered: a tag, a ghost": (tag_and_ghost, ["REV503", "REV503"]),
    "leftover": (left_over, ["REV504"]),
    "mislabelled": (mislabelled, ["REV505"]),
    "split": (injection_moved, ["REV105"]),
    "all at once": (all_of_them, ["REV501", "REV502", "REV503", "REV503", "REV504", "REV505"]),
}


def said(world, command, *flags):
    """Its findings about validation, and its exit code."""
    done = world.cluster.run("kubectl", *command.split(), *flags, "-o", "json", check=False)
    document = json.loads(done.stdout)
    ours = [each for each in document["findings"] if each["code"].startswith("REV5") or each["code"] == "REV105"]
    return document, ours, done.returncode


@pytest.mark.parametrize("name", CLASSES)
def test_three_commands_one_diagnosis(world, name):
    make, codes = CLASSES[name]
    with make(world):
        _, fix, code = said(world, "rev-fix-validation --check")
        _, status, _ = said(world, "rev-status")
        verified, verify, _ = said(world, "rev-verify")
    assert sorted(each["code"] for each in fix) == codes
    assert code == (ExitCode.FINDINGS if codes else ExitCode.OK)
    assert status == fix
    assert verify == fix
    marked = {each["code"]: each["status"] for each in verified["checks"]}
    assert {code for code in marked if code.startswith("REV5") and marked[code] != "ok"} == {
        code for code in codes if code.startswith("REV5")
    }


def test_config_that_may_not_be_listed_is_named_by_all_three(world):
    allow(world, "config")
    wanted = {each.resource for each in served(world.connection, ["networking.istio.io"])[0]}

    def named(document):
        return {gap["resource"] for gap in document["gaps"] if gap["resource"].endswith(".networking.istio.io")}

    wait_until(lambda: named(said(world, "rev-status", "--context", "limited")[0]) == wanted, "the rights are taken")
    document, _, code = said(world, "rev-fix-validation --check", "--context", "limited")
    assert (named(document), document["verdict"], code) == (wanted, "UNKNOWN", ExitCode.NO_ANSWER)
    document, _, code = said(world, "rev-verify", "--context", "limited")
    assert named(document) == wanted
    assert {each["code"]: each["status"] for each in document["checks"]}["REV503"] == "unknown"
    text = world.cluster.run("kubectl", "rev-status", "--context", "limited").stdout
    lines = [line for line in text.splitlines() if "networking.istio.io" in line]
    assert len(lines) == 1, "one line for one reason"
    assert lines[0].startswith("Not checked: ")
    assert "destinationrules, envoyfilters, " in lines[0]


def test_discovery_is_the_same_the_long_way(world):
    """As a server before 1.26 answers: the groups alone, then each version is asked."""
    groups = (*labels.CONFIG_GROUPS, labels.GATEWAY_API, "apps")
    assert served(world.connection, groups, accept=JSON) == served(world.connection, groups)
