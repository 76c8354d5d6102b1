"""The frozen program: every command, through kubectl, by krew's links, with no Python and nothing of ours around."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kubectl_rev.cli import multicall
from kubectl_rev.errors import ExitCode
from tests.frozen import Installed, install
from tests.plugin import EXAMPLE, PLUGINS, ROOT, Result, run

pytestmark = pytest.mark.archive

STATUS = (
    "revisions",
    "tags",
    "namespaces",
    "workloads -A",
    "pods -A",
    "gateways -A",
    "sts",
    "ns/both",
    "deploy/web -n shop",
)
FORMATS = ("table", "wide", "json", "yaml", "name")
COMMANDS = [
    *(f"{plugin} --help" for plugin in PLUGINS),
    *(f"{plugin} --bogus" for plugin in PLUGINS),
    *(f"rev-status -o {form} -f {EXAMPLE}" for form in FORMATS),
    *(f"rev-status {what} -o {form} -f {EXAMPLE}" for what in STATUS for form in ("table", "json")),
    f"rev-status -A --drifted --revision canary -l a!=b -f {EXAMPLE}",
    f"rev-status -f {EXAMPLE} --save -",
    f"rev-status no-such-type -f {EXAMPLE}",
    "rev-status -f no-such-file",
    *(f"rev-verify -o {form} -f {EXAMPLE}" for form in (*FORMATS, "junit")),
    f"rev-verify --uninstall default --by helm -f {EXAMPLE}",
    f"rev-verify --uninstall default -o junit -f {EXAMPLE}",
    f"rev-verify shop --revision canary --since {EXAMPLE} -f {EXAMPLE}",
    "rev-verify --rbac",
    "rev-verify --list-checks -o json",
    "rev-verify --explain rev304",
    *(f"rev-migrate shop both --to canary --dry-run=client -o {form} -f {EXAMPLE}" for form in FORMATS),
    f"rev-migrate --from default --to canary --dry-run=client -f {EXAMPLE}",
    f"rev-migrate --tag prod --to default --dry-run=client -f {EXAMPLE}",
    f"rev-migrate --undo shop --dry-run=client -f {EXAMPLE}",
    "rev-migrate shop",
    *(f"rev-fix-validation --check -o {form} -f {EXAMPLE}" for form in FORMATS),
    f"rev-fix-validation --to canary --dry-run=client -f {EXAMPLE}",
    f"rev-fix-validation --undo --dry-run=client -f {EXAMPLE}",
]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("frozen"))


def test_there_is_nothing_else(installed: Installed) -> None:
    there = [name for name in ("python", "python3", "sh", "krew") if shutil.which(name, path=installed.path)]
    assert there == []


def test_the_archive_is_one_that_krew_unpacks(installed: Installed) -> None:
    with tarfile.open(installed.archive) as tar:
        entries = tar.getmembers()
    assert all(entry.isreg() for entry in entries)
    assert [entry.name for entry in entries if "/" not in entry.name] == ["LICENSE", "kubectl-rev"]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, 0, "")}
    assert installed.archive.stat().st_size <= 18_000_000
    assert not [
        name for name in (entry.name for entry in entries) if "kubernetes/client/models" in name or ".." in name
    ]


def test_kubectl_finds_the_four_and_warns_of_nothing(installed: Installed) -> None:
    code, out, err = installed.run("plugin", "list", "--name-only")
    assert (code, err) == (0, "")
    assert sorted(out.partition(":")[2].split()) == sorted(map(multicall.file_name, PLUGINS))


@pytest.mark.parametrize("command", COMMANDS)
def test_it_says_what_the_checkout_says(installed: Installed, command: str) -> None:
    plugin, *arguments = command.split()
    said, expected = installed.run(plugin, *arguments), run(*arguments, plugin=plugin)
    assert _timeless(said) == _timeless(expected)
    assert said.code in (ExitCode.OK, ExitCode.FINDINGS, ExitCode.USAGE, ExitCode.NO_ANSWER)


def _timeless(result: Result) -> Result:
    """A plan's patches have the time of the restart."""
    return result._replace(out=re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", result.out))


@pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.FINDINGS, ExitCode.USAGE, ExitCode.NO_ANSWER])
def test_every_exit_code_comes_through_kubectl(installed: Installed, code: ExitCode) -> None:
    ask = {
        ExitCode.OK: ["rev-status", "-f", EXAMPLE],
        ExitCode.FINDINGS: ["rev-verify", "--uninstall", "default", "-f", EXAMPLE],
        ExitCode.USAGE: ["rev-migrate", "shop"],
        ExitCode.NO_ANSWER: ["rev-status", "--server", "https://127.0.0.1:1"],
    }
    assert installed.run(*ask[code]).code == code


def test_flags_come_after_the_name(installed: Installed) -> None:
    code, _, err = installed.run("-n", "shop", "rev-status", "-f", EXAMPLE)
    assert (code, "flags cannot be placed before plugin name" in err) == (1, True)
    assert installed.run("rev-status", "-n", "shop", "deploy/web", "-f", EXAMPLE).code == 0


def test_what_it_is_made_of(installed: Installed) -> None:
    code, out, err = installed.run("rev-verify", "--version", "-v=1")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [
        "kubectl-rev",
        "Python",
        "typer",
        "kubernetes",
        "msgspec",
        "protobuf",
    ]


def test_a_pipe_and_standard_input(installed: Installed) -> None:
    dump = (ROOT / EXAMPLE).read_text()
    assert installed.run("rev-status", "-f", "-", "-o", "json", stdin=dump).code == 0


@pytest.mark.parametrize("name", ["kubectl-rev", "kubectl-rev_bogus", "rev-migrate", "kubectl-rev_migrate2", "sh"])
def test_another_name_runs_nothing(installed: Installed, name: str, tmp_path: Path) -> None:
    """Also where the words are those of a command that writes."""
    program = (installed.root / "bin/kubectl-rev_migrate").resolve()
    (tmp_path / name).symlink_to(program)
    words = [tmp_path / name, "shop", "--to", "canary", "--yes", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, env={}, check=False)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr.startswith(f"error: this program does what its name says, and knows no {name!r}")
    for plugin in PLUGINS:
        assert multicall.file_name(plugin, completes=True) in done.stderr


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_documented_link_completes(installed: Installed, plugin: str) -> None:
    code, out, _ = installed.run("__complete", plugin, "--output=j")
    assert (code, out.splitlines()) == (0, ["json", *(["junit"] if plugin == "rev-verify" else []), ":4"])
    asked_itself = installed.run(plugin, "__complete", "--output=j")
    assert asked_itself == (0, out, "")


@pytest.mark.long
def test_the_same_sources_give_the_same_bytes(installed: Installed, tmp_path: Path) -> None:
    """From another directory, with an empty cache: two builds share nothing but what goes into them."""
    there = tmp_path / "elsewhere"
    skipped = shutil.ignore_patterns(".git", "dist", "tests", "*.pyc", ".*")
    shutil.copytree(ROOT, there, ignore=skipped)
    env = {**os.environ, "PYTHON": sys.executable, "KUBECTL_REV_CACHE": str(tmp_path / "cache"), "TZ": "Asia/Tokyo"}
    subprocess.run([there / "scripts/package", "archive"], env=env, check=True)
    again = there / "dist" / installed.archive.name
    assert again.read_bytes() == installed.archive.read_bytes()
