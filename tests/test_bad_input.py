"""Whatever is wrong with the request or the environment: one clear line, the right exit code, never a traceback."""

import copy
import json
import os
import pty
import subprocess
import sys

import pytest
import yaml

from kubectl_rev.commands import names, query
from kubectl_rev.core.mesh.resources import RESOURCES
from kubectl_rev.errors import ExitCode
from tests.plugin import EXAMPLE, ROOT, call, run

PLUGIN = [sys.executable, str(ROOT / "plugins/kubectl-rev_status")]


def snapshot(*items):
    """What --save would have written of a cluster that has only these and could be read whole."""
    read = [kind.resource for kind in RESOURCES]
    head = {"apiVersion": "kubectl-rev/v1", "kind": "Snapshot", "read": read, "gaps": []}
    return {**head, "items": items, "complete": True}


def kubeconfig(tmp_path, server="https://127.0.0.1:1", context="here", **user):
    """A kubeconfig with one context that leads to `server`."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "secret-token"}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "current-context": context,
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    return {"KUBECONFIG": str(path), "HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--bogus"], "error: no such option"),
        (["-o", "xml"], "error: invalid value for '--output' / '-o': 'xml' is not one of 'table', "),
        (["-v", "loud"], "error: invalid value for '-v' / '--v': want a whole number"),
        (["frobs"], 'error: unknown type "frobs"; use one of revisions, tags, namespaces'),
        (["ns/a", "b"], "error: use either TYPE NAME... or TYPE/NAME..., not both"),
        (["deploy/"], 'error: "deploy/" is not of the form TYPE/NAME'),
        (["-f", EXAMPLE, "secret/x"], 'error: cannot explain kind "secret"; use ns/NAME, pod/NAME'),
        (["-l", "a in"], "error: --selector: "),
        (["--request-timeout", "soon"], "error: invalid duration 'soon' for --request-timeout"),
        (["-w", "-f", EXAMPLE], "error: --watch cannot be used with"),
        (["-f", "/nonexistent.yaml"], "error: "),
        (["-f", EXAMPLE, "--revision", "canry"], 'error: revision or tag "canry" not found; available: '),
        (["-f", EXAMPLE, "ns/shopp"], 'error: namespace "shopp" not found; did you mean shop?'),
        (["-f", EXAMPLE, "ns", "nope"], 'error: namespace "nope" not found'),
        (["-f", EXAMPLE, "deploy/web", "-n", "both2"], 'error: namespace "both2" not found; did you mean both?'),
        (
            ["-f", EXAMPLE, "deploy/wep", "-n", "both"],
            'error: deployment "wep" not found in namespace both; did you mean',
        ),
        (["-f", EXAMPLE, "-n", "shopp"], 'error: namespace "shopp" not found; did you mean shop?'),
        (["-f", EXAMPLE, "-n", "shopp", "-o", "json"], 'error: namespace "shopp" not found; did you mean shop?'),
    ],
    ids=" ".join,
)
def test_bad_usage(arguments, line, tmp_path, monkeypatch):
    for name, value in kubeconfig(tmp_path).items():
        monkeypatch.setenv(name, value)
    code, out, err = call(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(line)
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2  # the message, and where the help is


def test_a_dry_run_of_a_repair_answers_as_the_check_does(tmp_path):
    dump = yaml.safe_load((ROOT / EXAMPLE).read_text())
    path = tmp_path / "dump.yaml"

    def codes():
        path.write_text(yaml.safe_dump(dump))
        ways = ["--check"], ["--dry-run=client"], ["--dry-run=client", "-o", "json"]
        return [call(*way, "-f", str(path), plugin="rev-fix-validation").code for way in ways]

    assert codes() == [ExitCode.OK] * 3
    for each in dump["items"]:
        if each["metadata"]["name"] == "istiod-default-validator":
            each["webhooks"][0]["clientConfig"]["service"]["name"] = "gone"
    assert codes() == [ExitCode.FINDINGS] * 3


@pytest.mark.parametrize("kind", ["workloads", "pods", "gateways", "deploy"])
def test_a_list_of_a_namespace_that_is_not_there_says_so(kind):
    answer = call("-f", EXAMPLE, kind, "-n", "shopp")
    assert (answer.code, answer.out) == (ExitCode.OK, "")
    assert answer.err == (
        'No resources found in shopp namespace.\nnote: namespace "shopp" not found; did you mean shop?\n'
    )
    assert call("-f", EXAMPLE, "gateways", "-n", "shop").err == "No resources found in shop namespace.\n"


@pytest.mark.parametrize(
    ("arguments", "lines", "out"),
    [
        (["ns/shop", "ns/nope", "pod/x"], ['namespace "nope"', 'pod "x"'], "namespace/shop\n"),
        (["ns/nope", "ns/nowhere"], ['namespace "nope"', 'namespace "nowhere"'], ""),
        (["ns", "shop", "nope"], ['namespace "nope"'], "namespace/shop\n"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_hides_nothing_that_is(arguments, lines, out):
    answer = call("-f", EXAMPLE, "-o", "name", *arguments)
    assert (answer.code, answer.out) == (ExitCode.USAGE, out)
    assert answer.err.splitlines() == [f"error: {line} not found" for line in lines]


def test_of_two_one_that_is_there_is_still_a_list():
    answer = call("-f", EXAMPLE, "-o", "json", "ns/shop", "ns/nope")
    assert (answer.code, json.loads(answer.out)["kind"]) == (ExitCode.USAGE, "ExplanationList")


def test_a_tag_among_the_revisions_is_called_one():
    answer = call("-f", EXAMPLE, "revisions", "prod")
    assert (answer.code, answer.out) == (ExitCode.USAGE, "")
    assert answer.err == 'error: revision "prod" not found; it is a tag of revision canary\n'


@pytest.mark.parametrize(
    ("environment", "code", "line"),
    [
        ({"KUBECONFIG": "/nonexistent"}, ExitCode.NO_ANSWER, "error: KUBECONFIG names no file that exists: /non"),
        ({"KUBECONFIG": "."}, ExitCode.NO_ANSWER, "error: "),
    ],
    ids=["absent kubeconfig", "a directory"],
)
def test_no_kubeconfig(environment, code, line, tmp_path):
    answer = run(env={"HOME": str(tmp_path), **environment})
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(line)
    assert len(answer.err.splitlines()) == 1


def test_kubeconfig_that_is_none(tmp_path):
    (tmp_path / "config").write_text("clusters: [1, 2\n")
    answer = run(env={"KUBECONFIG": str(tmp_path / "config")})
    assert answer.code == ExitCode.NO_ANSWER
    assert len(answer.err.splitlines()) == 1


def test_wrong_context_lists_what_there_is(tmp_path):
    code, out, err = run("--context", "ther", env=kubeconfig(tmp_path, context="there"))
    assert (code, out, len(err.splitlines())) == (ExitCode.USAGE, "", 1)
    assert "there" in err


def test_server_down_says_where_and_shows_no_secret(tmp_path):
    code, out, err = run("-v", "6", env=kubeconfig(tmp_path))
    assert (code, out) == (ExitCode.NO_ANSWER, "")
    assert "error: cannot connect to https://127.0.0.1:1: connection refused" in err
    assert "secret-token" not in err


def test_a_dump_with_control_characters_cannot_steer_the_terminal(tmp_path):
    dump = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "a\x1b[31m", "labels": {"istio.io/rev": "x\x9b2J\r\n"}},
            },
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "i\x07", "labels": {"istio.io/rev": "evil\x1b]0;x\x07"}},
                "webhooks": [{"name": "sidecar-injector.istio.io", "clientConfig": {"url": "https://x/inject"}}],
            },
        ],
    }  # fmt: skip
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(dump))
    for arguments in ([], ["ns"], ["-o", "json"], ["-o", "yaml"], ["-o", "name"], ["ns/a\x1b[31m"], ["ns/\x1b"]):
        answer = call("-f", str(path), *arguments)
        assert not {c for c in answer.out + answer.err if c != "\n" and (c < " " or "\x7f" <= c <= "\x9f")}, arguments
    names = [item["name"] for item in json.loads(call("-f", str(path), "ns", "-o", "json").out)["items"]]
    assert names == ["a\x1b[31m"]  # JSON keeps the data, escaped


def test_no_istio_is_no_answer(tmp_path):
    path = tmp_path / "empty.json"
    path.write_text(json.dumps(snapshot()))
    code, out, err = call("-f", str(path))
    assert (code, out) == (ExitCode.NO_ANSWER, "")
    assert err == (
        "error: no Istio here: no control plane and no sidecar injector; "
        "is this the right context? kubectl config get-contexts lists them\n"
    )


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_any_number_of_namespaces(count, tmp_path):
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{i}", "labels": {"istio.io/rev": "ghost"}}}
        for i in range(count)
    ]
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "i", "labels": {"istio.io/rev": "far"}},
        "webhooks": [{"name": "sidecar-injector.istio.io", "clientConfig": {"url": "https://x/inject"}}],
    }
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(snapshot(*spaces, webhook)))
    report = json.loads(call("-f", str(path), "-o", "json").out)
    assert len(report["namespaces"]) == count
    assert sum(finding["code"] == "REV104" for finding in report["findings"]) == count


def test_a_reader_that_leaves_is_no_error(tmp_path):
    """`| head -1` closes the pipe long before all is written."""
    shell = f"{PLUGIN[0]} {PLUGIN[1]} -f {EXAMPLE} -o json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{\n0\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["-o", "json"], ExitCode.NO_ANSWER, "error: cannot write the answer: No space left on device\n"),
        (["--save", "-"], ExitCode.USAGE, "error: cannot write -: no space left on device\n"),
        (["--help"], ExitCode.NO_ANSWER, "error: cannot write the answer: No space left on device\n"),
    ],
)
def test_a_full_disk_is_an_error(arguments, code, line):
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [*PLUGIN, "-f", EXAMPLE, *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, line)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_about_the_answer(closed):
    shell = f"{PLUGIN[0]} {PLUGIN[1]} ns -f {EXAMPLE} {closed}"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False)
    out = "" if ">&-" in closed.replace("2>&-", "") else call("ns", "-f", EXAMPLE).out
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, out, "")


MESH_ONLY = """---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: i, labels: {istio.io/rev: far}}
webhooks: [{name: sidecar-injector.istio.io, clientConfig: {url: "https://x/inject"}}]
"""
NAMESPACE_ONLY = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


@pytest.mark.parametrize("kind", ["deploy", "pods", "workloads", "gateways", "revisions", "tags"])
def test_an_empty_list_of_what_was_not_read_is_no_answer(kind, tmp_path):
    (tmp_path / "dump.yaml").write_text(NAMESPACE_ONLY)
    answer = call(kind, "-f", str(tmp_path / "dump.yaml"))
    assert (answer.code, answer.out) == (ExitCode.NO_ANSWER, "")
    assert answer.err.startswith("error: whether there are any ")
    assert "not in the dump" in answer.err


def test_a_dump_of_nothing_is_not_a_question_of_rights(tmp_path):
    (tmp_path / "dump.yaml").write_text("apiVersion: v1\nkind: List\nitems: []\n")
    answer = call("-f", str(tmp_path / "dump.yaml"))
    assert answer.code == ExitCode.NO_ANSWER
    assert answer.err == (
        "error: namespaces, pods, mutatingwebhookconfigurations.admissionregistration.k8s.io: not in the dump: "
        "is it complete, and the right file?\n"
    )


DEPLOYMENT, STATEFUL_SET = query.Subject("Deployment", "web", "shop"), query.Subject("StatefulSet", "db", "drifted")
NAMES = {
    "namespace/shop\nnamespace/both\n": query.ListQuery("namespaces", None, ("shop", "both")),
    "revision/canary\n": query.ListQuery("revisions", None, ("canary",)),
    "deployment.apps/web -n shop\n": query.SubjectQuery((DEPLOYMENT,)),
    "# two\n\ndeployment.apps/web -n shop\nstatefulset.apps/db -n drifted\n": query.SubjectQuery(
        (DEPLOYMENT, STATEFUL_SET)
    ),
}


@pytest.mark.parametrize("kind", [kind for kind in query.LISTS if kind not in ("revisions", "tags")])
def test_every_name_that_a_list_prints_is_taken(kind, tmp_path):
    """A Gateway without a Deployment, too."""
    dump = yaml.safe_load((ROOT / EXAMPLE).read_text())
    alone = copy.deepcopy(next(each for each in dump["items"] if each["kind"] == "Gateway"))
    alone["metadata"]["name"] = "alone"
    dump["items"].append(alone)
    (tmp_path / "dump.yaml").write_text(yaml.safe_dump(dump))
    (tmp_path / "names").write_text(call(kind, "-A", "-o", "name", "-f", str(tmp_path / "dump.yaml")).out)
    asked = query.of_names(names.opened(str(tmp_path / "names")).names)
    words = (
        asked.names if isinstance(asked, query.ListQuery) else [f"{each.kind}/{each.name}" for each in asked.subjects]
    )
    assert len(words) == len((tmp_path / "names").read_text().splitlines())
    answer = call(*([kind] if isinstance(asked, query.ListQuery) else []), *words, "-f", str(tmp_path / "dump.yaml"))
    assert (answer.code, answer.err) == (ExitCode.OK, "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_as_other_programs_write_them(encoding, tmp_path):
    """PowerShell, for one."""
    (tmp_path / "names").write_text("  # from there\nnamespace/shop\n", encoding=encoding)
    assert [each.name for each in names.opened(str(tmp_path / "names")).names] == ["shop"]


def test_a_pipe_is_read_once():
    """`-f <(kubectl get …)` and `-f /dev/stdin`."""
    shell = f"{PLUGIN[0]} {PLUGIN[1]} ns -f <(cat {EXAMPLE})"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, call("ns", "-f", EXAMPLE).out, "")


def test_a_filter_that_leaves_nothing_is_an_answer(tmp_path):
    (tmp_path / "dump.yaml").write_text(
        f"{NAMESPACE_ONLY}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\n"
        "spec: {template: {metadata: {}, spec: {}}}\n"
    )
    answer = call("deploy", "-l", "no=thing", "-o", "json", "-f", str(tmp_path / "dump.yaml"))
    assert (answer.code, json.loads(answer.out)["items"]) == (ExitCode.OK, [])


@pytest.mark.parametrize("text", NAMES)
def test_what_one_call_names_the_next_takes(text, tmp_path):
    (tmp_path / "names").write_text(text)
    assert query.of_names(names.opened(str(tmp_path / "names")).names) == NAMES[text]


OTHERS = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, ownerReferences: [{kind: Deployment, name: web, controller: true}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: done, namespace: shop}
spec: {template: {metadata: {}, spec: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {}, spec: {}}}
---
apiVersion: v1
kind: Pod
metadata: {name: set-1, namespace: shop, ownerReferences: [{kind: CloneSet, name: set, controller: true}]}
spec: {containers: []}
---
"""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("rs/web-1", 'replicaset "web-1" belongs to deployment/web: ask for that'),
        ("job/done", 'job "done" runs no pods, and none are to come'),
        ("cloneset/other", 'cloneset "other" not found'),
    ],
)
def test_what_is_there_and_no_workload_of_its_own_is_told(asked, said, tmp_path):
    (tmp_path / "dump.yaml").write_text(OTHERS + NAMESPACE_ONLY + MESH_ONLY)
    answer = call(asked, "-f", str(tmp_path / "dump.yaml"))
    assert (answer.code, answer.err) == (ExitCode.USAGE, f"error: {said}\n")


def test_a_controller_of_any_kind_is_explained(tmp_path):
    (tmp_path / "dump.yaml").write_text(OTHERS + NAMESPACE_ONLY + MESH_ONLY)
    answer = call("cloneset/set", "-o", "name", "-f", str(tmp_path / "dump.yaml"))
    assert (answer.code, answer.out) == (ExitCode.OK, "cloneset/set -n shop\n")


def test_names_and_arguments_exclude_each_other(tmp_path):
    (tmp_path / "names").write_text("namespace/shop\n")
    answer = call("ns", "-f", str(tmp_path / "names"))
    assert answer.code == ExitCode.USAGE
    assert answer.err == "error: a list of names with -f cannot be combined with arguments\n"


def on_terminal(columns, *arguments, env=None, plugin="rev-status"):
    """What the plugin writes to a terminal of that width."""
    main, side = pty.openpty()
    size = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm", **(env or {})}
    command = [PLUGIN[0], PLUGIN[1].replace("rev_status", plugin.replace("-", "_")), *arguments]
    child = subprocess.Popen(command, stdout=side, stderr=side, stdin=side, env=size, cwd=ROOT)
    os.close(side)
    written = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        written += chunk
    os.close(main)
    child.wait(timeout=30)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_table_row_wraps_on_a_terminal(columns):
    text = on_terminal(columns, "-f", EXAMPLE, "workloads", "-A")
    assert max(len(line) for line in text.splitlines()) <= columns
    assert (columns < 200) == ("…" in text)


def test_a_shortened_list_says_how_to_see_all_of_it(tmp_path):
    arguments = ["--uninstall", "default", "-f", EXAMPLE]
    shown = on_terminal(200, *arguments, plugin="rev-verify")
    assert "3 objects (daemonset/agent -n drifted, deployment/web -n shop, statefulset/db -n drifted)" in shown
    assert "kubectl rollout restart daemonset/agent statefulset/db -n drifted\n" in shown
    assert shown.count("kubectl rollout restart daemonset/agent statefulset/db -n drifted\n") == 2, (
        "and once in the steps"
    )
    assert ": -o wide shows all\n" in shown
    assert "shows all" not in on_terminal(200, *arguments, "-o", "wide", plugin="rev-verify")
    dump = yaml.safe_load((ROOT / EXAMPLE).read_text())
    validator = next(each for each in dump["items"] if each["metadata"]["name"] == "istiod-default-validator")
    for number in range(9):
        dead = copy.deepcopy(validator)
        dead["metadata"]["name"] = f"istiod-{number}"
        dead["webhooks"][0]["clientConfig"]["service"]["name"] = "gone"
        dump["items"].append(dead)
    path = tmp_path / "dump.yaml"
    path.write_text(yaml.safe_dump(dump))
    arguments = ["--check", "-f", str(path)]
    shown = on_terminal(200, *arguments, plugin="rev-fix-validation")
    assert "9 validatingwebhookconfigurations (istiod-0, istiod-1, istiod-2, …)" in shown
    assert "…" not in on_terminal(200, *arguments, "-o", "wide", plugin="rev-fix-validation")


def test_a_pipe_gets_whole_rows_and_no_colour():
    piped, shown = run("-f", EXAMPLE).out, on_terminal(60, "-f", EXAMPLE)
    assert "\x1b" in shown
    colourless = on_terminal(60, "-f", EXAMPLE, env={"NO_COLOR": "1"})
    assert "\x1b" not in colourless
    assert "█" in shown
    assert "█" in colourless, "the bar is no colour"
    assert "\x1b" not in piped
    assert "…" not in piped
    assert "█" not in piped


@pytest.mark.parametrize(
    ("plugin", "arguments"),
    [
        ("rev-migrate", ["shop", "-n", "both", "--to", "canary", "--dry-run=client"]),
        ("rev-migrate", ["shop", "both", "-n", "shop", "--to", "canary", "--dry-run=client"]),
        ("rev-verify", ["shop", "-n", "both"]),
        ("rev-verify", ["shop", "both", "-n", "shop"]),
    ],
)
def test_namespaces_are_named_in_one_way(plugin: str, arguments: list[str]) -> None:
    """kubectl ignores -n for what is in no namespace; what would be moved must not be a guess."""
    done = call(*arguments, "-f", EXAMPLE, plugin=plugin)
    assert (done.code, done.err) == (2, "error: name namespaces as arguments or with --namespace, not both\n")


def test_the_same_namespace_may_be_named_twice() -> None:
    plan = ("--to", "canary", "--dry-run=client", "-f", EXAMPLE)
    assert call("shop", "-n", "shop", *plan, plugin="rev-migrate") == call("shop", *plan, plugin="rev-migrate")
