"""What would a restart do? Holds the proxy that runs against the one that is selected now.

*Drift* = the proxy's revision is not the selected one. A pod without a proxy that would now get one drifts, and so does
a pod whose proxy a restart would take away; where the selection itself is a conflict, a rejection or unknown, that is
the finding, and nothing is called drift.
"""

from __future__ import annotations

from enum import Enum

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import InjectionDecision, State
from kubectl_rev.core.mesh.objects import PodTemplate
from kubectl_rev.core.mesh.proxies import Proxy


class Effect(Enum):
    """What a restart of a pod changes about its proxy."""

    NOTHING = "nothing"
    MOVES = "moves"
    GAINS = "gains"
    LOSES = "loses"
    FIXED = "fixed"
    REJECTED = "rejected"
    UNDECIDED = "undecided"

    @property
    def drifts(self) -> bool:
        return self in (Effect.MOVES, Effect.GAINS, Effect.LOSES)


def effect(selected: InjectionDecision, proxy: Proxy | None, template: PodTemplate | None) -> Effect:
    """The effect of a restart on one pod."""
    if proxy is not None and proxy.fixed:
        return Effect.FIXED
    match selected.state:
        case State.REJECTED:
            return Effect.REJECTED
        case State.CONFLICT | State.UNKNOWN:
            return Effect.UNDECIDED
        case State.NONE:
            if proxy is None:
                return Effect.NOTHING
            return Effect.FIXED if manual(template) or proxy.gateway in RENDERED else Effect.LOSES
    if proxy is None:
        return Effect.GAINS
    if proxy.revision is None:
        return Effect.UNDECIDED
    return Effect.NOTHING if proxy.revision == selected.revision else Effect.MOVES


# A Deployment that istiod renders keeps its proxy until an owner renders it again: losing its owner takes nothing away.
RENDERED = (GatewayKind.GATEWAY_API, GatewayKind.WAYPOINT)


def manual(template: PodTemplate | None) -> bool:
    """Whether the sidecar was put into the template by `istioctl kube-inject`: a restart re-creates the old one."""
    return template is not None and labels.STATUS in template.metadata.annotations
