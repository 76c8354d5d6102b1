"""What the documents show is what the program does."""

import copy
import json
import re
import shlex
from xml.etree import ElementTree

import jsonschema
import pytest

from kubectl_rev.commands import query
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.errors import ExitCode
from tests.plugin import ROOT, call
from tests.readme import FILES, documents, renewed
from tests.schema import KINDS, LISTS, hold, schema

README = (ROOT / "README.md").read_text()
HELP = call("--help").out


@pytest.mark.parametrize("document", list(documents()), ids=lambda path: path.name)
def test_shown_output_is_what_the_program_prints(document):
    text = document.read_text()
    assert renewed(text) == text, "run: scripts/docs"


@pytest.mark.parametrize("name", FILES)
def test_a_made_file_is_as_it_is_made_now(name):
    assert (ROOT / name).read_text() == FILES[name](), "run: scripts/docs"


def test_the_check_sees_a_document_that_drifted():
    """Each kind of made part, spoilt: made anew it is right again."""
    text = (ROOT / "docs/exit-codes.md").read_text()
    assert renewed(text.replace("| 0 | yes", "| 0 | no")) == text
    readme = README.replace("deployment/web in namespace shop is", "deployment/web is", 1)
    assert readme != README
    assert renewed(readme) == README


PICTURE = ElementTree.fromstring((ROOT / "docs/rev-status.svg").read_text())


def test_the_picture_stays_in_its_frame_and_fetches_nothing():
    _, _, width, height = map(float, PICTURE.attrib["viewBox"].split())
    texts = [each for each in PICTURE if each.tag.endswith("text")]
    assert len(texts) > 20
    for each in texts:
        assert float(each.attrib["x"]) + float(each.attrib["textLength"]) < width, each.text
        assert float(each.attrib["y"]) < height
    source = (ROOT / "docs/rev-status.svg").read_text()
    assert source.count("http") == 1, "the namespace of SVG, and no other address"
    assert "<script" not in source


EXAMPLE_FLAG = ("-f", "kubectl_rev/examples/half-migrated.yaml", "-o", "json")
PRINTED = {
    "Overview": ("rev-status",),
    "Explanation": ("rev-status", "ns/both"),
    "ExplanationList": ("rev-status", "deploy/web"),
    "Plan": ("rev-migrate", "--from", "default", "--to", "canary", "--dry-run=client"),
    "Verification": ("rev-verify", "--uninstall", "default"),
    "Verification, of a move": ("rev-verify", "--revision", "canary"),
    "Verification, since": ("rev-verify", "--since", EXAMPLE_FLAG[1]),
    "Validation": ("rev-fix-validation", "--check"),
    "Validation, with a plan": ("rev-fix-validation", "--to", "canary", "--dry-run=client"),
    "CheckList": ("rev-verify", "--list-checks"),
    **{kind: ("rev-status", kind.removesuffix("List").lower() + "s", "-A") for kind in LISTS if "gaps" in LISTS[kind]},
}


@pytest.mark.parametrize(("kind", "command"), PRINTED.items(), ids=PRINTED.keys())
def test_real_output_is_what_the_schema_says(kind, command):
    plugin, *arguments = command
    printed = json.loads(call(*arguments, *EXAMPLE_FLAG, plugin=plugin).out)
    assert printed["kind"] == kind.partition(",")[0]
    hold(printed)
    jsonschema.Draft202012Validator(schema()).validate(printed)


def test_every_kind_is_held_against_the_schema():
    """A Result takes a cluster: tests/cluster/migrating.py holds all that it gets."""
    assert {kind.partition(",")[0] for kind in PRINTED} == {*KINDS, *LISTS} - {"Result"}


def test_the_schema_refuses_what_is_not_so():
    printed = json.loads(call(*EXAMPLE_FLAG).out)
    validator = jsonschema.Draft202012Validator(schema())
    for spoil in (
        lambda p: p.pop("gaps"),
        lambda p: p.update(kind="Overvieww"),
        lambda p: p["namespaces"][0].update(pods="3"),
        lambda p: p["findings"][0].pop("hint"),
    ):
        spoilt = copy.deepcopy(printed)
        spoil(spoilt)
        assert not validator.is_valid(spoilt)


def typed_commands():
    """Every command of ours in the documents: where it stands, and its words."""
    for document in documents():
        text = document.read_text()
        blocks = "\n".join(re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL))
        code = [*blocks.splitlines(), *re.findall(r"`(kubectl rev-[^`]*)`", text.replace("\n", " "))]
        for line in code:
            for found in re.finditer(r"kubectl (rev-[a-z-]+)([^|&;>#)]*)", line):
                yield pytest.param(found[1], found[2], id=f"{document.name}: {found[0].strip()}")


@pytest.mark.parametrize(("plugin", "rest"), list(typed_commands()))
def test_a_command_in_the_documents_has_flags_that_exist(plugin, rest):
    help_text = call("--help", plugin=plugin).out
    for word in rest.replace('"', "").replace("'", "").split():
        if word.startswith("-") and word != "-":
            assert re.search(rf"(^|[\s,]){re.escape(word.partition('=')[0])}\b", help_text), word


@pytest.mark.parametrize("document", [*documents(), ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_what_a_document_points_at_is_there(document):
    text = document.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (document.parent / target).exists(), target
    for path in re.findall(r"`((?:kubectl_rev|tests|scripts|docs|plugins)/[\w./-]*)", text):
        assert (ROOT / path).exists(), path


def test_help_begins_with_what_it_is_and_examples():
    assert HELP.split("\n")[0] == "Which Istio revisions exist, what uses each, why, and what is wrong."
    assert HELP.index("Examples:") < HELP.index("Options:") < HELP.index("Usage:\n  kubectl rev-status")


def test_help_is_short():
    assert len(HELP.splitlines()) < 60


def test_help_has_every_exit_code():
    for code in ExitCode:
        assert f"  {code.value:>3}  {code.means}\n" in HELP


def examples():
    text = HELP[: HELP.index("Options:")]
    return [line.strip() for line in text.splitlines() if line.startswith("  kubectl rev-status")]


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_help_runs(example, tmp_path):
    """On the shipped dump: an example names nothing that the program does not take."""
    words = shlex.split(example)[2:]
    words = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
    if "-f" in words:
        (tmp_path / "before.yaml").write_text((ROOT / "kubectl_rev/examples/half-migrated.yaml").read_text())
    else:
        words += ["-f", "kubectl_rev/examples/half-migrated.yaml"]
    assert call(*words).code == ExitCode.OK


def test_the_readme_names_every_list():
    for kind in query.LISTS:
        assert kind in HELP


def test_the_changelog_names_the_codes_that_exist():
    codes = sorted(check.code for check in MESH_CHECKS)
    ones, twos = ([code for code in codes if code[3] == hundred] for hundred in "12")
    said = re.sub(r"\s+", " ", (ROOT / "CHANGELOG.md").read_text())
    assert f"{ones[0]} to {ones[-1]} and {twos[0]} to {twos[-1]}" in said
