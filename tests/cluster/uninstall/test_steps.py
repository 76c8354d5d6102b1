"""The steps that rev-verify --uninstall prints, followed from the top by somebody who does not think.

Each mesh that it calls NOT SAFE is led to SAFE by them; then the revision is really removed, and nothing breaks.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.printed import run_printed, said
from tests.cluster.uninstall import reality
from tests.cluster.uninstall.scenarios import NOT_SAFE, SAFE, Scenario, arranged
from tests.cluster.uninstall.test_reality import SCENARIOS, broken
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster
_ROUNDS = 4  # a step may show what the one before it hid
# What no command can do, and why.
_PLAYED = "the proxy is played by the test, and stays connected whatever is restarted"
_CHART = "the chart of a release of tags alone is its author's"
BY_HAND = {
    "gateway_installed_with_it": "the settings that it was installed with are in a file of somebody's",
    "gateway_that_was_not_reinstalled": "the settings that it was installed with are in a file of somebody's",
    "foreign_webhook": "the webhook is somebody else's",
    "helms_tags_for_it": _CHART,
    "helm_tags_in_a_release_of_their_own": _CHART,
    "connected_vm": _PLAYED,
    "connected_pod_that_was_injected_by_the_other": _PLAYED,
    "connected_from_another_cluster": _PLAYED,
}
_SAMPLE = ("namespace_on_a_tag", "helm_default_that_is_still_the_default")


def _cases() -> Iterator[object]:
    for case in SCENARIOS:
        if case.verdict == NOT_SAFE and case.name not in BY_HAND:
            yield pytest.param(case, id=case.name, marks=() if case.name in _SAMPLE else pytest.mark.long)


@pytest.mark.parametrize("case", list(_cases()))
def test_the_printed_steps_make_it_safe(cluster: Cluster, case: Scenario) -> None:
    with arranged(cluster, case) as mesh:
        followed = []
        for _ in range(_ROUNDS):
            answer = said(cluster, "rev-verify", "--uninstall", case.revision, *case.flags)
            if answer["verdict"] != NOT_SAFE:
                break
            assert answer["steps"], answer["findings"]
            for step in answer["steps"]:
                followed.append(step)
                run_printed(cluster, step)
            if all(step.startswith("#") for step in answer["steps"]):
                break
        assert answer["verdict"] == SAFE, (followed, answer["findings"], answer["gaps"])
        mesh.read_templates()
        before, meant = reality.look(mesh), reality.asks(mesh, "probe-before")
        cluster.uninstall(case.revision, namespace=case.namespace)
        after, means = reality.look(mesh), reality.asks(mesh, "probe-after")
        assert broken(before, meant, after, means) == set(), followed
