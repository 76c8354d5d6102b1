"""Real uninstalls: what istioctl and Helm leave behind, who owns it, and what the repair does about that."""

import pytest

from kubectl_rev.cluster.connection import connect
from kubectl_rev.errors import ExitCode
from tests.cluster.validating import DEFAULT, OF_CANARY, SERVICES, VALIDATORS, World, leftover, old_era

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
    kept = "--version 1.31.0 --reuse-values"
    upgrade = f"helm upgrade istio-base istio/base -n istio-system {kept} --set defaultRevision=canary"
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


SAIL = {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevisionTag", "name": "default", "uid": "none"}
TARGET = '{"spec":{"targetRef":{"kind":"IstioRevision","name":"canary"}}}'
TRACKED = "admissionregistration.k8s.io/ValidatingWebhookConfiguration"
AT_SOURCE = "metadata.labels.istio.io/rev=canary and webhooks[].clientConfig.service.name=istiod-canary"
# tool: its marks as kubectl would see them, whom we call the owner, and the change that we say to make
MARKS = {
    "Helm": (
        {"annotations": {"meta.helm.sh/release-name": "base", "meta.helm.sh/release-namespace": "istio-system"}},
        "Helm (base)",
        "helm upgrade base istio/base -n istio-system --version 1.31.0 --reuse-values --set defaultRevision=canary",
    ),
    "Argo CD, by annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": f"mesh:{TRACKED}:istio-system/{DEFAULT}"}},
        "Argo CD (mesh)",
        f"in the source of Argo CD (mesh): {AT_SOURCE} of {DEFAULT}, or the base chart's value defaultRevision=canary",
    ),
    "Argo CD, by label": (
        {"labels": {"argocd.argoproj.io/instance": "mesh"}},
        "Argo CD (mesh)",
        f"in the source of Argo CD (mesh): {AT_SOURCE} of {DEFAULT}, or the base chart's value defaultRevision=canary",
    ),
    "Flux, a Kustomization": (
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
        "Flux (mesh)",
        f"in the source of Flux (mesh): {AT_SOURCE} of {DEFAULT}, or the base chart's value defaultRevision=canary",
    ),
    "Flux, a HelmRelease": (
        {
            "labels": {"helm.toolkit.fluxcd.io/name": "base", "helm.toolkit.fluxcd.io/namespace": "flux"},
            "annotations": {"meta.helm.sh/release-name": "base"},
        },
        "Flux (base)",
        f"in the source of Flux (base): {AT_SOURCE} of {DEFAULT}, or the base chart's value defaultRevision=canary",
    ),
    "Sail": (
        {"ownerReferences": [SAIL]},
        "Sail (IstioRevisionTag/default)",
        f"kubectl patch istiorevisiontag default --type=merge -p '{TARGET}'"
        "  # moves what istio-injection=enabled means, too",
    ),
}


def mark(world, path, name, marks):
    """The marks of a tool on a real object."""
    found = world.get(path, name)["metadata"]
    for field, value in marks.items():
        merged = value if isinstance(value, list) else found.get(field, {}) | value
        world.patch(path, name, ("add", f"/metadata/{field}", merged))


@pytest.mark.parametrize("tool", MARKS)
def test_what_somebody_owns_is_changed_at_its_source_or_by_force(world, tool):
    marks, owner, change = MARKS[tool]
    world.point(label="gone", name="istiod-gone")
    mark(world, VALIDATORS, DEFAULT, marks)
    before = world.raw(VALIDATORS, DEFAULT)
    done = world.fix("--yes", "--to", "canary")
    assert done.returncode == ExitCode.FINDINGS, done.stdout + done.stderr
    assert f"change it at its source (or say --force-owned):\n  {change}\n" in done.stdout
    found, code = world.document("--check")
    assert {each["name"]: each["owner"] for each in found["validators"]}[DEFAULT] == owner
    plan, code = world.document("--dry-run=client", "--to", "canary")
    assert (plan["elsewhere"], plan["steps"], code) == ([change], [], ExitCode.FINDINGS)
    assert world.raw(VALIDATORS, DEFAULT) == before

    done = world.fix("--yes", "--to", "canary", "--force-owned")
    assert f"warning: {DEFAULT} is owned by {owner}, which may change it back" in done.stderr
    world.says("", "denied the request")
    after = world.validator()["metadata"]
    assert after["labels"]["istio.io/rev"] == "canary"
    assert world.fix("--undo", "--yes").returncode == ExitCode.OK, "an undo of what we forced needs no second word"
    assert world.validator()["metadata"]["labels"]["istio.io/rev"] == "gone"
    for field, value in marks.items():
        kept = world.validator()["metadata"][field]
        assert kept == value if isinstance(value, list) else value.items() <= kept.items()


@pytest.mark.parametrize(
    ("tool", "change"),
    [
        ("Helm", "helm uninstall base -n istio-system"),
        ("Argo CD, by label", "in the source of Argo CD (mesh): remove istio-validator-old-istio-system"),
        ("Flux, a Kustomization", "in the source of Flux (mesh): remove istio-validator-old-istio-system"),
    ],
)
def test_an_owned_leftover_is_removed_at_its_source_or_by_force(world, tool, change, tmp_path):
    name = leftover(world)["metadata"]["name"]
    mark(world, VALIDATORS, name, MARKS[tool][0])
    done = world.fix("--yes", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.FINDINGS
    assert f"  {change}\n" in done.stdout
    assert name in world.all(VALIDATORS)
    assert world.fix("--yes", "--force-owned", "--backup-dir", str(tmp_path)).returncode == ExitCode.OK
    assert name not in world.all(VALIDATORS)


def test_an_owned_service_is_repointed_at_its_source_or_by_force(world):
    old_era(world)
    world.cluster.stop_istiod("default")
    try:
        mark(world, SERVICES, "istiod", MARKS["Argo CD, by label"][0])
        selector = world.get(SERVICES, "istiod")["spec"]["selector"]
        done = world.fix("--yes")
        assert done.returncode == ExitCode.FINDINGS
        assert "in the source of Argo CD (mesh): spec.selector of service istio-system/istiod" in done.stdout
        assert world.get(SERVICES, "istiod")["spec"]["selector"] == selector
        assert world.fix("--yes", "--force-owned").returncode == ExitCode.OK
        assert world.get(SERVICES, "istiod")["spec"]["selector"]["istio.io/rev"] == "canary"
    finally:
        world.cluster.start_istiod("default")
