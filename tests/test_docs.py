"""What the documents show is what the program does."""

import re
import shlex

import pytest

from kubectl_rev.cli.query import LISTS
from kubectl_rev.core.checks import CHECKS
from kubectl_rev.errors import ExitCode
from tests.plugin import ROOT, call
from tests.readme import documents, renewed

README = (ROOT / "README.md").read_text()
HELP = call("--help").out


@pytest.mark.parametrize("document", list(documents()), ids=lambda path: path.name)
def test_shown_output_is_what_the_program_prints(document):
    text = document.read_text()
    assert renewed(text) == text, "run: python -m tests.readme"


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
    for kind in LISTS:
        assert kind in HELP


def test_the_changelog_names_the_codes_that_exist():
    codes = sorted(check.code for check in CHECKS)
    ones, twos = ([code for code in codes if code[3] == hundred] for hundred in "12")
    said = re.sub(r"\s+", " ", (ROOT / "CHANGELOG.md").read_text())
    assert f"{ones[0]} to {ones[-1]} and {twos[0]} to {twos[-1]}" in said
