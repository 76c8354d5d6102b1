"""rev-fix-validation killed, raced and refused: config writes are never left worse than they were."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.faulty import Fault, Proxy
from tests.cluster.validating import (
    DEFAULT,
    FINE,
    INJECTORS,
    OF_CANARY,
    PLUGIN,
    SERVICES,
    VALIDATORS,
    broken_in_three_ways,
    killed_at,
    leftover,
    old_era,
)

pytestmark = pytest.mark.cluster


SIGNS = [
    "1. change validator",
    f"{OF_CANARY} patched",
    f"{DEFAULT} patched",
    "backup of",
    "istio-validator-old-istio-system deleted",
    "VALIDATION",
]


@pytest.mark.parametrize("sign", SIGNS)
def test_killed_at_each_step_and_run_again(world, sign, tmp_path):
    broken_in_three_ways(world)
    arguments = ("--yes", "--to", "default", "--backup-dir", str(tmp_path))
    # The table of probes is shown before and after: the sign of the end is its second header.
    said = killed_at(world, sign if sign != "VALIDATION" else "HEALTHY", *arguments)
    if sign not in ("1. change validator", f"{OF_CANARY} patched"):
        world.says("")  # the default validator was repaired before the process died
    again = world.fix(*arguments)
    assert again.returncode == ExitCode.OK, said + again.stdout + again.stderr
    health, probes, _, code = world.health()
    assert health == FINE
    assert set(probes.values()) == {"yes"}
    assert code == ExitCode.OK
    assert world.write() == ""
    assert "denied the request" in world.write(valid=False)
    assert world.fix("--undo", "--yes").returncode == ExitCode.OK, "the first run's notes are still good"
    assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "gone"
    assert world.validator(OF_CANARY)["metadata"]["labels"]["istio.io/rev"] == "gone"


@pytest.mark.parametrize("sign", ["1. create service", "service/istiod created", "HEALTHY"])
def test_killed_while_the_service_is_made_and_run_again(old, sign):
    said = killed_at(old, sign, "--yes")
    again = old.fix("--yes")
    assert again.returncode == ExitCode.OK, said + again.stdout + again.stderr
    assert ("service/istiod created" in again.stdout) is (sign == "1. create service" and "istiod created" not in said)
    old.says("", "denied the request")
    assert old.fix("--undo", "--yes").returncode == ExitCode.OK
    assert "istiod" not in old.all(SERVICES)


@pytest.fixture
def old(world):
    """1.6 to 1.10, its Service and its istiod gone: repair (a)."""
    old_era(world)
    world.delete(SERVICES, "istiod")
    world.cluster.stop_istiod("default")
    yield world
    world.cluster.start_istiod("default")


def test_a_service_that_another_makes_first_is_not_touched(old):
    ports = old.get(SERVICES, "istiod-canary")["spec"]["ports"]
    spec = {"selector": {"app": "theirs"}, "ports": [{**ports[0], "nodePort": None}]}

    def meanwhile():
        old.create(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod"}, "spec": spec})

    said, code = answered(old, meanwhile=meanwhile)
    assert code == ExitCode.INCOMPLETE, said
    assert "already exists" in re.sub(r"\s+", " ", said)
    assert old.get(SERVICES, "istiod")["spec"]["selector"] == {"app": "theirs"}


def test_a_service_that_another_changed_meanwhile_is_not_repointed(world):
    old_era(world)
    world.cluster.stop_istiod("default")
    try:
        selector = world.get(SERVICES, "istiod")["spec"]["selector"]

        def meanwhile():
            world.patch(SERVICES, "istiod", ("add", "/metadata/labels/theirs", "yes"))

        said, code = answered(world, meanwhile=meanwhile)
        assert code == ExitCode.INCOMPLETE, said
        assert world.get(SERVICES, "istiod")["spec"]["selector"] == selector
    finally:
        world.cluster.start_istiod("default")


def test_an_undo_overwrites_nothing_either(world):
    world.point(label="gone", name="istiod-gone")
    assert world.fix("--yes").returncode == ExitCode.OK
    said, code = answered(world, "--undo", meanwhile=lambda: world.point(label="canary", name="istiod-canary"))
    assert code == ExitCode.INCOMPLETE, said
    assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "canary"


def test_a_write_whose_answer_was_lost_is_not_made_twice_nor_called_a_failure(world, tmp_path):
    world.point(label="gone", name="istiod-gone")
    lost = []

    def rule(request):
        if request.write and not lost:
            lost.append(request)
            return Fault(after=True)
        return None

    with Proxy(world.cluster, rule) as proxy:
        done = world.fix("--yes", "--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig"))
    assert done.returncode == ExitCode.OK, done.stderr
    assert lost[0].method == "PATCH"
    assert world.fix("--undo", "--yes").returncode == ExitCode.OK
    assert world.validator()["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-gone"


def test_a_refusal_that_comes_late_is_incomplete_and_says_how_to_go_on(world, tmp_path):
    """All was allowed when it was tried, and then one was not."""
    leftover(world)
    world.point(label="gone", name="istiod-gone")
    rule = lambda request: Fault(status=403) if request.write and request.method == "DELETE" else None  # noqa: E731
    with Proxy(world.cluster, rule) as proxy:
        flags = ("--kubeconfig", proxy.kubeconfig(tmp_path / "kubeconfig"), "--backup-dir", str(tmp_path))
        done = world.fix("--yes", *flags)
    assert done.returncode == ExitCode.INCOMPLETE
    assert "1 done, then istio-validator-old-istio-system: may not delete" in done.stderr
    assert "the same command goes on, --undo goes back" in done.stderr
    world.says("")
    assert world.fix("--yes", "--backup-dir", str(tmp_path)).returncode == ExitCode.OK


def answered(world, *arguments, meanwhile=lambda: None, answer="y\n", choice=""):
    """Run on a terminal; do something while it asks, then answer. What was on the terminal, and the exit code.

    `choice` answers the question that comes before, if it does.
    """
    parent, child = pty.openpty()
    process = subprocess.Popen([*PLUGIN, *arguments], stdin=child, stdout=child, stderr=child, env=world.env)
    os.close(child)
    said = b""
    asked = False
    while True:
        try:
            chunk = os.read(parent, 4096)
        except OSError:
            break
        said += chunk
        if not chunk:
            break
        if choice and re.search(rb"\(canary, default\)\? $", said):
            os.write(parent, f"{choice}\n".encode())
            choice = ""
        if not asked and re.search(rb"\[y/N\] $", said):
            asked = True
            meanwhile()
            os.write(parent, answer.encode())
    os.close(parent)
    return said.decode(), process.wait(timeout=60)


def test_a_second_writer_in_between_is_not_overwritten(world):
    world.point(label="gone", name="istiod-gone")

    def meanwhile():
        world.point(name="istiod", label="default")

    said, code = answered(world, meanwhile=meanwhile)
    assert code == ExitCode.INCOMPLETE
    assert "changed meanwhile, and nothing was overwritten" in re.sub(r"\s+", " ", said)
    assert "kubectl-rev/previous-validation" not in world.validator()["metadata"].get("annotations", {})
    assert world.fix("--check").returncode == ExitCode.OK


def test_a_validator_that_another_deleted_is_no_failure_of_a_deletion(world, tmp_path):
    name = leftover(world)["metadata"]["name"]
    said, code = answered(world, "--backup-dir", str(tmp_path), meanwhile=lambda: world.delete(VALIDATORS, name))
    assert code == ExitCode.OK, said
    assert "unchanged" in said


def test_a_leftover_that_changed_meanwhile_is_not_deleted(world, tmp_path):
    name = leftover(world)["metadata"]["name"]
    _, code = answered(world, "--backup-dir", str(tmp_path), meanwhile=lambda: world.point(name, label="canary"))
    assert code == ExitCode.INCOMPLETE
    assert name in world.all(VALIDATORS)


def test_nobody_holds_the_default_and_it_asks(world):
    """Two revisions could validate: a person says which, or --to; never a guess."""
    world.delete(INJECTORS, "istio-revision-tag-default")
    world.point(label="gone", name="istiod-gone")
    before = world.raw(VALIDATORS, DEFAULT)
    piped = world.fix("--yes")
    assert piped.returncode == ExitCode.USAGE
    assert piped.stderr.splitlines()[-1] == (
        "error: which revision should validate config without a revision label? --to canary or --to default"
    )
    said, code = answered(world, choice="prod")
    assert code == ExitCode.USAGE
    assert 'no such choice: "prod"; nothing was changed' in said
    assert world.raw(VALIDATORS, DEFAULT) == before
    said, code = answered(world, choice="canary")
    assert code == ExitCode.OK, said
    assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "canary"


def test_no_is_no_and_the_prompt_names_the_cluster(world):
    world.point(label="gone", name="istiod-gone")
    before = world.raw(VALIDATORS, DEFAULT)
    said, code = answered(world, meanwhile=lambda: None, answer="n\n")
    assert code == ExitCode.USAGE
    assert "Context admin, cluster https://127.0.0.1:6443." in said
    done = world.fix()
    assert done.returncode == ExitCode.USAGE, "nobody can be asked in a pipe"
    assert world.raw(VALIDATORS, DEFAULT) == before


def test_json_says_what_was_done(world, tmp_path):
    broken_in_three_ways(world)
    found, code = world.document("--yes", "--to", "default", "--backup-dir", str(tmp_path))
    assert code == ExitCode.OK
    assert (found["kind"], found["verdict"], found["to"]) == ("Validation", "HEALTHY", "default")
    assert [(step["action"], step["name"], step["done"]) for step in found["steps"]] == [
        ("patch", OF_CANARY, True),
        ("patch", DEFAULT, True),
        ("delete", "istio-validator-old-istio-system", True),
    ]
    assert found["undo"][0] == "kubectl rev-fix-validation --undo"
    assert found["undo"][1].startswith("kubectl create -f ")
    assert json.dumps(found["validators"]).count('"healthy"') == 3


@pytest.fixture
def never_closed(world):
    """The default validator is open, and the process of its istiod is dead without anybody having noticed."""
    world.cluster.stop_istiod("default", unnoticed=True)
    world.point(policy="Ignore")
    yield world
    world.cluster.start_istiod("default")


def test_ctrl_c_while_waiting(never_closed):
    process = subprocess.Popen(
        [*PLUGIN, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=never_closed.env
    )
    for line in process.stderr:
        if line.startswith("waiting for istiod"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait(timeout=10) == ExitCode.INTERRUPTED
    assert "the same command goes on" in rest
    assert "Traceback" not in rest
    process.stdout.close()
    process.stderr.close()


def test_istiod_that_does_not_close_it_in_time(never_closed):
    done = never_closed.fix("--yes", "--timeout", "2s")
    assert done.returncode == ExitCode.INCOMPLETE
    assert "has not closed istiod-default-validator within 2 s: it still fails open" in done.stderr
    assert never_closed.write() == ""
