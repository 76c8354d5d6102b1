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
    STOPS = "stops"
    FIXED = "fixed"
    REJECTED = "rejected"
    UNDECIDED = "undecided"

    @property
    def drifts(self) -> bool:
        return self in (Effect.MOVES, Effect.GAINS, Effect.LOSES, Effect.STOPS)


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
            if manual(template) or proxy.gateway in RENDERED:
                return Effect.FIXED
            return Effect.STOPS if unfinished(template) else Effect.LOSES
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


def unfinished(template: PodTemplate | None) -> bool:
    """Whether a container's image is `auto`, as in the gateway charts: the injector puts the proxy's in its place
    (pkg/kube/inject/webhook.go, reapplyOverwrittenContainers). There is no such image: without injection a pod never
    starts.
    """
    containers = template.spec.containers + template.spec.init_containers if template else []
    return any(container.image == "auto" for container in containers)
