"""Values that tab completion must ask for: of the cluster or the dump that is named, the kubeconfig, the catalogue."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property

from kubectl_rev.commands import query
from kubectl_rev.commands.flags import TypedLine
from kubectl_rev.commands.source import Source
from kubectl_rev.core.mesh.objects import Metadata, Object, WorkloadObject
from kubectl_rev.core.mesh.resources import BY_KIND, facts_of
from kubectl_rev.core.mesh.revision_names import EITHER, Kind
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.errors import Forbidden, RevError

Candidates = Iterable[tuple[str, str]]  # value, description

_CODES = ("check", "skip", "explain")
_KUBECONFIG = {"context": "contexts", "cluster": "clusters", "user": "users"}
_TO = ("revision", "to", "came_from")  # a tag will do there


def values(plugin: str, line: TypedLine) -> Candidates:
    """What may stand where the line ends. Raises RevError when nobody knows."""
    world = _World(line)
    if line.asked is None:
        return _arguments(plugin, line, world)
    match line.asked.field:
        case "namespace" | "istio_namespace":
            return _plain(world.names(["Namespace"]))
        case "uninstall":
            return world.named(line.word, [Kind.REVISION])
        case "tag":
            return world.named(line.word, [Kind.TAG])
        case "by":
            from kubectl_rev.core.mesh.removal_method import Method

            return _plain(method.value for method in Method)
        case "accept":
            from kubectl_rev.core.verification import evidence

            return _plain(evidence.KINDS)
        case field if field in _TO:
            return world.named(line.word, EITHER)
        case field if field in _CODES:
            from kubectl_rev.commands.catalogue import ALL

            return [(check.code, check.title) for check in ALL]
        case field if field in _KUBECONFIG:
            from kubectl_rev.cluster.kubeconfig import known

            return _plain(known(line.connection.kubeconfig, _KUBECONFIG[field]))
    return ()


def _arguments(plugin: str, line: TypedLine, world: _World) -> Candidates:
    if plugin in ("rev-migrate", "rev-verify"):
        return _plain(world.names(["Namespace"]), line.arguments)
    if plugin != "rev-status":
        return ()
    kind, slash, _ = line.word.partition("/")
    if slash:  # deploy/web, or one more of these
        return [(f"{kind}/{name}", "") for name in world.names(query.explained(kind))]
    if not line.arguments:
        return _plain(query.TYPES)
    match query.listed(line.arguments[0]):
        case ["revisions"]:
            return _plain(dict.fromkeys(plane.revision for plane in world.mesh().control_planes), line.arguments)
        case ["tags"]:
            return _plain([tag.name for tag in world.mesh().tags], line.arguments)
        case kinds:
            return _plain(world.names(kinds), line.arguments)


def _plain(names: Iterable[str], said: Sequence[str] = ()) -> Candidates:
    return [(name, "") for name in names if name not in said]


class _World:
    """The cluster or the dump that the line names; asked only when it must be."""

    def __init__(self, line: TypedLine) -> None:
        self._filename = line.values.get("filename", [""])[-1]
        self._source = Source(line.connection, self._filename, "all_namespaces" in line.values)

    def names(self, kinds: Sequence[str]) -> list[str]:
        """The names of these kinds in the namespace of the line, each once; of what cannot be read, none.

        Nobody names the ReplicaSets of a Deployment, or the Jobs of a CronJob.
        """
        listed = ((kind, metadata) for kind in kinds for metadata in self._listed(kind))
        return sorted({metadata.name for kind, metadata in listed if not (facts_of(kind).made and metadata.controller)})

    def _listed(self, kind: str) -> list[Metadata]:
        where = "" if kind == "Namespace" else self._source.namespace
        if self._filename:
            objects: list[Object] = getattr(self._dump, BY_KIND[kind].field)
            there = [one for one in objects if where in ("", one.namespace)]
            return [one.metadata for one in there if not isinstance(one, WorkloadObject) or one.kind == kind]
        from kubectl_rev.cluster import lists

        with contextlib.suppress(RevError):
            return lists.metadata(self._source.connection, kind, where)
        return []

    def named(self, word: str, kinds: Sequence[Kind]) -> Candidates:
        """Names as `revision_names` takes them; with their kind once one is typed, and where the name could be both."""
        mesh = self.mesh()
        there = dict.fromkeys(sorted(mesh.revisions) if Kind.REVISION in kinds else (), "")
        points_to = mesh.tag_revisions if Kind.TAG in kinds else {}
        tags = {name: f"tag of {points_to[name]}" for name in sorted(points_to)}
        if "/" in word:
            with_kind = {f"{Kind.REVISION}/{name}": "" for name in there}
            return (with_kind | {f"{Kind.TAG}/{name}": text for name, text in tags.items()}).items()
        both = {f"{Kind.TAG}/{name}": tags[name] for name in tags if name in there and points_to[name] != name}
        return (there | {name: text for name, text in tags.items() if name not in there} | both).items()

    def mesh(self) -> Mesh:
        """Revisions and tags, as far as istiods and injectors may be read."""
        if self._filename:
            return Mesh(self._dump)
        from kubectl_rev.cluster import lists

        found, connection = Snapshot(), self._source.connection
        with contextlib.suppress(Forbidden):
            found.istiods = lists.istiods(connection)
        with contextlib.suppress(Forbidden):
            found.injectors = lists.installed(connection, "MutatingWebhookConfiguration")
        return Mesh(found)

    @cached_property
    def _dump(self) -> Snapshot:
        from kubectl_rev.dumps import snapshot_file

        return snapshot_file.load(self._filename, sys.stdin.buffer)
