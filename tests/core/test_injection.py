"""Who injects: the truth table of istio-semantics.md §1.3 and §1.4 in full, then every state with its reason."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from kubectl_rev.core.mesh.admission import InjectorTrace, Subject, WebhookMatch, consider
from kubectl_rev.core.mesh.injection import InjectionDecision, State, excluding, refusal, select
from kubectl_rev.core.mesh.istiod_veto import Veto
from kubectl_rev.core.mesh.objects import Container, PodSpec, PodTemplate, Rule, Webhook
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from tests.build import config_map, control_plane, endpoints, injector, istiod, labels, ns, service, template, world
from tests.core.truth import (
    ANY_INJECT,
    ANY_INJECTION,
    ANY_REV,
    INJECT,
    INJECTION,
    REV,
    TAGGED,
    UNREVISIONED,
    Row,
    current,
    legacy,
)


def mesh_of(*injectors: Any, version: str = "1.30.3") -> Snapshot:
    """Revisions default, canary and blue, all alive, with these injectors."""
    planes = []
    for revision in ("default", "canary", "blue"):
        its_service = service(revision)
        planes += [istiod(revision, version=version), its_service, endpoints(its_service, True), config_map(revision)]
    return world(planes, injectors)


NAMED = (injector("canary"), injector("blue"), injector("blue", tag="prod"))
MESHES: dict[str, tuple[Snapshot, list[Row]]] = {
    "helm, unrevisioned and canary": (mesh_of(injector(), *NAMED), current(UNREVISIONED)),
    "istioctl, tag default moved to canary": (
        mesh_of(injector(deactivated=True), injector("canary", tag="default"), *NAMED),
        current(TAGGED),
    ),
    "only named revisions, nobody holds the default": (mesh_of(*NAMED), current(None)),
    "enableNamespacesByDefault": (mesh_of(injector(auto=True), *NAMED), current(UNREVISIONED, UNREVISIONED)),
    "no injector at all": (mesh_of(), [(ANY_INJECTION, ANY_REV, ANY_INJECT, ANY_REV, None)]),
    "1.9": (
        mesh_of(injector(layout="1.9"), injector("canary", layout="1.9"), version="1.9.9"),
        legacy((None, "true", "")),
    ),
    "1.6": (mesh_of(injector(layout="1.6"), injector("canary", layout="1.6"), version="1.6.8"), legacy(INJECT)),
}


def subject(namespace: dict[str, str | None], pod: dict[str, str | None]) -> Subject:
    def given(found: dict[str, str | None]) -> dict[str, str]:
        return {key: value for key, value in found.items() if value is not None}

    return Subject("shop", given(namespace), given(pod))


@pytest.mark.parametrize(("snapshot", "rows"), MESHES.values(), ids=MESHES.keys())
def test_truth_table(snapshot: Snapshot, rows: list[Row]) -> None:
    """Every combination has exactly one row, and is decided as the row says."""
    mesh, wrong = Mesh(snapshot), []
    for combination in product(INJECTION, REV, INJECT, REV):
        winners = [row[4] for row in rows if all(value in row[n] for n, value in enumerate(combination))]
        assert len(winners) == 1, f"{combination} has {len(winners)} rows"
        injection, rev, inject, pod_rev = combination
        asked = subject(
            {"istio-injection": injection, "istio.io/rev": rev},
            {"sidecar.istio.io/inject": inject, "istio.io/rev": pod_rev},
        )
        answer = select(mesh, asked)
        found = (answer.state, answer.revision, answer.injectors)
        winner = winners[0]
        wanted = (State.INJECTED, winner[0], (winner[1],)) if winner else (State.NONE, None, ())
        if found != wanted or not answer.because:
            wrong.append((combination, found, wanted))
    assert wrong == []


def test_by_default_spares_the_system_namespaces() -> None:
    mesh = Mesh(mesh_of(injector(auto=True)))
    name = "kubernetes.io/metadata.name"
    states = {ns: select(mesh, Subject(ns, {name: ns})).state for ns in ("shop", "kube-system", "istio-system")}
    assert states == {"shop": State.INJECTED, "kube-system": State.NONE, "istio-system": State.INJECTED}


def test_by_default_in_1_6() -> None:
    mesh = Mesh(mesh_of(injector(layout="1.6", auto=True), injector("canary", layout="1.6"), version="1.6.8"))
    given = {"": "default", "injection=disabled": None, "rev=canary": "canary", "istio-env=x": None, "rev=ghost": None}
    assert {text: select(mesh, Subject("shop", labels(text))).revision for text in given} == given


def decide(snapshot: Snapshot, ns: str = "", pod: str = "", **more: Any) -> InjectionDecision:
    return select(Mesh(snapshot), Subject("shop", labels(ns), labels(pod), **more))


HELM = mesh_of(injector(), *NAMED)
NO_DEFAULT = mesh_of(*NAMED)
DEFAULT_INJECTOR, CANARY_INJECTOR = ("istio-sidecar-injector",), ("istio-sidecar-injector-canary",)
NS_REV, POD_REV = ("namespace", "istio.io/rev"), ("pod", "istio.io/rev")
REASONS: dict[str, tuple[InjectionDecision, InjectionDecision]] = {
    "namespace label": (
        decide(HELM, "rev=canary"),
        InjectionDecision(State.INJECTED, "the namespace says istio.io/rev=canary", "canary", CANARY_INJECTOR),
    ),
    "pod label": (
        decide(HELM, "", "rev=canary"),
        InjectionDecision(State.INJECTED, "the pod says istio.io/rev=canary", "canary", CANARY_INJECTOR),
    ),
    "tag": (
        decide(HELM, "rev=prod"),
        InjectionDecision(State.INJECTED, "the namespace says istio.io/rev=prod", "blue", ("istio-revision-tag-prod",)),
    ),
    "both namespace labels": (
        decide(HELM, "injection=enabled rev=canary"),
        InjectionDecision(
            State.INJECTED,
            "the namespace says istio-injection=enabled",
            "default",
            DEFAULT_INJECTOR,
            ((*NS_REV, "canary"),),
        ),
    ),
    "istio-injection beats the pod's label": (
        decide(HELM, "injection=enabled", "rev=canary"),
        InjectionDecision(
            State.INJECTED,
            "the namespace says istio-injection=enabled",
            "default",
            DEFAULT_INJECTOR,
            ((*POD_REV, "canary"),),
        ),
    ),
    "the namespace's label beats the pod's": (
        decide(HELM, "rev=canary", "rev=prod"),
        InjectionDecision(
            State.INJECTED, "the namespace says istio.io/rev=canary", "canary", CANARY_INJECTOR, ((*POD_REV, "prod"),)
        ),
    ),
    "a ghost on the pod is ignored too": (
        decide(HELM, "rev=canary", "rev=ghost"),
        InjectionDecision(
            State.INJECTED, "the namespace says istio.io/rev=canary", "canary", CANARY_INJECTOR, ((*POD_REV, "ghost"),)
        ),
    ),
    "a pod label that agrees is not ignored": (
        decide(HELM, "rev=prod", "rev=blue"),
        InjectionDecision(State.INJECTED, "the namespace says istio.io/rev=prod", "blue", ("istio-revision-tag-prod",)),
    ),
    "the pod's label is ignored with the namespace's": (
        decide(HELM, "injection=enabled rev=canary", "rev=canary"),
        InjectionDecision(
            State.INJECTED,
            "the namespace says istio-injection=enabled",
            "default",
            DEFAULT_INJECTOR,
            ((*NS_REV, "canary"), (*POD_REV, "canary")),
        ),
    ),
    "injection disabled": (
        decide(HELM, "injection=disabled"),
        InjectionDecision(State.NONE, "the namespace says istio-injection=disabled"),
    ),
    "injection disabled, and labels that cannot help": (
        decide(HELM, "injection=disabled rev=canary", "rev=prod inject=true"),
        InjectionDecision(
            State.NONE,
            "the namespace says istio-injection=disabled",
            ignored=((*NS_REV, "canary"), (*POD_REV, "prod")),
        ),
    ),
    "the pod opts out": (
        decide(HELM, "rev=canary", "inject=false rev=prod"),
        InjectionDecision(State.NONE, "the pod says sidecar.istio.io/inject=false"),
    ),
    "opting out where nobody asks is not the reason": (
        decide(HELM, "", "inject=false"),
        InjectionDecision(State.NONE, "neither the namespace nor the pod asks for it"),
    ),
    "ghost on the namespace": (
        decide(HELM, "rev=1-6-5"),
        InjectionDecision(State.NONE, "no injector answers to istio.io/rev=1-6-5 on the namespace"),
    ),
    "ghost on the pod": (
        decide(HELM, "", "rev=1-6-5"),
        InjectionDecision(State.NONE, "no injector answers to istio.io/rev=1-6-5 on the pod"),
    ),
    "no default": (
        decide(NO_DEFAULT, "injection=enabled"),
        InjectionDecision(State.NONE, "no injector answers to istio-injection=enabled: nothing holds the default"),
    ),
    "no default for the pod's wish": (
        decide(NO_DEFAULT, "", "inject=true"),
        InjectionDecision(
            State.NONE, "no injector answers to sidecar.istio.io/inject=true alone: nothing holds the default"
        ),
    ),
    "nobody asks": (decide(HELM), InjectionDecision(State.NONE, "neither the namespace nor the pod asks for it")),
    "no injector": (
        decide(world(), "rev=canary"),
        InjectionDecision(State.NONE, "there is no injector in this cluster"),
    ),
    "by default": (
        decide(mesh_of(injector(auto=True))),
        InjectionDecision(State.INJECTED, "no label is against it", "default", DEFAULT_INJECTOR),
    ),
    "host network": (
        decide(HELM, "rev=canary", host_network=True),
        InjectionDecision(
            State.NONE, "the namespace says istio.io/rev=canary, but istiod leaves it alone: host network"
        ),
    ),
    "annotation": (
        decide(HELM, "rev=canary", annotations={"sidecar.istio.io/inject": "false"}),
        InjectionDecision(
            State.NONE,
            "the namespace says istio.io/rev=canary, but istiod leaves it alone: "
            "annotation sidecar.istio.io/inject=false opts out",
        ),
    ),
    "host network not read": (
        decide(HELM, "rev=canary", host_network=None),
        InjectionDecision(
            State.UNKNOWN, "whether the pod is on the host network was not read", injectors=CANARY_INJECTOR
        ),
    ),
    "a vetoed pod's label that agrees is not ignored": (
        decide(HELM, "rev=canary", "rev=canary", host_network=True),
        InjectionDecision(
            State.NONE, "the namespace says istio.io/rev=canary, but istiod leaves it alone: host network"
        ),
    ),
    "injectors not read": (
        decide(world(gaps=[Gap("list", "mutatingwebhookconfigurations.admissionregistration.k8s.io")]), "rev=canary"),
        InjectionDecision(State.UNKNOWN, "the injectors could not be read"),
    ),
    "namespace not read": (
        decide(HELM, namespace_known=False),
        InjectionDecision(State.UNKNOWN, "the namespace's labels could not be read"),
    ),
}


@pytest.mark.parametrize(("found", "wanted"), REASONS.values(), ids=REASONS.keys())
def test_reasons(found: InjectionDecision, wanted: InjectionDecision) -> None:
    assert found == wanted


def broken(failure_policy: str = "Fail", *, with_service: bool = False, gap: str = "") -> Snapshot:
    """Revision canary without its Service, or with one that has no ready endpoint; default is alive."""
    alone = service("canary")
    return world(
        control_plane(),
        injector("canary", failure_policy=failure_policy),
        [alone, endpoints(alone, False, False)] if with_service else [],
        gaps=[Gap("list", gap, "istio-system", "forbidden")] if gap else [],
    )


NOT_FOUND, NO_ENDPOINTS = 'service "istiod-canary" not found', 'no endpoints available for service "istiod-canary"'
ASKED = "the namespace says istio.io/rev=canary"
DEAD: dict[str, tuple[InjectionDecision, InjectionDecision]] = {
    "no service": (
        decide(broken(), "rev=canary"),
        InjectionDecision(
            State.REJECTED,
            f"{ASKED}, but calling istio-sidecar-injector-canary fails: {NOT_FOUND}",
            injectors=CANARY_INJECTOR,
        ),
    ),
    "no ready endpoint": (
        decide(broken(with_service=True), "rev=canary"),
        InjectionDecision(
            State.REJECTED,
            f"{ASKED}, but calling istio-sidecar-injector-canary fails: {NO_ENDPOINTS}",
            injectors=CANARY_INJECTOR,
        ),
    ),
    "rejected by the revision that the pod asks for, too": (
        decide(broken(), "rev=canary", "rev=canary"),
        InjectionDecision(
            State.REJECTED,
            f"{ASKED}, but calling istio-sidecar-injector-canary fails: {NOT_FOUND}",
            injectors=CANARY_INJECTOR,
        ),
    ),
    "failurePolicy Ignore": (
        decide(broken("Ignore"), "rev=canary"),
        InjectionDecision(
            State.NONE,
            f"istio-sidecar-injector-canary is passed over (failurePolicy Ignore): {NOT_FOUND}",
            injectors=CANARY_INJECTOR,
        ),
    ),
    "a dead one that does not match does not matter": (
        decide(broken(), "injection=enabled"),
        InjectionDecision(State.INJECTED, "the namespace says istio-injection=enabled", "default", DEFAULT_INJECTOR),
    ),
    "Services not read: it may live": (
        decide(broken(gap="services"), "rev=canary"),
        InjectionDecision(State.INJECTED, ASKED, "canary", CANARY_INJECTOR),
    ),
    "endpoints not read: it may live": (
        decide(broken(with_service=True, gap="endpointslices.discovery.k8s.io"), "rev=canary"),
        InjectionDecision(State.INJECTED, ASKED, "canary", CANARY_INJECTOR),
    ),
    "outside the cluster: it may live": (
        decide(world(injector("canary", url="https://istiod.example:15017/inject")), "rev=canary"),
        InjectionDecision(State.INJECTED, ASKED, "canary", CANARY_INJECTOR),
    ),
}


@pytest.mark.parametrize(("found", "wanted"), DEAD.values(), ids=DEAD.keys())
def test_dead_services(found: InjectionDecision, wanted: InjectionDecision) -> None:
    assert found == wanted


def test_two_injectors() -> None:
    """Helm's unrevisioned injector beside Helm's tag default: both fire."""
    found = decide(mesh_of(injector(), injector("canary", tag="default"), injector("canary")), "injection=enabled")
    assert found == InjectionDecision(
        State.CONFLICT,
        "istio-revision-tag-default (canary) and istio-sidecar-injector (default) all select it: "
        "the last one called wins",
        injectors=("istio-revision-tag-default", "istio-sidecar-injector"),
    )
    assert found.injector is None


def test_two_injectors_of_one_istiod_agree() -> None:
    """Helm's unrevisioned control plane with `revisionTags={default}`: it is injected twice over, and by default."""
    found = decide(world(control_plane(), injector(tag="default")), "injection=enabled")
    asked = "the namespace says istio-injection=enabled"
    both = ("istio-revision-tag-default", "istio-sidecar-injector")
    assert found == InjectionDecision(State.INJECTED, asked, "default", both)


def test_two_of_one_name_in_two_namespaces_do_not() -> None:
    found = decide(world(control_plane(), control_plane(namespace="other")), "injection=enabled")
    assert found.state is State.CONFLICT


def test_two_outside_are_told_apart_by_their_address() -> None:
    def far(name: str, host: str) -> Any:
        return injector("far", name=name, url=f"https://{host}/inject")

    assert decide(world(far("a", "one"), far("b", "one")), "rev=far").state is State.INJECTED
    assert decide(world(far("a", "one"), far("b", "two")), "rev=far").state is State.CONFLICT


def test_a_service_in_front_of_two_revisions_is_a_conflict() -> None:
    shared = service(name="istiod", select="app=istiod")
    snapshot = world(istiod(), istiod("canary"), shared, endpoints(shared, True), injector(), ns("shop"))
    assert decide(snapshot, "injection=enabled") == InjectionDecision(
        State.CONFLICT,
        "istio-sidecar-injector calls Service istiod, behind which the istiods of canary and default take turns",
        injectors=("istio-sidecar-injector",),
    )
    assert decide(snapshot, "injection=enabled", host_network=True).state is State.NONE


def test_two_injectors_of_which_one_istiod_refuses() -> None:
    """Both are called; the one that leaves the pod alone takes nothing away from the other."""
    snapshot = world(
        control_plane(),
        [each for each in control_plane("canary") if each.name != "istio-sidecar-injector-canary"],
        injector("canary", tag="default"),
        config_map("canary", neverInjectSelector=[{"matchLabels": {"batch": "yes"}}]),
    )
    both = ("istio-revision-tag-default", "istio-sidecar-injector")
    asked = "the namespace says istio-injection=enabled"
    assert decide(snapshot, "injection=enabled", "batch=yes") == InjectionDecision(
        State.INJECTED, asked, "default", both
    )
    assert decide(snapshot, "injection=enabled", "batch=no").state is State.CONFLICT
    assert decide(snapshot, "injection=enabled", host_network=True) == InjectionDecision(
        State.NONE, f"{asked}, but istiod leaves it alone: host network"
    )


def test_two_injectors_of_which_one_is_passed_over() -> None:
    ignored = injector("gone", tag="default", failure_policy="Ignore")
    found = decide(mesh_of(injector(), ignored), "injection=enabled")
    assert found == InjectionDecision(
        State.INJECTED, "the namespace says istio-injection=enabled", "default", DEFAULT_INJECTOR
    )


def test_two_injectors_of_which_one_is_dead() -> None:
    found = decide(mesh_of(injector(), injector("gone", tag="default")), "injection=enabled")
    assert found == InjectionDecision(
        State.REJECTED,
        "the namespace says istio-injection=enabled, but calling istio-revision-tag-default fails: "
        'service "istiod-gone" not found',
        injectors=("istio-revision-tag-default",),
    )


def test_match_conditions_are_unknown_only_where_they_could_decide() -> None:
    snapshot = mesh_of(injector(), injector("canary", match_conditions=["request.userInfo.username != 'x'"]))
    assert decide(snapshot, "rev=canary") == InjectionDecision(
        State.UNKNOWN,
        "the namespace says istio.io/rev=canary, but istio-sidecar-injector-canary's condition c0 may be true or "
        "false: request.userInfo is not known here",
        injectors=CANARY_INJECTOR,
    )
    assert decide(snapshot, "injection=enabled").state is State.INJECTED


def test_a_hand_made_webhook_matches_by_nil_selectors() -> None:
    made = injector("canary", name="ours")
    made.webhooks = [
        Webhook(
            name="everything.example.org",
            client_config=made.webhooks[0].client_config,
            rules=[Rule(operations=["*"], api_groups=["*"], resources=["*"], scope="Namespaced")],
        )
    ]
    assert decide(mesh_of(made)) == InjectionDecision(State.INJECTED, "no label is against it", "canary", ("ours",))


RULES = {
    "the charts'": (Rule(operations=["CREATE"], api_groups=[""], resources=["pods"]), True),
    "everything": (Rule(operations=["*"], api_groups=["*"], resources=["*/*"]), True),
    "pods and what is below them": (Rule(operations=["CREATE"], api_groups=[""], resources=["pods/*"]), True),
    "all resources": (Rule(operations=["CREATE"], api_groups=["*"], resources=["*"]), True),
    "another operation": (Rule(operations=["UPDATE"], api_groups=[""], resources=["pods"]), False),
    "another group": (Rule(operations=["CREATE"], api_groups=["apps"], resources=["pods"]), False),
    "another version": (
        Rule(operations=["CREATE"], api_groups=[""], api_versions=["v2"], resources=["pods"]),
        False,
    ),
    "another resource": (Rule(operations=["CREATE"], api_groups=[""], resources=["services", "pods/exec"]), False),
    "cluster-scoped objects": (
        Rule(operations=["CREATE"], api_groups=[""], resources=["pods"], scope="Cluster"),
        False,
    ),
}


@pytest.mark.parametrize(("rule", "covers"), RULES.values(), ids=RULES.keys())
def test_rules(rule: Rule, covers: bool) -> None:
    made = injector("canary")
    for webhook in made.webhooks:
        webhook.rules = [rule]
    assert decide(mesh_of(made), "rev=canary").state is (State.INJECTED if covers else State.NONE)


def test_consider_tells_every_entry() -> None:
    """The sketch of design.md §8: both labels, and which key of which entry decides."""
    snapshot = mesh_of(injector(), injector("canary"))
    both = Subject("both", labels("injection=enabled rev=canary"), {})
    against = "istio-injection must be absent, is enabled"
    assert consider(Mesh(snapshot), both) == [
        InjectorTrace(
            "istio-sidecar-injector",
            "default",
            None,
            (
                WebhookMatch(
                    "rev.namespace.sidecar-injector.istio.io", False, "istio.io/rev must be default, is canary"
                ),
                WebhookMatch("rev.object.sidecar-injector.istio.io", False, "istio.io/rev must be absent, is canary"),
                WebhookMatch("namespace.sidecar-injector.istio.io", True, "the namespace says istio-injection=enabled"),
                WebhookMatch("object.sidecar-injector.istio.io", False, against),
            ),
        ),
        InjectorTrace(
            "istio-sidecar-injector-canary",
            "canary",
            None,
            (
                WebhookMatch("rev.namespace.sidecar-injector.istio.io", False, against),
                WebhookMatch("rev.object.sidecar-injector.istio.io", False, "istio.io/rev must be absent, is canary"),
            ),
        ),
    ]


def test_consider_names_pod_labels_deactivation_conditions_and_rules() -> None:
    odd = injector("canary", match_conditions=["true"])
    odd.webhooks = odd.webhooks[:1]
    elsewhere = injector("blue")
    elsewhere.webhooks = elsewhere.webhooks[:1]
    elsewhere.webhooks[0].rules = []
    elsewhere.webhooks[0].namespace_selector = LabelSelector()
    tag = injector("blue", tag="prod")
    tag.webhooks = tag.webhooks[1:]
    dead = injector(deactivated=True)
    dead.webhooks = dead.webhooks[:1]
    asked = Subject("shop", labels("rev=canary"), {})
    considered = consider(Mesh(mesh_of(odd, elsewhere, tag, dead)), asked)
    assert {c.injector: [t.matches for t in c.trials] for c in considered} == {
        "istio-revision-tag-prod": [False],
        "istio-sidecar-injector": [False],
        "istio-sidecar-injector-blue": [False],
        "istio-sidecar-injector-canary": [True],
    }
    found = {c.injector: [t.because for t in c.trials] for c in considered}
    assert found == {
        "istio-revision-tag-prod": ["istio.io/rev must be absent, is canary"],
        "istio-sidecar-injector": ["deactivated when tag default was set"],
        "istio-sidecar-injector-blue": ["its rules do not cover the creation of pods"],
        "istio-sidecar-injector-canary": [
            "the namespace says istio.io/rev=canary",
        ],
    }
    opted_out = Subject("shop", labels("rev=canary"), labels("inject=false"))
    by_pod = consider(Mesh(mesh_of(odd)), opted_out)[0].trials[0]
    assert not by_pod.matches
    assert by_pod.because == "pod's sidecar.istio.io/inject must not be false, is false"


def test_a_label_that_no_injector_answers_is_not_ignored_where_nothing_else_decides() -> None:
    picky = injector("canary")
    for webhook in picky.webhooks:
        webhook.namespace_selector = LabelSelector(match_labels={"env": "prod"})
    found = select(Mesh(mesh_of(picky)), Subject("shop", {}, labels("rev=canary")))
    assert (found.state, found.ignored) == (State.NONE, ())


def test_refusal() -> None:
    snapshot = mesh_of(injector(), injector("canary"))
    word = refusal(Mesh(snapshot), Subject("shop", labels("rev=canary"), {}, host_network=True))
    assert word == ("canary", Veto(False, "host network"))
    assert refusal(Mesh(snapshot), Subject("shop", {}, {})) is None
    both = mesh_of(injector(), injector("canary", tag="default"))
    assert refusal(Mesh(both), Subject("shop", labels("injection=enabled"), {})) is None


def test_the_config_and_the_release_of_the_revision_that_is_called() -> None:
    """canary never injects batch pods, and is old enough to read `no` as a no."""
    snapshot = world(
        control_plane(),
        [each for each in control_plane("canary", version="1.26.8") if each.name != "istio-sidecar-injector-canary"],
        injector("canary"),
        config_map("canary", neverInjectSelector=[{"matchLabels": {"batch": "yes"}}]),
    )
    left_alone = "the namespace says istio.io/rev=canary, but istiod leaves it alone: "
    assert decide(snapshot, "rev=canary", "batch=yes") == InjectionDecision(
        State.NONE, left_alone + "its neverInjectSelector matches the pod"
    )
    assert decide(snapshot, "injection=enabled", "batch=yes").state is State.INJECTED
    assert decide(snapshot, "rev=canary", "inject=no") == InjectionDecision(
        State.NONE, left_alone + "label sidecar.istio.io/inject=no opts out"
    )
    assert decide(snapshot, "injection=enabled", "inject=no").state is State.INJECTED


def test_created_from_takes_the_template_and_keeps_the_namespace() -> None:
    where = Subject("shop", labels("rev=canary"))
    made = template("inject=true", annotations={"a": "b"}, host_network=True)
    assert where.created_from(made) == Subject(
        "shop", labels("rev=canary"), labels("inject=true"), {"a": "b"}, host_network=True
    )
    assert where.created_from(PodTemplate(spec=PodSpec(containers=[Container(name="app")]))) == where


def test_two_injectors_that_exclude_each_other() -> None:
    """As Deckhouse renders them: either label alone selects an injector, both select none, and neither is ignored."""
    default = injector()
    for webhook in default.webhooks:
        selector, absent = webhook.namespace_selector, Requirement("istio.io/rev", Operator.DOES_NOT_EXIST)
        webhook.namespace_selector = LabelSelector(selector.match_labels, (*selector.match_expressions, absent))
    mesh = Mesh(mesh_of(default, injector("canary")))
    both = labels("injection=enabled rev=canary")
    decision = select(mesh, Subject("shop", both))
    because = "istio-sidecar-injector and istio-sidecar-injector-canary each want the other's label to be absent"
    assert decision == InjectionDecision(State.NONE, because)
    assert select(mesh, Subject("shop", labels("injection=enabled"))).revision == "default"
    assert select(mesh, Subject("shop", labels("rev=canary"))).revision == "canary"
    assert excluding(mesh, Subject("shop", labels("injection=disabled rev=canary"))) == ()
    assert excluding(Mesh(mesh_of(injector(), injector("canary"))), Subject("shop", both)) == ()
