"""`default` may be a revision and a tag at once: what each flag takes it for, and how the other is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_rev.cli import completion, verify
from kubectl_rev.commands.names import NOTE as SEVERAL
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import Kind, Named, UnknownName, WrongKind, of_flag
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.errors import ExitCode
from tests.build import control_plane, deployment, injector, ns, running, service, validator, world
from tests.plugin import Result, call

MOVED = world(
    control_plane(deactivated=True),
    control_plane("canary"),
    injector("canary", tag="default"),
    injector("canary", tag="prod"),
    validator("canary"),
    ns("shop", "injection=enabled"),
    ns("old", "injection=enabled"),
    ns("istio-system"),
    running(deployment("web"), "canary", "canary"),
    running(deployment("left", "old"), "default"),
)
NOTE = (
    'note: "default" is both a revision and a tag (of revision canary): using revision/default; '
    "for the tag use tag/default\n"
)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dump of a mesh whose tag `default` was moved to canary while the unrevisioned control plane is still there."""
    path = tmp_path_factory.mktemp("moved") / "dump.yaml"
    snapshot_file.save(MOVED, str(path))
    return str(path)


def status(dump: str, *arguments: str) -> Result:
    return call("-f", dump, "-o", "name", *arguments)


@pytest.mark.parametrize(
    ("named", "pods", "note"),
    [
        ("default", ["left"], NOTE),
        ("revision/default", ["left"], ""),
        ("tag/default", ["left", "web", "web"], ""),
        ("canary", ["left", "web", "web"], ""),
        ("prod", ["left", "web", "web"], ""),
        ("tag/prod", ["left", "web", "web"], ""),
    ],
)
def test_a_list_is_narrowed_to_the_revision_of_that_name(moved: str, named: str, pods: list[str], note: str) -> None:
    done = status(moved, "pods", "-A", "--revision", named)
    assert [line.split("-")[0] for line in done.out.replace("pod/", "").splitlines()] == pods
    assert (done.code, done.err.replace(f"{SEVERAL}\n", "")) == (ExitCode.OK, note)


def test_so_is_the_overview(moved: str) -> None:
    assert call("-f", moved, "--revision", "default").err == NOTE
    assert call("-f", moved, "--revision", "revision/default").out.startswith("REVISION   ")
    assert "canary" not in call("-f", moved, "--revision", "revision/default").out.split("\n\n")[0]


@pytest.mark.parametrize(
    ("arguments", "revision", "note"),
    [
        (["--revision", "default"], "default", NOTE),
        (["--revision", "tag/default"], "canary", ""),
        (["--uninstall", "default"], "default", ""),
        (["--uninstall", "revision/default"], "default", ""),
    ],
)
def test_so_is_a_verdict(moved: str, arguments: list[str], revision: str, note: str) -> None:
    done = call("-f", moved, "-o", "json", *arguments, plugin="rev-verify")
    assert f'"revision": "{revision}"' in done.out
    assert done.err == note


def test_a_repair_points_at_the_revision_of_that_name(moved: str) -> None:
    done = call("-f", moved, "--dry-run=client", "--to", "default", plugin="rev-fix-validation")
    assert done.err.startswith(NOTE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--uninstall", "tag/default"], "error: default is a tag of revision canary: use --uninstall canary\n"),
        (["--uninstall", "prod"], "error: prod is a tag of revision canary: use --uninstall canary\n"),
        (["--revision", "tag/canary"], 'error: tag "canary" not found; available: default, prod\n'),
        (["--revision", "revision/prod"], 'error: revision "prod" not found; available: canary, default\n'),
        (
            ["--revision", "tags/prod"],
            'error: revision or tag "tags/prod" not found; available: canary, default, prod; ',
        ),
    ],
)
def test_what_has_no_such_name_is_said(moved: str, arguments: list[str], says: str) -> None:
    done = call("-f", moved, *arguments, plugin="rev-verify")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert done.err.startswith(says)


def test_a_tag_that_points_to_the_revision_of_its_name_is_no_question() -> None:
    survey = Survey(world(control_plane(), injector(tag="default")))
    assert of_flag(survey, "default") == Named(Kind.REVISION, "default", "default")
    assert of_flag(survey, "tag/default") == Named(Kind.TAG, "default", "default")


def test_a_revision_that_only_proxies_name_is_one_to_look_for_and_none_to_go_to() -> None:
    """The unrevisioned control plane was uninstalled, pods of it still run: they are not canary's."""
    survey = Survey(
        world(
            control_plane("canary"),
            injector("canary", tag="default"),
            ns("old"),
            running(deployment("l", "old"), "default"),
        )
    )
    assert of_flag(survey, "default", running=True) == Named(Kind.REVISION, "default", "default", "canary")
    assert of_flag(survey, "default") == Named(Kind.TAG, "default", "canary")


def test_a_tag_whose_objects_disagree_is_what_its_injector_says() -> None:
    survey = Survey(
        world(
            control_plane("canary"), control_plane("blue"), injector("blue", tag="prod"), service("canary", tag="prod")
        )
    )
    assert of_flag(survey, "prod").revision == "blue" == survey.mesh.resolve("prod")


def test_the_kinds_that_a_flag_takes() -> None:
    survey = Survey(MOVED)
    with pytest.raises(WrongKind, match="tag/default is a tag: a revision is wanted"):
        of_flag(survey, "tag/default", [Kind.REVISION])
    with pytest.raises(WrongKind, match="canary is a revision, not a tag"):
        of_flag(survey, "canary", [Kind.TAG])
    with pytest.raises(UnknownName, match='tag "x" not found; available: default, prod'):
        of_flag(survey, "x", [Kind.TAG])


@pytest.mark.parametrize(
    ("word", "offered"),
    [
        ("", ["canary", "default", "prod\ttag of canary", "tag/default\ttag of canary"]),
        ("tag/", ["tag/default\ttag of canary", "tag/prod\ttag of canary"]),
        ("revision/", ["revision/canary", "revision/default"]),
    ],
)
def test_both_are_offered(moved: str, word: str, offered: list[str]) -> None:
    words = ["-f", moved, "--revision", word]
    told = completion.text(*completion.answer(verify.command, "rev-verify", words)).splitlines()[:-1]
    assert sorted(told) == offered


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("mutatingwebhookconfigurations.admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ("services", "services"),
    ],
)
def test_whether_there_is_a_tag_may_not_be_known(tmp_path: Path, missing: str, says: str) -> None:
    path = tmp_path / "dump.yaml"
    snapshot_file.save(world(control_plane(), ns("shop"), gaps=[Gap("list", missing, "", "forbidden")]), str(path))
    done = call("-f", str(path), "ns", "--revision", "prod")
    assert (done.code, done.out) == (ExitCode.NO_ANSWER, "")
    assert done.err.startswith(f'error: whether there is a revision or tag "prod" is not known: {says}')


def test_a_tag_that_is_moved_may_be_named_as_a_tag(moved: str) -> None:
    told = call("-f", moved, "--dry-run=client", "--tag", "prod", "--to", "revision/default", plugin="rev-migrate")
    same = call("-f", moved, "--dry-run=client", "--tag", "tag/prod", "--to", "revision/default", plugin="rev-migrate")
    assert told.out.startswith("Tag prod to revision default")
    assert same == told
    done = call("-f", moved, "--dry-run=client", "--tag", "revision/canary", "--to", "default", plugin="rev-migrate")
    assert (done.code, done.err) == (ExitCode.USAGE, "error: revision/canary is a revision: a tag is wanted\n")


@pytest.mark.parametrize(
    ("came_from", "to"), [("default", "revision/default"), ("tag/prod", "prod"), ("revision/canary", "canary")]
)
def test_from_and_to_are_compared_by_what_they_name(moved: str, came_from: str, to: str) -> None:
    done = call("-f", moved, "--dry-run=client", "--from", came_from, "--to", to, plugin="rev-migrate")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert done.err.endswith("error: --from and --to are the same\n")
