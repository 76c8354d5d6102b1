"""kubectl rev-verify without a cluster: dumps, formats, the catalogue, usage."""

from __future__ import annotations

import copy
import json
from xml.etree import ElementTree

import pytest
import yaml

from kubectl_rev.commands import catalogue
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.hints import command, program
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.mesh.installers import Condition, Status
from kubectl_rev.core.mesh.objects import OwnerReference
from kubectl_rev.core.mesh.removal_method import Method
from kubectl_rev.core.migration.checks.preflight import CHECKS as PREFLIGHT
from kubectl_rev.core.remedies.advice import FIX
from kubectl_rev.core.remedies.uninstall import Command
from kubectl_rev.core.verification.connections import Asked
from kubectl_rev.core.verification.leftovers import Leftover
from kubectl_rev.core.verification.verify import MOVE, UNINSTALL, GapItem, Verdict, Verification
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.errors import ExitCode
from kubectl_rev.render import verify as look
from kubectl_rev.render.text import Style
from tests.build import control_plane, sail, world
from tests.plugin import EXAMPLE, ROOT, Result, call, run

CODES = sorted(check.code for check in (*MESH_CHECKS, *MOVE, *UNINSTALL))


def verify(*arguments: str, stdin: str = "") -> Result:
    return run(*arguments, plugin="rev-verify", stdin=stdin) if stdin else call(*arguments, plugin="rev-verify")


@pytest.fixture(scope="module")
def uninstall() -> dict:
    done = verify("-f", EXAMPLE, "--uninstall", "default", "-o", "json")
    assert (done.code, done.err) == (ExitCode.FINDINGS, "")
    return json.loads(done.out)


def test_a_dump_tells_all_but_the_connections(uninstall):
    assert (uninstall["apiVersion"], uninstall["kind"]) == ("kubectl-rev/v1", "Verification")
    assert uninstall["verdict"] == "NOT SAFE"
    assert {"REV302", "REV306"} <= {finding["code"] for finding in uninstall["findings"]}
    assert "connections" in {gap["kind"] for gap in uninstall["gaps"]}
    assert {finding["breaks"] for finding in uninstall["findings"] if finding["code"] == "REV306"} == {"no sidecar"}


def test_yaml_is_the_same_document(uninstall):
    assert yaml.safe_load(verify("-f", EXAMPLE, "--uninstall", "default", "-o", "yaml").out) == uninstall


def test_a_dump_on_standard_input_is_the_same(uninstall):
    uninstall = copy.deepcopy(uninstall)
    text = (ROOT / EXAMPLE).read_text()
    said = json.loads(verify("-f", "-", "--uninstall", "default", "-o", "json", stdin=text).out)
    for finding in (*said["findings"], *uninstall["findings"]):
        finding["hint"] = finding["hint"].partition(" -f ")[0]  # it repeats where the dump is
    assert said == uninstall


def test_every_check_has_a_row_and_a_status(uninstall):
    assert [check["code"] for check in uninstall["checks"]] == [check.code for check in UNINSTALL]
    for check in uninstall["checks"]:
        found = [f for f in uninstall["findings"] if f["code"] == check["code"]]
        assert len(found) == check["findings"]
        assert (check["status"] in ("ok", "unknown")) == (not found)


def test_the_text_says_what_json_says(uninstall):
    done = verify("-f", EXAMPLE, "--uninstall", "default")
    last = done.out.splitlines()[-1]
    assert done.code == ExitCode.FINDINGS
    assert last.startswith("NOT SAFE to uninstall revision default")
    for finding in uninstall["findings"]:
        assert finding["message"] in done.out


def test_names_are_what_the_next_command_takes():
    lines = verify("-f", EXAMPLE, "--uninstall", "default", "-o", "name").out.splitlines()
    assert any(line.startswith("namespace/") for line in lines)
    assert len(lines) == len(set(lines))
    assert all(line.startswith("namespace/") or " -n " in line for line in lines)


def test_junit_has_a_case_for_each_check_and_for_the_verdict(uninstall):
    suite = ElementTree.fromstring(verify("-f", EXAMPLE, "--uninstall", "default", "-o", "junit").out)
    failed = [case for case in suite if case.find("failure") is not None]
    assert int(suite.get("tests")) == len(suite) == len(UNINSTALL) + 1
    assert int(suite.get("failures")) == len(failed)
    errors = {check["code"] for check in uninstall["checks"] if check["status"] == "error"}
    assert {case.get("name").split()[0] for case in failed} == errors | {"verdict"}


def test_junit_says_what_the_table_says(uninstall):
    suite = ElementTree.fromstring(verify("-f", EXAMPLE, "--uninstall", "default", "-o", "junit").out)
    text = "".join(suite.itertext())
    for finding in uninstall["findings"]:
        subject = finding["subject"]
        where = f" -n {subject['namespace']}" if subject["namespace"] else ""
        assert f"{subject['kind'].lower()}/{subject['name']}{where}  {finding['message']}\n" in text
        assert finding["hint"] in text


def report(**more) -> Verification:
    asked = Asked(2, 0, 0)
    return Verification(
        **{"verdict": Verdict.UNKNOWN, "revision": "old", "namespaces": [], "istiods": asked, "checks": [],
           "findings": [], "gaps": [], "accepted": [], "skipped": [], **more}
    )  # fmt: skip


def test_a_comment_stands_beside_a_command_or_above_it():
    """On a narrow terminal too a command is one line, to be copied."""
    behind = [
        Leftover(Ref("Service", "istio-system", "a"), "Service of tag prod", command("delete", "service", "a" * 40)),
        Leftover(Ref("Tag", "", "b"), "tag b", program("istioctl", "tag", "remove", "b")),
    ]
    given = report(leftovers=behind, commands=[Command(program("istioctl", "uninstall"))], method=Method.ISTIOCTL)
    wide, narrow = (look.verification(given, Style(width=width)).splitlines() for width in (200, 80))
    assert f"  istioctl tag remove b{' ' * 45}# tag b" in wide
    assert narrow[-6:-2] == [
        "  # Service of tag prod",
        f"  kubectl delete service {'a' * 40}",
        "  # tag b",
        "  istioctl tag remove b",
    ]
    assert max(map(len, narrow)) <= 80


def test_a_right_that_several_things_lack_is_named_once():
    grants = ["Role x", "Role x", "Role y"]
    gaps = [
        GapItem("connections", "create", "pods/portforward", "istio-system", f"istiod {n}", grant, False)
        for n, grant in enumerate(grants)
    ]
    lines = look.verification(report(gaps=gaps), Style()).splitlines()
    assert [line.strip() for line in lines if "Role" in line] == ["Role x", "Role y"]


def test_an_explanation_fits_the_terminal():
    text = look.explanation(catalogue.find("REV304"), FIX["REV304"], Style(width=60))
    assert max(map(len, text.splitlines())) <= 60
    assert " ".join(text.split()) == " ".join(verify("--explain", "REV304").out.split())


def test_plain_verify_of_a_dump():
    done = verify("-f", EXAMPLE, "-o", "json")
    said = json.loads(done.out)
    assert (done.code, said["verdict"], said["method"]) == (ExitCode.FINDINGS, "INCOMPLETE", None)
    one = json.loads(verify("billing", "-f", EXAMPLE, "-o", "json").out)
    assert {f["subject"]["namespace"] or f["subject"]["name"] for f in one["findings"]} <= {"billing"}


def test_accepting_what_is_no_gap_is_noted():
    done = verify("-f", EXAMPLE, "--uninstall", "default", "--accept-gap", "vm", "--accept-gap", "connections")
    assert done.err == "note: --accept-gap vm accepts nothing: there is no such gap\n"
    assert done.out.splitlines()[-1].endswith("accepted without knowing: connections.")


def test_a_dump_tells_what_sail_counts_on_or_that_it_is_missing():
    """A revision that Sail owns: without its IstioRevision in the dump, nobody knows whether it is in use."""
    canary = control_plane("canary")
    for each in canary:
        each.metadata.owner_references += [OwnerReference(kind="IstioRevision", name="canary")]
    in_use = Status(conditions=(Condition(type="InUse", status="True", message="2 namespaces"),))
    mesh = world(control_plane(), canary, sail("IstioRevision", "canary", status=in_use))
    items = json.loads(snapshot_file.encode(mesh, as_json=True))["items"]
    found = {}
    for kept in (items, [item for item in items if item["kind"] != "IstioRevision"]):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": kept})
        said = json.loads(verify("-f", "-", "--uninstall", "canary", "-o", "json", stdin=text).out)
        (check,) = [check for check in said["checks"] if check["code"] == "REV316"]
        gaps = [gap["resource"] for gap in said["gaps"] if "sailoperator.io" in gap["resource"]]
        found[len(kept)] = (said["method"], check["status"], gaps)
    assert list(found.values()) == [
        ("sail", "error", []),
        ("sail", "unknown", ["istiorevisions.sailoperator.io"]),
    ]


def test_a_dump_knows_nothing_of_what_is_elsewhere(uninstall):
    """Accepting the connections alone does not make it safe: VMs and other clusters are seen by them only."""
    assert {gap["kind"] for gap in uninstall["gaps"]} == {"connections", "method", "remote-clusters", "vms"}


def test_since_tells_what_changed_and_nothing_when_nothing_did(tmp_path):
    before = tmp_path / "before.yaml"
    done = verify("-f", EXAMPLE, "--save", str(before))
    assert done.err.endswith(f"saved to {before}\n")
    assert json.loads(verify("-f", EXAMPLE, "--since", str(before), "-o", "json").out)["since"] == []
    text = before.read_text().replace("istio.io/rev: canary", "istio.io/rev: elsewhere", 1)
    before.write_text(text)
    changes = json.loads(verify("-f", EXAMPLE, "--since", str(before), "-o", "json").out)["since"]
    assert changes
    assert all(change["before"] != change["now"] for change in changes)
    assert "Since then:" in verify("-f", EXAMPLE, "--since", str(before)).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--uninstall", "1-6-5"], 'error: revision "1-6-5" not found; available: canary, default\n'),
        (["--uninstall", "canry"], "did you mean canary?"),
        (["--uninstall", "default", "--revision", "canary"], "cannot be used together"),
        (["--uninstall", "default", "shop"], "takes no namespaces"),
        (["--by", "helm"], "requires --uninstall"),
        (["--revision", "nope"], 'revision or tag "nope" not found'),
        (["nowhere"], 'namespace "nowhere" not found'),
        (["--check", "REV999"], 'unknown check "REV999"'),
        (["--explain", "REV31"], "did you mean"),
        (["--wait"], "--wait requires a cluster"),
        (["--fail-on", "info"], "fail-on"),
    ],
)
def test_usage_errors_are_one_line_and_2(arguments, says):
    done = verify(*arguments, "-f", EXAMPLE)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_the_catalogue_is_whole_and_codes_are_used_once():
    assert len(set(CODES)) == len(CODES)
    preflight = {check.code for check in PREFLIGHT}
    assert {*CODES, *preflight} == set(FIX)
    assert not preflight & set(CODES), "rev-verify does not run them"
    done = verify("--list-checks")
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == CODES
    listed = json.loads(verify("--list-checks", "-o", "json").out)
    assert [item["code"] for item in listed["items"]] == CODES


@pytest.mark.parametrize("check", [*MESH_CHECKS, *MOVE, *UNINSTALL, *PREFLIGHT], ids=lambda check: check.code)
def test_a_code_is_explained(check):
    """What, why, how to mend it, and where that is from: of every row."""
    title, *rows = verify("--explain", check.code.lower()).out.splitlines()
    assert title == f"{check.code} ({check.severity.value}): {check.title}"
    assert [row.split()[0] for row in rows] == ["why", "fix", "source"]
    assert all(row.split()[1:] for row in rows)


def test_the_rbac_that_it_needs_is_for_the_namespace_of_istiod():
    documents = list(yaml.safe_load_all(verify("--rbac", "--istio-namespace", "mesh").out))
    assert [each["kind"] for each in documents] == ["ClusterRole", "Role", "Role"]
    assert {each["metadata"].get("namespace") for each in documents} == {None, "mesh"}
    verbs = {verb for each in documents for rule in each["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "create"}


def test_help_shows_examples_and_every_exit_code():
    text = verify("--help").out
    assert text.index("Examples:") < text.index("Options:") < text.index("Usage:\n  kubectl rev-verify")
    for code in ExitCode:
        assert f"  {code.value:>3}  {code.means}\n" in text
