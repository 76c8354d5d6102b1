"""A check that could not see what it rests on is unknown: every world of test_checks.py, with each kind hidden."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Object
from kubectl_rev.core.mesh.resources import RESOURCES, Resource
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.verification.connections import Connections
from kubectl_rev.core.verification.evidence import Evidence, Extras
from kubectl_rev.core.verification.verify import Request, Status, verify_move
from tests.build import config_map, deployment, gateway, ns, running, workload
from tests.core.test_checks import MADE_FROM_G, WORLDS
from tests.core.test_uninstall import ROWS, evidence, mesh, place, verdict

# Also what no world of a single check has: a policy, the owner of a rendered gateway, a kind that few clusters have.
MORE = {
    "istiod's policy": mesh(
        config_map("canary", policy="disabled"), ns("shop", "rev=canary"), running(deployment("web"), "canary")
    ),
    "a rendered gateway": mesh(
        ns("shop"), gateway("g", text="rev=canary"), running(deployment("g", "shop", MADE_FROM_G), "default")
    ),
    "a ReplicationController": mesh(ns("shop", "rev=canary"), workload("ReplicationController", "old")),
}


def uninstalls() -> Iterator[tuple[str, Snapshot]]:
    for why, (parts, method, _) in ROWS.items():
        snapshot = mesh(method=method)
        for each in parts:
            for one in [each] if isinstance(each, Object) else each:
                place(snapshot, one)
        yield why, snapshot
    yield from MORE.items()


def hidden(snapshot: Snapshot, kind: Resource) -> Snapshot:
    """The same read by somebody who may not list this kind."""
    kept = [each for each in getattr(snapshot, kind.field) if getattr(each, "kind", kind.kind) not in ("", kind.kind)]
    istiods = [] if kind.kind == "Pod" else snapshot.istiods
    gaps = [*snapshot.gaps, Gap("list", kind.resource, "", "forbidden")]
    return replace(snapshot, **{kind.field: kept, "istiods": istiods, "gaps": gaps})


def statuses(snapshot: Snapshot) -> dict[str, Status]:
    evidence = Evidence(Survey(snapshot), Connections(asked=True), Extras())
    return {each.code: each.status for each in verify_move(evidence, "", frozenset(), Request(), MESH_CHECKS).checks}


@pytest.mark.parametrize("kind", RESOURCES, ids=[kind.kind for kind in RESOURCES])
def test_what_is_not_found_for_lack_of_a_kind_is_unknown(kind: Resource) -> None:
    wrong = []
    worlds = [(f"{code} {why}", snapshot) for (code, why), (snapshot, _) in WORLDS.items()]
    for why, snapshot in (*worlds, *MORE.items()):
        before, without = statuses(snapshot), statuses(hidden(snapshot, kind))
        wrong += [
            f"{why}: {each} was {was.value}, is ok"
            for each, was in before.items()
            if was is not Status.OK and without[each] is Status.OK
        ]
    assert not wrong


@pytest.mark.parametrize("kind", RESOURCES, ids=[kind.kind for kind in RESOURCES])
def test_what_no_longer_stands_in_the_way_for_lack_of_a_kind_is_unknown(kind: Resource) -> None:
    wrong = []
    for why, snapshot in uninstalls():
        before, without = (verdict(evidence(each)).checks for each in (snapshot, hidden(snapshot, kind)))
        wrong += [
            f"{why}: {was.code} was {was.status.value}, is ok"
            for was, now in zip(before, without, strict=True)
            if was.status is not Status.OK and now.status is Status.OK
        ]
    assert not wrong


def test_hiding_a_kind_hides_findings() -> None:
    """Else the test above could not fail."""
    worlds = [(Survey(snapshot), snapshot) for snapshot, wanted in WORLDS.values() if wanted]
    for name in ("Namespace", "Pod", "Deployment", "MutatingWebhookConfiguration", "Service"):
        kind = next(kind for kind in RESOURCES if kind.kind == name)
        assert any(
            {f.code for f in find(s, MESH_CHECKS)} - {f.code for f in find(Survey(hidden(w, kind)), MESH_CHECKS)}
            for s, w in worlds
        )
