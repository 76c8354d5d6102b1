"""Twenty namespaces with everything in them: only what should move moves, and nothing else is touched."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do

pytestmark = pytest.mark.cluster

# What is left out of the comparison of objects outside of the plan: controllers write status all the time.
KINDS = "namespaces,deployments,statefulsets,daemonsets,cronjobs,jobs,services,configmaps"
UNTOUCHED = f"{KINDS},mutatingwebhookconfigurations"
MOVE = ("by-enabled by-rev by-tag both all-kinds opt-outs pinned gateways half empty jobs strategies").split()
STAY = ["on-canary", "on-canary-tag", "dark", "disabled", "ghost", "ambient", "other-value", "drifted-elsewhere"]
ENABLED = {"injection": "enabled"}


def objects():
    pause = {"spec": {"paused": True}}
    gateway = {"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"inject.istio.io/templates": "gateway"}}
    return [
        do.namespace("by-enabled", **ENABLED),
        do.workload("Deployment", "by-enabled", "web", replicas=2),
        do.namespace("by-rev", rev="default"),
        do.workload("Deployment", "by-rev", "web"),
        do.namespace("by-tag", rev="prod"),
        do.workload("Deployment", "by-tag", "web"),
        do.namespace("both", rev="canary", **ENABLED),
        do.workload("Deployment", "both", "web"),
        do.namespace("all-kinds", **ENABLED),
        do.workload("Deployment", "all-kinds", "deploy"),
        do.workload("StatefulSet", "all-kinds", "sts", replicas=2),
        do.workload("DaemonSet", "all-kinds", "ds"),
        do.cron_job("all-kinds", "cron"),
        do.bare_pod("all-kinds", "bare"),
        do.namespace("opt-outs", **ENABLED),
        do.workload("Deployment", "opt-outs", "label", labels={"sidecar.istio.io/inject": "false"}),
        do.workload("Deployment", "opt-outs", "annotation", annotations={"sidecar.istio.io/inject": "false"}),
        do.workload("Deployment", "opt-outs", "web"),
        do.namespace("pinned"),
        do.workload("Deployment", "pinned", "rev", labels={"istio.io/rev": "default"}),
        do.workload("Deployment", "pinned", "inject", labels={"sidecar.istio.io/inject": "true"}),
        do.workload("Deployment", "pinned", "tocanary", labels={"istio.io/rev": "canary"}),
        do.workload("Deployment", "pinned", "none"),
        do.namespace("gateways", **ENABLED),
        do.workload("Deployment", "gateways", "gw", **gateway),
        do.workload("Deployment", "gateways", "web"),
        do.gateway("gateways", "edge", rev="default"),
        do.in_place_gateway("gateways", "ingress", "default"),
        do.namespace("half", **ENABLED),
        do.workload("Deployment", "half", "web", replicas=2),
        do.namespace("empty", **ENABLED),
        do.namespace("jobs", **ENABLED),
        do.job("jobs", "running"),
        do.namespace("strategies", **ENABLED),
        do.workload("Deployment", "strategies", "recreate", spec={"strategy": {"type": "Recreate"}}),
        do.workload("Deployment", "strategies", "paused", **pause),
        do.workload("Deployment", "strategies", "zero", replicas=0),
        do.workload("StatefulSet", "strategies", "ondelete", spec={"updateStrategy": {"type": "OnDelete"}}),
        do.workload("DaemonSet", "strategies", "dsondelete", spec={"updateStrategy": {"type": "OnDelete"}}),
        do.workload(
            "StatefulSet",
            "strategies",
            "partitioned",
            replicas=3,
            spec={"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
        ),
        do.namespace("on-canary", rev="canary"),
        do.workload("Deployment", "on-canary", "web"),
        do.namespace("on-canary-tag", rev="next"),
        do.workload("Deployment", "on-canary-tag", "web"),
        do.namespace("dark"),
        do.workload("Deployment", "dark", "web"),
        do.namespace("disabled", injection="disabled"),
        do.workload("Deployment", "disabled", "web"),
        do.namespace("ghost", rev="1-6-5"),
        do.workload("Deployment", "ghost", "web"),
        do.namespace("ambient", mode="ambient"),
        do.workload("Deployment", "ambient", "web"),
        do.namespace("other-value", injection="yes"),
        do.workload("Deployment", "other-value", "web"),
        do.namespace("drifted-elsewhere", **ENABLED),
        do.workload("Deployment", "drifted-elsewhere", "web"),
    ]


@pytest.fixture(scope="module")
def world(cluster):
    cluster.reset("istioctl")
    cluster.istioctl("tag", "set", "prod", "--revision", "default")
    cluster.istioctl("tag", "set", "next", "--revision", "canary")
    do.gateway_api(cluster)
    paused = {"Deployment": {"strategies/paused"}}
    everything = objects()
    for each in everything:
        each.get("spec", {}).pop("paused", None) if each["kind"] in paused else None
    cluster.apply(*everything)
    cluster.wait_until(
        "the Deployment of Gateway edge",
        lambda: (
            cluster.run("kubectl", "get", "deployment", "edge-istio", "-n", "gateways", check=False).returncode == 0
        ),
    )
    do.settled(cluster, *MOVE, *STAY)
    cluster.kubectl("rollout", "pause", "deployment/paused", "-n", "strategies")
    # One that drifts, and is on canary by its label: its pods were made before the label.
    cluster.kubectl("label", "namespace", "drifted-elsewhere", "istio-injection-", "istio.io/rev=canary")
    # One of two pods of `half` is on canary already, as after an interrupted move that was taken back.
    cluster.kubectl("label", "namespace", "half", "istio-injection-", "istio.io/rev=canary")
    name = do.pods(cluster, "half")[0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", name, "-n", "half")
    do.settled(cluster, "half")
    cluster.kubectl("label", "namespace", "half", "istio-injection=enabled", "istio.io/rev-")
    yield cluster
    do.remove(cluster, *MOVE, *STAY)


def versions(cluster, *spaces):
    """The resourceVersions of everything but pods and their like; of workloads the generation, since status moves."""
    found = {}
    for each in cluster.items(UNTOUCHED, "-A"):
        meta = each["metadata"]
        if "control-plane.alpha.kubernetes.io/leader" in meta.get("annotations", {}):
            continue  # an istiod's leader election, renewed every few seconds
        key = f"{each['kind']}/{meta.get('namespace', '')}/{meta['name']}"
        if "generation" in meta and "status" in each:
            found[key] = (meta["generation"], json.dumps(meta.get("annotations", {}), sort_keys=True))
        else:
            found[key] = meta["resourceVersion"]
    return found


def uids_of(cluster):
    return {space: do.uids(cluster, space) for space in [*MOVE, *STAY, "istio-system"]}


def test_all_that_is_injected_and_the_skipped_with_their_reason(world):
    plan = do.answer(world, "-A", "--to", "canary", "--dry-run=client")
    skipped = {each["namespace"]: each["why"] for each in plan["skipped"]}
    assert {space: skipped[space] for space in ("dark", "disabled", "ambient", "other-value", "ghost")} == {
        "dark": "it has no injection label",
        "disabled": "injection is disabled",
        "ambient": "it is ambient",
        "other-value": "the namespace says istio-injection=yes",
        "ghost": "no injector answers to istio.io/rev=1-6-5 on the namespace",
    }
    drifted = [move for move in plan["moves"] if move["namespace"] == "drifted-elsewhere"]
    assert [restart["name"] for restart in drifted[0]["restarts"]] == ["web"]


def test_only_what_should_move_moves(world):
    before, uids, labels = versions(world), uids_of(world), {s: do.metadata(world, s) for s in MOVE + STAY}
    done = do.migrate(world, "--from", "default", "--to", "canary", "--yes", "-o", "json", timeout=300)
    assert done.returncode == ExitCode.OK, done.stderr
    result = json.loads(done.stdout)
    after, now = versions(world), uids_of(world)

    moved = {
        "by-enabled": {"web": {"canary"}},
        "by-rev": {"web": {"canary"}},
        "by-tag": {"web": {"canary"}},
        "both": {"web": {"canary"}},
        "all-kinds": {"deploy": {"canary"}, "sts": {"canary"}, "ds": {"canary"}, "bare": {"default"}},
        "opt-outs": {"label": {None}, "annotation": {None}, "web": {"canary"}},
        "pinned": {"rev": {"canary"}, "inject": {"canary"}, "tocanary": {"canary"}, "none": {None}},
        # `edge` (rendered, by its own label) and `ingress` (in place) say nothing of who injected them: nobody did.
        "gateways": {"gw": {"default"}, "web": {"canary"}, "": {None}, "ingress": {None}},
        "half": {"web": {"canary"}},
        "empty": {},
        "jobs": {"running": {"default"}},
        "strategies": {
            "recreate": {"canary"},
            "paused": {"default"},
            "ondelete": {"default"},
            "dsondelete": {"default"},
            "partitioned": {"default", "canary"},
        },
    }
    assert {space: do.by_workload(world, space) for space in MOVE} == moved

    rolled = {(space, app) for space in uids for app in uids[space] if now[space].get(app) != uids[space][app]}
    assert rolled == {
        ("by-enabled", "web"), ("by-rev", "web"), ("by-tag", "web"), ("both", "web"), ("all-kinds", "deploy"),
        ("all-kinds", "sts"), ("all-kinds", "ds"), ("opt-outs", "web"), ("pinned", "rev"), ("pinned", "inject"),
        ("gateways", "web"), ("half", "web"), ("strategies", "recreate"), ("strategies", "partitioned"),
        ("drifted-elsewhere", "web"),  # its label is right, and its pod runs on default
    }  # fmt: skip
    kept = now["strategies"]["partitioned"] & uids["strategies"]["partitioned"]
    assert len(kept) == 2

    touched = {key for key in before if after.get(key) != before[key]}
    kinds = {"sts": "StatefulSet", "ds": "DaemonSet", "partitioned": "StatefulSet"}
    assert touched == {f"Namespace//{space}" for space in MOVE if space != "pinned"} | {
        f"{kinds.get(app, 'Deployment')}/{space}/{app}" for space, app in rolled
    }
    left = {f"{each['namespace']}/{each['name']}" for each in result["left"]}
    assert left == {
        "all-kinds/bare", "gateways/gw", "gateways/ingress", "gateways/edge-istio", "jobs/running",
        "strategies/paused", "strategies/ondelete", "strategies/dsondelete",
    }  # fmt: skip

    assert result["complete"]
    assert not result["allMoved"]
    generations = do.generations(world, *MOVE)
    again = do.migrate(world, *MOVE, "--to", "canary", "--yes", timeout=300)
    assert again.returncode == ExitCode.OK, again.stderr
    strict = do.migrate(world, "all-kinds", "--to", "canary", "--yes", "--require-all", timeout=300)
    assert strict.returncode == ExitCode.INCOMPLETE, strict.stderr
    assert do.migrate(world, "by-rev", "--to", "canary", "--yes", "--require-all").returncode == ExitCode.OK
    assert do.generations(world, *MOVE) == generations

    back = do.migrate(world, "--undo", *MOVE, "--yes", timeout=300)
    assert back.returncode == ExitCode.OK, back.stderr
    assert {space: do.metadata(world, space) for space in MOVE + STAY} == labels
    templates = {
        (each["metadata"]["name"]): each["spec"]["template"]["metadata"]["labels"].get("istio.io/rev")
        for each in world.items("deployments", "-n", "pinned")
    }
    assert templates == {"rev": "default", "inject": None, "tocanary": "canary", "none": None}
    assert do.by_workload(world, "pinned")["rev"] == {"default"}
    assert do.by_workload(world, "by-tag") == {"web": {"default"}}


def test_gateways_go_last_when_they_are_included(world):
    done = do.migrate(world, "gateways", "by-rev", "--to", "canary", "--include-gateways", "--yes", timeout=300)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "REV423 warning  deployment/gw -n gateways  1 pod of this gateway (injected) will be replaced" in done.stderr
    said = [line for line in done.stderr.splitlines() if line.endswith(" restarted")]
    assert said[-1] == "deployment.apps/gw -n gateways restarted"
    assert do.by_workload(world, "gateways")["gw"] == {"canary"}


def test_a_tag_is_a_target_and_is_called_one(world):
    done = do.migrate(world, "by-rev", "--to", "next", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "To tag next (revision canary): 1 namespace" in done.stderr or "namespace/by-rev labeled" in done.stderr
    assert do.metadata(world, "by-rev")["labels"]["istio.io/rev"] == "next"


def test_an_unknown_target_lists_what_there_is(world):
    done = do.migrate(world, "by-rev", "--to", "canry", "--yes")
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == (
        'error: revision or tag "canry" not found; available: canary, default, next, prod; did you mean canary?\n'
    )


def test_names_come_through_a_pipe_and_a_dump_is_planned_without_a_cluster(world):
    names = world.kubectl("get", "namespaces", "by-enabled", "by-tag", "-o", "name")
    piped = do.migrate(world, "-f", "-", "--to", "canary", "--dry-run=client", "-o", "name", input=names)
    assert piped.returncode == ExitCode.OK, piped.stderr
    kinds = f"{KINDS},pods,replicasets,endpointslices"
    dump = world.kubectl(
        "get", f"{kinds},mutatingwebhookconfigurations,validatingwebhookconfigurations", "-A", "-o", "yaml"
    )
    live = do.migrate(world, "by-enabled", "by-tag", "--to", "canary", "--dry-run=client")
    offline = do.migrate(world, "by-enabled", "by-tag", "--to", "canary", "--dry-run=client", "-f", "-", input=dump)
    assert offline.returncode == ExitCode.OK, offline.stderr
    assert offline.stdout == live.stdout
    refused = do.migrate(world, "by-enabled", "--to", "canary", "-f", "-", "--yes", input=dump)
    assert refused.returncode == ExitCode.USAGE


def test_server_dry_run_writes_nothing(world):
    before = do.metadata(world, "half"), do.generations(world, "half")
    done = do.migrate(world, "half", "--to", "canary", "--dry-run=server", "-o", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "namespace/half labeled (server dry run)" in done.stderr
    assert "deployment.apps/web restarted (server dry run)" in done.stderr
    result = json.loads(done.stdout)
    assert result["dryRun"] == "server"
    assert [(each["name"], each["what"]) for each in result["outcomes"]] == [("half", "labeled"), ("web", "restarted")]
    assert (do.metadata(world, "half"), do.generations(world, "half")) == before
