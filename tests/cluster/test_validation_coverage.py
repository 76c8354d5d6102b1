"""Config that no validator selects, and validators that nothing needs: made for real, diagnosed, cleaned up."""

import stat

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster.validating import (
    CONFIG,
    DEFAULT,
    FINE,
    OF_CANARY,
    VALIDATORS,
    leftover,
    virtual_service,
)

pytestmark = pytest.mark.cluster


def test_uncovered(world):
    world.delete(VALIDATORS, DEFAULT)
    world.says("", "")
    found, code = world.becomes(probes={None: "open"})
    assert code == ExitCode.FINDINGS
    assert [each["revision"] for each in found["uncovered"]] == [None]
    done = world.fix("--yes")
    assert done.returncode == ExitCode.FINDINGS
    assert "istioctl tag set default --revision default --overwrite makes the default validator" in done.stdout
    assert "moves nothing else" in done.stdout


def test_a_revision_without_a_validator_of_its_own(world):
    world.delete(VALIDATORS, OF_CANARY)
    found, code = world.becomes(probes={"canary": "open", None: "yes"})
    assert code == ExitCode.FINDINGS
    assert [each["revision"] for each in found["uncovered"]] == ["canary"]
    assert "install revision canary again" in world.fix("--yes").stdout


def test_config_labelled_with_a_tag_or_a_ghost_is_uncovered(world):
    world.cluster.istioctl("tag", "set", "prod", "--revision", "canary")
    try:
        assert world.fix("--check").returncode == ExitCode.OK, "a tag that no config is labelled with harms nobody"
        for rev, name in (("prod", "by-tag"), ("1-6-5", "by-ghost"), ("canary", "by-revision")):
            world.create(CONFIG, virtual_service(rev=rev, name=name))
        _, _, found, code = world.health()
        assert code == ExitCode.FINDINGS
        assert [(each["revision"], [o["name"] for o in each["objects"]]) for each in found["uncovered"]] == [
            ("1-6-5", ["by-ghost"]),
            ("prod", ["by-tag"]),
        ]
        assert world.write(valid=False, rev="prod") == "", "so it is"
        for finding in found["findings"]:
            assert finding["code"] == "REV503"
            world.cluster.run(*finding["hint"].split())
        assert world.fix("--check").returncode == ExitCode.OK, "the hints are the repair"
    finally:
        world.cluster.kubectl("delete", "virtualservices", "--all", "-n", "default")
        world.cluster.istioctl("tag", "remove", "prod", "--skip-confirmation")


def test_a_leftover_is_deleted_after_a_backup_that_brings_it_back(world, tmp_path):
    made = leftover(world)
    world.says('service "istiod-old" not found', rev="old")
    health, _, found, code = world.health()
    assert (health, code) == (FINE | {made["metadata"]["name"]: "leftover"}, ExitCode.FINDINGS)
    assert [each["code"] for each in found["findings"]] == ["REV504"]

    done = world.fix("--yes", "--backup-dir", str(tmp_path))
    assert done.returncode == ExitCode.OK, done.stderr
    (backup,) = tmp_path.iterdir()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert str(backup) in done.stderr
    assert made["metadata"]["name"] not in world.all(VALIDATORS)
    world.says("", rev="old")

    (undo,) = [line.removeprefix("undo: ") for line in done.stderr.splitlines() if line.startswith("undo: ")]
    world.cluster.run(*undo.split())
    again = world.get(VALIDATORS, made["metadata"]["name"])
    assert again["webhooks"] == made["webhooks"]
    assert again["metadata"]["labels"] == made["metadata"]["labels"]


def test_no_backup_no_deletion(world, tmp_path):
    made = leftover(world)
    done = world.fix("--yes", "--backup-dir", str(tmp_path / "missing"))
    assert done.returncode == ExitCode.USAGE
    assert "cannot write backups to" in done.stderr
    assert made["metadata"]["name"] in world.all(VALIDATORS)
