"""Choosing and planning, on worlds without a cluster: what moves, what is patched, what stays and why."""

import json

import msgspec
import pytest

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import UnknownName, of_flag
from kubectl_rev.core.migration import choosing, migration, undo
from kubectl_rev.core.migration.choosing import Request, Unknown
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.writes import holds
from tests import build
from tests.core.originals import originals_of

NOW = "2026-11-23T12:00:00Z"
BOTH = [*build.control_plane("default"), *build.control_plane("canary", version="1.31.0")]
ENABLED = build.ns("shop", "injection=enabled")
WEB = build.running(build.deployment("web", replicas=2), "default", "default")


def source_of(survey, asked):
    return of_flag(survey, asked.came_from, running=True) if asked.came_from else None


def planned(*parts, originals=None, specs=None, **request):
    world = build.world(BOTH, *parts)
    survey = Survey(world)
    asked = Request(**{"to": "canary", "names": ("shop",), **request})
    found = originals if originals is not None else originals_of(world, **(specs or {}))
    choice = choosing.choose(survey, found, asked, of_flag(survey, asked.to), source_of(survey, asked))
    return migration.plan(survey, found, asked, choice, of_flag(survey, asked.to), NOW)


def only(found):
    (move,) = found.moves
    return move


def ops(step):
    return [json.loads(msgspec.json.encode(op)) for op in step.operations]


def test_labels_change_in_one_patch_that_tests_what_was_read_and_records_it():
    assert ops(only(planned(ENABLED, WEB)).label) == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-of-shop"},
        {"op": "test", "path": "/metadata/labels/istio-injection", "value": "enabled"},
        {"op": "test", "path": "/metadata/labels/istio.io~1rev", "value": None},
        {"op": "remove", "path": "/metadata/labels/istio-injection"},
        {"op": "add", "path": "/metadata/labels/istio.io~1rev", "value": "canary"},
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {
            "op": "add",
            "path": "/metadata/annotations",
            "value": {"kubectl-rev/previous": '{"istio-injection":"enabled"}'},
        },
    ]


def test_the_first_record_is_kept():
    twice = build.ns("shop", "rev=default", **{"kubectl-rev/previous": '{"istio-injection":"enabled"}'})
    paths = [op["path"] for op in ops(only(planned(twice, WEB)).label)]
    assert not any("previous" in path for path in paths)


def test_a_restart_tests_uid_and_template_and_is_kubectls_annotation():
    (restart,) = only(planned(ENABLED, WEB)).restarts
    first, second, last = ops(restart.step)
    assert first == {"op": "test", "path": "/metadata/uid", "value": "uid-of-web"}
    assert (second["op"], second["path"]) == ("test", "/spec/template")
    assert last == {
        "op": "add",
        "path": "/spec/template/metadata/annotations",
        "value": {"kubectl.kubernetes.io/restartedAt": NOW},
    }
    assert (restart.revision, restart.pods, restart.stamp) == ("canary", 2, NOW)


def test_only_what_drifts_is_restarted():
    fine = build.running(build.deployment("fine"), "canary")
    out = build.running(build.deployment("out", text="inject=false"), None)
    move = only(planned(ENABLED, WEB, fine, out))
    assert [restart.name for restart in move.restarts] == ["web"]
    assert move.unchanged == 2


def stamped(kind, name, pods, *, template, pod):
    """A workload whose template and pods carry these restartedAt."""
    made = build.workload(kind, name, annotations={labels.RESTARTED_AT: template} if template else None)
    found = build.running(made, *pods)
    for each in found:
        if isinstance(each, build.Pod):
            each.metadata.annotations.pop(labels.RESTARTED_AT, None)
            if pod:
                each.metadata.annotations[labels.RESTARTED_AT] = pod
    return found


@pytest.mark.parametrize(
    ("label", "template", "pod", "again"),
    [
        pytest.param("rev=canary", "t1", "", False, id="labels right, template newer than the pods: under way"),
        pytest.param("rev=canary", "t1", "t1", True, id="labels right, pods of this template: it must be restarted"),
        pytest.param("rev=canary", "", "", True, id="labels right, never restarted"),
        pytest.param("injection=enabled", "t1", "", True, id="labels change now: what is under way may be of the old"),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_no_workload_is_rolled_twice(kind, label, template, pod, again):
    web = stamped(kind, "web", ["default"], template=template, pod=pod)
    (restart,) = only(planned(build.ns("shop", label), web)).restarts
    assert (restart.step is not None) is again
    assert restart.stamp == (NOW if again else template)


LEFT = {
    "a bare pod": (build.pod("debug", on="default"), {}, "standalone pod: nothing would recreate it"),
    "a CronJob's run": (
        build.running(build.cron_job("report"), "default"),
        {},
        "its next run starts on the new revision; what runs now ends by itself",
    ),
    "a Job": (build.running(build.job("once"), "default"), {}, "a Job is not restarted: its pods run to completion"),
    "paused": (WEB, {"web": {"paused": True}}, "it is paused"),
    "OnDelete": (
        build.running(build.stateful_set("db"), "default"),
        {"db": {"updateStrategy": {"type": "OnDelete"}}},
        "its strategy is OnDelete: pods are replaced when they are deleted",
    ),
    "OnDelete DaemonSet": (
        build.running(build.daemon_set("agent"), "default"),
        {"agent": {"updateStrategy": {"type": "OnDelete"}}},
        "its strategy is OnDelete: pods are replaced when they are deleted",
    ),
    "a partition above all": (
        build.running(build.stateful_set("db", replicas=2), "default", "default"),
        {"db": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}},
        "its partition of 2 keeps all its pods",
    ),
    "an injected gateway": (
        build.running(build.deployment("gw", annotations={labels.TEMPLATES: "gateway"}), "default"),
        {},
        "it is a gateway (injected): only with --include-gateways",
    ),
    "a ReplicaSet alone": (
        build.running(build.replica_set("alone"), "default"),
        {},
        "a ReplicaSet does not replace its pods on a template change: delete them, or use its own command",
    ),
}


@pytest.mark.parametrize("case", LEFT, ids=str)
def test_what_cannot_be_restarted_is_listed_with_the_reason(case):
    parts, specs, why = LEFT[case]
    move = only(planned(ENABLED, parts, specs=specs))
    assert [left.why for left in move.left] == [why]
    assert move.restarts == ()


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_only_what_has_a_pause_that_holds_a_restart_back_is_left(kind):
    """Argo replaces the pods of a paused Rollout too; a new template of one waits."""
    paused = {"web": {"paused": True}}
    move = only(planned(ENABLED, build.running(build.workload(kind, "web"), "default"), specs=paused))
    assert [(left.why, str(left.hint)) for left in move.left] == (
        [("it is paused", "kubectl rollout resume deployment/web -n shop")] if kind == "Deployment" else []
    )
    pinned = build.running(build.workload(kind, "web", text="rev=default"), "default")
    move = only(planned(build.ns("shop"), pinned, specs=paused))
    assert [left.why for left in move.left] == ["it is paused"]


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("StatefulSet", "kubectl rollout restart statefulset/web -n shop"),
        ("Rollout", "kubectl argo rollouts restart web -n shop"),
    ],
)
def test_what_is_not_restarted_has_the_command_of_its_kind(kind, hint):
    move = only(planned(ENABLED, build.running(build.workload(kind, "web"), "default"), restart=False))
    assert [str(left.hint) for left in move.left] == [hint]


def test_a_partition_keeps_some():
    db = build.running(build.stateful_set("db", replicas=3), "default", "default", "default")
    specs = {"db": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}}
    (restart,) = only(planned(ENABLED, db, specs=specs)).restarts
    assert (restart.pods, restart.stays) == (3, 2)


def test_gateways_come_last_in_a_namespace_and_their_namespaces_last_of_all():
    gw = build.running(build.daemon_set("gw", "a", annotations={labels.TEMPLATES: "gateway"}), "default")
    first = build.running(build.stateful_set("zz", "a"), "default")
    other = build.running(build.deployment("web", "b"), "default")
    spaces = [build.ns("a", "injection=enabled"), build.ns("b", "injection=enabled")]
    found = planned(spaces, gw, first, other, names=("a", "b"), include_gateways=True)
    assert [move.namespace for move in found.moves] == ["b", "a"]
    assert [restart.name for restart in found.moves[1].restarts] == ["zz", "gw"]


def test_a_workload_with_a_label_of_its_own_in_a_namespace_without_one_is_moved_by_its_template():
    pinned = build.running(build.deployment("web", text="rev=default", replicas=1), "default")
    move = only(planned(build.ns("shop"), pinned))
    (restart,) = move.restarts
    assert move.label is None
    assert ops(restart.step)[2:] == [
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": {labels.RESTARTED_AT: NOW}},
        {"op": "add", "path": "/spec/template/metadata/labels/istio.io~1rev", "value": "canary"},
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "add", "path": "/metadata/annotations", "value": {"kubectl-rev/previous": '{"istio.io/rev":"default"}'}},
    ]
    assert restart.revision == "canary"


def test_undo_goes_back_to_the_record_and_removes_it_last():
    moved = build.ns("shop", "rev=canary", **{"kubectl-rev/previous": '{"istio-injection":"enabled"}'})
    world = build.world(BOTH, moved, build.running(build.deployment("web"), "canary"))
    found = undo.plan(Survey(world), originals_of(world), Request(names=("shop",)), ["shop"], NOW)
    move = only(found)
    assert [op for op in ops(move.label) if op["op"] != "test"] == [
        {"op": "add", "path": "/metadata/labels/istio-injection", "value": "enabled"},
        {"op": "remove", "path": "/metadata/labels/istio.io~1rev"},
    ]
    assert [restart.revision for restart in move.restarts] == ["default"]
    assert ops(move.close)[-1] == {"op": "remove", "path": "/metadata/annotations/kubectl-rev~1previous"}


def test_undo_without_a_record_touches_nothing():
    world = build.world(BOTH, build.ns("shop", "rev=canary"), WEB)
    found = undo.plan(Survey(world), originals_of(world), Request(names=("shop",)), ["shop"], NOW)
    assert found.moves == ()
    assert found.skipped[0].why == "nothing to undo: it has no annotation kubectl-rev/previous"


SPACES = [
    build.ns("both", "injection=enabled rev=canary"),
    build.ns("bytag", "rev=prod"),
    build.ns("canary", "rev=canary"),
    build.ns("dark"),
    build.ns("disabled", "injection=disabled"),
    build.ns("enabled", "injection=enabled"),
    build.ns("ghost", "rev=1-6-5"),
    build.ns("kube-system", "injection=enabled"),
    build.ns("mesh", "mode=ambient"),
    build.ns("pinned"),
]


def chosen(**request):
    pinned = build.running(build.deployment("web", "pinned", "rev=default"), "default")
    world = build.world(BOTH, build.injector("default", tag="prod"), SPACES, pinned)
    survey, asked = Survey(world), Request(**{"to": "canary", **request})
    return choosing.choose(survey, originals_of(world), asked, of_flag(survey, asked.to), source_of(survey, asked))


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({"everything": True}, "both bytag canary enabled pinned"),
        ({"came_from": "default"}, "both bytag enabled pinned"),
        ({"came_from": "prod"}, "bytag"),
        ({"came_from": "canary"}, "canary"),
        ({"names": ("enabled", "both")}, "enabled both"),
        ({"names": ("dark", "ghost"), "enroll": True}, "dark ghost"),
    ],
    ids=str,
)
def test_which_namespaces_are_chosen(request_, names):
    assert list(chosen(**request_).chosen) == names.split()


def test_those_that_nobody_injects_are_listed_with_the_reason():
    assert {each.namespace: each.why for each in chosen(everything=True).skipped} == {
        "dark": "it has no injection label",
        "disabled": "injection is disabled",
        "ghost": "no injector answers to istio.io/rev=1-6-5 on the namespace",
        "kube-system": "it is Kubernetes' own: istiod never injects there",
        "mesh": "it is ambient",
    }
    assert [each.namespace for each in chosen(names=("dark",)).needs_enroll] == ["dark"]


def test_an_unknown_name_says_what_there_is_and_what_is_near():
    survey = Survey(build.world(BOTH, SPACES))
    with pytest.raises(
        UnknownName, match='revision or tag "canry" not found; available: canary, default; did you mean canary'
    ):
        of_flag(survey, "canry")
    with pytest.raises(Unknown, match='no namespace "enabld"; did you mean enabled'):
        choosing.choose(survey, PatchTargets([]), Request(names=("enabld",)), of_flag(survey, "canary"))


def test_a_namespace_that_is_on_the_target_by_a_tag_is_relabelled_only_when_named():
    world = [build.injector("canary", tag="prod"), build.ns("shop", "rev=prod")]
    assert only(planned(*world, names=(), everything=True)).label is None
    assert only(planned(*world)).after == {"istio.io/rev": "canary"}


def test_a_patch_that_had_no_answer_is_recognised_when_it_was_done():
    label = only(planned(ENABLED, WEB)).label
    done = {
        "metadata": {
            "uid": "uid-of-shop",
            "labels": {"istio.io/rev": "canary", "team": "a"},
            "annotations": {"kubectl-rev/previous": '{"istio-injection":"enabled"}'},
        }
    }
    assert holds(label, done)
    assert not holds(label, {"metadata": {"labels": {"istio-injection": "enabled"}}})
    done["metadata"]["labels"]["istio-injection"] = "enabled"
    assert not holds(label, done)


def test_an_undo_of_a_namespace_that_does_not_exist_says_so():
    survey = Survey(build.world(BOTH, ENABLED))
    with pytest.raises(Unknown, match=r'no namespace "shpo"; did you mean shop\?'):
        undo.named(originals_of(survey.snapshot), survey, Request(names=("shpo",)))
