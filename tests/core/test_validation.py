"""The diagnosis as a table: one deviation per row from a mesh with revisions default and canary, by layout and era."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.labels import VALIDATORS
from kubectl_rev.core.mesh.objects import ClientConfig, IstioConfig, Metadata, Webhook
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement
from kubectl_rev.core.mesh.services import Port
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.validation.coverage import UNLABELLED
from kubectl_rev.core.validation.validation import Health, diagnose
from tests.build import ISTIO, control_plane, endpoints, injector, ns, service, validator, world

UNLABELLED_ONLY = LabelSelector(match_expressions=(Requirement("istio.io/rev", Operator.DOES_NOT_EXIST),))


def by_istioctl(revision="default", **more):
    """istioctl's default validator leaves labelled config to the revisions' own (charts/default)."""
    made = validator(revision, tag="default", **more)
    made.webhooks[0].object_selector = UNLABELLED_ONLY
    return made


HELM = [control_plane(), control_plane("canary"), validator(), ns(ISTIO)]
ISTIOCTL = [control_plane(deactivated=True), control_plane("canary"), injector(tag="default"), by_istioctl(), ns(ISTIO)]
NAMED = [control_plane("canary"), validator("canary"), ns(ISTIO)]
OLD_ERA = [
    [each for part in (control_plane(layout="1.6"), control_plane("canary", layout="1.6")) for each in part],
    validator(name=f"istiod-{ISTIO}", labelled=None),
    ns(ISTIO),
]
IN_1_11 = [control_plane(), control_plane("canary"), ns(ISTIO)]  # each revision's validator has both entries


def both_entries(revision):
    own = validator(revision, per_revision=True)
    unlabelled = validator(revision).webhooks[0]
    unlabelled.object_selector = UNLABELLED_ONLY
    own.webhooks.append(unlabelled)
    return own


def diagnosed(*parts, **more):
    return diagnose(Survey(world(*parts, **more)))


def states(diagnosis):
    return {entry.name: entry.health for entry in diagnosis.entries if entry.health is not Health.HEALTHY}


@pytest.mark.parametrize("layout", [HELM, ISTIOCTL, NAMED], ids=["helm", "istioctl", "named"])
def test_a_calm_mesh_is_healthy(layout):
    survey = Survey(world(*layout))
    assert diagnose(survey).healthy
    assert [each for each in find(survey, MESH_CHECKS) if each.code.startswith("REV5")] == []


def test_releases_up_to_1_10_have_one_validator_for_all():
    """It selects everything, has no label, and is maintained by name; no revision has one of its own."""
    parts = [each for each in OLD_ERA[0] if not getattr(each, "webhooks", None) or "injector" in each.name]
    diagnosis = diagnosed(parts, OLD_ERA[1], OLD_ERA[2])
    assert diagnosis.healthy
    assert diagnosis.default.scopes == (UNLABELLED, "canary", "default")


def test_in_1_11_every_revision_validates_unlabelled_config():
    planes = [[e for e in part if "validator" not in e.name] for part in IN_1_11[:2]]
    assert diagnosed(*planes, both_entries("default"), both_entries("canary")).healthy
    left = diagnosed(planes[1], both_entries("default"), both_entries("canary"))
    assert set(states(left).values()) == {Health.LEFTOVER}
    assert all(entry.harms for entry in left.entries if entry.is_default and entry.health is Health.LEFTOVER)


def changed(**client):
    made = by_istioctl()
    hook = made.webhooks[0]
    policy = client.pop("policy", "Fail")
    label = client.pop("label", "default")
    url = client.pop("url", None)
    ca = client.pop("ca", "Q0E=")
    called = None if url else replace(hook.client_config.service, **client)
    made.webhooks[0] = replace(
        hook, client_config=ClientConfig(service=called, url=url, ca_bundle=ca), failure_policy=policy
    )
    made.metadata.labels["istio.io/rev"] = label
    return made


ROWS = {
    "no such Service": (changed(name="istiod-gone", label="gone"), Health.DANGLING, 'service "istiod-gone" not found'),
    "no such namespace": (changed(namespace="elsewhere"), Health.DANGLING, 'service "istiod" not found'),
    "no such port": (changed(port=444), Health.DANGLING, 'no service port 444 found for service "istiod"'),
    "no caBundle": (changed(ca=""), Health.DANGLING, "no caBundle: istiod's certificate is not trusted"),
    "open, about to close": (
        changed(policy="Ignore"),
        Health.FAIL_OPEN,
        "failurePolicy is Ignore; istiod default has not proved yet that it rejects invalid config",
    ),
    "open for ever": (
        changed(policy="Ignore", label="gone"),
        Health.FAIL_OPEN,
        "failurePolicy is Ignore; no istiod has revision gone, so that nobody maintains it",
    ),
    "open, and calls nobody": (
        changed(policy="Ignore", label="gone", name="istiod-gone", ca=""),
        Health.FAIL_OPEN,
        'service "istiod-gone" not found, and failurePolicy Ignore lets everything through; '
        "no istiod has revision gone, so that nobody maintains it",
    ),
    "another's label": (
        changed(label="canary"),
        Health.MISLABELLED,
        "labelled canary, but its Service leads to default: istiod canary maintains it",
    ),
    "nobody's label": (
        changed(label="gone"),
        Health.MISLABELLED,
        "labelled gone, but its Service leads to default: no istiod maintains it",
    ),
    "a url": (changed(url="https://example.invalid/validate"), Health.UNSEEN, "calls a url: only a probe can tell"),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_default_validator(row):
    config, health, because = ROWS[row]
    diagnosis = diagnosed(*ISTIOCTL[:3], config, ns(ISTIO))
    assert states(diagnosis) == {"istiod-default-validator": health}
    assert diagnosis.default.because == because
    assert diagnosis.default.frozen == ((UNLABELLED,) if health is Health.DANGLING else ())
    assert diagnosis.healthy is (health is Health.UNSEEN)


def test_endpoints_must_be_ready_for_the_port_that_is_called():
    plane = [each for each in control_plane() if type(each).__name__ not in ("Service", "EndpointSlice")]
    its = service()
    its.spec.ports = [Port(name="https-webhook", port=443)]
    ready = endpoints(its, True)
    for ports, healthy in (([], True), (["https-webhook"], True), (["grpc-xds"], False)):
        ready.ports = [Port(name=name, port=1) for name in ports]
        diagnosis = diagnosed(plane, its, ready, validator(), ns(ISTIO))
        assert diagnosis.healthy is healthy, ports


def test_no_ready_endpoint():
    diagnosis = diagnosed(control_plane(ready=[False]), validator(), ns(ISTIO))
    assert set(states(diagnosis).values()) == {Health.DANGLING}
    assert diagnosis.default.because == 'no endpoints available for service "istiod"'


def test_a_leftover_is_what_no_living_revision_needs():
    diagnosis = diagnosed(*ISTIOCTL, validator("old", per_revision=True))
    assert states(diagnosis) == {f"istio-validator-old-{ISTIO}": Health.LEFTOVER}
    (entry,) = [each for each in diagnosis.entries if each.health is Health.LEFTOVER]
    assert entry.frozen == ("old",)
    assert not entry.harms


def test_the_default_validator_of_a_revision_that_is_gone_is_to_be_repaired_not_deleted():
    diagnosis = diagnosed(*NAMED[:1], validator(), ns(ISTIO))
    assert states(diagnosis) == {"istiod-default-validator": Health.DANGLING}


def test_where_no_revision_lives_every_dead_validator_is_a_leftover():
    assert states(diagnosed(validator(), ns(ISTIO))) == {"istiod-default-validator": Health.LEFTOVER}


def test_the_1_10_validator_beside_todays_is_a_leftover_that_freezes_all():
    legacy = validator(name="istiod-legacy", service="istiod-legacy", labelled=None)
    survey = Survey(world(*ISTIOCTL, legacy))
    diagnosis = diagnose(survey)
    assert states(diagnosis) == {"istiod-legacy": Health.LEFTOVER}
    assert [each.code for each in find(survey, MESH_CHECKS) if each.code.startswith("REV5")] == ["REV501"]


def test_scaled_to_zero_is_not_gone():
    left = [each for each in control_plane("old") if type(each).__name__ != "Pod"]
    diagnosis = diagnosed(*ISTIOCTL, [each for each in left if type(each).__name__ != "EndpointSlice"])
    assert states(diagnosis) == {f"istio-validator-old-{ISTIO}": Health.DANGLING}


def without(parts, *names):
    return [
        [each for each in ([part] if hasattr(part, "metadata") else part) if each.name not in names] for part in parts
    ]


def test_uncovered():
    none = diagnosed(*without(ISTIOCTL, "istiod-default-validator"))
    assert [each.scope for each in none.uncovered] == [UNLABELLED]
    own = diagnosed(*without(ISTIOCTL, f"istio-validator-canary-{ISTIO}"))
    assert [each.scope for each in own.uncovered] == ["canary"]
    by_helm = diagnosed(*without(HELM, f"istio-validator-canary-{ISTIO}"))
    assert by_helm.uncovered == (), "the base chart's default validator selects labelled config, too"


def config(rev, name="web"):
    return IstioConfig(
        metadata=Metadata(name=name, namespace="shop", labels={"istio.io/rev": rev}),
        resource="virtualservices.networking.istio.io",
    )


def test_config_labelled_with_a_tag_or_ghost_is_uncovered():
    survey = Survey(world(*ISTIOCTL, injector("canary", tag="prod")))
    assert diagnose(survey).healthy, "a tag that nothing is labelled with"
    survey.snapshot.config = [config("prod"), config("ghost"), config("canary"), config("default")]
    diagnosis = diagnose(survey)
    assert [(each.scope, each.resolves) for each in diagnosis.uncovered] == [("ghost", None), ("prod", "canary")]
    found = [(each.code, str(each.hint)) for each in find(survey, MESH_CHECKS) if each.code == "REV503"]
    label = "kubectl label virtualservices.networking.istio.io web -n shop istio.io/rev"
    assert found == [("REV503", f"{label}-"), ("REV503", f"{label}=canary --overwrite")]


def test_split_is_between_two_that_work():
    split = diagnosed(*ISTIOCTL[:2], injector("canary", tag="default"), by_istioctl(), ns(ISTIO))
    assert (split.split.injection, split.split.validation) == ("canary", "default")
    assert not split.healthy
    dead = diagnosed(*ISTIOCTL[:2], injector("canary", tag="default"), changed(name="gone"), ns(ISTIO))
    assert dead.split is None


def test_other_peoples_webhooks_are_not_judged():
    other = validator(name="other", service="gone", labelled=None)
    other.webhooks[0] = replace(other.webhooks[0], name="config.other.example")
    assert diagnosed(*ISTIOCTL, other).healthy


def test_a_webhook_for_istiod_by_another_name_is_istios():
    made = validator("canary", name="by-hand")
    made.webhooks[0] = replace(made.webhooks[0], name="by-hand.example", failure_policy="Ignore")
    survey = Survey(world(*ISTIOCTL))
    survey.snapshot.validators.append(made)
    assert states(diagnose(survey)) == {"by-hand": Health.FAIL_OPEN}


def test_what_cannot_be_read_is_not_judged():
    gap = Gap("list", VALIDATORS, "", "forbidden")
    blind = diagnosed(*without(ISTIOCTL, "istiod-default-validator"), gaps=[gap])
    assert blind.blind
    assert blind.uncovered == ()
    unseen = diagnosed(*without(ISTIOCTL, "istiod", "istiod-canary"), gaps=[Gap("list", "services", "", "forbidden")])
    assert set(states(unseen).values()) == {Health.UNSEEN}
    pods = diagnosed(*ISTIOCTL, validator("old", per_revision=True), gaps=[Gap("list", "pods", "", "forbidden")])
    assert Health.LEFTOVER not in states(pods).values()


def test_a_remote_cluster_needs_no_validator():
    remote = [injector("remote", url="https://example.invalid/inject"), ns(ISTIO)]
    assert diagnosed(*remote).healthy


def test_an_entry_is_a_webhook_not_a_configuration():
    two = by_istioctl()
    two.webhooks.append(Webhook(name="other.example"))
    diagnosis = diagnosed(*ISTIOCTL[:3], two, ns(ISTIO))
    assert [each.webhook.name for each in diagnosis.entries if each.name == two.name] == ["validation.istio.io"]


def test_who_makes_a_default_validator_is_a_choice_where_no_revision_is_meant_to_hold_it():
    two = Survey(world(control_plane("blue"), control_plane("canary"), ns(ISTIO)))
    hints = {str(finding.hint) for finding in find(two, MESH_CHECKS) if finding.code == "REV503"}
    assert hints == {"choose the revision that should validate it (blue or canary), and point tag default to it"}
    one = Survey(world(control_plane("canary"), ns(ISTIO)))
    hints = {str(finding.hint) for finding in find(one, MESH_CHECKS) if finding.code == "REV503"}
    assert hints == {"istioctl tag set default --revision canary --overwrite"}
