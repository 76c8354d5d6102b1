"""Workloads that kubectl does not restart: DeploymentConfigs, Rollouts with a borrowed template, a leader's workers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.capacity import Budget, BudgetStatus
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.objects import Condition, Object, OwnerReference, Pod, WorkloadObject, WorkloadStatus
from kubectl_rev.core.migration import undo
from kubectl_rev.core.migration.checks.preflight import find
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Move, Restart
from kubectl_rev.core.migration.preflight_facts import PreflightFacts
from kubectl_rev.core.remedies import commands
from kubectl_rev.render import migrate as render
from kubectl_rev.render.text import Style
from tests import build
from tests.core.originals import originals_of
from tests.core.test_migration import NOW, only, ops, planned
from tests.core.test_preflight import IN_SHOP, SELECTS_WEB, situation

BOTH = [*build.control_plane("default"), *build.control_plane("canary", version="1.31.0")]
ENABLED = build.ns("shop", "injection=enabled")
MOVED = build.ns("shop", "rev=canary")
PLAIN = build.ns("shop")


def workloads(*parts: Any) -> list[Workload]:
    """The workloads of namespace shop."""
    return Survey(build.world(BOTH, *parts)).by_namespace["shop"]


def unit(*parts: Any) -> Workload:
    (found,) = workloads(*parts)
    return found


def restart(move: Move) -> Restart:
    (found,) = move.restarts
    return found


# DeploymentConfigs


def without(parts: list[Object], kind: str) -> list[Object]:
    return [each for each in parts if getattr(each, "kind", "") != kind]


WEB = build.running(build.deployment_config("web", replicas=2), "default", "default")
CONTROLLER = build.workload("ReplicationController", "web-5d8f", owner=build.deployment_config("web"))
SEEN = {
    "read, its ReplicationControllers not, as on a cluster": without(WEB, "ReplicationController"),
    "both read, as in a dump": WEB,
    "not read, as in an older dump": [CONTROLLER, *without(without(WEB, "DeploymentConfig"), "ReplicationController")],
    "with ReplicationControllers of earlier rollouts": [
        *WEB,
        build.workload("ReplicationController", "web-3", owner=build.deployment_config("web")),
    ],
}


@pytest.mark.parametrize("why", SEEN)
def test_the_pods_of_a_deployment_config_are_its_own(why: str) -> None:
    found = unit(MOVED, SEEN[why])
    assert (found.kind, found.name, found.drifted, found.proxies) == ("DeploymentConfig", "web", 2, {"default": 2})
    assert found.template is not None
    assert str(commands.restart(found)) == "oc rollout latest dc/web -n shop"


def test_a_paused_deployment_config_is_resumed_first() -> None:
    paused = build.running(build.deployment_config("web"), "default")
    assert isinstance(paused[0], WorkloadObject)
    paused[0].spec.paused = True
    assert str(commands.restart(unit(MOVED, paused))) == (
        "oc rollout resume dc/web -n shop && oc rollout latest dc/web -n shop"
    )


CHANGE, IMAGE = {"type": "ConfigChange"}, {"type": "ImageChange"}
TRIGGERS = {
    "not given, which means ConfigChange": ({}, True),
    "ConfigChange": ({"triggers": [IMAGE, CHANGE]}, True),
    "none": ({"triggers": []}, False),
    "an image alone": ({"triggers": [IMAGE]}, False),
}


@pytest.mark.parametrize("why", TRIGGERS)
def test_a_deployment_config_is_restarted_where_a_change_of_its_template_does_it(why: str) -> None:
    spec, rolls = TRIGGERS[why]
    move = only(planned(ENABLED, WEB, specs={"web": spec}))
    if not rolls:
        assert [(each.reason.value, str(each.hint)) for each in move.left] == [
            ("no trigger", "oc rollout latest dc/web -n shop")
        ]
        assert move.restarts == ()
        return
    found = restart(move)
    assert found.step is not None
    assert (found.step.resource, found.step.version, found.step.says) == (
        "deploymentconfigs.apps.openshift.io",
        "v1",
        "deploymentconfig.apps.openshift.io/web restarted",
    )
    assert ops(found.step)[-1]["path"] == "/spec/template/metadata/annotations"
    assert (found.stamp, found.pods, found.revision) == (NOW, 2, "canary")


@pytest.mark.parametrize("own", ["rev=default", "inject=true"])
def test_a_label_in_the_template_of_a_deployment_config_is_changed_or_if_unread_named(own: str) -> None:
    pinned = build.running(build.deployment_config("web", text=own), "default")
    step = restart(only(planned(PLAIN, pinned))).step
    assert step is not None
    assert {"op": "add", "path": "/spec/template/metadata/labels/istio.io~1rev", "value": "canary"} in ops(step)
    (left,) = only(planned(PLAIN, pinned, originals=PatchTargets([]))).left
    label = f"{labels.REV}=default" if own == "rev=default" else f"{labels.INJECT}=true"
    assert (left.reason.value, left.pods) == ("unreadable label", 1)
    assert left.why.endswith(label)
    assert str(left.hint).startswith("kubectl patch deploymentconfig/web -n shop --type=merge -p ")
    assert json.loads(str(left.hint).partition("-p '")[2].rstrip("'")) == {
        "spec": {"template": {"metadata": {"labels": {labels.REV: "canary"}}}}
    }


# Rollouts with the template of another workload


def lent(text: str = "", *, kind: str = "Deployment", own: str | None = None, replicas: int = 0) -> list[Object]:
    """A Rollout with two pods on default whose template is a workload's that is scaled to 0, or has a pod on `own`."""
    lender = build.workload(kind, "base", text=text, replicas=replicas)
    pods = build.running(lender, *([own] if own else []))
    rollout = build.borrowing("web", lender, replicas=2)
    return [*pods, *build.running(rollout, "default", "default", lender=lender)]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize(
    ("namespace", "text", "wanted"),
    [(MOVED, "", "canary"), (PLAIN, "rev=canary", "canary"), (ENABLED, "inject=false", None), (ENABLED, "", "default")],
)
def test_a_borrowed_template_decides(kind: str, namespace: Object, text: str, wanted: str | None) -> None:
    found = unit(namespace, lent(text, kind=kind))
    assert (found.kind, found.name, found.template_holder) == ("Rollout", "web", ("shop", kind, "base"))
    assert found.selected.revision == wanted


def test_a_lender_with_pods_of_its_own_is_a_workload() -> None:
    found = workloads(MOVED, lent(own="default", replicas=1))
    assert [(each.kind, each.name, each.drifted) for each in found] == [
        ("Deployment", "base", 1),
        ("Rollout", "web", 2),
    ]


def test_a_lender_that_was_not_read_leaves_the_pods_to_tell() -> None:
    parts = [each for each in lent("rev=canary") if each.name != "base"]
    found = unit(MOVED, parts)
    assert (found.kind, found.template, found.template_holder) == ("Rollout", None, ("shop", "Rollout", "web"))


def test_a_reference_means_something_only_where_its_kind_has_one() -> None:
    stray = build.deployment("web")
    stray.spec.workload_ref = build.borrowing("x", build.deployment("base")).spec.workload_ref
    found = workloads(ENABLED, build.running(stray, "default"), build.deployment("base", text="inject=false"))
    assert {each.name: each.selected.revision for each in found} == {"base": None, "web": "default"}


def test_a_rollout_with_a_borrowed_template_is_restarted_by_its_own_field() -> None:
    found = restart(only(planned(ENABLED, lent())))
    assert (found.kind, found.name, found.pods, found.stamp) == ("Rollout", "web", 2, None)
    assert found.step is not None
    assert [op["path"] for op in ops(found.step)] == ["/metadata/uid", "/spec/restartAt"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_pin_is_changed_where_the_template_is(kind: str) -> None:
    move = only(planned(PLAIN, lent("rev=default", kind=kind)))
    found = restart(move)
    assert (found.kind, found.name, found.revision, found.pods) == ("Rollout", "web", "canary", 2)
    assert found.step is not None
    assert (found.step.resource, found.step.name) == (f"{kind.lower()}s.apps", "base")
    assert found.step.says == f"{kind.lower()}.apps/base labeled: rollout.argoproj.io/web restarts"
    changes = {op["path"]: op["value"] for op in ops(found.step) if op["op"] != "test"}
    assert changes["/spec/template/metadata/labels/istio.io~1rev"] == "canary"
    assert "kubectl-rev/previous" in json.dumps(changes)
    (proof,) = move.proofs
    assert (proof.name, proof.revision) == ("web", "canary")
    assert proof.manifest["spec"]["containers"][0]["name"] == "app"


def test_a_template_of_two_workloads_is_changed_once() -> None:
    found = only(planned(PLAIN, lent("rev=default", own="default", replicas=1))).restarts
    assert [(each.kind, each.step is not None, each.stamp) for each in found] == [
        ("Deployment", True, NOW),
        ("Rollout", False, NOW),
    ]


def test_a_pin_in_a_template_that_cannot_be_patched_is_named() -> None:
    parts = lent("rev=default")
    kept = [each for each in originals_of(build.world(PLAIN, parts)) if each.metadata.name != "base"]
    (left,) = only(planned(PLAIN, parts, originals=PatchTargets(kept))).left
    assert (left.kind, left.pods, left.why) == (
        "Rollout",
        2,
        "it could not be read, and its template has a label of its own, istio.io/rev=default",
    )
    assert str(left.hint).startswith("kubectl patch deployment/base -n shop")


def test_a_borrowed_template_is_owned_as_its_object_is() -> None:
    parts = lent("rev=default")
    parts[0].metadata.annotations["meta.helm.sh/release-name"] = "base"
    (left,) = only(planned(PLAIN, parts, skip_owned=True)).left
    assert (left.name, left.reason.value) == ("web", "owned")
    (finding,) = [each for each in find(situation(PLAIN, parts)) if each.code == "REV420"]
    assert str(finding.hint) == (
        "in the pod template of Deployment base in namespace shop: set the label istio.io/rev: canary"
    )


def test_the_plan_says_where_a_borrowed_template_is_changed() -> None:
    text = render.plan(planned(PLAIN, lent("rev=default")), Style(wide=True))
    assert '    in deployment.apps/base: [{"op":"test"' in text
    assert "    in " not in render.plan(planned(ENABLED, lent()), Style(wide=True))


def test_a_selector_that_names_the_label_is_the_lenders_too() -> None:
    """A Deployment's selector cannot change, and its template must go on matching it."""
    specs = {"base": {"selector": {"matchLabels": {labels.REV: "default"}}}}
    (left,) = only(planned(PLAIN, lent("rev=default"), specs=specs)).left
    assert left.reason.value == "selector"


def test_the_way_back_leads_to_the_template_too() -> None:
    parts = lent("rev=canary")
    parts[0].metadata.annotations[labels.PREVIOUS] = json.dumps({labels.REV: "default"})
    for each in parts:
        if isinstance(each, Pod):
            each.metadata.annotations = build.traces("canary")[1]
    survey = Survey(build.world(BOTH, PLAIN, parts))
    found = undo.plan(survey, originals_of(survey.snapshot), Request(names=("shop",)), ["shop"], NOW)
    back = restart(only(found))
    assert (back.kind, back.revision) == ("Rollout", "default")
    assert back.step is not None
    assert (back.step.resource, back.step.name) == ("deployments.apps", "base")
    assert {"op": "remove", "path": "/metadata/annotations/kubectl-rev~1previous"} in ops(back.step)


# Workers that a pod owns


def group(name: str = "llm") -> list[Object]:
    """A LeaderWorkerSet: a StatefulSet of leaders, each of which owns a StatefulSet of workers."""
    leaders = build.stateful_set(name, replicas=2)
    leaders.metadata.owner_references = [OwnerReference(kind="LeaderWorkerSet", name=name, controller=True)]
    found: list[Object] = [leaders]
    for n in (0, 1):
        leader = build.pod(f"{name}-{n}", "shop", on="default", owner=leaders)
        workers = build.stateful_set(f"{name}-{n}", replicas=1, owner=leader)
        found += [leader, workers, build.pod(f"{name}-{n}-1", "shop", on="default", owner=workers)]
    return found


@pytest.mark.parametrize("name", ["llm", "a-0"])
def test_workers_belong_to_the_workload_of_their_leader(name: str) -> None:
    found = unit(MOVED, group(name))
    assert (found.kind, found.name, found.drifted) == ("StatefulSet", name, 4)


def test_only_the_leaders_are_restarted() -> None:
    """The workers of a leader go and come with it: a patch of theirs would fail half way."""
    found = restart(only(planned(ENABLED, group())))
    assert (found.kind, found.name, found.pods) == ("StatefulSet", "llm", 2)


def test_a_workload_of_a_pod_that_no_workload_made_stands_for_itself() -> None:
    debug = build.pod("debug", "shop", on="default")
    found = workloads(MOVED, debug, build.running(build.stateful_set("tools", owner=debug), "default"))
    assert [(each.kind, each.name) for each in found] == [("Pod", "debug"), ("StatefulSet", "tools")]


# Rollouts that pause between two templates


def half_way(paused: str, *, old: str = "rev=default", new: str = "rev=canary", current: str = "new") -> list[Object]:
    """A Rollout whose template was changed: one pod is of the new one already, and it pauses."""
    web = build.rollout("web", text=new, replicas=2)
    web.status = WorkloadStatus(conditions=[Condition(type="Paused", status=paused)], current_pod_hash=current)
    made = [
        build.running(build.rollout("web", text=f"{text} rollouts-pod-template-hash={which}"), revision)[1:]
        for text, which, revision in ((old, "old", "default"), (new, "new", "canary"))
    ]
    return [web, *made[0], *made[1]]


@pytest.mark.parametrize(
    ("parts", "namespace", "held"),
    [
        (half_way("True"), PLAIN, "half way"),
        (half_way("False"), PLAIN, ""),  # it goes on by itself
        (half_way("True", old="", new=""), MOVED, ""),  # the namespace decides: old pods come back on canary
        (half_way("True", current="old"), PLAIN, ""),
    ],
)
def test_old_pods_of_a_rollout_that_pauses_half_way_come_again_as_they_are(
    parts: list[Object], namespace: Object, held: str
) -> None:
    found = unit(namespace, parts)
    assert (found.drifted, found.held) == (1, held)
    how = "promote" if held else "restart"
    assert str(commands.restart(found)) == f"kubectl argo rollouts {how} web -n shop"
    move = only(planned(namespace, parts))
    assert ([left.reason.value for left in move.left], len(move.restarts)) == ((["paused"], 0) if held else ([], 1))


def test_a_budget_holds_up_what_is_restarted_by_evictions() -> None:
    budget = Budget(metadata=IN_SHOP, spec=SELECTS_WEB, status=BudgetStatus(expected_pods=1))
    parts = build.running(build.rollout("web", replicas=1), "default")
    pinned = build.running(build.rollout("web", text="rev=default", replicas=1), "default")
    for namespace, given, evicted in ((ENABLED, parts, True), (PLAIN, pinned, False)):
        facts = PreflightFacts(budgets=(budget,))
        said = {finding.code: finding.message for finding in find(situation(namespace, given, facts=facts))}
        assert ("REV413" in said, "replaces none until it does" in said["REV415"]) == (evicted, evicted)
