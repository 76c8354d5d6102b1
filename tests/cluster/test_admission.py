"""What we predict for a pod is what the API server and the istiods make of it: the whole table, in every world.

Each row is a pod that the real API server is asked to create, as a dry run; its injectors are served by real istiods.
The prediction is `select`'s, on what our own reading finds on that server.
"""

import time
from collections.abc import Callable
from itertools import product

import pytest

from kubectl_rev.core.mesh.injection import State
from tests.cluster.admission import rows
from tests.cluster.admission.asking import Comparison, compare, show
from tests.cluster.admission.bench import Bench
from tests.cluster.admission.documented import TABLES, Table
from tests.cluster.admission.rows import Row, place_name
from tests.cluster.admission.worlds import WORLDS, World

pytestmark = pytest.mark.cluster

# The table of issue 3, written out once more: what is not in here was not asked for, what is in here must be compared.
NAMESPACES = list(product([None, "enabled", "disabled", "other", ""], [None, "default", "canary", "prod", "ghost"]))
PODS = list(product([None, "true", "false"], [None, "canary", "prod", "ghost"]))
REST = list(product([None, "true", "false"], [False, True]))


_WORLDS = [pytest.param(w, marks=[pytest.mark.long] if w.rare else [], id=w.name) for w in WORLDS]


@pytest.fixture(scope="module", params=_WORLDS)
def world(request: pytest.FixtureRequest, bench: Bench) -> World:
    """Each world, standing."""
    found: World = request.param
    bench.bring(found)
    return found


@pytest.fixture(scope="module", params=["sample", pytest.param("full", marks=pytest.mark.long)])
def extent(request: pytest.FixtureRequest) -> str:
    """How many rows are asked: a sample with every pair of namespace and pod labels, or everything with everything."""
    return str(request.param)


@pytest.fixture(scope="module")
def compared(bench: Bench, world: World, extent: str, report: Callable[[str], None]) -> Comparison:
    started = time.monotonic()
    found = compare(bench.connection, rows.full() if extent == "full" else rows.sample())
    took, wrong = time.monotonic() - started, len(found.disagreements())
    report(f"admission in world {world.name!r}: {len(found.asked)} pods in {took:.0f} s, {wrong} disagreements")
    return found


def test_what_is_predicted_is_what_happens(compared: Comparison) -> None:
    wrong = compared.disagreements()
    assert not wrong, show(wrong, compared.mesh)


def test_no_row_is_missing(compared: Comparison, extent: str) -> None:
    asked = {each.row for each in compared.asked}
    plain = {Row(place_name(*labels), *pod) for labels in NAMESPACES for pod in PODS}
    everything = {Row(*row, *rest) for row in ((r.namespace, r.inject, r.rev) for r in plain) for rest in REST}
    assert plain <= asked
    if extent == "full":
        assert everything <= asked
    else:  # every namespace and every pod meets each annotation and host network
        in_namespaces = {(place_name(*labels), *rest) for labels in NAMESPACES for rest in REST}
        on_pods = {(*pod, *rest) for pod in PODS for rest in REST}
        assert in_namespaces <= {(row.namespace, row.annotation, row.host_network) for row in asked}
        assert on_pods <= {(row.inject, row.rev, row.annotation, row.host_network) for row in asked}


def test_every_outcome_occurs(compared: Comparison, world: World) -> None:
    assert compared.outcomes == world.outcomes


def test_the_server_called_what_was_predicted(compared: Comparison) -> None:
    """How often each entry was called, by the API server's own count: of two injectors for one pod, both."""
    assert compared.predicted_calls() <= compared.calls <= compared.possible_calls()
    for each in compared.asked:
        if each.predicted.state is State.CONFLICT:
            assert len(each.called) > 1, each


def test_what_happens_is_what_istio_documents(compared: Comparison, world: World) -> None:
    table = world.documented
    if table is None:
        assert world.others or world.outcomes & {"conflict", "rejected", "unknown"}, (
            "Istio says nothing of these worlds, but of all others it does"
        )
        return
    truths = {each.row: each.truth for each in compared.asked}
    wrong = {}
    for labels, pod in product(NAMESPACES, PODS):
        expected = table.injector((*labels, *pod), world.holder, world.names)
        if truths[Row(place_name(*labels), *pod)].revision != expected:
            wrong[labels, pod] = expected, truths[Row(place_name(*labels), *pod)]
    assert not wrong


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_documented_tables_have_one_line_for_each_row(table: Table) -> None:
    spoken = {table.line(*labels, *pod) for labels, pod in product(NAMESPACES, PODS)}
    assert spoken == set(table.lines)
