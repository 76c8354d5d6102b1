"""What only custom resources tell: objects of Istio's config that have a label `istio.io/rev`, and Sail's own.

Whichever resources some groups have installed, one request per resource, side by side; of config metadata only, and a
label selector makes the answers small.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.discovery import Served, served
from kubectl_rev.cluster.gaps import or_gap
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import labels, sail
from kubectl_rev.core.mesh.objects import IstioConfig
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.errors import Forbidden

_THREADS = 4  # each has a connection of its own, and those of read.py are busy with longer lists
_SAIL_KINDS = ("Istio", "IstioRevision", "IstioRevisionTag")
Found = IstioConfig | sail.Sail


def read_groups(connection: Connection, groups: Collection[str], namespace: str = "") -> tuple[list[Found], list[Gap]]:
    """The objects of these groups that have the label, Sail's all of them; and what could not be listed.

    `namespace` restricts those that are in one.
    """
    try:
        found = [each for each in served(connection, groups) if _wanted(each)]
    except Forbidden as error:
        unknown = [labels.CONFIGURATION, *([sail.REVISIONS] if sail.GROUP in groups else [])]
        return [], [Gap("list", resource, "", error.reason) for resource in unknown]
    gaps: set[Gap] = set()
    with Workers(_THREADS) as workers:
        tasks = [workers.start(partial(_or_gap, connection, each, namespace, gaps)) for each in found]
        objects = [one for task in tasks for one in result(task)]
    return objects, sorted(gaps)


def _wanted(each: Served) -> bool:
    return each.kind in _SAIL_KINDS if each.group == sail.GROUP else each.namespaced


def metadata(
    connection: Connection, each: Served, query: Mapping[str, str] | None = None, namespace: str = ""
) -> list[IstioConfig]:
    """The objects of one resource. The items of such a list do not say their kind."""
    where = lists.path(each.path.strip("/"), namespace if each.namespaced else "")
    found = lists.in_json(connection, where, IstioConfig, query, lists.METADATA_JSON)
    for config in found:
        config.kind, config.resource = each.kind, each.resource
    return found


def _or_gap(connection: Connection, each: Served, namespace: str, gaps: set[Gap]) -> list[Found]:
    return or_gap(partial(_listed, connection, each, namespace), gaps, custom=each.resource, namespace=namespace)


def _listed(connection: Connection, each: Served, namespace: str) -> list[Found]:
    if each.group == sail.GROUP:
        return [*lists.in_json(connection, each.path, sail.Sail)]
    return [*metadata(connection, each, {"labelSelector": labels.REV}, namespace)]
