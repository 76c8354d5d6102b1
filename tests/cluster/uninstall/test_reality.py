"""Verdict against reality: what rev-verify says, then the real uninstall, then what really breaks.

SAFE must never be followed by a breakage, every predicted breakage must happen as predicted, and every one that happens
must have been predicted. A run shows its confusion matrix at the end: all scenarios with `pytest -m long`, else
a sample.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.uninstall import by_helm_charts, by_istioctl, reality
from tests.cluster.uninstall.matrix import Matrix
from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.reach import Name
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE, UNKNOWN, Scenario, arranged
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster
_EXIT = {SAFE: 0, NOT_SAFE: 1, UNKNOWN: 3}
_CHANGES_NOTHING = ("REV318", "REV319")
_NO_ROOT = ("Namespace", "", "", "no root certificate")
SCENARIOS: list[Scenario] = [*by_istioctl.SCENARIOS, *by_helm_charts.scenario]


def _cases() -> Iterator[object]:
    for each in SCENARIOS:
        yield pytest.param(each, id=each.name, marks=() if each.sample else pytest.mark.long)


def test_there_are_enough_scenarios_and_half_of_them_are_helms() -> None:
    assert len(SCENARIOS) >= 60
    assert len(by_helm_charts.scenario) * 2 >= len(SCENARIOS)
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)


@pytest.fixture(scope="module")
def matrix(report: Callable[[str], None]) -> Iterator[Matrix]:
    """Shown at the end of the run."""
    counted = Matrix()
    yield counted
    for line in counted.lines():
        report(line)


@pytest.mark.parametrize("case", list(_cases()))
def test_what_is_said_is_what_happens(cluster: Cluster, matrix: Matrix, case: Scenario) -> None:
    with arranged(cluster, case) as mesh:
        done = cluster.run(
            "kubectl", "rev-verify", "--uninstall", case.revision, "-o", "json", *case.flags, check=False
        )
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        errors = {finding["code"] for finding in said["findings"] if finding["severity"] == "error"}
        assert (said["verdict"], errors) == (case.verdict, case.codes), said["findings"] + said["gaps"]
        assert done.returncode == _EXIT[case.verdict]
        before = reality.look(mesh)
        meant = reality.asks(mesh, "probe-before")
        tool = cluster.uninstall(case.revision, namespace=case.namespace)
        if mesh.proxies:
            gone = {f["subject"]["name"] for f in said["findings"] if f["code"] == "REV301"}
            cluster.wait_until("streams to break", lambda: not any(p.connected for p in mesh.proxies if p.pod in gone))
        after, means = reality.look(mesh), reality.asks(mesh, "probe-after")
        happened = broken(before, meant, after, means)
        if not case.sample and not reality.has_root(mesh, "probe-after"):  # that may take long
            happened.add(_NO_ROOT)
        matrix.count(case.name, said["verdict"], tool, bool(happened))
        assert happened == _predicted(said, mesh, before, happened), (before, after)
        assert not (happened and said["verdict"] == SAFE)
        assert tool == ("helm" if case in by_helm_charts.scenario else "istioctl")


Broken = set[tuple[str, str, str, str]]  # kind, namespace, name, what


def broken(before: reality.World, meant: dict[Name, str], after: reality.World, means: dict[Name, str]) -> Broken:
    """What broke between two looks; `meant` and `means` are what tags and the default stood for."""
    return _pods(before.pods, after.pods) | _pods(meant, means) | _rest(before, after)


def _pods(before: dict[Name, str], after: dict[Name, str]) -> Broken:
    return {(*key, now) for key, now in after.items() if now != "injected" and now != before[key]}


def _rest(before: reality.World, after: reality.World) -> Broken:
    found: Broken = {(*name, "deleted") for name in before.workloads - after.workloads}
    if after.config != before.config:
        found.add(("Validator", "", "", after.config))
    found |= {("Config", namespace, name, "config ignored") for namespace, name in before.read - after.read}
    found |= {("Proxy", "", pod, "detached") for pod in before.connected - after.connected}
    reached = (name for name, reached in before.proxies.items() if reached)
    found |= {(*name, "detached") for name in reached if not after.proxies.get(name, True)}
    found |= {("Gateway", *name, "detached") for name in before.gateways - after.gateways}
    if before.foreign != after.foreign:
        found.add(("Webhook", "", "", reality.REJECTED))
    return found


def _predicted(said: dict, mesh: Mesh, before: reality.World, happened: Broken) -> Broken:
    """The findings in the terms of what can be observed here: what is cut off already cannot be once more, and what is
    deleted is not there to be.
    """
    found: Broken = set()
    for finding in said["findings"]:
        subject, breaks = finding["subject"], finding.get("breaks")
        key = (subject["kind"], subject["namespace"], subject["name"])
        match finding["code"]:
            case "REV301":
                found.add(("Proxy", "", subject["name"], breaks))
            case "REV302" | "REV303" if not before.proxies.get(key):
                assert "cut off already" in finding["message"], finding
            case "REV302" | "REV303" | "REV311" | "REV312" | "REV313":
                found.add((*key, breaks))
            case "REV304" | "REV305" | "REV306" | "REV307" | "REV310":
                found |= {(*key, breaks)} if breaks else set()
            case "REV308":
                found.add(("Validator", "", "", breaks))
            case "REV309":
                found.add(("Webhook", "", "", breaks))
            case "REV314":
                found.add(("Config", subject["namespace"], subject["name"], breaks))
            case "REV315":
                found.add(_NO_ROOT)
            case code:
                assert code in _CHANGES_NOTHING, finding
    inherited = {
        (kind, namespace, name, what)
        for kind, namespace, name, what in happened
        if (kind, namespace, name) in mesh.pods and ("Namespace", "", namespace, what) in found
    }
    deleted = {broken[:3] for broken in found if broken[3] == "deleted"}
    return {broken for broken in found | inherited if broken[3] != "detached" or broken[:3] not in deleted}
