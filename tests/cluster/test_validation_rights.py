"""rev-fix-validation with less than all rights: what is missing is named before anything is written."""

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.limits import allow
from tests.cluster.validating import (
    DEFAULT,
    SERVICES,
    VALIDATORS,
    broken_in_three_ways,
    old_era,
)

pytestmark = pytest.mark.cluster
OF_VALIDATORS = "validatingwebhookconfigurations.admissionregistration.k8s.io"


def test_the_role_suffices(world, tmp_path):
    allow(world)
    broken_in_three_ways(world)
    done = world.fix("--yes", "--context", "limited", "--to", "default", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert world.fix("--check", "--context", "limited").returncode == ExitCode.OK


@pytest.mark.parametrize(
    ("without", "only", "named"),
    [
        ("validators", None, OF_VALIDATORS),
        (None, {"validators": ["validatingwebhookconfigurations"]}, "mutatingwebhookconfigurations"),
        (None, {"read": ["services", "namespaces"]}, "pods"),
        (None, {"read": ["pods", "namespaces"]}, "services"),
        ("slices", None, "endpointslices.discovery.k8s.io"),
        ("config", None, "virtualservices"),
        ("more config", None, "authorizationpolicies"),
        ("probe", None, "may not create gateways.networking.istio.io"),
    ],
)
def test_what_may_not_be_read_or_probed_is_unknown_never_healthy(world, without, only, named):
    allow(world, *([without] if without else []), only=only)
    done = world.fix("--check", "--context", "limited")
    assert done.returncode == ExitCode.NO_ANSWER, done.stdout + done.stderr
    assert named in done.stdout + done.stderr
    assert "HEALTHY" not in done.stdout


def a_missing_service(world):
    """Repair (a), by creating."""
    old_era(world)
    world.delete(SERVICES, "istiod")
    world.cluster.stop_istiod("default")


def a_service_without_endpoints(world):
    """Repair (a), by changing."""
    old_era(world)
    world.cluster.stop_istiod("default")


def a_service_that_we_made(world):
    a_missing_service(world)
    assert world.fix("--yes").returncode == ExitCode.OK


# what is refused: the rule, its verb and resource, what needs it, and by which flags
REFUSED = {
    "create a Service": ("make", "create services", a_missing_service, []),
    "patch a Service": ("repoint", "patch services", a_service_without_endpoints, []),
    "delete a Service": ("unmake", "delete services", a_service_that_we_made, ["--undo"]),
    "patch a validator": ("patch", f"patch {OF_VALIDATORS}", broken_in_three_ways, ["--to", "default"]),
    "delete a validator": ("delete", f"delete {OF_VALIDATORS}", broken_in_three_ways, ["--to", "default"]),
    "get a validator": ("get", f"get {OF_VALIDATORS}", broken_in_three_ways, ["--to", "default"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_not_be_written_is_said_before_the_first_write(world, what, tmp_path):
    rule, named, breaks, flags = REFUSED[what]
    breaks(world)
    try:
        allow(world, rule)
        before = versions(world)
        arguments = ["--yes", *flags, "--backup-dir", str(tmp_path)]
        done = world.fix(*arguments, "--context", "limited")
        assert done.returncode == ExitCode.NO_ANSWER, done.stdout + done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"error: may not {named}")
        assert 'forbidden to user "limited"; nothing was changed' in last
        assert versions(world) == before
        assert list(tmp_path.iterdir()) == []
        server = world.fix(*arguments, "--context", "limited", "--dry-run=server")
        assert (server.returncode, versions(world)) == (ExitCode.NO_ANSWER, before)

        allow(world)
        server = world.fix(*arguments, "--context", "limited", "--dry-run=server")
        code = ExitCode.OK if "--undo" in flags else ExitCode.FINDINGS  # there is something to repair
        assert (server.returncode, versions(world)) == (code, before), "a dry run stores nothing"
        done = world.fix(*arguments, "--context", "limited")
        assert "unchanged" not in done.stdout, "nor does the one that comes before the first write"
        assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    finally:
        world.cluster.start_istiod("default")


def versions(world):
    """Every validator and every Service of Istio's, as the server holds it."""
    return [
        {name: item["metadata"]["resourceVersion"] for name, item in world.all(path).items()}
        for path in (VALIDATORS, SERVICES)
    ]


def test_the_probe_is_refused_and_the_repair_is_made(world):
    """It cannot be proven then, and that is said: 4, not 0."""
    world.point(label="gone", name="istiod-gone")
    allow(world, "probe")
    done = world.fix("--yes", "--context", "limited")
    assert done.returncode == ExitCode.INCOMPLETE, done.stdout + done.stderr
    assert "UNKNOWN" in done.stdout
    assert world.validator(DEFAULT)["metadata"]["labels"]["istio.io/rev"] == "default"
    world.says("", "denied the request")
