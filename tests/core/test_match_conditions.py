"""matchConditions of webhooks: CEL where not everything is known, and what a webhook's conditions come to for a pod.

That the API server decides so is held against it in tests/cluster/test_admission_conditions.py.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from kubectl_rev.core.mesh.admission import Subject, consider
from kubectl_rev.core.mesh.cel.evaluator import evaluate
from kubectl_rev.core.mesh.cel.parser import NotUnderstood, parse
from kubectl_rev.core.mesh.cel.values import Doubt, Error, Map, Unknown
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.match_conditions import Call, held
from kubectl_rev.core.mesh.objects import MatchCondition, Webhook, WebhookConfiguration
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.dumps import snapshot_file
from tests.build import (
    control_plane,
    cron_job,
    daemon_set,
    deployment,
    injector,
    job,
    ns,
    pod,
    running,
    stateful_set,
    world,
)  # fmt: skip

SCOPE = {
    "m": Map({"a": "1", "b": "x"}, path="m"),
    "part": Map({"a": "1"}, None, frozenset({"z"}), "part"),
    "may": Map({"a": "1"}, frozenset({"maybe"}), path="may"),
    "l": [1, 2],
    "none": None,
    "u": Unknown(Doubt.UNREAD, "u"),
}
NO_KEY, NO_OVERLOAD = "no such key", "no such overload"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # literals and operators
        ("1 + 2 == 3 && 'a' + 'b' == 'ab' && [1] + [2] == [1, 2]", True),
        ("-1 < 0 && 0x1F == 31 && 1.5e1 > 14 && !(2 <= 1) && 'b' > 'a'", True),
        (r"""r'\d' == '\\d' && '\x41\u0042\U00000043\104' == "ABCD" && '''it's''' == "it's" """, True),
        ("'é'.size() == 1 && size('ab') == 2 && {'k': [1]}.k[0] == 1", True),
        ("1 == 1.0 && 'a' != 1 && none == null && !(true == 1)", True),
        ("true ? 'a' == 'a' : u // a comment", True),
        ("1 + 'a' == 2", Error(NO_OVERLOAD)),
        ("1 < 'a'", Error(NO_OVERLOAD)),
        ("!'a'", Error(NO_OVERLOAD)),
        ("9223372036854775807 + 1 == 0", Error("integer overflow")),
        ("l[2] == 1", Error("index out of bounds: 2")),
        # what is absent, what is unknown
        ("has(m.a) && !has(m.c) && 'a' in m && !('c' in m) && m['b'] == 'x'", True),
        ("m.c == 'x'", Error(f"{NO_KEY}: c")),
        ("none.a == 'x'", Error(f"{NO_KEY}: a")),
        ("has(part.a) && !has(part.z)", True),
        ("has(part.c)", "part.c is not known here"),
        ("'c/d' in part", 'part["c/d"] is not known here'),
        ("part.z == ''", Error(f"{NO_KEY}: z")),
        ("size(part) == 1", "all of part is not known here"),
        ("size(m) == 2 && m.size() == 2", True),
        ("has(none.a)", "has(….a) of what is no map is not evaluated here"),
        # errors and unknowns on one side
        ("m.c == 'x' || true", True),
        ("false && m.c == 'x'", False),
        ("u || true", True),
        ("u && false", False),
        ("u || m.c == 'x'", "u is not known here"),
        ("u ? true : true", "u is not known here"),
        ("'a' in [u, m.c]", "u is not known here"),
        ("1 || false", Error(NO_OVERLOAD)),
        # macros
        ("l.exists(i, i == 2 || m.c == 'x') && l.all(i, i > 0) && l.exists_one(i, i == 1)", True),
        ("l.all(i, i == 1 || m.c == 'x')", Error(f"{NO_KEY}: c")),
        ("l.map(i, i + 1) == [2, 3] && l.filter(i, i > 1) == [2] && m.exists(k, v, k == 'b' && v == 'x')", True),
        ("m.all(k, k.size() == 1) && !m.all(k, v, v == 'x')", True),
        ("part.exists(k, k == 'a')", True),
        ("part.exists(k, k == 'c')", "all of part is not known here"),
        ("part.all(k, k == 'b')", False),
        ("may.exists(k, k == 'other')", False),
        ("may.exists(k, k == 'maybe')", "whether there is maybe is not known here"),
        ("may.all(k, k.startsWith('m') || k == 'a')", True),
        ("may.filter(k, k == 'a').size() == 1", "whether there is maybe is not known here"),
        # optional values
        ("m.?a.orValue('') == '1' && m[?'c'].orValue('d') == 'd' && !m.?c.hasValue() && m.?c.e.orValue(1) == 1", True),
        ("m.?c.value() == 'x'", Error("optional.none() dereference")),
        ("part.?c.orValue('') == ''", "part.c is not known here"),
        # functions of strings
        ("'web-1'.matches('^[a-z]+-[0-9]$') && 'ab'.contains('b') && 'ab'.endsWith('b')", True),
        ("'ÄB'.lowerAscii() == 'Äb' && !'ab'.matches('^b')", True),
        ("'a,b'.split(',') == ['a', 'b'] && 'ab'.upperAscii() == 'AB' && string(1) == '1' && dyn(1) == 1", True),
        (f"'{'a' * 40}!'.matches('^(a+)+$')", "the regular expression ^(a+)+$ is not evaluated here"),
        (r"'a'.matches('\\pL')", r"the regular expression \pL is not evaluated here"),
        ("'a'.matches('a++')", "the regular expression a++ is not evaluated here"),
        ("m.matches('a')", Error(NO_OVERLOAD)),
        # what Kubernetes adds, and what is no expression
        ("isURL('a')", "isURL() is not evaluated here"),
        ("'a1'.find('[0-9]') == '1'", "find() is not evaluated here"),
        ("authorizer.path('/').check('get').allowed()", "authorizer is not evaluated here"),
        ("6 / 2 == 3", "_/_ is not evaluated here"),
        ("2u == 2u", "'2u' is not understood here"),
        ("b'a' == b'a'", "\"'a'\" is not understood here"),
        ("1 +", "its end is not understood here"),
        ("'a", "\"'\" is not understood here"),
        (r"'\q' == ''", r"'\\q' is not understood here"),
        ("(" * 5000, "its depth is not understood here"),
        (".".join("a" * 3000), "so long an expression is not evaluated here"),
        ("[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c,"
         "[0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, a + b + c + d + e < 50)))))",
         "so long an expression is not evaluated here"),
    ],
)  # fmt: skip
def test_an_expression(expression: str, expected: Any) -> None:
    value = evaluate(expression, SCOPE)
    assert (value.words if isinstance(value, Unknown) else value) == expected


@pytest.mark.parametrize("text", ["", "a b", "a.", "a[", "a(1", "{'a'}", "[1 2]", "a ? b", "&& a", "@", "T{a: 1}"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(text)


CANARY = [part for part in control_plane("canary") if not isinstance(part, WebhookConfiguration)]
APP = "object.metadata.labels.app == 'web'"
TRUE, FALSE, FAILS = "true", "request.namespace == 'other'", "object.metadata.labels.missing == 'x'"
OPEN = "request.userInfo.username == 'me'"


@pytest.mark.parametrize(
    ("conditions", "fail", "ignore"),
    [
        ([], Call.CALLED, Call.CALLED),
        ([TRUE, APP], Call.CALLED, Call.CALLED),
        ([TRUE, FALSE], Call.SKIPPED, Call.SKIPPED),
        ([FAILS], Call.REJECTS, Call.SKIPPED),
        ([TRUE, FAILS], Call.REJECTS, Call.SKIPPED),
        ([FAILS, FALSE], Call.SKIPPED, Call.SKIPPED),
        ([OPEN], Call.UNKNOWN, Call.UNKNOWN),
        ([OPEN, TRUE], Call.UNKNOWN, Call.UNKNOWN),
        ([OPEN, FALSE], Call.SKIPPED, Call.SKIPPED),
        ([FAILS, OPEN], Call.UNKNOWN, Call.SKIPPED),
        (["'app'"], Call.UNKNOWN, Call.UNKNOWN),
    ],
)
def test_several_conditions(conditions: list[str], fail: Call, ignore: Call) -> None:
    given = [MatchCondition(name=f"c{n}", expression=text) for n, text in enumerate(conditions)]
    subject = Subject("shop", {}, {"app": "web"}, kind="Pod")
    calls = [
        held(Webhook(name="w", match_conditions=given, failure_policy=policy), subject, changed=False).call
        for policy in ("Fail", "Ignore")
    ]
    assert calls == [fail, ignore]


def call(expression: str, subject: Subject, *, changed: bool = False) -> str:
    webhook = Webhook(name="w", match_conditions=[MatchCondition(name="c", expression=expression)])
    conditions = held(webhook, subject, changed=changed)
    return conditions.call.value


BARE = Subject("shop", {}, {"app": "web"}, {"sidecar.istio.io/inject": "true"}, kind="Pod")


@pytest.mark.parametrize(
    ("expression", "subject", "expected"),
    [
        ("size(object.metadata.labels) == 1", BARE, "called"),
        ("has(object.metadata.labels)", Subject("shop", {}, kind="Pod"), "skipped"),
        ("has(object.metadata.labels)", Subject("shop", {}), "unknown"),  # a controller may add some
        ("!has(object.metadata.labels) || !('app' in object.metadata.labels)", Subject("shop", {}), "called"),
        ("!has(object.metadata.labels) || !('job-name' in object.metadata.labels)", Subject("shop", {}), "unknown"),
        ("request.namespace == 'shop'", Subject("", {}), "unknown"),
        ("object.metadata.annotations['sidecar.istio.io/inject'] == 'true'", BARE, "called"),
        ("'inject.istio.io/templates' in object.metadata.annotations", BARE, "skipped"),
        ("'example.com/team' in object.metadata.annotations", BARE, "unknown"),  # not all of them are read
        ("has(object.metadata.annotations)", Subject("shop", {}, kind="Pod"), "unknown"),
        ("object.spec.?hostNetwork.orValue(false) == true", BARE, "skipped"),
        ("has(object.spec.hostNetwork)", Subject("shop", {}, host_network=True, kind="Pod"), "called"),
        ("has(object.spec.hostNetwork)", Subject("shop", {}, host_network=None, kind="Pod"), "unknown"),
        ("has(object.spec.nodeSelector)", BARE, "unknown"),  # not read, which is not absent
        ("has(object.metadata.generateName)", BARE, "unknown"),
        ("has(object.metadata.ownerReferences)", BARE, "unknown"),
        ("oldObject == null && request.dryRun == false && !has(request.subResource)", BARE, "called"),
        # a label whose value its controller makes up
        ("object.metadata.labels['pod-template-hash'] == 'x'", Subject("shop", {}, kind="Deployment"), "unknown"),
        ("'pod-template-hash' in object.metadata.labels", Subject("shop", {}, kind="Deployment"), "called"),
    ],
)  # fmt: skip
def test_what_is_known_of_a_pod(expression: str, subject: Subject, expected: str) -> None:
    assert call(expression, subject) == expected


def test_an_injector_that_was_called_before_may_have_added_labels() -> None:
    assert call("'app' in object.metadata.labels", BARE, changed=True) == "called"
    for expression in ("'team' in object.metadata.labels", "size(object.metadata.labels) == 1"):
        assert call(expression, BARE, changed=True) == "unknown"
    assert call("has(object.metadata.labels)", Subject("shop", {}, kind="Pod"), changed=True) == "unknown"


NOT_OF_JOBS = "!has(object.metadata.labels) || !('job-name' in object.metadata.labels)"
NOT_OF_AGENTS = "!has(object.metadata.labels) || !('pod-template-generation' in object.metadata.labels)"


@pytest.mark.parametrize(
    ("condition", "skipped"), [(NOT_OF_JOBS, {"report", "once"}), (NOT_OF_AGENTS, {"agent"}), ("true", set())]
)
def test_the_labels_that_controllers_add_decide(condition: str, skipped: set[str]) -> None:
    parts = [
        deployment("web"), stateful_set("db"), daemon_set("agent"), cron_job("report"), *running(job("once"), None),
        pod("bare"), ns("shop", "rev=canary"),
    ]  # fmt: skip
    survey = Survey(world(parts, CANARY, injector("canary", match_conditions=[condition])))
    states = {w.name: w.selected.state for w in survey.by_namespace["shop"]}
    assert states == {
        name: State.NONE if name in skipped else State.INJECTED
        for name in ("web", "db", "agent", "report", "once", "bare")
    }
    assert survey.selected_for_namespace("shop").state is (State.UNKNOWN if skipped else State.INJECTED)


def test_conditions_are_saved_and_answer_the_same(tmp_path: Path) -> None:
    parts = [ns("shop", "rev=canary"), deployment("web"), cron_job("report")]
    found = world(parts, CANARY, injector("canary", match_conditions=[NOT_OF_JOBS, OPEN]))
    for name in ("saved.yaml", "saved.json"):
        snapshot_file.save(found, str(tmp_path / name))
        again = Survey(snapshot_file.load(str(tmp_path / name), StringIO()))
        assert [w.selected for w in again.workloads] == [w.selected for w in Survey(found).workloads]
        assert {w.selected.state for w in again.by_namespace["shop"]} == {State.UNKNOWN, State.NONE}


@pytest.mark.parametrize(
    ("condition", "policy", "state", "because"),
    [
        (FALSE, "Fail", State.NONE, "istio-sidecar-injector-canary is not called, its condition c0 is false"),
        (FAILS, "Fail", State.REJECTED, "the namespace says istio.io/rev=canary, but istio-sidecar-injector-canary's "
         "condition c0 fails: no such key: missing"),
        (FAILS, "Ignore", State.NONE, "istio-sidecar-injector-canary is not called, its condition c0 fails: "
         "no such key: missing"),
        (OPEN, "Ignore", State.UNKNOWN, "the namespace says istio.io/rev=canary, but istio-sidecar-injector-canary's "
         "condition c0 may be true or false: request.userInfo is not known here"),
        (APP, "Fail", State.INJECTED, "the namespace says istio.io/rev=canary"),
    ],
)  # fmt: skip
def test_the_decision_and_its_reason(condition: str, policy: str, state: State, because: str) -> None:
    conditional = injector("canary", match_conditions=[condition], failure_policy=policy)
    mesh = Mesh(world(CANARY, conditional))
    subject = Subject("shop", {"istio.io/rev": "canary"}, {"app": "web"}, kind="Pod")
    decision = select(mesh, subject)
    assert (decision.state, decision.because) == (state, because)
    (trace,) = consider(mesh, subject)
    first, second = trace.trials
    assert first.matches is {State.NONE: False, State.UNKNOWN: None}.get(state, True)
    assert first.conditions
    assert not second.conditions


def test_a_call_that_fails_anyway_decides_before_an_open_condition() -> None:
    """Two injectors for one namespace: the dead one rejects the pod, whatever the other one's condition is."""
    made = world(CANARY, injector("canary", match_conditions=[OPEN]),
                 injector("canary", name="z", service="gone"))  # fmt: skip
    subject = Subject("shop", {"istio.io/rev": "canary"}, kind="Pod")
    assert select(Mesh(made), subject).state is State.REJECTED
    passed_over = injector("canary", match_conditions=[OPEN], service="gone", failure_policy="Ignore")
    assert select(Mesh(world(CANARY, passed_over)), subject).state is State.NONE
