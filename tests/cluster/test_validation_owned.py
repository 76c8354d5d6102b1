"""Real uninstalls: what istioctl and Helm leave behind, who owns it, and what the repair does about that."""

import pytest

from kubectl_rev.cluster.connection import connect
from kubectl_rev.errors import ExitCode
from tests.cluster.validating import DEFAULT, OF_CANARY, VALIDATORS, World

pytestmark = pytest.mark.cluster


def fresh(cluster, layout):
    cluster.reset(layout)
    return World(cluster, connect())


def test_the_guide_to_its_end(cluster):
    """`istioctl tag set`, a canary, and the old control plane is uninstalled: istio#28880."""
    world = fresh(cluster, "istioctl")
    cluster.istioctl("tag", "remove", "default", "--skip-confirmation")  # an uninstall takes the installer's along
    cluster.istioctl("tag", "set", "default", "--revision", "default")
    cluster.uninstall("default")
    world.says('service "istiod" not found')
    _, code = world.becomes({DEFAULT: "dangling", OF_CANARY: "healthy"}, {None: "frozen", "canary": "yes"})
    assert code == ExitCode.FINDINGS

    done = world.fix("--yes")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "istioctl tag set default --revision canary --overwrite repairs both" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("HEALTHY: invalid config is rejected and valid config is accepted")
    assert world.write() == ""
    assert 'webhook "validation.istio.io" denied the request' in world.write(valid=False)
    assert world.fix("--undo", "--yes").returncode == ExitCode.OK
    assert world.validator()["webhooks"][0]["failurePolicy"] == "Ignore", "no istiod is left that would close it"
    world.says("")  # an undo freezes nothing


def test_what_helm_owns_is_changed_by_helm(cluster):
    world = fresh(cluster, "helm")
    assert world.fix("--check").returncode == ExitCode.OK
    cluster.uninstall("default")
    world.says('service "istiod" not found')
    before = {name: world.raw(VALIDATORS, name) for name in world.all(VALIDATORS)}
    done = world.fix("--yes")
    assert done.returncode == ExitCode.FINDINGS
    upgrade = "helm upgrade istio-base istio/base -n istio-system --reuse-values --set defaultRevision=canary"
    assert f"  {upgrade}\n" in done.stdout
    assert {name: world.raw(VALIDATORS, name) for name in world.all(VALIDATORS)} == before

    done = world.fix("--yes", "--force-owned")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "is owned by Helm (istio-base), which may change it back" in done.stderr
    assert world.write() == ""
    assert "denied the request" in world.write(valid=False)


def test_only_a_revision_by_helm_has_never_been_validated(cluster):
    """The base chart's default revision is `default`, and nobody is that: it fails open from the first day."""
    world = fresh(cluster, "helm")
    world.point(ca="", policy="Ignore", label="nobody")  # before istiod default has filled it in
    cluster.uninstall("default")
    world.point(label="default")
    world.says("", "")
    found, code = world.becomes(probes={None: "open"})
    assert code == ExitCode.FINDINGS
    assert {each["name"]: each["health"] for each in found["validators"]}[DEFAULT] == "fail-open"
    assert [each["code"] for each in found["findings"]] == ["REV502"]
    assert world.fix("--yes", "--force-owned").returncode == ExitCode.OK
    assert "denied the request" in world.write(valid=False)
