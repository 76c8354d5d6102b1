"""rev-fix-validation killed, raced and refused: config writes are never left worse than they were."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.limits import allow
from tests.cluster.validating import DEFAULT, FINE, OF_CANARY, PLUGIN, VALIDATORS, killed_at, leftover

pytestmark = pytest.mark.cluster


def broken_in_three_ways(world):
    """Three writes, in this order: canary's own validator, the default one, the leftover."""
    leftover(world)
    world.point(OF_CANARY, label="gone")
    world.point(label="gone", name="istiod-gone")


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
        assert world.write() == "", "the default validator was repaired before the process died"
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


def answered(world, *arguments, meanwhile, answer="y\n"):
    """Run on a terminal; do something while it asks, then answer. What was on the terminal, and the exit code."""
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
    assert "kubectl-rev/previous" not in world.validator()["metadata"].get("annotations", {})
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


def test_no_is_no_and_the_prompt_names_the_cluster(world):
    world.point(label="gone", name="istiod-gone")
    before = world.raw(VALIDATORS, DEFAULT)
    said, code = answered(world, meanwhile=lambda: None, answer="n\n")
    assert code == ExitCode.USAGE
    assert "Context admin, cluster https://127.0.0.1:6443." in said
    done = world.fix()
    assert done.returncode == ExitCode.USAGE, "nobody can be asked in a pipe"
    assert world.raw(VALIDATORS, DEFAULT) == before


def test_the_role_suffices(world, tmp_path):
    allow(world)
    broken_in_three_ways(world)
    done = world.fix("--yes", "--context", "limited", "--to", "default", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert world.fix("--check", "--context", "limited").returncode == ExitCode.OK


@pytest.mark.parametrize(
    ("without", "only", "named"),
    [
        ("validators", None, "validatingwebhookconfigurations.admissionregistration.k8s.io"),
        (None, {"validators": ["validatingwebhookconfigurations"]}, "mutatingwebhookconfigurations"),
        (None, {"pods": ["services", "namespaces"]}, "pods"),
        (None, {"pods": ["pods", "namespaces"]}, "services"),
        ("slices", None, "endpointslices.discovery.k8s.io"),
        ("config", None, "virtualservices.networking.istio.io"),
        ("more config", None, "authorizationpolicies.security.istio.io"),
        ("probe", None, "may not create gateways.networking.istio.io"),
    ],
)
def test_what_may_not_be_read_or_probed_is_unknown_never_healthy(world, without, only, named):
    allow(world, *([without] if without else []), only=only)
    done = world.fix("--check", "--context", "limited")
    assert done.returncode == ExitCode.NO_ANSWER, done.stdout + done.stderr
    assert named in done.stdout + done.stderr
    assert "HEALTHY" not in done.stdout


def test_what_may_not_be_written_is_named_and_nothing_is_changed(world):
    allow(world, "patch")
    world.point(label="gone", name="istiod-gone")
    before = world.raw(VALIDATORS, DEFAULT)
    done = world.fix("--yes", "--context", "limited")
    assert done.returncode == ExitCode.NO_ANSWER
    assert "may not patch validatingwebhookconfigurations.admissionregistration.k8s.io" in done.stderr
    assert world.raw(VALIDATORS, DEFAULT) == before


def test_half_of_it_forbidden_is_incomplete_and_says_how_to_go_on(world, tmp_path):
    allow(world, "delete")
    leftover(world)
    world.point(label="gone", name="istiod-gone")
    done = world.fix("--yes", "--context", "limited", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.INCOMPLETE
    assert "1 done, then istio-validator-old-istio-system: may not delete" in done.stderr
    assert "the same command goes on, --undo goes back" in done.stderr
    assert world.write() == ""
    assert world.fix("--yes", "--backup-dir", str(tmp_path)).returncode == ExitCode.OK


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
