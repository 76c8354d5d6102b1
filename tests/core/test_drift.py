"""What a restart would change: every state of the selection against every kind of proxy."""

from __future__ import annotations

import pytest

from kubectl_rev.core.mesh.drift import Effect, effect, manual
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.objects import Container, PodTemplate
from kubectl_rev.core.mesh.proxies import Evidence, Proxy
from tests.build import template

BY_HAND = template(annotations={"sidecar.istio.io/status": "{}"})
CANARY = InjectionDecision(State.INJECTED, "…", "canary")
NONE, CONFLICT, UNKNOWN, REJECTED = (
    InjectionDecision(state, "…") for state in (State.NONE, State.CONFLICT, State.UNKNOWN, State.REJECTED)
)


def proxy(revision: str | None, gateway: GatewayKind | None = None) -> Proxy:
    return Proxy(revision, Evidence.STATUS if revision else Evidence.NOTHING, gateway)


ON_CANARY, ON_DEFAULT, ON_WHAT = proxy("canary"), proxy("default"), proxy(None)
IN_PLACE = proxy("default", GatewayKind.IN_PLACE)
RENDERED, WAYPOINT = proxy("default", GatewayKind.GATEWAY_API), proxy("default", GatewayKind.WAYPOINT)
AUTO = template(proxy=Container(name="istio-proxy", image="auto"))
INJECTED = proxy("default", GatewayKind.INJECTED)
# Rows: what runs; columns: what is selected.
COLUMNS = (CANARY, NONE, CONFLICT, UNKNOWN, REJECTED)
N, M, G, L, S, F, R, U = (
    Effect.NOTHING,
    Effect.MOVES,
    Effect.GAINS,
    Effect.LOSES,
    Effect.STOPS,
    Effect.FIXED,
    Effect.REJECTED,
    Effect.UNDECIDED,
)
TABLE: dict[str, tuple[Proxy | None, PodTemplate | None, tuple[Effect, ...]]] = {
    #                                                 canary none conflict unknown rejected
    "no proxy":             (None,       template(),  (G,    N,   U,       U,      R)),
    "on canary":            (ON_CANARY,  template(),  (N,    L,   U,       U,      R)),
    "on default":           (ON_DEFAULT, template(),  (M,    L,   U,       U,      R)),
    "on who knows":         (ON_WHAT,    template(),  (U,    L,   U,       U,      R)),
    "no template known":    (ON_DEFAULT, None,        (M,    L,   U,       U,      R)),
    "injected by hand":     (ON_DEFAULT, BY_HAND,     (M,    F,   U,       U,      R)),
    "gateway in place":     (IN_PLACE,   template(),  (F,    F,   F,       F,      F)),
    "gateway api":          (RENDERED,   template(),  (M,    F,   U,       U,      R)),
    "waypoint":             (WAYPOINT,   template(),  (M,    F,   U,       U,      R)),
    "injected gateway":     (INJECTED,   template(),  (M,    L,   U,       U,      R)),
    "by a chart, image auto": (INJECTED, AUTO,        (M,    S,   U,       U,      R)),
    "image auto, not there": (None,      AUTO,        (G,    N,   U,       U,      R)),
}  # fmt: skip


@pytest.mark.parametrize(("runs", "made_from", "effects"), TABLE.values(), ids=TABLE.keys())
def test_effect(runs: Proxy | None, made_from: PodTemplate | None, effects: tuple[Effect, ...]) -> None:
    assert tuple(effect(selected, runs, made_from) for selected in COLUMNS) == effects


def test_drifts() -> None:
    assert {each for each in Effect if each.drifts} == {Effect.MOVES, Effect.GAINS, Effect.LOSES, Effect.STOPS}


def test_manual() -> None:
    assert [manual(each) for each in (BY_HAND, template(), None)] == [True, False, False]
