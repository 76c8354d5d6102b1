"""What rev-status says around its data: hints that can be copied, and nothing called fine that was not read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.source import Source
from kubectl_rev.core.checks.hints import NO_HINT, Flag, Hint, command, program, sentence
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.status import answers
from kubectl_rev.core.status.explain import of_namespace, of_workload
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.errors import ExitCode
from kubectl_rev.render import explain
from kubectl_rev.render import status as look
from kubectl_rev.render import text as render
from kubectl_rev.render.text import Style, gap_text
from tests.build import control_plane, deployment, injector, ns, running, validator, world
from tests.plugin import EXAMPLE, call

FLAGS = ConnectionFlags(context="c d", user="u", as_user="bob", istio_namespace="mesh", token="secret")
HINTS = {
    command("label", "namespace", "x", "a-"): "kubectl label namespace x a- '--context=c d' --user=u --as=bob",
    program("istioctl", "tag", "set", "t", Flag("-r", "x")): "istioctl tag set t -r x '--context=c d' --as=bob",
    command("rev-status", "ns/x"): (
        "kubectl rev-status ns/x '--context=c d' --user=u --as=bob --istio-namespace=mesh -f 'my dump.yaml'"
    ),
    program("helm", "uninstall", "x"): "helm uninstall x '--kube-context=c d' --kube-as-user=bob",
    sentence("wait for it"): "wait for it",
    NO_HINT: "",
}


@pytest.mark.parametrize(("hint", "printed"), HINTS.items())
def test_a_hint_repeats_what_its_program_knows(hint: Hint, printed: str) -> None:
    assert str(Source(FLAGS, "my dump.yaml", False).repeated(hint)) == printed


def screen(snapshot: Snapshot, style: Style | None = None) -> str:
    return look.overview(answers.overview(Survey(snapshot), MESH_CHECKS), style or Style())


GAP = Gap("list", "pods", "", "forbidden")
SENTENCES = {
    "All 2 namespaces are fine.": world(control_plane(), validator(), ns("a"), ns("b"), ns("istio-system")),
    "2 namespaces: nothing wrong in what could be read.": world(control_plane(), ns("a"), ns("b"), gaps=[GAP]),
    "1 other namespace is fine.": world(control_plane(), validator(), ns("a"), ns("b", "rev=ghost")),
    "1 other namespace: no findings of its own.": world(
        control_plane(), validator(), injector("gone", tag="t"), ns("a"), ns("b", "rev=ghost")
    ),
}


@pytest.mark.parametrize(("sentence", "snapshot"), SENTENCES.items())
def test_fine_is_what_was_read(sentence: str, snapshot: Snapshot) -> None:
    snapshot.namespaces = [each for each in snapshot.namespaces if each.name in ("a", "b")]
    snapshot.pods = [each for each in snapshot.pods if each.namespace in ("a", "b")]
    snapshot.workloads = []
    assert sentence in screen(snapshot).split("\n")


def test_no_namespaces_are_not_all_fine() -> None:
    snapshot = world(control_plane(), gaps=[Gap("list", "namespaces", "", "forbidden")])
    snapshot.pods, snapshot.workloads = [], []
    assert "fine" not in screen(snapshot)


def test_pods_that_were_not_read_are_not_no_pods() -> None:
    survey = Survey(world(control_plane(), ns("shop"), deployment("web"), gaps=[GAP]))
    story = of_workload(survey, next(unit for unit in survey.workloads if unit.name == "web"), MESH_CHECKS)
    text = explain.explanation(story, Style())
    assert "running     not known: the pods could not be read\n" in text
    assert text.endswith("not read    pods (may not list: forbidden)")
    survey = Survey(world(control_plane(), ns("shop")))
    assert explain.explanation(of_namespace(survey, "shop", MESH_CHECKS), Style()).endswith("running     no pods")


def test_a_gap_of_a_dump_forbids_nothing() -> None:
    assert gap_text(Gap("list", "pods", "", "not in the dump")) == "pods (not in the dump)"
    assert gap_text(Gap("list", "pods", "shop", "no")) == "pods in namespace shop (may not list: no)"


WEBHOOKS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
UNSEEN = {
    ("pods",): ("pods", ["pod/x", "po x", "revisions x", "deploy x", "workloads x", "gateways x"]),
    ("namespaces",): ("namespaces", ["ns/x", "ns x"]),
    ("deployments.apps",): ("deployments.apps", ["deploy/x", "deploy x", "workloads x"]),
    (WEBHOOKS,): (WEBHOOKS, ["tags x", "revisions x"]),
}


@pytest.mark.parametrize(
    ("resource", "asked"), [(resource, asked) for resource, many in UNSEEN.values() for asked in many]
)
def test_what_may_not_be_read_is_not_said_to_be_missing(resource: str, asked: str, tmp_path: Path) -> None:
    dump = str(tmp_path / "dump.json")
    snapshot_file.save(
        world(control_plane(), ns("shop"), deployment("web"), gaps=[Gap("list", resource, "", "no")]), dump
    )
    code, out, err = call(*asked.split(), "-f", dump)
    assert (code, out) == (ExitCode.NO_ANSWER, "")
    assert err.startswith("error: whether there is a ")
    assert f'"x" is not known: {resource} (may not list: no)' in err
    snapshot_file.save(world(control_plane(), ns("shop"), deployment("web")), dump)
    assert call(*asked.split(), "-f", dump).code == ExitCode.USAGE, "what was read and is not there is missing"


def test_what_was_not_read_is_no_zero(tmp_path: Path) -> None:
    dump = str(tmp_path / "dump.json")
    full = [control_plane(), injector(tag="prod"), ns("shop", "rev=prod"), deployment("web")]
    snapshot_file.save(world(*full, gaps=[Gap("list", "pods"), Gap("list", "namespaces")]), dump)
    table = call("revisions", "-f", dump, "--no-headers").out.split()
    assert table[-2:] == ["?", "?"]
    assert call("tags", "-f", dump, "--no-headers").out.split()[-1] == "?"
    assert "?" in call("workloads", "-A", "-f", dump, "--no-headers").out.split()
    item = json.loads(call("revisions", "-f", dump, "-o", "json").out)["items"][0]
    assert (item["namespaces"], item["proxies"], item["selected"]) == (None, None, None)
    overview = json.loads(call("-f", dump, "-o", "json").out)
    assert (overview["proxies"], overview["drifted"]) == (None, None)


def test_what_leads_to_the_rest_of_a_long_list_repeats_the_flags() -> None:
    many = [ns(f"n{number}", "rev=ghost") for number in range(30)]
    report = answers.overview(Survey(world(control_plane(), ns("istio-system"), *many)), MESH_CHECKS)
    text = look.overview(report, Style(limit=20), lambda hint: hint.with_flags(lambda _: [Flag("--context=there")]))
    assert "… and 10 more: kubectl rev-status namespaces --context=there\n" in text
    assert "REV104 error    30 namespaces (n0, n1, n10, …)  istio.io/rev=ghost names no revision or tag: " in text


MOVE = [ns("shop", "rev=canary"), *running(deployment("web"), "default", "canary", "canary", "canary")]
BARS = {
    "older to newer": (control_plane("canary", version="1.31.0"), control_plane(version="1.30.3"), "default █"),
    "canary is older: a way back": (control_plane("canary", version="1.29.1"), control_plane(), "canary █"),
    "canary's istiods are gone, and so its version": (control_plane("canary", ready=()), control_plane(), "default █"),
}


@pytest.mark.parametrize(("one", "other", "start"), BARS.values(), ids=BARS.keys())
def test_the_bar_goes_from_the_older_to_the_newer(one: object, other: object, start: str) -> None:
    lines = screen(world(one, other, *MOVE), Style(width=120)).split("\n")
    assert [line for line in lines if line.startswith(start)]


def test_filters_do_not_go_with_a_name() -> None:
    for flags in (["--drifted"], ["-l", "a=b"], ["--revision", "canary"]):
        code, out, err = call("ns/shop", "-f", EXAMPLE, *flags)
        assert (code, out) == (ExitCode.USAGE, "")
        assert err.startswith("error: --selector, --revision and --drifted filter lists")


def test_a_name_in_several_namespaces_is_told_of_each() -> None:
    stories = json.loads(call("deploy/web", "-f", EXAMPLE, "-o", "json").out)["items"]
    found = json.loads(call("deploy", "web", "-A", "-f", EXAMPLE, "-o", "json").out)["items"]
    assert [story["subject"]["namespace"] for story in stories] == [item["namespace"] for item in found]
    assert len(stories) > 1


@pytest.mark.parametrize("kind", ["pods", "workloads", "gateways"])
def test_a_dump_is_narrowed_to_a_namespace(kind: str) -> None:
    def items(*scope: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(call(kind, *scope, "-f", EXAMPLE, "-o", "json").out)["items"]
        return found

    namespace = str(items("-A")[0]["namespace"])
    assert items("-n", namespace) == [item for item in items("-A") if item["namespace"] == namespace]
    assert len(items("-n", namespace)) < len(items("-A"))


def test_a_pod_that_was_meant() -> None:
    names = [item["name"] for item in json.loads(call("pods", "-n", "shop", "-f", EXAMPLE, "-o", "json").out)["items"]]
    err = call(f"pod/{names[0]}x", "-n", "shop", "-f", EXAMPLE).err
    assert "did you mean " in err
    assert err.strip().rpartition(" ")[2].rstrip("?") in names


def test_save_to_stdout_is_the_dump_alone() -> None:
    msgspec.yaml.decode(call("-f", EXAMPLE, "--save", "-").out, type=dict)


# as k8s.io/apimachinery/pkg/util/duration/duration.go writes them
AGES = {
    1: "1s", 70: "70s", 119: "119s", 120: "2m", 190: "3m10s", 600: "10m", 70 * 60: "70m", 190 * 60: "3h10m",
    7 * 3600: "7h", 47 * 3600: "47h", 59 * 3600: "2d11h", 49 * 3600: "2d1h", 8 * 86400: "8d", 71 * 86400: "71d",
    729 * 86400: "729d", 730 * 86400: "2y", 1097 * 86400: "3y2d", 3649 * 86400: "9y",
}  # fmt: skip


@pytest.mark.parametrize(("seconds", "shown"), AGES.items())
def test_ages_are_kubectls(seconds: int, shown: str) -> None:
    created = datetime(2020, 2, 3, tzinfo=UTC)
    taken = (created + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert render.age("2020-02-03T00:00:00Z", taken) == shown


@pytest.mark.parametrize(
    ("created", "taken"), [(None, "2020-02-03T00:00:00Z"), ("2020-02-03T00:00:00Z", ""), ("x", "y")]
)
def test_an_age_that_nothing_tells(created: str | None, taken: str) -> None:
    assert render.age(created, taken) == "<unknown>"


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    assert render.age("2020-02-03T00:00:05Z", "2020-02-03T00:00:00Z") == "0s"
