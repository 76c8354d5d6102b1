"""Tab completion as kubectl asks for it: `kubectl __complete rev-status …` is what the shell's TAB runs."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_rev.cli import completion, fix_validation, migrate, status, verify
from kubectl_rev.cli.completion import flags, parse
from kubectl_rev.commands import query
from kubectl_rev.commands.completion import values
from tests import interactive
from tests.local_server import Answer, Request, serving
from tests.plugin import EXAMPLE, PLUGINS, ROOT, call

COMMANDS = dict(zip(PLUGINS, (status, migrate, verify, fix_validation), strict=True))
Ask = Callable[..., tuple[list[str], int]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with kubectl and the console scripts of setup.cfg, as pip writes them."""
    where = tmp_path_factory.mktemp("bin")
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for line in setup["options.entry_points"]["console_scripts"].split("\n"):
        if " = " in line:
            name, target = line.split(" = ")
            module, function = target.split(":")
            script = where / name
            script.write_text(
                f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
            )
            script.chmod(0o755)
    (where / "kubectl").symlink_to(shutil.which("kubectl", path=os.path.dirname(sys.executable)) or "kubectl")
    return str(where)


@pytest.fixture
def ask(installed: str, tmp_path: Path) -> Ask:
    """What `kubectl __complete WORDS` offers, and the directive."""

    def asked(*words: str, kubeconfig: Path | None = None) -> tuple[list[str], int]:
        env = {"PATH": installed, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        if kubeconfig:
            env["KUBECONFIG"] = str(kubeconfig)
        done = subprocess.run(
            ["kubectl", "__complete", *words], capture_output=True, text=True, cwd=ROOT, env=env, timeout=60, check=True
        )
        *offered, directive = done.stdout.splitlines()
        return offered, int(directive.removeprefix(":"))

    return asked


NAMESPACES = ["billing", "both", "catalog", "checkout", "drifted"]
OFFERED: dict[str, list[str]] = {
    "rev-status ": [*query.TYPES],
    "rev-status po": ["pods"],
    "rev-status -o ": ["table", "wide", "json", "yaml", "name"],
    "rev-status --output=j": ["json"],
    "rev-status -o=j": ["json"],
    "rev-status -n=shop -f=DUMP deploy/w": ["deploy/web"],
    "rev-status --rev": ["--revision\tOnly what runs or is selected for this revision or tag."],
    "rev-status --impersonate": [],
    "rev-status --cont": ["--context\tKubeconfig context."],
    "rev-status --drifted --dri": [],
    "rev-status -f DUMP --revision ": ["canary", "default", "prod\ttag of canary"],
    "rev-status -f DUMP deploy/w": ["deploy/web"],
    "rev-status -f DUMP -n shop deploy/w": ["deploy/web"],
    "rev-status -f DUMP -n nowhere deploy/w": [],
    "rev-status -f DUMP -nnowhere deploy/w": [],
    "rev-status -f DUMP deploy web ca": ["cart", "catalog"],
    "rev-status -f DUMP revisions ": ["canary", "default"],
    "rev-status -f DUMP tags ": ["prod"],
    "rev-status -f DUMP ns bo": ["both"],
    "rev-status -f DUMP -n c": ["catalog", "checkout"],
    "rev-status -f DUMP --namespace=c": ["catalog", "checkout"],
    "rev-status -f DUMP nonsense ": [],
    "rev-migrate -f DUMP both b": ["billing"],
    "rev-migrate -f DUMP --from=": ["canary", "default", "prod\ttag of canary"],
    "rev-migrate -f DUMP --tag ": ["prod\ttag of canary"],
    "rev-migrate --dry-run ": ["none", "client", "server"],
    "rev-verify -f DUMP b": ["billing", "both"],
    "rev-verify -f DUMP --uninstall ": ["canary", "default"],
    "rev-verify --explain REV30": [],
    "rev-verify --by h": ["helm"],
    "rev-verify --accept-gap v": ["vms"],
    "rev-verify --timeout ": [],
    "rev-verify -f DUMP -- b": ["billing", "both"],
    "rev-fix-validation -f DUMP --to p": ["prod\ttag of canary"],
    "rev-fix-validation ": [],
}


def asked_here(plugin: str, *words: str) -> tuple[list[str], int]:
    """The same as `ask` without the price of two processes."""
    with contextlib.chdir(ROOT):
        told = completion.text(*completion.answer(COMMANDS[plugin].command, plugin, words))
    *offered, directive = told.splitlines()
    return offered, int(directive.removeprefix(":"))


@pytest.mark.parametrize("line", ["rev-status ", "rev-status -f DUMP --revision ", "rev-verify --by h"])
def test_kubectl_passes_on_what_is_offered(ask: Ask, line: str) -> None:
    words = line.replace("DUMP", EXAMPLE).split(" ")
    assert ask(*words) == asked_here(*words)


@pytest.mark.parametrize(("line", "offered"), OFFERED.items())
def test_offered(line: str, offered: list[str]) -> None:
    found, directive = asked_here(*line.replace("DUMP", EXAMPLE).split(" "))
    if line == "rev-verify --explain REV30":
        assert [each.split("\t")[0] for each in found] == [f"REV30{n}" for n in range(1, 10)]
        assert all("\t" in each for each in found)
    else:
        assert found == offered
    assert directive == completion.Directive.NO_FILES


@pytest.mark.parametrize("flag", ["-f", "--filename", "--kubeconfig", "--certificate-authority"])
def test_files_are_the_shell_s(flag: str) -> None:
    assert asked_here("rev-status", flag, "") == ([], completion.Directive.FILES)


def test_directories_are_the_shell_s() -> None:
    assert asked_here("rev-fix-validation", "--backup-dir", "") == ([], completion.Directive.DIRECTORIES)


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: here, user: bob, namespace: shop}}
- {name: two, context: {cluster: here, user: alice}}
clusters: [{name: here, cluster: {server: SERVER}}]
users: [{name: bob, user: {token: t}}, {name: alice, user: {}}]
"""


@pytest.mark.parametrize(("flag", "names"), [("--context", "one two"), ("--cluster", "here"), ("--user", "bob alice")])
def test_the_kubeconfig_s_names(ask: Ask, tmp_path: Path, flag: str, names: str) -> None:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    assert ask("rev-verify", flag, "", kubeconfig=path)[0] == names.split()
    assert ask("rev-verify", "--kubeconfig", str(path), flag, "")[0] == names.split()
    assert ask("rev-verify", "--kubeconfig", str(tmp_path / "none"), flag, "") == ([], 4)


def test_nothing_is_said_when_nobody_answers(ask: Ask, tmp_path: Path) -> None:
    assert ask("rev-migrate", "--server", "https://127.0.0.1:1", "--to", "") == ([], 4)
    path = tmp_path / "config"
    path.write_text("{")
    assert ask("rev-migrate", "--to", "", kubeconfig=path) == ([], 4)
    assert ask("rev-migrate", "-f", str(path), "--to", "") == ([], 4)


def test_a_server_that_hangs_is_left_alone(ask: Ask, tmp_path: Path) -> None:
    """In the request timeout, whatever it hangs in. The server waits for the event until after the answer."""
    asked, over = threading.Event(), threading.Event()

    def answer(request: Request) -> Answer:
        asked.set()
        return Answer(after=over)

    with serving(answer) as server:
        path = tmp_path / "config"
        path.write_text(KUBECONFIG.replace("SERVER", server.url))
        assert ask("rev-status", "--request-timeout", "5s", "-n", "", kubeconfig=path) == ([], 4)
        assert asked.is_set()
        over.set()


def test_a_credential_plugin_that_hangs_ends_with_it(ask: Ask, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "command": "/bin/sh",
        "args": ["-c", f"echo $$ > {pid}; exec sleep 1000"],
    }
    path = tmp_path / "config"
    path.write_text(
        KUBECONFIG.replace("SERVER", "https://127.0.0.1:1").replace("{token: t}", json.dumps({"exec": plugin}))
    )
    assert ask("rev-status", "--request-timeout", "5s", "-n", "", kubeconfig=path) == ([], 4)
    for _ in range(100):
        if not Path(f"/proc/{pid.read_text().strip()}").exists():
            return
        time.sleep(0.05)
    pytest.fail("the plugin is still there")


def test_who_leads_a_session_is_answered_too(installed: str) -> None:
    """In a container, or over ssh, there is no shell that would have made us a process group."""
    script = f"{installed}/kubectl-rev_status"
    done = subprocess.run(
        [script, "__complete", "po"], capture_output=True, text=True, cwd=ROOT, start_new_session=True, timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": installed}, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("pods\n:4\n", "")


@pytest.mark.parametrize("kind", query.LISTS)
def test_every_name_that_is_offered_is_one(kind: str) -> None:
    line = completion.parse(flags(status.command), ["-f", EXAMPLE, kind, ""])
    names = [name for name, _ in values("rev-status", line)]
    assert names
    assert call(kind, *names, "-f", EXAMPLE).code == 0


def test_it_asks_as_the_command_would(ask: Ask, tmp_path: Path) -> None:
    """Of the context that the line names, as the person that it names, in the current namespace; and says nothing."""
    with serving(lambda request: Answer(status=403)) as server:
        path = tmp_path / "config"
        path.write_text(KUBECONFIG.replace("SERVER", server.url))
        assert ask("rev-status", "--as", "carol", "--as-group=a", "pods", "", kubeconfig=path) == ([], 4)
        (request,) = server.requests
        assert (request.method, request.path) == ("GET", "/api/v1/namespaces/shop/pods")
        assert request.get("Impersonate-User") == ["carol"]
        assert request.get("Impersonate-Group") == ["a"]


def test_a_credential_plugin_speaks_to_nobody(ask: Ask, tmp_path: Path) -> None:
    """kubectl hands the terminal through: an exec plugin that fails must not write between what is being typed."""
    text = KUBECONFIG.replace("SERVER", "https://127.0.0.1:1").replace(
        "{token: t}",
        "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: IfAvailable, command: sh, "
        "args: [-c, 'echo PASSWORD >&2; read x; exit 1']}}",
    )
    path = tmp_path / "config"
    path.write_text(text)
    env = {**os.environ, "KUBECONFIG": str(path), "PYTHONPATH": str(ROOT)}
    script = (
        "import sys; sys.argv = ['kubectl_complete-rev_status', '-n', '']; from kubectl_rev.cli.multicall import main"
    )
    script += "; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (":4\n", "")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_flag_is_offered(ask: Ask, plugin: str) -> None:
    """The hidden ones too: the connection flags are named in one line of the help, and here."""
    names = [each.split("\t")[0] for each in ask(plugin, "-")[0]]
    assert {"-n", "--namespace", "--context", "--as", "--request-timeout", "-v", "--version", "-h", "--help"} <= set(
        names
    )
    command = COMMANDS[plugin].command
    assert set(names) == {name for flag in flags(command) for name in flag.names}


LINES = {
    "-n shop -o": ({"namespace": ["shop"]}, [], None, "-o"),
    "-nshop x": ({"namespace": ["shop"]}, [], None, "x"),
    "-An shop ": ({"all_namespaces": [""], "namespace": ["shop"]}, [], None, ""),
    "-An ": ({"all_namespaces": [""]}, [], "namespace", ""),
    "--as-group a --as-group=b pods ": ({"as_groups": ["a", "b"]}, ["pods"], None, ""),
    "--bogus x -f - --re": ({"filename": ["-"]}, ["x"], None, "--re"),
    "--output=": ({}, [], "output", ""),
    "-- -n sh": ({}, ["-n"], None, "sh"),
    "--drifted=x": ({}, [], None, "--drifted=x"),
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_line_is_read_as_typer_reads_it(line: str, expected: tuple[object, ...]) -> None:
    found = parse(flags(status.command), line.split(" "))
    assert (found.values, found.arguments, found.asked and found.asked.field, found.word) == expected


LINES_AFTER_TAB = {
    "kubectl rev-st": "kubectl rev-status ",
    "kubectl rev-status --rev": "kubectl rev-status --revision ",
    "kubectl rev-status -o=j": "kubectl rev-status -o=json ",
    "kubectl rev-status -f DUMP deploy/w": "kubectl rev-status -f DUMP deploy/web ",
    "kubectl rev-status -f krew-m": "kubectl rev-status -f krew-manifest.yaml ",
    "kubectl rev-migrate -f DUMP shop --to ca": "kubectl rev-migrate -f DUMP shop --to canary ",
    "kubectl rev-verify -f DUMP --uninstall=de": "kubectl rev-verify -f DUMP --uninstall=default ",
    "kubectl rev-fix-validation --dry-run s": "kubectl rev-fix-validation --dry-run server ",
}
SHOWN_AT_TAB = {
    "kubectl rev-": ["rev-fix-validation", "rev-migrate", "rev-status", "rev-verify"],
    "kubectl rev-status -f DUMP --revision ": ["canary", "default", "prod (tag of canary)"],
    "kubectl rev-verify --explain REV50": [f"REV50{n}" for n in range(1, 6)],
}


@pytest.fixture(scope="module")
def shell(installed: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a shell in which somebody has set up kubectl's own completion and ours."""
    where = tmp_path_factory.mktemp("shell")
    env = {"PATH": installed, "HOME": str(where), "PYTHONPATH": str(ROOT), "COMPLETION": str(where / "completion")}
    script = subprocess.run(["kubectl", "completion", "bash"], env=env, capture_output=True, check=True, timeout=60)
    (where / "completion").write_bytes(script.stdout)
    return env


@pytest.mark.parametrize(("line", "after"), LINES_AFTER_TAB.items())
def test_tab_in_bash(shell: dict[str, str], tmp_path: Path, line: str, after: str) -> None:
    done = interactive.tab(line.replace("DUMP", EXAMPLE), shell, tmp_path)
    assert done.line == after.replace("DUMP", EXAMPLE), done.shown


@pytest.mark.parametrize(("line", "offered"), SHOWN_AT_TAB.items())
def test_tab_in_bash_lists(shell: dict[str, str], tmp_path: Path, line: str, offered: list[str]) -> None:
    done = interactive.tab(line.replace("DUMP", EXAMPLE), shell, tmp_path)
    assert done.line == line.replace("DUMP", EXAMPLE)
    listed = done.shown.partition("\n")[2]
    for each in offered:
        assert each in " ".join(listed.split())
