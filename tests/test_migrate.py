"""rev-migrate without a cluster: plans made of dumps, and what it refuses."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.plugin import EXAMPLE, ROOT, call, run

PLAN = ("--from", "default", "--to", "canary", "--dry-run=client")


def migrate(*arguments, **more):
    return run(*arguments, plugin="rev-migrate", **more) if more else call(*arguments, plugin="rev-migrate")


@pytest.fixture(scope="module")
def planned():
    return migrate(*PLAN, "-f", EXAMPLE)


def test_a_file_a_pipe_and_a_directory_are_planned_alike(planned, tmp_path):
    text = (ROOT / EXAMPLE).read_text()
    (tmp_path / "mesh.yaml").write_text(text)
    (tmp_path / "notes.txt").write_text("not a manifest")
    assert planned.code == ExitCode.OK
    assert planned.out.startswith("To revision canary: 7 namespaces, 6 workloads to restart\n")
    for given, more in (("-", {"stdin": text}), (str(tmp_path), {})):  # a command that is printed repeats the file
        alike = migrate(*PLAN, "-f", given, **more)
        assert (alike.code, alike.out) == (planned.code, planned.out)
        assert alike.err.replace(f" -f {given}", "") == planned.err.replace(f" -f {EXAMPLE}", "")


def test_what_a_dump_cannot_tell_is_named_in_words_and_in_json(planned):
    assert planned.err.splitlines()[-1] == (
        "Not checked (not in the dump): mesh config of canary (trust domain, mesh ID, discovery selectors), "
        "mesh config of default (trust domain, mesh ID, discovery selectors), "
        "permissions"
    )
    plan = json.loads(migrate(*PLAN, "-f", EXAMPLE, "-o", "json").out)
    mesh = "mesh config of default (trust domain, mesh ID, discovery selectors)"
    assert {"verb": "get", "resource": mesh, "namespace": "", "reason": "not in the dump"} in plan["gaps"]
    assert plan["kind"] == "Plan"
    assert {"verb": "list", "resource": "permissions", "namespace": "", "reason": "not in the dump"} in plan["gaps"]


def test_without_injectors_nobody_knows_where_it_leads(tmp_path):
    (tmp_path / "ns.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n"
    )
    found = migrate("shop", "--to", "canary", "--dry-run=client", "-f", str(tmp_path))
    assert (found.code, found.out) == (ExitCode.NO_ANSWER, "")
    assert found.err == (
        "error: mutatingwebhookconfigurations.admissionregistration.k8s.io are not in the dump: "
        "who injects is not known\n"
    )


def test_the_plan_as_names_is_what_the_next_command_takes(planned):
    names = migrate(*PLAN, "-f", EXAMPLE, "-o", "name").out
    assert names.splitlines()[:2] == ["namespace/both", "deployment.apps/web -n both"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shop", "--to", "canary", "-f", EXAMPLE], "a dump can only be planned with: say --dry-run=client"),
        (["shop"], "where to? say --to REVISION or --to TAG, or --undo"),
        (["--to", "canary"], "which namespaces? name them, or say --from REVISION, --selector or --all-namespaces"),
        (["deploy/web", "--to", "canary"], '"deploy/web" is no namespace: a migration moves whole namespaces'),
        (["a", "-A", "--to", "canary"], "names, --selector and --all-namespaces exclude each other"),
        (["a", "--undo", "--to", "b"], "--undo goes back to what was recorded: it takes no --to, --from or --enroll"),
        (["a", "--to", "b", "--max-parallel", "0"], "--max-parallel takes one number or two, as in 1,10; not '0'"),
        (["nope", *PLAN[2:], "-f", EXAMPLE], 'no namespace "nope"'),
        (["--undo", "nope", "--dry-run=client", "-f", EXAMPLE], 'no namespace "nope"'),
        (["shop", "--to", "canry", "--dry-run=client", "-f", EXAMPLE],
         'revision or tag "canry" not found; available: canary, default, prod; did you mean canary?'),
    ],
)  # fmt: skip
def test_bad_requests_get_one_line_and_change_nothing(arguments, says):
    found = migrate(*arguments)
    assert (found.code, found.out, found.err) == (ExitCode.USAGE, "", f"error: {says}\n")


HALF = ("--to", "canary", "--dry-run=client", "-f", EXAMPLE)


def moves(*arguments):
    """By namespace: what is restarted."""
    plan = json.loads(migrate(*arguments, *HALF, "-o", "json").out)
    return {move["namespace"]: [restart["name"] for restart in move["restarts"]] for move in plan["moves"]}


@pytest.mark.parametrize(
    "selection",
    ["shop", "-l kubernetes.io/metadata.name=shop", "-l kubernetes.io/metadata.name=shop --from default"],
)
def test_a_run_that_was_cut_off_is_taken_up_by_any_selection(selection):
    """Shop is labelled for canary, and two of its pods run on default."""
    assert moves(*selection.split()) == {"shop": ["web"]}


def test_an_empty_list_is_nothing_to_do():
    for text in ("", "\n\n"):
        found = migrate("-f", "-", "--to", "canary", "--yes", stdin=text)
        assert (found.code, found.out, found.err) == (ExitCode.OK, "", "No namespaces to move\n")
    result = json.loads(migrate("-f", "-", "--to", "canary", "--yes", "-o", "json", stdin="").out)
    assert (result["complete"], result["allMoved"], result["outcomes"]) == (True, True, [])
    assert migrate("-f", "-", "--yes", stdin="").code == ExitCode.USAGE


def test_what_stays_is_no_failure_unless_all_is_required():
    """Of reviews a bare pod stays; of shop nothing does."""
    for name, code in (("reviews", ExitCode.INCOMPLETE), ("shop", ExitCode.OK)):
        assert migrate(name, *HALF, "--from", "default").code == ExitCode.OK
        strict = migrate(name, *HALF, "--from", "default", "--require-all")
        assert strict.code == code
        assert ("--require-all" in strict.err) == (code == ExitCode.INCOMPLETE)


def test_what_is_excluded_is_skipped_and_must_exist():
    assert "catalog" in moves("--from", "default")
    assert "catalog" not in moves("--from", "default", "--exclude", "catalog", "--exclude=shop")
    plan = json.loads(migrate("shop", "both", *HALF, "--exclude", "both", "-o", "json").out)
    assert plan["skipped"] == [{"namespace": "both", "why": "--exclude names it", "reason": "excluded"}]
    found = migrate("--from", "default", *HALF, "--exclude", "catalgo")
    assert (found.code, found.err) == (ExitCode.USAGE, 'error: no namespace "catalgo"; did you mean catalog?\n')


def test_exit_code_0_means_the_same_wherever_it_is_told():
    told = {
        "README.md": (ROOT / "README.md").read_text(),
        "docs/exit-codes.md": (ROOT / "docs" / "exit-codes.md").read_text(),
        "--help": migrate("--help").out,
    }
    for place, text in told.items():
        sentence = " ".join(text.split())
        assert "means that all that it can move is moved" in sentence, place
        assert "--require-all" in sentence, place
