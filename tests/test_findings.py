"""The block that shows findings: one line for each cause on a terminal, all of them elsewhere."""

from __future__ import annotations

import json

import msgspec
import pytest

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.hints import NO_HINT, Flag, Goal, Hint, command, sentence, within
from kubectl_rev.core.checks.joined_hints import joined
from kubectl_rev.core.checks.messages import Message, Pods, summary, template_of
from kubectl_rev.core.checks.model import Finding, Ref, Severity, find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.remedies.sequence import sequence
from kubectl_rev.core.status.answers import overview
from kubectl_rev.render import findings, status
from kubectl_rev.render.text import Style
from tests.build import control_plane, deployment, injector, ns, running, validator, world

TERMINAL = Style(width=120, limit=20)
E, W = Severity.ERROR, Severity.WARNING


def found(
    code: str, severity: Severity, name: str, message: str, hint: Hint = NO_HINT, kind: str = "Deployment"
) -> Finding:
    space, _, name = name.rpartition("/")
    return Finding(code, severity, Ref(kind, space, name), message, hint)


def alone(number: int, space: str = "shop") -> Finding:
    return found("REV414", W, f"{space}/app-{number:02}", "its only pod goes first")


ERROR = found("REV401", E, "canary", "it has no control plane", command("rev-status", "revisions"), "Revision")


def test_eighteen_alike_are_one_line_and_hide_no_error() -> None:
    assert findings.block([ERROR, *map(alone, range(18))], TERMINAL).split("\n") == [
        "REV401 error    revision/canary  it has no control plane",
        "                kubectl rev-status revisions",
        "REV414 warning  18 deployments -n shop (app-00, app-01, app-02, …)  its only pod goes first",
    ]


@pytest.mark.parametrize("style", [Style(), Style(width=120, limit=20, wide=True)], ids=["pipe", "-o wide"])
def test_elsewhere_each_is_a_line(style: Style) -> None:
    assert findings.block([*map(alone, range(18))], style).count("REV414") == 18


@pytest.mark.parametrize(
    ("names", "head"),
    [
        (["a"], "deployment/a -n shop  "),
        (["a", "b"], "2 deployments -n shop (a, b)  "),
        (["a", "b", "c", "d"], "4 deployments -n shop (a, b, c, d)  "),
        (["a", "b", "c", "d", "e"], "5 deployments -n shop (a, b, c, …)  "),
    ],
)
def test_one_more_is_named_rather_than_counted(names: list[str], head: str) -> None:
    rows = [found("REV414", W, f"shop/{name}", "m") for name in names]
    assert findings.block(rows, TERMINAL) == f"REV414 warning  {head}m"


def test_what_they_have_in_common_is_said_once() -> None:
    spaces = [found("REV414", W, "shop/web", "m"), found("REV414", W, "data/db", "m")]
    assert findings.subjects(spaces) == "2 deployments (shop/web, data/db)"
    kinds = [*spaces, found("REV414", W, "data/db", "m", kind="StatefulSet")]
    assert (
        findings.subjects(kinds) == "3 objects (deployment/web -n shop, deployment/db -n data, statefulset/db -n data)"
    )
    everywhere = [found("REV201", W, name, "m", kind="Namespace") for name in ("a", "b")]
    assert findings.subjects(everywhere) == "2 namespaces (a, b)"


def test_a_template_is_a_cause_whatever_the_names_and_counts() -> None:
    texts = [Message("{} on {}, {} is selected", Pods(n), old, "canary") for n, old in ((1, "default"), (3, "1-28"))]
    assert texts == ["1 pod on default, canary is selected", "3 pods on 1-28, canary is selected"]
    assert summary(texts) == "4 pods on …, canary is selected"
    rows = [found("REV202", W, f"shop/{number}", text) for number, text in enumerate(texts)]
    assert (
        findings.block(rows, TERMINAL)
        == "REV202 warning  2 deployments -n shop (0, 1)  4 pods on …, canary is selected"
    )


def test_a_name_with_braces_is_a_name() -> None:
    text = Message("label {} means nothing", "{0}{x}")
    assert (text, template_of(text)) == ("label {0}{x} means nothing", "label {} means nothing")


def test_severities_and_codes_are_not_mixed() -> None:
    rows = [found("REV201", E, "shop/a", "m"), found("REV201", W, "shop/b", "m"), found("REV202", W, "shop/c", "m")]
    assert len(findings.fold(rows, TERMINAL)) == 3


def test_of_many_causes_the_first_few() -> None:
    rows = [found("REV205", W, f"shop/w{number}", f"message {number}") for number in range(9)]
    lines = findings.block(rows, TERMINAL).split("\n")
    assert len(lines) == 6
    assert lines[-1].strip() == "… and 4 more REV205: -o wide shows all"


def test_one_hint_for_all_stands_once() -> None:
    rows = [found("REV225", W, f"shop/p{number}", "m", command("get", "pods")) for number in range(3)]
    assert findings.block(rows, TERMINAL).count("kubectl get pods") == 1
    rows = [found("REV225", W, f"shop/p{number}", f"m{number}", command("get", "pods")) for number in range(3)]
    assert findings.block(rows, Style()).count("kubectl get pods") == 1, (
        "also of different causes that follow each other"
    )


RESTARTS = [command("rollout", "restart", f"deployment/{name}", within("shop")) for name in ("web", "api", "db")]
JOINED = {
    "one namespace": (RESTARTS, "kubectl rollout restart deployment/web deployment/api deployment/db -n shop", 0),
    "another namespace": (
        [*RESTARTS, command("rollout", "restart", "deployment/web", within("data"))],
        "kubectl rollout restart deployment/web deployment/api deployment/db -n shop", 1,
    ),
    "the same twice": ([RESTARTS[0]] * 2, "kubectl rollout restart deployment/web -n shop", 0),
    "namespaces to move": (
        [command("rev-migrate", name, Flag("--to", "canary")) for name in ("a", "b")],
        "kubectl rev-migrate a b --to canary", 0,
    ),
    "to different revisions": (
        [command("rev-migrate", name, Flag("--to", name)) for name in ("a", "b")], "kubectl rev-migrate a --to a", 1,
    ),
    "labels": (
        [command("label", "namespace", name, "istio-injection-") for name in ("a", "-b")],
        "kubectl label namespace a -- -b istio-injection-", 0,
    ),
    "what takes no list": (
        [command("logs", name, within("shop"), Flag("-c", "istio-proxy")) for name in ("p", "q")],
        "kubectl logs p -n shop -c istio-proxy", 1,
    ),
    "two commands": ([command("a", "x").then(command("b", "x")), command("a", "y").then(command("b", "y"))],
                     "kubectl a x && kubectl b x", 1),
    "a sentence": ([sentence("wait for x"), sentence("wait for y")], "wait for x", 1),
    "too many": (
        [command("rev-migrate", f"n{number}", Flag("--to", "c")) for number in range(30)],
        f"kubectl rev-migrate {' '.join(f'n{number}' for number in range(20))} --to c", 10,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("hints", "text", "others"), JOINED.values(), ids=JOINED)
def test_one_command_for_all_that_take_it(hints: list[Hint], text: str, others: int) -> None:
    hint, left = joined(hints)
    assert (str(hint), left) == (text, others)


def test_what_needs_another_remedy_is_another_cause() -> None:
    move, restart = command("rev-migrate", "both", Flag("--to", "canary")), RESTARTS[0]
    enroll = command("rev-migrate", "ghost", Flag("--to", "canary"), Flag("--enroll"))
    rows = [
        found("REV302", E, f"shop/{number}", "m", hint) for number, hint in enumerate((move, restart, enroll, move))
    ]
    assert [len(cause) for cause in findings.fold(rows, TERMINAL)] == [2, 1, 1]


def test_another_label_and_another_target_are_other_remedies() -> None:
    """What is printed for the first is not alike for those that need another value."""
    values = ("default", "canary", "canary")
    labelled = [command("label", "namespace", f"n{at}", f"istio.io/rev={to}") for at, to in enumerate(values)]
    moved = [command("rev-migrate", f"n{at}", Flag("--to", to)) for at, to in enumerate(values)]
    for hints in (labelled, moved):
        rows = [found("REV104", E, f"n{number}", "m", hint, "Namespace") for number, hint in enumerate(hints)]
        assert [len(cause) for cause in findings.fold(rows, TERMINAL)] == [1, 2]


def test_eight_mistyped_labels_are_a_few_lines() -> None:
    spaces = [ns(f"n{number}", f"rev=canry{number}") for number in range(8)]
    apps = [each for number in range(8) for each in running(deployment("web", f"n{number}"), "canary")]
    snapshot = world(control_plane(), control_plane("canary"), validator(), ns("istio-system"), spaces, apps)
    text = findings.block(find(Survey(snapshot), MESH_CHECKS), TERMINAL)
    assert text.count("\n") < 12
    assert "REV104 error    8 namespaces (n0, n1, n2, …)  istio.io/rev=… names no revision or tag" in text
    assert "REV203 error    8 deployments (n0/web, n1/web, n2/web, …)  8 pods would come back without a sidecar" in text


def test_the_commands_of_a_program_that_runs_are_not_repeated() -> None:
    rows = [found("REV501", E, "v", "m", command("rev-fix-validation"))]
    assert findings.block(rows, Style(), own="rev-fix-validation") == "REV501 error    deployment/v  m"


def attention(*parts: object) -> str:
    spaces = [ns(f"n{number}", "injection=enabled") for number in range(3)]
    text = status.overview(overview(Survey(world(*spaces, ns("istio-system"), *parts)), MESH_CHECKS), Style())  # type: ignore[arg-type]
    return next(line for line in text.split("\n") if "namespaces" in line and "NAMESPACES" not in line)


def test_no_namespace_is_fine_above_an_error_of_the_mesh() -> None:
    assert attention(control_plane(), validator()) == "All 4 namespaces are fine."
    assert (
        attention(control_plane(), validator(), injector("gone", tag="old"))
        == "4 namespaces: no findings of their own."
    )


MOVE = [command("rev-migrate", name, Flag("--to", "new")).to(Goal.INJECTED) for name in ("shop", "cart")]
GATEWAYS = command("rev-migrate", "shop", Flag("--to", "new"), Flag("--include-gateways")).to(Goal.INJECTED)
TAG = command("rev-migrate", Flag("--tag", "prod"), Flag("--to", "new")).to(Goal.POINTED)
LOOK = command("describe", "pod", "web")
STEPS: dict[str, tuple[list[Hint], list[str]]] = {
    "tags before namespaces, each once": (
        [*MOVE, TAG, MOVE[0], TAG],
        ["kubectl rev-migrate --tag prod --to new --yes", "kubectl rev-migrate shop cart --to new --yes"],
    ),
    "what does more": ([MOVE[0], GATEWAYS], ["kubectl rev-migrate shop --to new --include-gateways --yes"]),
    "the same with words, and with another": (
        [sentence(TAG, "  # moves more"), TAG, MOVE[0], MOVE[0].then(LOOK)],
        [
            "kubectl rev-migrate --tag prod --to new --yes",
            "kubectl rev-migrate shop --to new --yes && kubectl describe pod web",
        ],
    ),
    "what changes nothing is none": ([LOOK, MOVE[0]], ["kubectl rev-migrate shop --to new --yes"]),
    "what a person decides is last": (
        [sentence("ask"), TAG],
        ["kubectl rev-migrate --tag prod --to new --yes", "# ask"],
    ),
    "nothing to do": ([NO_HINT, LOOK], []),
}


@pytest.mark.parametrize(("hints", "steps"), STEPS.values(), ids=STEPS)
def test_the_hints_of_several_findings_are_steps_in_order(hints: list[Hint], steps: list[str]) -> None:
    assert [str(step) for step in sequence(hints)] == steps


def test_a_remedy_says_what_is_true_afterwards_and_has_the_words_of_its_commands() -> None:
    assert json.loads(msgspec.json.encode(TAG.then(sentence("wait")).remedy)) == {
        "goal": "pointed",
        "steps": [{"command": ["kubectl", "rev-migrate", "--tag", "prod", "--to", "new"]}, {"text": "wait"}],
    }
    assert NO_HINT.remedy is None
    assert command("describe", "pod", "a\x1b[2J").remedy is None, "it would mean another object"
