"""Which revisions, tags and defaults exist, under all the names that Istio, Helm, Sail, AKS and people give them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.control_plane import ControlPlane, Istiod
from kubectl_rev.core.mesh.defaults import Default, default_of, default_validator
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig
from kubectl_rev.core.mesh.objects import (
    ClientConfig,
    Container,
    Metadata,
    PodSpec,
    ServiceReference,
    WebhookConfiguration,
)
from kubectl_rev.core.mesh.revisions import Mesh, Tag
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.mesh.webhook_targets import Problem, Target
from tests.build import (
    ISTIO,
    config_map,
    control_plane,
    deployment,
    endpoints,
    injector,
    istiod,
    labels,
    service,
    validator,
    world,
)


def planes(snapshot: Snapshot) -> list[ControlPlane]:
    return Mesh(snapshot).control_planes


def local(revision: str, *istiods: Istiod, namespace: str = ISTIO) -> ControlPlane:
    return ControlPlane(revision, namespace, "local", istiods)


def test_by_revision_then_namespace() -> None:
    snapshot = world(control_plane("canary", version="1.31.0", ready=(True, False)), control_plane())
    assert planes(snapshot) == [
        local(
            "canary",
            Istiod("istiod-canary-7c9-0", True, "1.31.0"),
            Istiod("istiod-canary-7c9-1", False, "1.31.0"),
        ),
        local("default", Istiod("istiod-7c9-0", True, "1.30.3")),
    ]
    assert [(plane.ready, plane.versions) for plane in planes(snapshot)] == [(1, ("1.31.0",)), (1, ("1.30.3",))]


def test_one_revision_in_two_namespaces() -> None:
    snapshot = world(control_plane("blue"), control_plane("blue", "mesh-b", version="1.29.1"))
    assert [(plane.revision, plane.namespace) for plane in planes(snapshot)] == [
        (f"{ISTIO}/blue", ISTIO),
        ("mesh-b/blue", "mesh-b"),
    ]
    mesh = Mesh(snapshot)
    assert mesh.control_plane("mesh-b/blue") == local(
        "mesh-b/blue", Istiod("istiod-blue-7c9-0", True, "1.29.1"), namespace="mesh-b"
    )
    assert mesh.control_plane("blue") is None
    assert {injector.name: injector.target.namespace for injector in mesh.injectors} == {
        "istio-sidecar-injector-blue": ISTIO,
        "istio-sidecar-injector-blue-mesh-b": "mesh-b",
    }


@pytest.mark.parametrize(
    ("revision", "namespace"),
    [
        ("asm-1-24", "aks-istio-system"),
        ("prod-v1-30-3", "istio-cni-less"),
        ("v1x25", "d8-istio"),
        ("sample-v18x.istio-system", "banzai"),
    ],
    ids=["AKS", "Sail, RevisionBased", "Deckhouse", "Banzai"],
)
def test_names_and_namespaces_of_vendors(revision: str, namespace: str) -> None:
    mesh = Mesh(world(control_plane(revision, namespace)))
    assert mesh.control_planes == [
        local(revision, Istiod(f"istiod-{revision}-7c9-0", True, "1.30.3"), namespace=namespace)
    ]
    assert mesh.resolve(revision) == revision
    assert mesh.injectors[0].target == Target("local", namespace, f"istiod-{revision}", (revision,), True)


def test_an_istiod_without_a_revision_label_is_the_default() -> None:
    pod = istiod()
    del pod.metadata.labels["istio.io/rev"]
    assert [plane.revision for plane in planes(world(pod))] == ["default"]


def test_scaled_to_zero_is_local_and_not_ready() -> None:
    snapshot = world(control_plane("canary", ready=()))
    assert planes(snapshot) == [local("canary")]
    found = Mesh(snapshot).injectors[0].target
    assert found == Target("local", ISTIO, "istiod-canary", ("canary",), False, Problem.NOT_READY)
    assert found.problem == 'no endpoints available for service "istiod-canary"'


def test_a_terminating_istiod_is_not_ready() -> None:
    (alone,) = planes(world(istiod("canary", terminating=True)))
    assert (alone.ready, len(alone.istiods)) == (0, 1)


def test_beside_others_a_terminating_istiod_is_none_of_them_any_more() -> None:
    old = istiod("canary", version="1.30.3", terminating=True)
    (plane,) = planes(world(old, istiod("canary", version="1.31.0", n=1)))
    assert (plane.ready, len(plane.istiods), plane.versions) == (1, 1, ("1.31.0",))


ANSWERED = {"istio-system/istiod-canary-7c9-0": "1.31.0-rc.0"}


def claims(image: str, chart: str = "1.0.0", istioctl: str = "unknown") -> str:
    """The version of an istiod that does not answer: the tag of its image, its two labels."""
    pod = istiod()
    pod.metadata.labels |= {"app.kubernetes.io/version": chart, "operator.istio.io/version": istioctl}
    pod.spec = PodSpec(containers=[Container(name="discovery", image=image)])
    (plane,) = planes(world(pod))
    return plane.istiods[0].version


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/pilot:1.30.3", "1.30.3"),
        ("localhost:5000/pilot:1.34.1@sha256:0a", "1.34.1"),
        ("docker.io/istio/pilot:1.30.3-distroless", "1.30.3"),
        ("docker.io/istio/pilot:1.30.3-debug", "1.30.3"),
        ("vendor.example/pilot:1.30.3-vendor.2", "1.30.3-vendor.2"),
        ("docker.io/istio/pilot:1.31-alpha.0a1b", "1.31-alpha.0a1b"),
    ],
)
def test_the_image_is_what_runs_whatever_the_labels_say(image: str, version: str) -> None:
    """Charts that were never released say 1.0.0, and istioctl labels what it installs with its own version."""
    assert claims(image, istioctl="1.31.0") == version


@pytest.mark.parametrize(
    "image", ["pilot", "localhost:5000/pilot", "pilot:latest", "pilot@sha256:0a", "pilot:7-vendor"]
)
def test_an_image_that_names_no_release_leaves_it_to_the_labels(image: str) -> None:
    assert claims(image, chart="1.29.1", istioctl="1.31.0") == "1.29.1"
    assert claims(image, istioctl="1.31.0") == "1.31.0"


def test_a_build_is_named_by_its_tag_and_1_0_0_is_unknown() -> None:
    assert claims("pilot:latest") == "latest"
    assert claims("pilot") == ""
    assert claims("pilot@sha256:0a") == ""


def test_the_version_that_istiod_answers_is_the_best() -> None:
    snapshot = world(istiod("canary", version="1.31.0"), istiod("canary", n=1, version="1.31.0"), versions=ANSWERED)
    (plane,) = planes(snapshot)
    assert [each.version for each in plane.istiods] == ["1.31.0-rc.0", "1.31.0"]
    assert plane.versions == ("1.31.0", "1.31.0-rc.0")


REMOTE = Service(metadata=Metadata(name="istiod-remote", namespace=ISTIO, labels=labels("rev=far")))
ELSEWHERE = {
    "selector-less Service": (
        world(injector("far", service="istiod-remote"), REMOTE),
        ControlPlane("far", ISTIO, "remote"),
    ),
    "url": (world(injector("far", url="https://istiod.example/inject")), ControlPlane("far", "", "external")),
    "istiod and Service gone": (world(injector("far")), ControlPlane("far", ISTIO, "missing")),
    "istiod gone, Service left": (world(injector("far"), service("far")), ControlPlane("far", ISTIO, "missing")),
    "pods not read": (
        world(injector("far"), service("far"), gaps=[Gap("list", "pods")]),
        ControlPlane("far", ISTIO, "unknown"),
    ),
    "pods of its namespace not read": (
        world(injector("far"), service("far"), gaps=[Gap("list", "pods", ISTIO)]),
        ControlPlane("far", ISTIO, "unknown"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("snapshot", "plane"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_traces_of_control_planes_elsewhere(snapshot: Snapshot, plane: ControlPlane) -> None:
    assert planes(snapshot) == [plane]


def test_a_deactivated_injector_of_a_removed_revision_leaves_no_trace() -> None:
    assert planes(world(injector(deactivated=True))) == []


def test_remote_and_external_targets_are_not_called_dead() -> None:
    mesh = Mesh(world(REMOTE, injector("far", service="istiod-remote")))
    assert mesh.injectors[0].target == Target("remote", ISTIO, "istiod-remote")
    assert mesh.target(ClientConfig(url="https://x")) == Target("external")


def target(snapshot: Snapshot, name: str, namespace: str = ISTIO) -> Target:
    return Mesh(snapshot).target(ClientConfig(service=ServiceReference(name=name, namespace=namespace)))


def test_the_1_10_service_that_selects_all_istiods() -> None:
    """1.10's installer: Service `istiod` without a revision label, selecting every `app=istiod`."""
    shared = service(name="istiod", select="app=istiod")
    snapshot = world(
        istiod(),
        istiod("canary"),
        shared,
        endpoints(shared, True, True),
        injector(),
        injector("canary", service="istiod"),
    )
    assert target(snapshot, "istiod") == Target("local", ISTIO, "istiod", ("canary", "default"), True)
    # The label decides between those behind the Service.
    assert [(i.name, i.revision) for i in Mesh(snapshot).injectors] == [
        ("istio-sidecar-injector", "default"),
        ("istio-sidecar-injector-canary", "canary"),
    ]


def test_the_alias_service_in_front_of_a_revision() -> None:
    """The workaround of istio#28880: Service `istiod` selects canary, whatever the injector's label says."""
    alias = service(name="istiod", select="app=istiod rev=canary")
    snapshot = world(istiod("canary"), alias, endpoints(alias, True), injector())
    (found,) = Mesh(snapshot).injectors
    assert (found.revision, found.labelled, found.target.revisions) == ("canary", "default", ("canary",))


def test_a_service_of_the_same_name_in_another_namespace_is_another() -> None:
    other = service("canary", "elsewhere")
    snapshot = world(other, endpoints(other, True), istiod("canary"))
    found = target(snapshot, "istiod-canary")
    assert found == Target("local", ISTIO, "istiod-canary", (), False, Problem.NO_SERVICE)
    assert found.problem == 'service "istiod-canary" not found'
    assert target(snapshot, "istiod-canary", "elsewhere") == Target("local", "elsewhere", "istiod-canary", (), True)


def test_one_ready_endpoint_of_several_slices_suffices() -> None:
    its = service("canary")
    snapshot = world(istiod("canary"), its, endpoints(its, False), endpoints(its, False, True))
    assert target(snapshot, "istiod-canary").alive is True


def test_a_gap_of_another_namespace_leaves_dead_dead() -> None:
    snapshot = world(injector("canary"), gaps=[Gap("list", "services", "shop")])
    assert Mesh(snapshot).injectors[0].target.alive is False


def test_tags() -> None:
    """A tag is an injector, from 1.28 a Service too, or (ambient) a Service alone."""
    snapshot = world(
        control_plane(),
        control_plane("canary"),
        injector("canary", tag="prod"),
        service("canary", tag="prod"),
        injector(tag="old"),
        service("canary", tag="mesh"),
        service("canary", name="not-a-tag"),
    )
    mesh = Mesh(snapshot)
    assert mesh.tags == [
        Tag("mesh", "canary", None, "istiod-revision-tag-mesh", ISTIO),
        Tag("old", "default", "istio-revision-tag-old", None, ISTIO),
        Tag("prod", "canary", "istio-revision-tag-prod", "istiod-revision-tag-prod", ISTIO),
    ]
    assert mesh.names == ["canary", "default", "mesh", "old", "prod"]
    assert {name: mesh.resolve(name) for name in ("prod", "mesh", "old", "canary", "ghost", "")} == {
        "prod": "canary",
        "mesh": "canary",
        "old": "default",
        "canary": "canary",
        "ghost": None,
        "": None,
    }


def test_a_tag_is_resolved_by_its_service_not_by_its_label() -> None:
    """Labelled blue, calling canary's Service: canary injects."""
    tag = injector("blue", tag="prod", service="istiod-canary")
    mesh = Mesh(world(control_plane("canary"), control_plane("blue"), tag))
    assert mesh.tags == [Tag("prod", "canary", "istio-revision-tag-prod", None, ISTIO)]


def test_a_tag_under_a_name_of_its_own() -> None:
    """`istioctl tag set --webhook-name`: the name of the object says nothing."""
    mesh = Mesh(world(control_plane("canary"), injector("canary", tag="prod", name="whatever")))
    assert mesh.resolve("prod") == "canary"


def test_a_tag_named_as_a_revision_wins() -> None:
    mesh = Mesh(world(control_plane("canary"), control_plane("blue"), injector("blue", tag="canary")))
    assert mesh.resolve("canary") == "blue"


def test_a_tag_to_a_removed_revision_still_says_which() -> None:
    mesh = Mesh(world(control_plane(), injector("gone", tag="prod")))
    assert mesh.tags == [Tag("prod", "gone", "istio-revision-tag-prod", None, ISTIO)]
    assert mesh.control_plane("gone") == ControlPlane("gone", ISTIO, "missing")


def test_which_configurations_are_injectors() -> None:
    """By the entry's name, by Istio's labels and path or the istiod that it calls; a path alone is none."""
    others = injector("canary", name="cert-manager-webhook")
    others.metadata.labels = {"app": "webhook"}
    for webhook in others.webhooks:
        webhook.name = "webhook.cert-manager.io"
        webhook.client_config = ClientConfig(
            service=ServiceReference(name="cert-manager", namespace="cert-manager", path="/inject")
        )
    nameless = injector("canary", name="calls-istiod")
    nameless.metadata.labels = {"app": "corp"}
    for webhook in nameless.webhooks:
        webhook.name = "inject.corp.example"
    ours, by_url = (
        injector("canary", name="hand-made"),
        injector("canary", name="hand-made-url", url="https://x:1/inject/y"),
    )
    for webhook in ours.webhooks + by_url.webhooks:
        webhook.name = "inject.example.org"
    mutate = injector("canary", name="mutates")
    for webhook in mutate.webhooks:
        webhook.name, webhook.client_config = "m.example.org", ClientConfig(url="https://x/mutate")
    found = Mesh(world(control_plane("canary"), others, nameless, ours, by_url, mutate))
    assert [(i.name, i.revision) for i in found.injectors] == [
        ("calls-istiod", "canary"),
        ("hand-made", "canary"),
        ("hand-made-url", "canary"),
        ("istio-sidecar-injector-canary", "canary"),
    ]


CANARY_SAYS_SO = "the namespace says istio.io/rev=canary"
_FAILS = f"{CANARY_SAYS_SO}, but calling {{}} fails: x509: certificate signed by unknown authority ({{}})"


@pytest.mark.parametrize(
    ("bundle", "labelled", "state", "because"),
    [
        ("Q0E=", True, State.INJECTED, CANARY_SAYS_SO),
        ("Q0E=", False, State.INJECTED, CANARY_SAYS_SO),
        ("", True, State.REJECTED, _FAILS.format("x", "it has no caBundle")),
        ("", False, State.REJECTED, _FAILS.format("x", "it has no caBundle")),
        ("T1RIRVI=", False, State.REJECTED, _FAILS.format("x", "its caBundle is not that of the istiod it calls")),
    ],
)
def test_an_injector_must_be_trusted(bundle: str, labelled: bool, state: State, because: str) -> None:
    hook = injector("canary", name="x")
    if not labelled:
        hook.metadata.labels = {}
    for webhook in hook.webhooks:
        webhook.name = webhook.name if labelled else "inject.corp.example"
        webhook.client_config.ca_bundle = bundle
    plane = [each for each in control_plane("canary") if each.name != "istio-sidecar-injector-canary"]
    decision = select(Mesh(world(plane, hook)), Subject("shop", {"istio.io/rev": "canary"}))
    assert (decision.state, decision.because) == (state, because)


@pytest.mark.parametrize("spec", [{"cluster_ip": "None"}, {"type": "ExternalName", "selector": {}}])
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_whether_some_services_can_be_called_is_the_api_servers_secret(spec: dict[str, Any], policy: str) -> None:
    plane = control_plane("canary")
    for each in plane:
        if isinstance(each, Service):
            each.spec = replace(each.spec, **spec)
    for webhook in next(each for each in plane if each.name == "istio-sidecar-injector-canary").webhooks:
        webhook.failure_policy = policy
    decision = select(Mesh(world(plane)), Subject("shop", {"istio.io/rev": "canary"}))
    assert decision.state is State.UNKNOWN
    assert "whether calling istio-sidecar-injector-canary works is not known" in decision.because


def test_a_headless_service_without_a_ready_istiod_fails_for_everybody() -> None:
    plane = control_plane("canary", ready=[False])
    for each in plane:
        if isinstance(each, Service):
            each.spec.cluster_ip = "None"
    decision = select(Mesh(world(plane)), Subject("shop", {"istio.io/rev": "canary"}))
    assert decision.state is State.REJECTED


def test_only_the_entries_that_inject_count() -> None:
    mixed = injector("canary", name="a-mixed-one")
    mixed.webhooks[0].name = "other.example.org"
    mixed.webhooks[0].client_config = ClientConfig(url="https://other.example.org/mutate")
    (found,) = Mesh(world(control_plane("canary"), mixed)).injectors[:1]
    assert [webhook.name for webhook, _ in found.webhooks] == ["rev.object.sidecar-injector.istio.io"]


def test_deactivated_means_all_entries() -> None:
    half = injector("blue", deactivated=True)
    half.webhooks[1].namespace_selector = LabelSelector()
    found = Mesh(world(injector(deactivated=True), injector("canary", tag="default"), half))
    assert [(i.name, i.deactivated) for i in found.injectors] == [
        ("istio-revision-tag-default", False),
        ("istio-sidecar-injector", True),
        ("istio-sidecar-injector-blue", False),
    ]


def test_injector_config_by_revision_and_namespace() -> None:
    broken, other = config_map("broken"), config_map("canary", "elsewhere", policy="disabled")
    broken.data["config"] = "policy: [enabled"
    shape = config_map("shape", policy=1)
    values_only = config_map("bare")
    values_only.data = {"values": "{}"}
    mesh = Mesh(world(config_map(), config_map("canary", policy="disabled"), other, broken, shape, values_only))
    assert {
        name: mesh.injector_configs.get((ISTIO, name)) for name in ("default", "canary", "broken", "shape", "bare", "x")
    } == {
        "default": InjectorConfig("enabled"),
        "canary": InjectorConfig("disabled"),
        "broken": None,
        "shape": None,
        "bare": None,
        "x": None,
    }


NAMED_ONLY = (control_plane("blue"), control_plane("canary"))
DEFAULTS: dict[str, tuple[Snapshot, Default]] = {
    "nobody": (world(), Default(None, None, None, False)),
    "named revisions only": (world(*NAMED_ONLY), Default(None, None, None, False)),
    "helm, unrevisioned": (
        world(control_plane(), validator()),
        Default("default", "default", "default", True),
    ),
    "istioctl, unrevisioned": (
        world(control_plane(deactivated=True), injector(tag="default"), validator(tag="default")),
        Default("default", "default", "default", True),
    ),
    "istioctl tag set default canary": (
        world(
            control_plane(deactivated=True),
            control_plane("canary"),
            injector("canary", tag="default"),
            validator("canary", tag="default"),
        ),
        Default("canary", "canary", "canary", True),
    ),
    "the validator stayed behind": (
        world(control_plane("canary"), injector("canary", tag="default"), validator()),
        Default("canary", None, "canary", False),  # nobody validates; that it is broken is another finding
    ),
    "helm: base's defaultRevision points elsewhere": (
        world(control_plane(), control_plane("canary"), validator("canary")),
        Default("default", "canary", "canary", True),
    ),
    "the tag's injector has another name, as outside istio-system": (
        world(control_plane("canary", "mesh"), injector("canary", tag="default", namespace="mesh")),
        Default("canary", None, "canary", False),
    ),
    "two injectors of the default: nobody can say": (
        world(control_plane(), control_plane("canary"), injector("canary", tag="default")),
        Default(None, None, "canary", True),
    ),
    "istiod is told to inject only where a pod asks": (
        world(control_plane(), config_map(policy="disabled"), validator()),
        Default("default", "default", "default", True),
    ),
    "whether the injector is called depends on more than labels": (
        world(istiod(), service(), injector(match_conditions=["true"]), validator()),
        Default("default", "default", "default", True),
    ),
    "two injectors with the same istiod": (
        world(control_plane(), injector(tag="default"), validator()),
        Default("default", "default", "default", True),
    ),
    "nothing but an unrevisioned istiod, which owns gateways by its name": (
        world(istiod(), service(), injector()),
        Default("default", None, "default", True),
    ),
    "1.11: every revision's validator is one for what has no label": (
        world(
            control_plane(),
            control_plane("canary"),
            validator("canary", name="istio-validator-canary-istio-system"),
            validator(name="istio-validator-istio-system"),
        ),
        Default("default", "default", "default", True),
    ),
    "the injector of the default is dead": (
        world(control_plane("canary"), injector("gone", tag="default"), validator("gone")),
        Default("gone", None, "gone", False),
    ),
    "1.9, the old validator through the alias Service": (
        world(
            [each for each in control_plane("canary") if not each.name.startswith("istio-validator")],
            service(name="istiod", select="app=istiod rev=canary"),
            validator(name="istiod-istio-system", labelled=None),
        ),
        Default(None, "canary", None, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("snapshot", "default"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_defaults(snapshot: Snapshot, default: Default) -> None:
    assert default_of(Mesh(snapshot)) == default


def test_held_by_and_agrees() -> None:
    split = Default("canary", "default", "canary", True)
    assert (split.agrees, split.held_by("canary"), split.held_by("default"), split.held_by("blue")) == (
        False,
        ["injection", "gateways"],
        ["validation", "name"],
        [],
    )
    assert [Default("a", None, "a", True).agrees, Default(None, None, None, True).agrees] == [True, True]


VALIDATORS = {
    "istiod-default-validator before others": ([validator(name="aaa"), validator()], "istiod-default-validator"),
    "of others the first by name": ([validator(name="b"), validator(name="a")], "a"),
    "a revision's own is not the default": ([validator("canary", per_revision=True)], None),
}


@pytest.mark.parametrize(("found", "name"), VALIDATORS.values(), ids=VALIDATORS.keys())
def test_default_validator(found: list[WebhookConfiguration], name: str | None) -> None:
    config = default_validator(Mesh(world(found)))
    assert (config.name if config else None) == name


def test_other_peoples_validators_are_not_istios() -> None:
    other = validator(name="a-policy")
    other.webhooks[0].name = "validate.policy.example.org"
    assert default_validator(Mesh(Snapshot(validators=[other]))) is None


def test_a_deployment_that_is_no_istiod_is_no_control_plane() -> None:
    assert planes(world(deployment("web", "shop", "rev=canary"))) == []
