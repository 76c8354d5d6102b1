"""Verdict against reality: what rev-verify says, then the real uninstall, then what really breaks.

SAFE must never be followed by a breakage, every predicted breakage must happen as predicted, and every one that happens
must have been predicted. `pytest -m long -s` prints the confusion matrix of all scenarios; the normal run has a sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.cluster.uninstall import reality
from tests.cluster.uninstall.matrix import MATRIX
from tests.cluster.uninstall.mesh import Mesh
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE, SCENARIOS, UNKNOWN, Scenario, plain
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster
_EXIT = {SAFE: 0, NOT_SAFE: 1, UNKNOWN: 3}
_SILENT_ABOUT_PODS = ("REV301", "REV302", "REV303", "REV311", "REV315", "REV318")


def _cases() -> Iterator[object]:
    for each in SCENARIOS:
        yield pytest.param(each, id=each.name, marks=() if each.sample else pytest.mark.long)


def test_there_are_enough_scenarios_and_each_reason_is_in_one() -> None:
    assert len(SCENARIOS) >= 30
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("case", list(_cases()))
def test_what_is_said_is_what_happens(cluster: Cluster, case: Scenario) -> None:
    cluster.reset(case.layout)
    with ExitStack() as stack:
        mesh = Mesh(cluster, stack)
        plain(mesh)
        case.arrange(mesh)
        cluster.wait_until("proxies being seen", lambda: all(proxy.connected for proxy in mesh.proxies))
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
        cluster.uninstall(case.revision)
        if mesh.proxies:
            gone = {f["subject"]["name"] for f in said["findings"] if f["code"] == "REV301"}
            cluster.wait_until("streams to break", lambda: not any(p.connected for p in mesh.proxies if p.pod in gone))
        after, means = reality.look(mesh), reality.asks(mesh, "probe-after")
        happened = _pods(before.pods, after.pods) | _pods(meant, means) | _rest(mesh, before, after)
        assert happened == _predicted(said, mesh, happened), (before, after)
        assert not (happened and said["verdict"] == SAFE)
        MATRIX[said["verdict"], "broke" if happened else "fine"] += 1


Broken = set[tuple[str, str, str, str]]  # kind, namespace, name, what


def _pods(before: dict[tuple[str, str, str], str], after: dict[tuple[str, str, str], str]) -> Broken:
    return {(*key, now) for key, now in after.items() if now != "injected" and now != before[key]}


def _rest(mesh: Mesh, before: reality.World, after: reality.World) -> Broken:
    found: Broken = set()
    if after.config != before.config:
        found.add(("Validator", "", "", after.config))
    found |= {("Config", namespace, name, "config ignored") for namespace, name in before.read - after.read}
    found |= {("Proxy", "", pod, "detached") for pod in before.connected - after.connected}
    found |= {
        ("Deployment", namespace, name, "deleted")
        for namespace, name in before.deployments - after.deployments
        if "gateway" in name
    }
    if before.foreign != after.foreign:
        found.add(("Webhook", "", "", reality.REJECTED))
    return found


def _predicted(said: dict, mesh: Mesh, happened: Broken) -> Broken:
    """The findings in the terms of what can be observed here; that a running pod's proxy is cut off cannot be where no
    process stands for it."""
    found: Broken = set()
    for finding in said["findings"]:
        subject, breaks = finding["subject"], finding.get("breaks")
        key = (subject["kind"], subject["namespace"], subject["name"])
        match finding["code"]:
            case "REV301":
                found.add(("Proxy", "", subject["name"], breaks))
            case "REV304" | "REV305" | "REV306" | "REV307" | "REV310":
                found.add((*key, breaks))
            case "REV308":
                found.add(("Validator", "", "", breaks))
            case "REV309":
                found.add(("Webhook", "", "", breaks))
            case "REV312":
                found.add((*key, breaks))
            case "REV314":
                found.add(("Config", subject["namespace"], subject["name"], breaks))
            case code:
                assert code in _SILENT_ABOUT_PODS, finding
    inherited = {
        (kind, namespace, name, what)
        for kind, namespace, name, what in happened
        if (kind, namespace, name) in mesh.pods and ("Namespace", "", namespace, what) in found
    }
    return found | inherited
