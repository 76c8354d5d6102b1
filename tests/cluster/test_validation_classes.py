"""Every way in which validation can be broken, made for real: the diagnosis, the repair, and what a write says then."""

import base64
import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.validating import (
    DEFAULT,
    FINE,
    HOLE,
    OF_CANARY,
    OF_DEFAULT,
    SERVICES,
    VALIDATORS,
    WORKS,
    black_hole,
    injection_moved,
    leftover,
    wait_until,
)

pytestmark = pytest.mark.cluster
OTHER_CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()


def call_url(world):
    """Another address than any Service's, where nothing listens; nobody's label, or istiod would mend the caBundle."""
    world.patch(
        VALIDATORS,
        DEFAULT,
        ("remove", "/webhooks/0/clientConfig/service", None),
        ("add", "/webhooks/0/clientConfig/url", f"https://{HOLE}:15099/validate"),
        ("add", "/metadata/labels/istio.io~1rev", "gone"),
    )


# name: what is done to the default validator, its state then, what a valid and an invalid write say, the finding
BROKEN = {
    "service gone": (
        lambda w: w.point(label="gone", name="istiod-gone"),
        "dangling",
        'service "istiod-gone" not found',
        'service "istiod-gone" not found',
        "REV501",
    ),
    "wrong namespace": (
        lambda w: w.point(namespace="default"),
        "dangling",
        'service "istiod" not found',
        'service "istiod" not found',
        "REV501",
    ),
    "wrong port": (lambda w: w.point(port=444), "dangling", "no service port 444", "no service port 444", "REV501"),
    "no caBundle, nobody's label": (
        lambda w: w.point(label="gone", ca=""),
        "dangling",
        "certificate",
        "certificate",
        "REV501",
    ),
    "open: nobody's label, no Service": (
        lambda w: w.point(label="gone", name="istiod-gone", ca="", policy="Ignore"),
        "fail-open",
        "",
        "",
        "REV502",
    ),
    "open: nobody's label": (lambda w: w.point(label="gone", policy="Ignore"), "fail-open", "", "denied", "REV502"),
    "wrong label": (lambda w: w.point(label="canary"), "mislabelled", "", "denied", "REV505"),
    "label of a revision that is gone": (lambda w: w.point(label="gone"), "mislabelled", "", "denied", "REV505"),
    "static caBundle of another CA": (
        lambda w: w.point(label="gone", ca=OTHER_CA),
        "dangling",  # which only the probe can know
        "certificate",
        "certificate",
        "REV505",
    ),
    "url that does not answer": (call_url, "dangling", "connection refused", "connection refused", None),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_default_validator_is_diagnosed_repaired_and_proven(world, case):
    breaks, state, valid, invalid, code = BROKEN[case]
    breaks(world)
    world.says(valid, invalid)

    found, exit_code = world.becomes(FINE | {DEFAULT: state}, {None: works(valid, invalid)})
    assert exit_code == ExitCode.FINDINGS
    assert found["verdict"] == "BROKEN"
    if code:
        assert [(f["code"], f["subject"]["name"]) for f in found["findings"]] == [(code, DEFAULT)]

    done = world.fix("--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "HEALTHY: invalid config is rejected and valid config is accepted" in done.stdout
    is_the_defaults(world)


@pytest.mark.parametrize("case", BROKEN)
def test_the_same_together_with_what_else_may_be_wrong(world, case, tmp_path):
    """A validator of canary's that is mislabelled, a leftover, and a webhook of other people's that is broken, too."""
    breaks, state, valid, invalid, _ = BROKEN[case]
    world.copy_validator(DEFAULT, "other-people", other_peoples)
    other = world.raw(VALIDATORS, "other-people")
    left = leftover(world)["metadata"]["name"]
    world.point(OF_CANARY, label="gone")
    breaks(world)
    world.says(valid, invalid)
    world.becomes(FINE | {DEFAULT: state, OF_CANARY: "mislabelled", left: "leftover"})

    done = world.fix("--yes", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    is_the_defaults(world)
    assert world.raw(VALIDATORS, "other-people") == other
    assert left not in world.all(VALIDATORS)


def works(valid, invalid):
    return "frozen" if valid else "yes" if invalid else "open"


def is_the_defaults(world):
    """The default validator is revision default's, who holds the default, and everything is validated."""
    assert world.write() == ""
    assert "denied the request" in world.write(valid=False)
    health, probes, _, exit_code = world.health()
    assert (health, probes, exit_code) == (FINE, WORKS, ExitCode.OK)
    webhook = world.validator()["webhooks"][0]
    assert webhook["failurePolicy"] == "Fail"
    assert webhook["clientConfig"]["service"]["name"] == "istiod"
    assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "default"


def test_nothing_is_stored_by_a_probe_and_a_calm_mesh_is_left_alone(world):
    before = [world.raw(VALIDATORS, name) for name in FINE]
    for arguments in (["--check"], ["--yes"], ["--yes", "--to", "canary"], ["--dry-run=server"], ["--undo", "--yes"]):
        done = world.fix(*arguments)
        assert done.returncode == ExitCode.OK, done.stderr
    assert [world.raw(VALIDATORS, name) for name in FINE] == before
    every = world.cluster.kubectl("get", "gateways.networking.istio.io,virtualservices", "-A", "-o", "name")
    assert every == ""


def test_endpoints_gone(world):
    """The Service is there and istiod is not: both validators of default reject everything."""
    world.cluster.stop_istiod("default")
    try:
        world.says("no endpoints available")
        world.becomes(FINE | {DEFAULT: "dangling", OF_DEFAULT: "dangling"}, {None: "frozen", "canary": "yes"})
        done = world.fix("--yes")
        assert done.returncode == ExitCode.INCOMPLETE, "config labelled for default itself is still rejected"
        assert "install it again" in done.stderr
        assert world.write() == ""
        assert "denied the request" in world.write(valid=False)
        assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "canary"
    finally:
        world.cluster.start_istiod("default")


def test_a_validator_that_does_not_answer_in_time(world):
    with black_hole(world):
        world.point(name="hole", label="gone")
        world.patch(VALIDATORS, DEFAULT, ("add", "/webhooks/0/timeoutSeconds", 1))
        # Nobody can see behind a Service without a selector; the probe can.
        found, code = world.becomes(FINE | {DEFAULT: "dangling"}, {None: "frozen"})
        assert "deadline exceeded" in found["probes"][0]["because"] or "timeout" in found["probes"][0]["because"]
        assert code == ExitCode.FINDINGS
        assert world.fix("--yes").returncode == ExitCode.OK
        assert world.write() == ""


def test_a_probe_that_gets_no_answer_is_no_proof(world):
    with black_hole(world):
        world.point(name="hole", label="gone")
        world.patch(VALIDATORS, DEFAULT, ("add", "/webhooks/0/timeoutSeconds", 20))
        wait_until(lambda: unanswered(world), "no answer in time")


def unanswered(world):
    found, code = world.document("--check", "--request-timeout", "3s")
    return (found["verdict"], code) == ("UNKNOWN", ExitCode.NO_ANSWER)


def test_split(world):
    """The default tag was moved without the validator: it follows, and no write is let through on the way."""
    with injection_moved(world):
        found, code = world.becomes(FINE, WORKS)
        assert code == ExitCode.FINDINGS
        assert found["split"] == {"injection": "canary", "validation": "default"}
        assert [each["code"] for each in found["findings"]] == ["REV105"]
        plan, _ = world.document("--dry-run=client")
        assert "Ignore" not in json.dumps(plan["steps"]), "it works, and its caBundle is canary's already"
        assert world.fix("--yes").returncode == ExitCode.OK
        assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "canary"
        assert world.validator()["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-canary"


def test_all_at_once_and_other_peoples_webhooks_are_not_touched(world, tmp_path):
    other = world.copy_validator(DEFAULT, "other-people", other_peoples)
    bytes_before = world.raw(VALIDATORS, "other-people")
    leftover(world)
    world.point(OF_CANARY, label="gone")
    world.point(label="gone", name="istiod-gone")
    world.becomes(
        {
            OF_CANARY: "mislabelled",
            OF_DEFAULT: "healthy",
            DEFAULT: "dangling",
            "istio-validator-old-istio-system": "leftover",
        }
    )
    done = world.fix("--yes", "--to", "canary", "--backup-dir", str(tmp_path))
    assert done.returncode in (ExitCode.OK, ExitCode.INCOMPLETE), done.stderr
    found, _ = world.becomes(FINE, WORKS)
    assert found["split"] == {"injection": "default", "validation": "canary"}, "as --to asked"
    assert world.raw(VALIDATORS, "other-people") == bytes_before
    assert other["metadata"]["resourceVersion"] == world.validator("other-people")["metadata"]["resourceVersion"]


def other_peoples(manifest):
    """Looks at Istio's config, calls a Service that is gone, and is nobody's business."""
    manifest["metadata"]["labels"] = {"app": "other"}
    webhook = manifest["webhooks"][0]
    webhook |= {"name": "config.other.example", "failurePolicy": "Ignore"}
    webhook["clientConfig"]["service"] |= {"name": "other", "namespace": "default", "path": "/"}


def test_the_flip_would_never_come(world):
    """istiod canary proves itself through its own validator; without it the default one would stay open."""
    world.delete(VALIDATORS, OF_CANARY)
    world.point(label="gone", name="istiod-gone")
    before = world.raw(VALIDATORS, DEFAULT)
    done = world.fix("--yes", "--to", "canary")
    assert done.returncode == ExitCode.FINDINGS
    assert "would stay at failurePolicy Ignore" in done.stdout
    assert world.raw(VALIDATORS, DEFAULT) == before


def test_a_service_of_another_name_that_stands_in_is_not_chosen_over_the_revisions_own(world):
    """The alias `istiod` that 1.10 made in front of canary; the label moves, to canary's own Service."""
    world.delete(SERVICES, "istiod")
    ports = world.get(SERVICES, "istiod-canary")["spec"]["ports"]
    spec = {"selector": {"app": "istiod", "istio.io/rev": "canary"}, "ports": ports}
    world.create(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod"}, "spec": spec})
    world.point(label="gone")
    found, _ = world.document("--dry-run=client", "--to", "canary")
    (step,) = [each for each in found["steps"] if each["name"] == DEFAULT]
    assert {"name": "istiod-canary", "namespace": "istio-system", "path": "/validate", "port": 443} in [
        op.get("value") for op in step["operations"]
    ]
