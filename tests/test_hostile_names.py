"""Every hint with hostile names, pasted into a real shell: the commands that were meant run, and nothing else.

Objects, files, contexts and users may be called whatever a dump or a command line says. Each story and each mistake is
renamed, everything that helps is collected, printed as a person sees it, and run by bash with stubs that record their
arguments.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.source import Source
from kubectl_rev.core.checks.hints import NO_HINT, Command, Flag, Hint, command, program, sentence, within
from kubectl_rev.core.checks.model import find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.ownership import Owner
from kubectl_rev.core.mesh.removal import removal
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.revision_names import of_flag
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration import choosing, migration
from kubectl_rev.core.migration.checks import preflight
from kubectl_rev.core.migration.preflight_facts import PreflightContext, PreflightFacts
from kubectl_rev.core.remedies import at_source
from kubectl_rev.core.remedies.commands import explain, label, label_gateway, reinstall, reset_label, restart, sail_tag
from kubectl_rev.core.status.explain import of_namespace, of_workload
from kubectl_rev.core.validation.repair import plan as repair
from kubectl_rev.core.validation.validation import diagnose
from kubectl_rev.core.verification import evidence, verify
from kubectl_rev.core.verification.leftovers import leftovers
from kubectl_rev.core.verification.uninstall import Uninstall
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.dumps.patch_targets import originals
from kubectl_rev.render.text import clean
from tests.plugin import EXAMPLE, ROOT
from tests.test_mistakes import MISTAKES, snapshot

HOSTILE = (
    'a && kubectl rev-status x && $(touch PWN)" #', "$(touch PWN)", "`touch PWN`", "a;touch PWN;", "a|touch PWN|",
    "'; touch PWN; '", "bob's", '"', "\\", "a b", "*", "~", "!!", "{a,b}", ">PWN", "<(touch PWN)", "#", "&", "$PATH",
    "--yes", "-n", "--", "-", "--kubeconfig=x", "=x", "é",
)  # fmt: skip
UNPRINTABLE = ("a\nkubectl delete ns x", "a\rb", "\x1b[31m", "a\x00", "\u202eevil", "\x9b31m")
NOT_PRINTED = "no command is printed: a name in it has control characters"
KEPT = {"default", "istiod", "istio-system", "canary"}  # names that mean something, in most stories
FLAGS = ConnectionFlags(context="it's $(touch PWN)", as_user="--yes", as_groups=("a b", "-n"), kubeconfig="my dir/c")
FILE = "bob's $(touch PWN).json"


def stories() -> Iterator[Snapshot]:
    for path in (EXAMPLE, *sorted((ROOT / "tests/worlds").glob("*/cluster.yaml"))):
        yield snapshot_file.parse({str(path): Path(path).read_text()})
    for mistake in MISTAKES.values():
        yield snapshot(mistake.parts)


def names_in(story: Snapshot) -> set[str]:
    lists = (story.namespaces, story.workloads, story.injectors, story.validators, story.gateways, story.pods)
    revisions = {tag for mesh in (Survey(story).mesh,) for tag in mesh.names}
    return {each.name for objects in lists for each in objects} | revisions  # type: ignore[attr-defined]


def renamed(story: Snapshot, names: dict[str, str]) -> Snapshot:
    def anew(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: anew(each) for key, each in value.items()}
        if isinstance(value, list):
            return [anew(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    text = json.dumps(anew(json.loads(snapshot_file.encode(story, as_json=True))))
    return snapshot_file.parse({"dump": text})


def hints_of(story: Snapshot) -> Iterator[Hint]:
    """Everything that all four plugins would advise about it."""
    survey = Survey(story)
    yield from (finding.hint for finding in find(survey, MESH_CHECKS))
    for name in survey.by_namespace:
        yield of_namespace(survey, name, MESH_CHECKS).hint
    for unit in survey.workloads:
        yield from (restart(unit), explain(unit), reset_label(unit, unit.name))
        yield of_workload(survey, unit, MESH_CHECKS).hint
    known = evidence.of_dump(story)
    for revision in sorted({plane.revision for plane in survey.mesh.control_planes}):
        move = verify.verify_move(known, revision, frozenset(), verify.Request(), MESH_CHECKS)
        yield from (finding.hint for finding in move.findings)
        for by in (None, *map(By, Method)):
            leaving = Uninstall(known, removal(survey.mesh, revision, by))
            yield from (each.command for each in leaving.commands)
            yield from (each.command for each in leftovers(leaving))
            answer = verify.verify_uninstall(known, revision, by, verify.Request())
            yield from (finding.hint for finding in answer.findings)
            yield from answer.steps
        yield from planned(survey, revision)
        for owned in (False, True):
            plan = repair(survey, diagnose(survey), revision, force_owned=owned)
            yield from (*plan.elsewhere, *plan.obstacles, *plan.advice)


def planned(survey: Survey, revision: str) -> Iterator[Hint]:
    objects = originals([], survey.snapshot)
    request = choosing.Request(to=revision, names=tuple(survey.namespace_labels), enroll=True)
    if survey.mesh.resolve(revision) is None:
        return
    wanted = of_flag(survey, revision)
    choice = choosing.choose(survey, objects, request, wanted)
    plan = migration.plan(survey, objects, request, choice, wanted, "2026-01-01T00:00:00Z")
    after = migration.surveyed_after(survey, {move.namespace: move.after for move in plan.moves}, {})
    given = PreflightContext(
        before=survey, after=after, plan=plan, originals=objects, request=request, facts=PreflightFacts()
    )
    yield from (finding.hint for finding in preflight.find(given))
    yield from (each.hint for each in plan.left)


def made_of(name: str) -> Iterator[Hint]:
    """Kinds of hints that the stories do not have, each with this name wherever one stands."""
    nobody = Survey(Snapshot())
    for owner in (Owner("Helm", name, name), Owner("Argo CD", name), Owner("Sail", name)):
        for default in (True, False):
            yield at_source.repoint(nobody, owner, name, name, default=default)
        yield from (at_source.restore(nobody, owner, name, name, name), at_source.remove(owner, name))
        yield at_source.reselect(owner, name, name)
    yield from (
        at_source.default_revision(nobody, name),
        reinstall("install it again", name),
        label_gateway(name, name, name),
    )
    yield sail_tag(name, name)
    yield from (label("namespace", name, "a-"), label("gateway", name, f"istio.io/rev={name}", namespace=name))
    yield command("create", Flag("-f", name))
    yield command("rev-migrate", Flag("--undo"), name, name)
    yield command("rev-migrate", name, Flag(f"--to={name}"), Flag("--force-owned"))
    yield command("rollout", "resume", f"deployment/{name}", within(name)).then(command("get", "pod", name))
    yield command("get", "pods", within(name), Flag("-c", name))
    yield program("istioctl", "tag", "set", name, Flag("--revision", name), Flag("-i", name))


def everything(*, sample: bool) -> Iterator[Hint]:
    """Of each story all names at once, or one after the other too."""
    for name in HOSTILE:
        yield from made_of(name)
    hostile = cycle(HOSTILE)
    for number, story in enumerate(stories()):
        old = sorted(names_in(story) - KEPT)
        for _ in range(1 if sample else 2):
            each, name = next(hostile), next(hostile)
            yield from hints_of(renamed(story, {known: f"{each}{known}" for known in old}))
            for known in () if sample else (old[number % len(old)] if old else "", "canary", "istio-system"):
                yield from hints_of(renamed(story, {known: name}))


def meant(one: Command) -> tuple[str, list[str], list[tuple[str, ...]]]:
    """The program, what is no flag, and the flags."""
    flags = [each for each in one.arguments[1:] if isinstance(each, Flag)]
    pairs = [tuple(each.name.split("=", 1)) if each.value is None else (each.name, each.value) for each in flags]
    return str(one.arguments[0]), [each for each in one.arguments[1:] if isinstance(each, str)], sorted(pairs)


SWITCHES = {
    "-A", "--overwrite", "--enroll", "--drifted", "--undo", "--force-owned", "--include-gateways", "--reuse-values",
    "--rbac", "--watch", "--yes",
}  # fmt: skip


def understood(argv: list[str]) -> tuple[str, list[str], list[tuple[str, ...]]]:
    """As kubectl, istioctl, Helm and our own plugins read it: github.com/spf13/pflag, click."""
    names, flags, rest = [], [], argv[1:]
    while rest:
        word = rest.pop(0)
        if word == "--":
            names, rest = names + rest, []
        elif not word.startswith("-") or word == "-":
            names.append(word)
        elif "=" in word:
            flags.append(tuple(word.split("=", 1)))
        elif word in SWITCHES:
            flags.append((word,))
        else:
            flags.append((word, rest.pop(0)))
    return argv[0], names, sorted(flags)


def run(lines: list[str], at: Path) -> list[list[list[str]]]:
    """The calls that each line makes, as bash runs it."""
    stub = '#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@" >> "$CALLS"; printf "\\nend\\0" >> "$CALLS"\n'
    (at / "bin").mkdir()
    for name in ("kubectl", "istioctl", "helm", "oc", "az"):
        (at / "bin" / name).write_text(stub)
        (at / "bin" / name).chmod(0o755)
    (at / "lines").write_bytes(b"".join(line.encode() + b"\0" for line in lines))
    loop = 'while IFS= read -r -d "" line <&3; do eval "$line"; printf "\\nnext\\0" >> "$CALLS"; done 3< lines'
    environment = {"PATH": f"{at}/bin:{os.environ['PATH']}", "CALLS": str(at / "calls"), "HOME": str(at)}
    subprocess.run(["bash", "-c", loop], cwd=at, env=environment, check=True, timeout=120, capture_output=True)
    calls: list[list[list[str]]] = [[]]
    argv: list[str] = []
    for word in (at / "calls").read_text().split("\0")[:-1]:
        if word == "\nnext":
            calls.append([])
        elif word == "\nend":
            calls[-1].append(argv)
            argv = []
        else:
            argv.append(word)
    return calls[:-1]


SOURCE = Source(FLAGS, FILE, False)


@pytest.fixture(scope="module", params=["sample", pytest.param("all", marks=pytest.mark.long)])
def hints(request: pytest.FixtureRequest) -> list[Hint]:
    made = dict.fromkeys(map(SOURCE.repeated, everything(sample=request.param == "sample")))
    return [hint for hint in made if hint.commands]


def pasted(hint: Hint) -> str:
    """What a person copies of it: all, or the commands in a sentence."""
    whole = isinstance(hint.parts[0], Command)
    return clean(str(hint if whole else Hint(*hint.commands)))


def test_a_shell_runs_what_was_meant_and_nothing_else(hints: list[Hint], tmp_path: Path) -> None:
    assert len(hints) >= 800, len(hints)
    calls = run([pasted(hint) for hint in hints], tmp_path)
    wrong = [
        (pasted(hint), argvs)
        for hint, argvs in zip(hints, calls, strict=True)
        if [understood(argv) for argv in argvs] != [meant(one) for one in hint.commands]
    ]
    assert not wrong, f"{len(wrong)} of {len(hints)}: {wrong[:5]}"
    assert {each.name for each in tmp_path.iterdir()} == {"bin", "lines", "calls"}, "something else ran"


@pytest.mark.parametrize("name", UNPRINTABLE, ids=ascii)
def test_a_name_that_a_terminal_does_not_show_is_in_no_command(name: str) -> None:
    hints = [hint for hint in made_of(name) if any(name in word for one in hint.commands for word in one.argv)]
    assert len(hints) > 10
    assert {str(hint) for hint in hints} == {NOT_PRINTED}


def test_a_file_whose_name_is_no_text_is_in_no_command() -> None:
    undecodable = Source(ConnectionFlags(), "\udcff.json", False)
    assert str(undecodable.repeated(command("rev-status", "pods"))) == NOT_PRINTED
    assert str(undecodable.repeated(command("get", "pods"))) == "kubectl get pods"


def test_a_value_that_begins_with_a_dash_is_joined_to_its_flag() -> None:
    assert str(command("get", "pods", within("--yes"))) == "kubectl get pods -n=--yes"
    assert str(command("delete", "pod", "-n", within("x"))) == "kubectl delete pod -n x -- -n"
    assert str(label("namespace", "a-", "b=c")) == "change the labels of namespace a- with kubectl edit: b=c"


def test_friendly_names_are_not_quoted() -> None:
    assert str(command("label", "namespace", "shop", "a-", within("x"))) == "kubectl label namespace shop a- -n x"
    assert str(sentence("wait: ", command("get", "pods"), ", then go on")) == "wait: kubectl get pods, then go on"
    assert (str(NO_HINT), bool(NO_HINT), bool(sentence("x"))) == ("", False, True)
