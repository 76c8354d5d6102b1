"""Our selectors and rules are the API server's: made-up webhooks, called by the real API server, against our own word.

hypothesis makes up MutatingWebhookConfigurations; a server of ours stands behind all of them and writes on each pod
which entries were called, and in which order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_rev.cluster.read import read
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject, consider
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.revisions import Mesh
from tests.cluster.admission.bench import Bench
from tests.cluster.admission.recorder import called
from tests.cluster.admission.rows import Place
from tests.cluster.admission.server import Object, admit
from tests.cluster.admission.worlds import World

pytestmark = pytest.mark.cluster

PODS = 25
SUFFIX = labels.INJECTION_WEBHOOK_SUFFIX
VALUES = {
    labels.INJECTION: ["enabled", "disabled", ""],
    labels.REV: ["default", "canary", "prod", ""],
    labels.INJECT: ["true", "false"],
    "env": ["test", "live", ""],
    "example.com/team": ["a", "A", "a.b-c_d"],
}
ON_NAMESPACES = (labels.INJECTION, labels.REV, "env", "example.com/team")
ON_PODS = (labels.INJECT, labels.REV, "env", "example.com/team")


def spaces() -> dict[str, dict[str, str]]:
    """Forty namespaces with labels at random, always the same; the first has none."""
    random = Random(28880)
    some = [{key: random.choice(VALUES[key]) for key in ON_NAMESPACES if random.random() < 0.6} for _ in range(39)]
    return {f"recorded-{number}": given for number, given in enumerate([{}, *some])}


SPACES = spaces()


class Pod(NamedTuple):
    """A pod to be created."""

    namespace: str
    labels: dict[str, str]


keys = st.sampled_from(sorted(VALUES))


@st.composite
def requirement(draw: st.DrawFn) -> Object:
    key, operator = draw(keys), draw(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]))
    if operator in ("Exists", "DoesNotExist"):
        return {"key": key, "operator": operator}
    values = draw(st.lists(st.sampled_from([*VALUES[key], "other"]), min_size=1, max_size=3))
    return {"key": key, "operator": operator, "values": values}


match_labels = keys.flatmap(lambda key: st.builds(lambda value: {key: value}, st.sampled_from(VALUES[key])))
# None: the field is left out. Few requirements, so that some pods match.
selectors = st.one_of(
    st.none(),
    st.just({}),
    st.builds(lambda given: {"matchLabels": given}, match_labels),
    st.builds(lambda given: {"matchExpressions": given}, st.lists(requirement(), max_size=2)),
    st.builds(lambda a, b: {"matchLabels": a, "matchExpressions": [b]}, match_labels, requirement()),
)
USUAL = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
rule = st.fixed_dictionaries(
    {
        "operations": st.sampled_from([["CREATE"], ["*"], ["UPDATE"], ["UPDATE", "CREATE"], ["DELETE"], ["CONNECT"]]),
        "apiGroups": st.sampled_from([[""], ["*"], ["apps"], ["apps", ""]]),
        "apiVersions": st.sampled_from([["v1"], ["*"], ["v1beta1", "v1"], ["v2"]]),
        "resources": st.sampled_from(
            [["pods"], ["*"], ["*/*"], ["pods/*"], ["pods/status"], ["services", "pods"], ["services"], ["*/status"]]
        ),
    },
    optional={"scope": st.sampled_from(["*", "Namespaced", "Cluster"])},
)
rules = st.one_of(st.just([USUAL]), st.just([USUAL]), st.lists(rule, min_size=1, max_size=2))
entry = st.fixed_dictionaries(
    {"rules": rules},
    optional={
        "namespaceSelector": selectors.filter(lambda given: given is not None),
        "objectSelector": selectors.filter(lambda given: given is not None),
        "failurePolicy": st.sampled_from(["Fail", "Ignore"]),
        "matchPolicy": st.sampled_from(["Exact", "Equivalent"]),
    },
)
# The revision it is labelled with, and its entries. No istiod has that revision, so none touches it.
config = st.tuples(st.sampled_from([None, "one", "two"]), st.lists(entry, min_size=1, max_size=3))
pod = st.builds(
    Pod,
    st.sampled_from(sorted(SPACES)),
    st.fixed_dictionaries({}, optional={key: st.sampled_from(VALUES[key]) for key in ON_PODS}),
)


@pytest.fixture(scope="module")
def recorded(bench: Bench) -> Iterator[Bench]:
    """A cluster with namespaces of all sorts, and no injector yet."""
    bench.bring(World("nobody", "helm", lambda bench: bench.replace([]), {"none"}, spoils=True))
    bench.make(Place(*each) for each in SPACES.items())
    yield bench
    bench.replace([])


@pytest.mark.parametrize("examples", [40, pytest.param(250, marks=pytest.mark.long)])
def test_who_is_called(recorded: Bench, examples: int, report: Callable[[str], None]) -> None:
    seen: Counter[str] = Counter()

    # The short run is always the same one, the long one never.
    @settings(
        max_examples=examples,
        derandomize=examples == 40,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(config, min_size=1, max_size=3), st.lists(pod, min_size=PODS, max_size=PODS))
    def agree(configs: list[Any], pods: list[Pod]) -> None:
        install(recorded, configs)
        snapshot = read(recorded.connection, ask_versions=False)
        mesh = Mesh(snapshot)
        given = {namespace.name: namespace.labels for namespace in snapshot.namespaces}
        with ThreadPoolExecutor(8) as pool:
            created = list(pool.map(lambda pod: admit(recorded.connection, pod.namespace, pod.labels), pods))
        for pod, answer in zip(pods, created, strict=True):
            subject = Subject(pod.namespace, given[pod.namespace], pod.labels)
            really = called(answer)
            assert predicted(mesh, subject) == really, pod
            injectors = tuple(dict.fromkeys(name.partition(".")[0] for name in really))
            assert outcome(mesh, subject) == expected(mesh, injectors, pod), pod
            seen[f"{min(len(injectors), 2)} injectors"] += 1
            seen["pods"] += 1

    agree()
    report(f"made-up webhooks: {seen['pods']} pods, called as predicted; {dict(seen)}")
    assert seen["pods"] >= examples * PODS
    assert all(seen[f"{number} injectors"] > seen["pods"] // 10 for number in range(3)), seen


def install(bench: Bench, configs: list[Any]) -> None:
    """Put the configurations on the server, in the wrong order, and wait until it works by them."""
    wanted = []
    for i, (revision, entries) in enumerate(configs):
        meta = {"name": f"recorded-{i}", "labels": {labels.REV: revision} if revision else {}}
        webhooks = [
            bench.recorder.webhook(f"e{j}.{SUFFIX}", f"recorded-{i}.e{j}", **each) for j, each in enumerate(entries)
        ]
        wanted.append({"metadata": meta, "webhooks": webhooks})
    bench.replace(wanted[::-1])
    bench.catch_up()


def predicted(mesh: Mesh, subject: Subject) -> list[str]:
    """The entries that match, in the order of the calls."""
    return [
        f"{considered.injector}.{trial.webhook.removesuffix('.' + SUFFIX)}"
        for considered in consider(mesh, subject)
        for trial in considered.trials
        if trial.matches
    ]


def outcome(mesh: Mesh, subject: Subject) -> tuple[State, str | None, tuple[str, ...]]:
    found = select(mesh, subject)
    return found.state, found.revision, found.injectors


def expected(mesh: Mesh, injectors: tuple[str, ...], pod: Pod) -> tuple[State, str | None, tuple[str, ...]]:
    """What there is to say when these were called: an istiod behind them would refuse only who opts out, if it is of a
    release that looks at the label, which nothing tells of revisions that do not exist.
    """
    revisions = {each.name: each.revision for each in mesh.injectors}
    out = pod.labels.get(labels.INJECT) == "false"
    willing = [name for name in injectors if not (out and mesh.versions_of(revisions[name]))]
    if not willing:
        return State.NONE, None, ()
    if len(willing) > 1:
        return State.CONFLICT, None, injectors
    return (State.UNKNOWN, None, injectors) if out else (State.INJECTED, revisions[willing[0]], injectors)


def test_all_kinds_of_selectors_are_made() -> None:
    """What the test above means by all: each operator on each key, matchLabels, an empty selector and an absent one."""
    made = {(each["key"], each["operator"]) for each in _many(requirement())}
    assert made == set(product(VALUES, ["In", "NotIn", "Exists", "DoesNotExist"]))
    shapes = {None if each is None else tuple(sorted(each)) for each in _many(selectors)}
    assert shapes == {None, (), ("matchLabels",), ("matchExpressions",), ("matchExpressions", "matchLabels")}


def _many(strategy: st.SearchStrategy[Any]) -> list[Any]:
    found = []

    @settings(max_examples=200, derandomize=True, database=None, deadline=None)
    @given(strategy)
    def take(each: Any) -> None:
        found.append(each)

    take()
    return found
