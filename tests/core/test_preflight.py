"""REV4xx: for each code a world in which it is found, and none in a world in which all is well."""

import pytest

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.capacity import (
    Autoscaler,
    AutoscalerSpec,
    AutoscalerStatus,
    Budget,
    BudgetSpec,
    BudgetStatus,
    Quota,
    QuotaStatus,
    ScaleTarget,
)
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.mesh_config import MeshConfig
from kubectl_rev.core.mesh.objects import IstioConfig, Metadata
from kubectl_rev.core.mesh.revision_names import of_flag
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration import choosing, migration, tagging, undo
from kubectl_rev.core.migration.checks.preflight import CHECKS, find
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.plan import Reason, SkipReason
from kubectl_rev.core.migration.preflight_facts import Denied, PreflightContext, PreflightFacts, quantity
from tests import build
from tests.core.originals import originals_of

NOW = "2026-11-23T12:00:00Z"
DEFAULT, CANARY = build.control_plane("default"), build.control_plane("canary", version="1.31.0")
SHOP = build.ns("shop", "injection=enabled")
IN_SHOP = Metadata(name="it", namespace="shop")
WEB = build.running(build.deployment("web", replicas=2), "default", "default")


def situation(
    *parts,
    planes=(DEFAULT, CANARY),
    facts=None,
    specs=None,
    back=False,
    tag="",
    gaps=(),
    learned=False,
    **request,
):
    world = build.world(*planes, *(parts or (SHOP, WEB)), gaps=gaps)
    survey, originals = Survey(world), originals_of(world, **(specs or {}))
    asked = Request(**{"names": ("shop",), "tag": tag, **({} if back else {"to": "canary"}), **request})
    if tag:
        to = of_flag(survey, "canary")
        plan, after = tagging.plan(survey, originals, asked, to, NOW)
        return PreflightContext(
            before=survey, after=after, plan=plan, originals=originals, request=asked, facts=PreflightFacts()
        )
    if back:
        plan = undo.plan(survey, originals, asked, ["shop"], NOW)
    else:
        came_from = of_flag(survey, asked.came_from) if asked.came_from else None
        choice = choosing.choose(survey, originals, asked, of_flag(survey, asked.to), came_from)
        plan = migration.plan(survey, originals, asked, choice, of_flag(survey, asked.to), NOW)
    after = migration.surveyed_after(survey, {move.namespace: move.after for move in plan.moves}, {})
    return PreflightContext(
        before=survey,
        after=after,
        plan=plan,
        originals=originals,
        request=asked,
        facts=facts or PreflightFacts(),
        learned=learned,
    )


def meshes(**canary):
    return PreflightFacts(
        meshes={("istio-system", "default"): MeshConfig(), ("istio-system", "canary"): MeshConfig(**canary)}
    )


def led_by_default(**default):
    return PreflightFacts(
        meshes={("istio-system", "default"): MeshConfig(**default), ("istio-system", "canary"): MeshConfig()}
    )


def other_ca():
    planes = build.control_plane("canary")
    for each in planes:
        for webhook in getattr(each, "webhooks", []):
            webhook.client_config.ca_bundle = "T1RIRVI="
    return planes


def annotated(name, **annotations):
    return build.ns(name, "injection=enabled", **annotations)


def owned_web(**labels_):
    web = build.deployment("web", replicas=2)
    web.metadata.labels.update(labels_)
    return build.running(web, "default")


def owned_tag():
    tag = build.injector("default", tag="prod")
    tag.metadata.annotations["meta.helm.sh/release-name"] = "istiod"
    tag.metadata.labels[labels.OPERATOR_COMPONENT] = "Pilot"
    return tag


GATEWAY = build.running(
    build.deployment(
        "gw-istio",
        text=f"inject=false {labels.GATEWAY_NAME}=gw {labels.GATEWAY_CLASS}=istio",
        annotations={labels.REV: "default"},
    ),
    None,
)
for each in GATEWAY:
    if isinstance(each, build.Pod):
        each.metadata.annotations[labels.REV] = "default"
IN_PLACE = build.running(
    build.deployment("ingress", "istio-system", "inject=false", proxy=build.proxy_container("canary", role="router")),
    None,
)
NOTED = {"kubectl-rev/previous": '{"istio-injection":"enabled"}'}
BACK = build.ns("shop", "rev=canary", **NOTED)
SELECTS_WEB = BudgetSpec(selector=LabelSelector(match_labels={"app": "web"}))
TAGGED = [*build.control_plane("default", deactivated=True), *CANARY, build.injector("default", tag="default")]
TAGGED_CANARY = [*build.control_plane("default", deactivated=True), *CANARY, build.injector("canary", tag="default")]
TEAM = LabelSelector(match_expressions=(Requirement("team", Operator.EXISTS),))
LABELLED = IstioConfig(
    kind="VirtualService",
    resource="virtualservices.networking.istio.io",
    metadata=Metadata(name="vs", namespace="shop", labels={"istio.io/rev": "default"}),
)

FOUND = {
    "REV401": lambda: situation(planes=(DEFAULT, build.control_plane("canary", ready=(False,)))),
    "REV402": lambda: situation(planes=(DEFAULT, build.control_plane("canary", deactivated=True))),
    "REV403": lambda: situation(planes=(DEFAULT, other_ca())),
    "REV404": lambda: situation(facts=meshes(trust_domain="other")),
    "REV405": lambda: situation(facts=meshes(trust_domain="other")),
    "REV406": lambda: situation(facts=meshes(discovery_selectors=[TEAM])),
    "REV440": lambda: situation(facts=led_by_default(discovery_selectors=[TEAM])),
    "REV407": lambda: situation(
        facts=PreflightFacts(configs=(LABELLED,))
    ),
    "REV408": lambda: situation(facts=PreflightFacts(denied=(Denied("patch", "deployments.apps", "shop"),))),
    "REV409": lambda: situation(learned=True),
    "REV410": lambda: situation(specs={"web": {"paused": True}}),
    "REV411": lambda: situation(
        SHOP,
        build.running(build.stateful_set("db"), "default"),
        specs={"db": {"updateStrategy": {"type": "OnDelete"}}},
    ),
    "REV412": lambda: situation(
        SHOP,
        build.running(build.stateful_set("db", replicas=2), "default", "default"),
        specs={"db": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}},
    ),
    "REV413": lambda: situation(specs={"web": {"strategy": {"type": "Recreate"}}}),
    "REV414": lambda: situation(SHOP, build.running(build.deployment("web", replicas=1), "default")),
    "REV415": lambda: situation(
        facts=PreflightFacts(
            budgets=(Budget(metadata=IN_SHOP, spec=SELECTS_WEB, status=BudgetStatus(expected_pods=2)),)
        )
    ),
    "REV416": lambda: situation(
        facts=PreflightFacts(
            autoscalers=(
                Autoscaler(
                    metadata=IN_SHOP,
                    spec=AutoscalerSpec(scale_target_ref=ScaleTarget(kind="Deployment", name="web"), max_replicas=5),
                    status=AutoscalerStatus(current_replicas=5),
                ),
            )
        )
    ),
    "REV417": lambda: situation(
        facts=PreflightFacts(
            quotas=(Quota(metadata=IN_SHOP, status=QuotaStatus(hard={"pods": "2"}, used={"pods": "2"})),)
        )
    ),
    "REV418": lambda: situation(
        SHOP, build.running(build.deployment("web", annotations={labels.PROXY_IMAGE: "proxyv2:1.20"}), "default")
    ),
    "REV419": lambda: situation(
        SHOP, build.running(build.deployment("web", annotations={labels.STATUS: "{}"}), "default")
    ),
    "REV420": lambda: situation(annotated("shop", **{"argocd.argoproj.io/tracking-id": "app:/Namespace:/shop"}), WEB),
    "REV421": lambda: situation(build.ns("shop", "mode=ambient"), enroll=True),
    "REV422": lambda: situation(SHOP, WEB, GATEWAY, build.gateway("gw")),
    "REV423": lambda: situation(SHOP, WEB, GATEWAY, build.gateway("gw"), include_gateways=True),
    "REV424": lambda: situation(BACK, build.running(build.deployment("web"), "canary"), IN_PLACE, back=True),
    "REV425": lambda: situation(SHOP, build.running(build.deployment("web", text="rev=default"), "default")),
    "REV426": lambda: situation(SHOP, WEB, owned_tag(), tag="prod"),
    "REV427": lambda: situation(SHOP, gaps=[Gap("list", "pods", "shop", "forbidden")]),
    "REV428": lambda: situation(
        BACK, build.running(build.deployment("web"), "canary"), build.validator("canary"), back=True
    ),
    "REV430": lambda: situation(
        SHOP,
        build.running(build.deployment("web", annotations={labels.TEMPLATES: "custom"}), "default"),
        planes=(DEFAULT, [*(p for p in CANARY if p.name != "istio-sidecar-injector-canary" or hasattr(p, "webhooks")),
                          build.config_map("canary", templates={"sidecar": ""})]),
    ),
    "REV431": lambda: situation(SHOP, owned_web(**{"kustomize.toolkit.fluxcd.io/name": "apps"})),
    "REV432": lambda: situation(
        SHOP, build.running(build.stateful_set("db", owner=build.workload("Zookeeper", "zk")), "default")
    ),
    "REV433": lambda: situation(SHOP, build.running(build.deployment("web", text="inject=false"), "default")),
    "REV434": lambda: situation(
        SHOP,
        build.running(build.deployment("web", annotations={labels.INJECT: "maybe"}), "default"),
        planes=(build.control_plane("default", version="latest"), build.control_plane("canary", version="latest")),
    ),
    "REV435": lambda: situation(SHOP, WEB, build.gateway("gw"), *TAGGED, tag="default", planes=()),
    "REV436": lambda: situation(
        build.ns("shop", "rev=third"), WEB, planes=(DEFAULT, CANARY, build.control_plane("third")), names=(),
        came_from="default",
    ),
    "REV437": lambda: situation(build.ns("shop", "rev=prod"), WEB, build.injector("default", tag="prod")),
    "REV438": lambda: situation(build.ns("shop", "injection=enabled app.kubernetes.io/instance=team-shop"), WEB),
    "REV439": lambda: situation(build.ns("istio-system"), names=("istio-system",), enroll=True),
}  # fmt: skip


def test_a_trust_domain_that_the_target_accepts_as_an_alias_stops_nothing():
    aliased = meshes(trust_domain="new", trust_domain_aliases=["other", "cluster.local"])
    assert "REV404" in {each.code for each in find(situation(facts=meshes(trust_domain="new")))}
    assert "REV404" not in {each.code for each in find(situation(facts=aliased))}


OWNERS = {
    "its own tracking-id": ({}, {"argocd.argoproj.io/tracking-id": "app:/Namespace:argocd/shop"}, "REV420"),
    "a copied one, of another name": ({}, {"argocd.argoproj.io/tracking-id": "app:/Namespace:/other"}, None),
    "a copied one, of another kind": ({}, {"argocd.argoproj.io/tracking-id": "app:apps/Deployment:x/shop"}, None),
    "nonsense": ({}, {"argocd.argoproj.io/tracking-id": "app"}, None),
    "the label of old": ({"app.kubernetes.io/instance": "app"}, {}, "REV438"),
    "the label, and a copied id": (
        {"app.kubernetes.io/instance": "app"},
        {"argocd.argoproj.io/tracking-id": "app:/Namespace:/other"},
        "REV438",
    ),
    "Deckhouse": ({"heritage": "deckhouse", "module": "istio"}, {}, "REV420"),
    "Helm's heritage": ({"heritage": "Helm"}, {}, None),
}


@pytest.mark.parametrize(("given", "annotations", "code"), OWNERS.values(), ids=OWNERS.keys())
def test_who_owns_the_labels_that_are_written(given, annotations, code):
    """Of a namespace, and the same of a workload's pod template, whose label is changed with it."""
    shop = annotated("shop", **annotations)
    shop.metadata.labels.update(given)
    found = {each.code for each in find(situation(shop, WEB))} & {"REV420", "REV438"}
    assert found == ({code} if code else set())

    pinned = build.deployment("shop", text="rev=default")
    pinned.metadata.labels.update(given)
    pinned.metadata.annotations = {
        key: value.replace("/Namespace:argocd/", "apps/Deployment:shop/").replace(":x/", ":/")
        for key, value in annotations.items()
    }
    found = {each.code for each in find(situation(build.ns("shop"), build.running(pinned, "default")))}
    assert found & {"REV420", "REV438"} == ({code} if code else set())


def test_what_an_operator_made_is_changed_by_its_own_resource():
    db = build.stateful_set("db", text="rev=default", owner=build.workload("Zookeeper", "zk"))
    found = find(situation(build.ns("shop"), build.running(db, "default")))
    (owned,) = [each for each in found if each.code == "REV420"]
    assert owned.message.startswith("its template's labels belong to an operator (Zookeeper/zk), ")


@pytest.mark.parametrize("code", [check.code for check in CHECKS])
def test_each_code_is_found_where_it_should_be(code):
    assert code in {finding.code for finding in find(FOUND[code]())}


def test_nothing_is_found_where_all_is_well():
    assert find(situation(facts=meshes())) == []


@pytest.mark.parametrize(
    ("text", "planes", "leads"),
    [
        ("", (DEFAULT, CANARY), True),
        ("team=a", (DEFAULT, CANARY), False),
        ("", (build.control_plane(ready=(False,)), CANARY), False),
        ("", (TAGGED_CANARY,), False),
    ],
    ids=["the default leads and leaves it out", "it is discovered", "the default is down", "the target is the default"],
)
def test_the_leader_makes_the_root_certificates_of_all_revisions(text, planes, leads):
    found = find(situation(build.ns("shop", f"rev=default {text}"), WEB, planes=planes,
                           facts=led_by_default(discovery_selectors=[TEAM])))  # fmt: skip
    assert ("REV440" in {each.code for each in found}) is leads


def test_codes_are_unique_and_in_their_hundred():
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("REV4") for code in codes)


def test_owned_labels_say_what_to_change_in_git_and_may_be_forced():
    shop = annotated("shop", **{"meta.helm.sh/release-name": "shop"})
    (finding,) = [each for each in find(situation(shop, WEB)) if each.code == "REV420"]
    assert (
        finding.message
        == "its labels belong to Helm (shop), which may put them back: change them there, or say --force-owned"
    )
    assert str(finding.hint) == (
        "in the manifest of Namespace shop: remove the label istio-injection, set the label istio.io/rev: canary"
    )
    assert find(situation(shop, WEB, force_owned=True)) == []


def pinned_web(owner):
    """A workload with a label of its own in a namespace without one, and who owns it."""
    web = build.deployment("web", text="rev=default", replicas=2)
    web.metadata.annotations.update(owner)
    return build.ns("shop"), build.running(web, "default")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ({"meta.helm.sh/release-name": "api"}, "Helm (api)"),
        ({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}, "Argo CD (shop)"),
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, "Flux (apps)"),
    ],
)
def test_the_labels_of_a_template_are_owned_as_its_object_is(owner, name):
    (finding,) = [each for each in find(situation(*pinned_web(owner))) if each.code == "REV420"]
    assert f"its template's labels belong to {name}, " in finding.message
    assert str(finding.hint) == (
        "in the pod template of Deployment web in namespace shop: set the label istio.io/rev: canary"
    )
    assert "REV420" not in {each.code for each in find(situation(*pinned_web(owner), force_owned=True))}


def test_what_is_owned_is_skipped_when_that_is_asked_for_and_the_rest_moves():
    cart = build.ns("cart", "injection=enabled"), build.running(build.deployment("web", "cart"), "default")
    owned = annotated("shop", **{"meta.helm.sh/release-name": "shop"})
    found = situation(owned, WEB, *cart, names=("shop", "cart"), skip_owned=True)
    assert [move.namespace for move in found.plan.moves] == ["cart"]
    assert [(each.namespace, each.reason) for each in found.plan.skipped] == [("shop", SkipReason.OWNED)]
    assert "REV420" not in {each.code for each in find(found)}
    assert not found.plan.moves_all


def test_a_template_that_is_owned_stays_when_that_is_asked_for():
    found = situation(*pinned_web({"meta.helm.sh/release-name": "api"}), skip_owned=True)
    assert [(left.reason, left.pods) for left in found.plan.left] == [(Reason.OWNED, 1)]
    assert found.plan.restarts == []
    assert "REV420" not in {each.code for each in find(found)}


@pytest.mark.parametrize(
    "given", ["injection=enabled rev=prod", "injection=enabled", "rev=default"], ids=["both", "injection", "a revision"]
)
def test_who_follows_no_tag_leaves_none(given):
    codes = {each.code for each in find(situation(build.ns("shop", given), WEB, build.injector("default", tag="prod")))}
    assert "REV437" not in codes


def test_words_in_a_label_key_decide_nothing():
    """A label `example.com/partition` that an injector asks for is no StatefulSet's partition."""
    canary = build.control_plane("canary")
    for part in canary:
        for webhook in getattr(part, "webhooks", []):
            absent = Requirement("example.com/partition", Operator.DOES_NOT_EXIST)
            rules = (*webhook.namespace_selector.match_expressions, absent)
            webhook.namespace_selector = LabelSelector(match_expressions=rules)
    shop = build.ns("shop", "injection=enabled example.com/partition=eu")
    found = situation(shop, WEB, planes=(DEFAULT, canary))
    assert [left.reason for left in found.plan.left] == [Reason.LOSES_SIDECAR]
    codes = {each.code for each in find(found)}
    assert "REV433" in codes
    assert codes.isdisjoint({"REV410", "REV411", "REV412"})


def test_a_gateway_that_two_would_take_is_labelled_first():
    """Seen on the real cluster: two istiods render it in turns (tests/cluster/test_migrate_gateways.py)."""
    (finding,) = [each for each in find(FOUND["REV435"]()) if each.code == "REV435"]
    assert (finding.message, str(finding.hint)) == (
        "the default owns gateways without a label, and the istiods of canary and default both take it for theirs: "
        "they would replace its pods in turns, without end",
        "kubectl label gateways.gateway.networking.k8s.io gw -n shop istio.io/rev=canary --overwrite",
    )
    mended = situation(SHOP, WEB, build.gateway("gw", text="rev=canary"), *TAGGED, tag="default", planes=())
    assert "REV435" not in {each.code for each in find(mended)}


def test_an_undo_that_would_have_two_take_a_gateway_names_who_has_it():
    moved = [*TAGGED[:-1], build.injector("canary", tag="default"), build.gateway("gw")]
    back = situation(
        build.ns("shop", "rev=canary", **NOTED),
        build.running(build.deployment("web"), "canary"),
        *moved,
        planes=(),
        back=True,
    )
    (finding,) = [each for each in find(back) if each.code == "REV435"]
    assert str(finding.hint) == (
        "kubectl label gateways.gateway.networking.k8s.io gw -n shop istio.io/rev=canary --overwrite"
    )


def test_a_gateway_that_was_not_read_may_follow_the_label():
    unread = situation(SHOP, WEB, GATEWAY, gaps=[Gap("list", labels.GATEWAYS)])
    assert "REV422" in {each.code for each in find(unread)}


def test_a_tag_that_would_have_two_injectors_answer_is_not_moved():
    """Helm's unrevisioned injector beside a tag default, which istioctl would turn off."""
    both = situation(SHOP, WEB, build.injector("default", tag="default"), tag="default")
    assert "REV402" in {each.code for each in find(both)}


@pytest.mark.parametrize("injection", ["disabled", "enabled"])
def test_a_label_that_is_ignored_in_a_namespace_that_stays_stops_nobody(injection):
    """It is there for the pods that run in it; that they stay is said."""
    both = build.ns("shop", f"injection={injection} rev=canary")
    planes = (build.control_plane("default", deactivated=True), CANARY)
    found_ = find(situation(both, WEB, planes=planes, names=(), came_from="default"))
    assert {each.code for each in found_} == {"REV433"}


def test_a_revision_that_others_stay_on_keeps_its_gateways():
    other = build.ns("cart", "rev=canary"), build.running(build.deployment("cart", "cart"), "canary")
    alone = situation(BACK, build.running(build.deployment("web"), "canary"), *other, IN_PLACE, back=True)
    assert "REV424" not in {finding.code for finding in find(alone)}


def test_a_dead_target_of_an_undo_stops_it():
    dead = build.control_plane("default", ready=(False,))
    back = situation(BACK, build.running(build.deployment("web"), "canary"), planes=(dead, CANARY), back=True)
    assert "REV401" in {finding.code for finding in find(back)}


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("500m", 0.5), ("2Gi", 2 * 2**30), ("1k", 1000), ("1.5", 1.5), ("1e3", 1000)]
)
def test_quantities(text, value):
    assert quantity(text) == value


def test_a_tag_of_one_release_is_given_up_before_another_takes_it():
    def released(release, *parts):
        for part in parts:
            part.metadata.labels[labels.OPERATOR_COMPONENT] = "Pilot"
            part.metadata.annotations |= {labels.HELM_RELEASE: release, labels.HELM_NAMESPACE: build.ISTIO}
        return parts

    planes = [
        *build.control_plane(),
        *build.control_plane("canary", version="1.31.0"),
        *(build.injector("default", tag=tag) for tag in ("prod", "test")),
    ]
    old = [part for part in planes if getattr(part, "labels", {}).get(labels.TAG)]
    istiods = {part.name: part for part in planes if getattr(part, "kind", "") == "Deployment"}
    released("istiod", *old, istiods["istiod"])
    released("istiod-canary", istiods["istiod-canary"])
    (hint,) = {str(f.hint) for f in find(situation(SHOP, WEB, planes=(planes,), tag="prod")) if f.code == "REV426"}
    assert hint == (
        "helm upgrade istiod istio/istiod -n istio-system --version 1.30.3 --reuse-values --set 'revisionTags={test}'"
        " && helm upgrade istiod-canary istio/istiod -n istio-system --version 1.31.0 --reuse-values"
        " --set 'revisionTags={prod}'"
    )
