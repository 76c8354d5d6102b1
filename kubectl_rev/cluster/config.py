"""Config objects that have a label `istio.io/rev`: metadata of all resources of some groups, whichever are installed.

A label selector makes the answers small; they are asked for side by side, one request per resource.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.discovery import Served, served
from kubectl_rev.cluster.faults import ServerFault
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core import labels
from kubectl_rev.core.objects import IstioConfig
from kubectl_rev.core.snapshot import Gap
from kubectl_rev.errors import Forbidden, NotFound

_THREADS = 8


def labelled(connection: Connection, groups: Collection[str]) -> tuple[list[IstioConfig], list[Gap]]:
    """The objects, and what could not be listed."""
    try:
        found = [each for each in served(connection, groups) if each.namespaced]
    except Forbidden as error:
        return [], [Gap("list", labels.CONFIGURATION, "", error.reason)]
    with Workers(_THREADS) as workers:
        tasks = [workers.start(partial(_labelled, connection, each)) for each in found]
        answers = [result(task) for task in tasks]
    return [config for each, _ in answers for config in each], [gap for _, gaps in answers for gap in gaps]


def metadata(connection: Connection, each: Served, query: Mapping[str, str] | None = None) -> list[IstioConfig]:
    """The objects of one resource. The items of such a list do not say their kind."""
    found = lists.in_json(connection, each.path, IstioConfig, query, lists.METADATA_JSON)
    for config in found:
        config.kind, config.resource = each.kind, each.resource
    return found


def _labelled(connection: Connection, each: Served) -> tuple[list[IstioConfig], list[Gap]]:
    try:
        return metadata(connection, each, {"labelSelector": labels.REV}), []
    except Forbidden as error:
        return [], [Gap(error.verb, error.resource, error.namespace, error.reason)]
    except ServerFault as error:  # a broken conversion webhook of theirs must not hide all the rest
        return [], [Gap("list", each.resource, "", str(error))]
    except NotFound:  # uninstalled meanwhile
        return [], []
