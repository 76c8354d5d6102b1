"""Which writes a repair makes, what it refuses, and that its undo is its inverse: on plain values."""

from __future__ import annotations

import copy
import json

import msgspec
import pytest

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Metadata, WebhookConfiguration
from kubectl_rev.core.mesh.ownership import Owner, owner_of
from kubectl_rev.core.validation.repair import plan
from kubectl_rev.core.validation.repair_target import candidates, choose, needs_target
from kubectl_rev.core.validation.repair_undo import undo
from kubectl_rev.core.validation.validation import Health, diagnose
from tests.build import ISTIO, control_plane, deployment, injector, ns, running, validator, world
from tests.core.test_validation import HELM, ISTIOCTL, NAMED, by_istioctl, changed


def planned(*parts, to=None, **more):
    survey = Survey(world(*parts))
    diagnosis = diagnose(survey)
    chosen = to or (choose(survey, diagnosis) if needs_target(diagnosis) else None)
    return plan(survey, diagnosis, chosen, **more)


def patched(config, step):
    """The validator after a JSON patch, by the letter of RFC 6902 as far as our operations use it."""
    document = json.loads(msgspec.json.encode(config))
    for op in step.operations:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in op.path.split("/")[1:]]
        where = document
        for part in path:
            where = where[int(part)] if isinstance(where, list) else where[part]
        match op.op:
            case "test":
                assert where[last] == op.value
            case "add":
                where[last] = copy.deepcopy(op.value)
            case "remove":
                del where[last]
    return msgspec.json.decode(json.dumps(document), type=WebhookConfiguration)


@pytest.mark.parametrize("layout", [HELM, ISTIOCTL, NAMED], ids=["helm", "istioctl", "named"])
def test_a_calm_mesh_needs_nothing(layout):
    nothing = planned(*layout)
    assert (nothing.writes, nothing.settle, nothing.obstacles, nothing.advice, nothing.elsewhere) == (
        [],
        [],
        [],
        [],
        [],
    )


def test_label_and_service_move_together_and_open_until_istiod_closes():
    config = changed(name="istiod-gone", label="gone")
    (write,) = planned(*ISTIOCTL[:3], config, ns(ISTIO), to="canary").writes
    after = patched(config, write.step)
    hook = after.webhooks[0]
    assert after.metadata.labels[labels.REV] == "canary"
    assert (hook.client_config.service.name, hook.client_config.service.namespace) == ("istiod-canary", ISTIO)
    assert hook.client_config.service.path == "/validate"
    assert hook.failure_policy == "Ignore"
    assert hook.client_config.ca_bundle == config.webhooks[0].client_config.ca_bundle, "istiod's"
    assert write.settles == config.name


def test_one_that_works_under_the_same_ca_is_not_opened():
    config = changed(label="gone")
    (write,) = planned(*ISTIOCTL[:3], config, ns(ISTIO), to="canary").writes
    assert patched(config, write.step).webhooks[0].failure_policy == "Fail"
    other = changed(label="gone", ca="T1RIRVI=")
    (write,) = planned(*ISTIOCTL[:3], other, ns(ISTIO), to="canary").writes
    assert patched(other, write.step).webhooks[0].failure_policy == "Ignore"


@pytest.mark.parametrize(
    "config",
    [
        changed(label="gone"),
        changed(name="istiod-gone"),
        changed(url="https://example.invalid/v"),
        changed(policy="Ignore"),
    ],
)
def test_undo_is_the_inverse_but_for_what_is_istiods(config):
    from kubectl_rev.core.validation.repair_target import service_of
    from kubectl_rev.core.validation.validator_steps import move

    survey = Survey(world(*ISTIOCTL[:3], config, ns(ISTIO)))
    service = service_of(survey.mesh, "canary")
    once = patched(config, move(config, config.webhooks, "canary", service, trusted=False))
    twice = patched(once, move(once, once.webhooks, "default", service, trusted=False))
    later = Survey(world(*ISTIOCTL[:3], twice, ns(ISTIO)))
    (write,) = undo(later, diagnose(later)).writes
    back = patched(twice, write.step)
    assert back.metadata.labels == config.metadata.labels
    assert back.metadata.annotations == {}
    assert back.webhooks[0].client_config == config.webhooks[0].client_config


def test_annotations_that_are_there_survive():
    config = changed(label="gone")
    config.metadata.annotations = {"kubectl.kubernetes.io/last-applied-configuration": ""}
    (write,) = planned(*ISTIOCTL[:3], config, ns(ISTIO), to="canary").writes
    assert set(patched(config, write.step).metadata.annotations) == {
        "kubectl.kubernetes.io/last-applied-configuration",
        labels.PREVIOUS_VALIDATION,
    }


def test_the_write_is_tested_on_what_was_read():
    config = changed(label="gone")
    config.metadata.resource_version = "42"
    (write,) = planned(*ISTIOCTL[:3], config, ns(ISTIO), to="canary").writes
    first = write.step.operations[0]
    assert (first.op, first.path, first.value) == ("test", "/metadata/resourceVersion", "42")


def test_a_validator_that_is_about_to_close_is_waited_for():
    only = planned(*ISTIOCTL[:3], changed(policy="Ignore"), ns(ISTIO))
    assert (only.writes, only.settle) == ([], ["istiod-default-validator"])


def test_without_its_own_validator_a_revision_would_never_close_the_default():
    parts = [e for e in control_plane("canary") if "validator" not in e.name]
    refused = planned(
        ISTIOCTL[0], parts, ISTIOCTL[2], changed(label="gone", name="istiod-gone"), ns(ISTIO), to="canary"
    )
    assert refused.writes == []
    assert "would stay at failurePolicy Ignore" in str(refused.obstacles[0])
    helm = [HELM[0], parts, validator("gone"), ns(ISTIO)]
    assert [w.step.name for w in planned(*helm, to="canary").writes] == ["istiod-default-validator"], "it selects all"


def test_who_is_to_validate():
    def chosen(*parts):
        survey = Survey(world(*parts))
        return candidates(survey, diagnose(survey)), choose(survey, diagnose(survey))

    gone = changed(label="gone", name="istiod-gone")
    assert chosen(*ISTIOCTL[:3], gone) == (["canary", "default"], "default")
    assert chosen(*NAMED[:1], validator()) == (["canary"], "canary")
    assert chosen(*without_service()) == (["canary", "default"], "default")
    dead = [e for e in control_plane(deactivated=True, ready=[False]) if e.__class__.__name__ != "Service"]
    assert chosen(dead, *ISTIOCTL[1:]) == (["canary"], "canary")
    two = [control_plane("canary"), control_plane("stable"), validator("gone")]
    assert chosen(*two) == (["canary", "stable"], None)


def without_service():
    """Revision default runs, and its Service is gone."""
    return [[e for e in ISTIOCTL[0] if e.__class__.__name__ != "Service"], *ISTIOCTL[1:]]


def test_the_service_that_a_living_istiod_has_lost_is_made_again():
    made = planned(*without_service())
    (write,) = made.writes
    assert (write.step.action, write.step.name, write.settles) == ("create", "istiod", "")
    assert write.step.manifest["spec"]["selector"] == {"app": "istiod", labels.REV: "default"}
    assert (made.settle, made.obstacles, made.warnings) == ([], [], []), "it heals both of its validators"
    assert "install revision default again when you can" in str(made.advice[0])


def test_the_lost_service_of_canary_has_its_own_name():
    (write,) = planned(ISTIOCTL[0], [e for e in ISTIOCTL[1] if e.__class__.__name__ != "Service"], *ISTIOCTL[2:]).writes
    assert (write.step.action, write.step.name) == ("create", "istiod-canary")


def test_another_may_validate_in_the_place_of_one_that_lost_its_service():
    writes = planned(*without_service(), to="canary").writes
    assert [(w.step.action, w.step.name) for w in writes] == [
        ("create", "istiod"),
        ("patch", "istiod-default-validator"),
    ]


def test_a_lost_service_that_somebody_else_makes_is_made_there():
    parts = copy.deepcopy(without_service())
    for each in parts[0]:
        if "injector" in each.name:
            each.metadata.annotations = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": ISTIO}
    owned = planned(*parts)
    assert (owned.writes, [*map(str, owned.elsewhere)]) == (
        [],
        ["helm upgrade istiod istio/istiod -n istio-system --version 1.30.3 --reuse-values"],
    )
    assert [w.step.name for w in planned(*parts, force_owned=True).writes] == ["istiod"]


VALIDATING = "admissionregistration.k8s.io/ValidatingWebhookConfiguration"
OWNED = {
    "helm": {"meta.helm.sh/release-name": "istio-base", "meta.helm.sh/release-namespace": "istio-system"},
    "argo": {"argocd.argoproj.io/tracking-id": f"mesh:{VALIDATING}:/istiod-default-validator"},
    "flux": {"kustomize.toolkit.fluxcd.io/name": "mesh"},
}


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (
            "helm",
            "helm upgrade istio-base istio/base -n istio-system --version 1.30.3 --reuse-values "
            "--set defaultRevision=canary",
        ),
        ("argo", "in the source of Argo CD (mesh): metadata.labels.istio.io/rev=canary and "),
        ("flux", "in the source of Flux (mesh): metadata.labels.istio.io/rev=canary and "),
    ],
)
def test_what_is_owned_is_changed_at_its_source(tool, says):
    config = validator()
    config.metadata.annotations = dict(OWNED[tool])
    only = planned(*NAMED[:1], config, ns(ISTIO))
    assert only.writes == []
    assert str(only.elsewhere[0]).startswith(says)
    forced = planned(*NAMED[:1], config, ns(ISTIO), force_owned=True)
    assert [write.step.name for write in forced.writes] == [config.name]
    assert "may change it back" in forced.warnings[0]


def test_the_operator_label_of_sail_is_an_owner_and_istioctls_labels_are_not():
    assert owner_of(Metadata(labels={"managed-by": "sail-operator"})) == Owner("Sail")
    assert owner_of(Metadata(labels={"app.kubernetes.io/managed-by": "Helm"})) is None


def test_a_leftover_goes_only_as_it_was_read():
    left = validator("old", per_revision=True)
    left.metadata.uid, left.metadata.resource_version = "u", "7"
    (write,) = planned(*ISTIOCTL, left).writes
    assert (write.step.action, write.step.name) == ("delete", left.name)
    assert write.step.manifest["preconditions"] == {"uid": "u", "resourceVersion": "7"}


def test_a_leftover_with_somebody_elses_entry_stays():
    left = validator("old", per_revision=True)
    left.webhooks.append(msgspec.structs.replace(left.webhooks[0], name="other.example"))
    kept = planned(*ISTIOCTL, left)
    assert kept.writes == []
    assert "entries that are not Istio's" in str(kept.obstacles[0])


def old_era(*, ready=(True,), service=False):
    plane = control_plane(layout="1.6", ready=ready)
    plane = [e for e in plane if "validator" not in e.name and (service or e.__class__.__name__ != "Service")]
    canary = [e for e in control_plane("canary", layout="1.6") if "validator" not in e.name]
    web = running(deployment("web", "shop", "app=web"), "default", "default", era="1.8")
    return [plane, canary, web, validator(name=f"istiod-{ISTIO}", labelled=None), ns(ISTIO), ns("shop")]


def test_up_to_1_10_the_missing_service_is_built_fresh():
    made = planned(*old_era(ready=[False]))
    (write,) = made.writes
    manifest = write.step.manifest
    assert manifest["metadata"]["name"] == "istiod"
    assert "labels" not in manifest["metadata"]
    assert set(manifest["spec"]) == {"selector", "ports"}
    assert manifest["spec"]["selector"] == {"app": "istiod", labels.REV: "canary"}
    assert "2 proxies (deployment/web -n shop)" in made.warnings[0]


def test_the_service_of_an_istiod_that_is_ready_is_not_given_to_another():
    refused = planned(*old_era(), to="canary")
    assert refused.writes == []
    assert "say --to default" in str(refused.obstacles[0])
    (write,) = planned(*old_era()).writes
    assert write.step.manifest["spec"]["selector"][labels.REV] == "default"


def test_split_with_the_other_choice_is_refused():
    parts = [*ISTIOCTL[:2], injector("canary", tag="default"), by_istioctl(), ns(ISTIO)]
    assert [w.step.name for w in planned(*parts).writes] == ["istiod-default-validator"]
    assert "validates unlabelled config already" in str(planned(*parts, to="default").obstacles[0])


def test_a_revisions_own_validator_goes_back_to_its_revision():
    own = validator("canary", per_revision=True, labelled="gone")
    canary = [e for e in control_plane("canary") if "validator" not in e.name]
    survey = Survey(world(ISTIOCTL[0], canary, own, *ISTIOCTL[2:]))
    assert [e.health for e in diagnose(survey).entries if e.name == own.name] == [Health.MISLABELLED]
    (write,) = plan(survey, diagnose(survey), None).writes
    assert patched(own, write.step).metadata.labels[labels.REV] == "canary"
