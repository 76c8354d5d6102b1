"""What only custom resources tell: objects of Istio's config that have a label `istio.io/rev`, and installers' own.

Whichever resources some groups have installed, one request per resource, side by side; of config metadata only, and a
label selector makes the answers small.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.discovery import Served, served
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh import installers, labels
from kubectl_rev.core.mesh.objects import IstioConfig, Object
from kubectl_rev.core.mesh.resources import BY_KIND, BY_NAME, INSTALLER_GROUPS
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.errors import Forbidden

# Of the installers' resources those that say whether a revision is in use, or would be made again.
_DECISIVE = (installers.REVISIONS, BY_KIND["IstioOperator"].resource)
_THREADS = 4  # each has a connection of its own, and those of read.py are busy with longer lists


def read_groups(connection: Connection, groups: Collection[str], namespace: str = "") -> tuple[list[Object], list[Gap]]:
    """The objects of these groups that have the label, installers' all of them; and what could not be listed.

    `namespace` restricts those that are in one.
    """
    try:
        resources, down = served(connection, groups)
    except (Forbidden, lists.NoList) as error:
        resources, down = [], dict.fromkeys((*groups, *labels.CONFIG_GROUPS), error.reason)
    gaps = {Gap("list", name, "", why) for group, why in down.items() for name in _unknown(group)}

    def listed(resource: Served) -> list[Object]:
        work = partial(_listed, connection, resource, namespace)
        return lists.or_gap(work, gaps, custom=resource.resource, namespace=namespace)

    with Workers(_THREADS) as workers:
        tasks = [workers.start(partial(listed, resource)) for resource in resources if _wanted(resource)]
        objects = [one for task in tasks for one in result(task)]
    return objects, sorted(gaps)


def _unknown(group: str) -> list[str]:
    if group in INSTALLER_GROUPS:
        return [name for name in _DECISIVE if name.partition(".")[2] == group]
    return [labels.CONFIGURATION]


def _wanted(resource: Served) -> bool:
    return (resource.group, resource.kind) in BY_NAME if resource.group in INSTALLER_GROUPS else resource.namespaced


def metadata(
    connection: Connection, resource: Served, query: Mapping[str, str] | None = None, namespace: str = ""
) -> list[IstioConfig]:
    """The objects of one resource. The items of such a list do not say their kind."""
    where = lists.path(resource.path.strip("/"), namespace if resource.namespaced else "")
    found = lists.in_json(connection, where, IstioConfig, query, lists.METADATA_JSON)
    for config in found:
        config.kind, config.resource = resource.kind, resource.resource
    return found


def _listed(connection: Connection, resource: Served, namespace: str) -> list[Object]:
    if resource.group in INSTALLER_GROUPS:
        return [*lists.in_json(connection, resource.path, BY_NAME[resource.group, resource.kind].type)]
    return [*metadata(connection, resource, {"labelSelector": labels.REV}, namespace)]
