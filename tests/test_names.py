"""-o name: what a pipe makes of it, ours and kubectl's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kubectl_rev.commands.names import NOTE, named, opened
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.errors import ExitCode, UsageError
from tests.build import control_plane, deployment, ns, running, world
from tests.plugin import call

PARTS = (
    control_plane(),
    ns("shop", "injection=enabled"),
    ns("data", "injection=enabled"),
    ns("istio-system"),
    running(deployment("web"), "default"),
    running(deployment("api"), "default"),
    running(deployment("web", "data"), "default"),
)
SNAPSHOT = world(*PARTS)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("names") / "dump.yaml"
    snapshot_file.save(SNAPSHOT, str(path))
    return str(path)


def test_one_namespace_is_named_by_the_flag_alone(dump: str) -> None:
    done = call("deploy", "-n", "shop", "-o", "name", "-f", dump)
    assert (done.out, done.err) == ("deployment.apps/api\ndeployment.apps/web\n", "")


def test_several_are_in_the_lines_and_a_note_has_the_way_to_call_kubectl(dump: str) -> None:
    done = call("deploy", "-A", "-o", "name", "-f", dump)
    assert "deployment.apps/web -n data\n" in done.out
    assert "deployment.apps/web -n shop\n" in done.out
    assert done.err == f"{NOTE}\n"
    only = call("deploy", "-A", "--selector", "app", "-o", "name", "-f", dump)
    assert (only.out, only.err) == ("", "No resources found\n")


def test_the_recipe_of_the_note_calls_kubectl_for_each_object(dump: str, tmp_path: Path) -> None:
    """As it is printed, with a kubectl that tells what it was called with."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\necho "$*"\n')
    kubectl.chmod(0o755)
    names = call("deploy", "web", "-A", "-o", "name", "-f", dump)
    recipe = names.err.partition("-o name | ")[2].strip()
    assert recipe.startswith("xargs ")
    done = subprocess.run(
        ["sh", "-c", recipe], input=names.out, capture_output=True, text=True, timeout=60, check=True,
        env={"PATH": f"{tmp_path}:{Path(shutil.which('xargs') or '').parent}:/bin:/usr/bin"},
    )  # fmt: skip
    assert done.stdout == "get deployment.apps/web -n data\nget deployment.apps/web -n shop\n"


def test_our_own_pipe_takes_both(dump: str, tmp_path: Path) -> None:
    listed = tmp_path / "names"
    listed.write_text(call("deploy", "-A", "-o", "name", "-f", dump).out)
    assert named([], opened(str(listed)), "") == ["data", "istio-system", "shop", "shop"]
    listed.write_text(call("deploy", "-n", "shop", "-o", "name", "-f", dump).out)
    assert named([], opened(str(listed)), "shop") == ["shop", "shop"]
    with pytest.raises(UsageError, match="has no namespace"):
        named([], opened(str(listed)), "")


@pytest.mark.parametrize(("chosen", "noted"), [(["shop"], False), (["shop", "data"], True), (["-A"], True)])
def test_so_are_the_names_of_a_migration(tmp_path: Path, chosen: list[str], noted: bool) -> None:
    path = tmp_path / "dump.yaml"
    snapshot_file.save(world(*PARTS, control_plane("canary")), str(path))
    done = call(*chosen, "--to", "canary", "--dry-run=client", "-o", "name", "-f", str(path), plugin="rev-migrate")
    assert "deployment.apps/web -n shop\n" in done.out
    assert done.err == (f"{NOTE}\n" if noted else "")


@pytest.mark.parametrize("more", [["--yes"], ["--dry-run=client"]])
def test_names_without_a_type_are_not_taken_for_a_dump(more: list[str], tmp_path: Path) -> None:
    listed = tmp_path / "names"
    listed.write_text("shop\ncart\n")
    done = call("-f", str(listed), "--to", "canary", *more, plugin="rev-migrate")
    assert (done.code, done.err) == (
        ExitCode.USAGE,
        "error: line 1 of the list is no name: want namespace/NAME or TYPE.GROUP/NAME -n NAMESPACE\n",
    )
