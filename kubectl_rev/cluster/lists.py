"""One list of one kind of object: how it is asked for, streamed and decoded.

Built-in kinds come as protobuf and are decoded item by item while they arrive, so that memory does not grow with the
cluster; the few small ones, and custom resources, which the API server has in JSON only, come as JSON. Nothing is read
with resourceVersion=0 (it may be stale), and no page size is set: pages are not served from its watch cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec

from kubectl_rev.cluster import decode, wire
from kubectl_rev.cluster.connection import JSON, Connection
from kubectl_rev.cluster.error_mapping import ServerFault, call
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Metadata, Namespace, Object, Pod, WorkloadObject
from kubectl_rev.core.mesh.resources import BY_KIND, Decoding
from kubectl_rev.core.mesh.snapshot import Gap, fold
from kubectl_rev.dumps.yaml_reader import without_nulls
from kubectl_rev.errors import Forbidden, NotFound, Unreachable

T = TypeVar("T")
K = TypeVar("K", bound=Object)

PROTOBUF = "application/vnd.kubernetes.protobuf"
METADATA_JSON = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
RUNNING = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
PODS = BY_KIND["Pod"].path
_MOST_PAGES = 1000


def path(resource: str, namespace: str = "", name: str = "") -> str:
    """`apis/apps/v1/deployments` -> `/apis/apps/v1/namespaces/shop/deployments/web`."""
    prefix, _, plural = resource.rpartition("/")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/{prefix}{where}/{plural}{'/' + name if name else ''}"


def streamed(
    connection: Connection,
    where: str,
    item: Callable[[bytes], T],
    query: Mapping[str, str] | None = None,
    accept: str = PROTOBUF,
    versions: list[str] | None = None,
) -> Iterator[T]:
    """The items of a list of a built-in kind, as they arrive. A list that breaks off raises Unreachable.

    `versions` gets the resourceVersion of each page: a watch goes on from that of the first.
    """
    pages = _Pages(connection, where, query)
    for asked in pages:
        with connection.stream(where, asked, accept) as chunks:
            body = wire.Items(chunks)
            with _sensible(connection, where):
                for pages.size, one_item in enumerate(body, 1):
                    yield item(one_item)
            pages.next = body.next_page
        if versions is not None:
            versions.append(body.version)


@contextmanager
def _sensible(connection: Connection, where: str) -> Iterator[None]:
    """What cannot be decoded is said of the server. A time that is none is one of the last three."""
    try:
        yield
    except wire.Foreign as error:
        raise Unreachable(f"{connection.server} did not answer {where} as an API server: is it one?") from error
    except (wire.Malformed, ValueError, OverflowError, OSError) as error:
        why = str(error) if isinstance(error, wire.Malformed) else "a text or a time that is none"
        raise Unreachable(f"{connection.server} sent half an answer to {where}: {why}: try again") from error


class _Pages:
    """The query of each page of a list, while one says what is `next`: not for ever, and not after an empty one
    (`size` counts the items), which an API server ends the list with.
    """

    def __init__(self, connection: Connection, where: str, query: Mapping[str, str] | None) -> None:
        self._connection, self._where, self._query, self.next, self.size = connection, where, query or {}, "", 0

    def __iter__(self) -> Iterator[dict[str, str]]:
        yield {**self._query}
        for _ in range(_MOST_PAGES):
            if not self.next:
                return
            if not self.size:
                break
            self.size = 0
            yield {**self._query, "continue": self.next}
        raise NoList(self._connection, self._where, "a list that ends")


class _ListMeta(msgspec.Struct, rename={"next_page": "continue"}):
    next_page: str = ""


class NoList(Unreachable):
    """An answer of 200 that is none to what was asked: somebody in between, or a broken API server, gave it."""

    def __init__(self, connection: Connection, where: str, what: str = "a list") -> None:
        self.asked = call("GET", where)
        self.reason = f"{connection.server} answered {where} with something that is not {what}"
        super().__init__(f"{self.reason}: is it an API server?")


class _List(msgspec.Struct):
    """A list in JSON; `items` is null when Go had none."""

    kind: str = ""
    items: list[msgspec.Raw] | None = None
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


def in_json(
    connection: Connection, where: str, kind: type[K], query: Mapping[str, str] | None = None, accept: str = JSON
) -> list[K]:
    """The items of a list, decoded from JSON, without the copies of themselves that kubectl leaves on them."""
    found = items(connection, where, kind, query, accept)
    for item in found:
        if decode.LAST_APPLIED in item.metadata.annotations:  # never read, but a patch must know of it
            item.metadata.annotations[decode.LAST_APPLIED] = ""
    return found


def items(
    connection: Connection, where: str, kind: type[T], query: Mapping[str, str] | None = None, accept: str = JSON
) -> list[T]:
    """The items of a list, decoded from JSON, as they are."""
    found: list[T] = []
    pages = _Pages(connection, where, query)
    for asked in pages:
        body = decoded(connection, where, connection.get(where, asked, accept), _List)
        if not body.kind.endswith("List"):
            raise NoList(connection, where)
        found += [decoded(connection, where, item, kind) for item in body.items or ()]
        pages.next, pages.size = body.metadata.next_page, len(body.items or ())
    return found


def one(connection: Connection, where: str, kind: type[T]) -> T:
    """A single object, decoded from JSON. Raises NoList where it is not of the name that was asked for."""
    found = decoded(connection, where, connection.get(where), kind)
    if isinstance(found, Object) and found.name != where.rpartition("/")[2]:
        raise NoList(connection, where, "this object")
    return found


def decoded(connection: Connection, where: str, body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON as one of our types. Go writes null for an empty slice, which means the same as leaving it out."""
    try:
        return from_json(body, kind)
    except msgspec.ValidationError:
        try:
            return msgspec.convert(without_nulls(from_json(body, object)), kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise Unreachable(f"{connection.server} sent something unexpected for {where}: {error}") from error
    except msgspec.DecodeError as error:
        raise Unreachable(f"{connection.server} did not answer {where} with JSON: is it an API server?") from error


def or_gap(work: Callable[[], list[T]], gaps: set[Gap], *, custom: str = "", namespace: str = "") -> list[T]:
    """What `work` lists; nothing and a gap where that is forbidden, or the answer is no list.

    `custom` is a custom resource (`virtualservices.networking.istio.io`): a 5xx of its own conversion webhook is a gap
    too, so that it does not hide all the rest, and one that was uninstalled meanwhile is an empty list.
    """
    try:
        return work()
    except Forbidden as error:
        gaps.add(gap_of(error))
    except NoList as error:
        gaps.add(Gap(error.asked.verb, error.asked.resource, error.asked.namespace, error.reason))
    except (ServerFault, NotFound) as error:
        if not custom:
            raise
        if isinstance(error, ServerFault):
            gaps.add(Gap("list", custom, namespace, str(error)))
    return []


def gap_of(error: Forbidden) -> Gap:
    """What a refusal leaves unknown."""
    return Gap(error.verb, error.resource, error.namespace, error.reason)


def metadata(connection: Connection, kind: str, namespace: str = "") -> list[Metadata]:
    """The metadata of all objects of a kind."""
    where = path(BY_KIND[kind].path, namespace if BY_KIND[kind].namespaced else "")
    return list(streamed(connection, where, decode.metadata, accept=METADATA))


def namespaces(connection: Connection) -> list[Namespace]:
    return [Namespace(metadata=namespace) for namespace in metadata(connection, "Namespace")]


def pods(connection: Connection, namespace: str = "") -> Iterator[Pod]:
    """The metadata of all pods that have not finished."""
    return streamed(connection, path(PODS, namespace), decode.pod_metadata, RUNNING, METADATA)


def folded_pods(connection: Connection, namespace: str = "") -> list[Pod]:
    """The same, those of a controller that are alike merged (`core.mesh.snapshot.fold`)."""
    where = path(PODS, namespace)
    with _sensible(connection, where):
        return fold(decode.alike(streamed(connection, where, decode.partial, RUNNING, METADATA)))


def whole_pods(connection: Connection, namespace: str = "", *, fields: str = "") -> Iterator[Pod]:
    """Pods that have not finished, with spec and status; of containers other than istio-proxy name and image only."""
    query = {"fieldSelector": ",".join(filter(None, [RUNNING["fieldSelector"], fields]))}
    return streamed(connection, path(PODS, namespace), decode.pod, query)


def istiods(connection: Connection, namespace: str = "") -> list[Pod]:
    """The pods that say they are istiod, whole."""
    query = {**RUNNING, "labelSelector": f"{labels.APP}={labels.ISTIOD}"}
    return list(streamed(connection, path(PODS, namespace), partial(decode.pod, all_containers=True), query))


def workloads(connection: Connection, kind: str, namespace: str = "") -> list[WorkloadObject]:
    """All of a kind of workload, with their templates."""
    if BY_KIND[kind].decoding is Decoding.PROTOBUF:
        return list(streamed(connection, path(BY_KIND[kind].path, namespace), partial(decode.workload, kind)))
    found: list[WorkloadObject] = installed(connection, kind, namespace)
    for workload in found:  # the items of a list do not always say their kind
        workload.kind = kind
    return found


def replica_sets(connection: Connection, namespace: str = "") -> list[WorkloadObject]:
    """ReplicaSets as metadata: of most of them only who controls them matters, and there are ten per Deployment."""

    def item(body: bytes) -> WorkloadObject:
        return WorkloadObject(kind="ReplicaSet", metadata=decode.owned_metadata(body))

    return list(streamed(connection, path(BY_KIND["ReplicaSet"].path, namespace), item, accept=METADATA))


def whole_replica_sets(connection: Connection, namespace: str = "") -> Iterator[WorkloadObject]:
    return streamed(connection, path(BY_KIND["ReplicaSet"].path, namespace), partial(decode.workload, "ReplicaSet"))


def installed(
    connection: Connection, kind: str, namespace: str = "", query: Mapping[str, str] | None = None
) -> list[Any]:
    """All of a kind that comes as JSON, of the newest version that is served; of an optional one perhaps none."""
    resource = BY_KIND[kind]
    for version in (resource.version, *resource.older):
        try:
            return in_json(connection, path(resource.path_of(version), namespace), resource.type, query)
        except NotFound:
            if not resource.optional:
                raise
    return []
