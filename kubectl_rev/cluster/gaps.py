"""What could not be listed becomes a gap, and never an empty answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kubectl_rev.cluster.error_mapping import ServerFault
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.errors import Forbidden, NotFound

T = TypeVar("T")


def gap_of(error: Forbidden) -> Gap:
    """What a refusal leaves unknown."""
    return Gap(error.verb, error.resource, error.namespace, error.reason)


def or_gap(work: Callable[[], list[T]], gaps: set[Gap], *, custom: str = "", namespace: str = "") -> list[T]:
    """What `work` lists; nothing and a gap where that is forbidden.

    `custom` is a custom resource (`virtualservices.networking.istio.io`): a 5xx of its own conversion webhook is a gap
    too, so that it does not hide all the rest, and one that was uninstalled meanwhile is an empty list.
    """
    try:
        return work()
    except Forbidden as error:
        gaps.add(gap_of(error))
    except ServerFault as error:
        if not custom:
            raise
        gaps.add(Gap("list", custom, namespace, str(error)))
    except NotFound:
        if not custom:
            raise
    return []
