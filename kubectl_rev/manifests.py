"""Snapshots in files: what `-f` reads, what `--save` writes.

A plain dump (`kubectl get -o yaml|json`) says nothing about what was asked for, so a kind that does not occur in it is a
gap, not an empty list. Three kinds that most clusters have none of (Rollouts, Gateways, ReplicationControllers) are a gap
only where something in the dump is owned by one. What a dump leaves out of a kind (`-n`, `-l`) cannot be seen.

Of several objects with one name the last counts, as when `kubectl apply` reads the same file. Kept is what the core reads:
no Secrets, no other containers than istio's, of their environment two variables, of ConfigMaps istiod's injection policy.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from kubectl_rev.core import labels, objects
from kubectl_rev.core.objects import Container, Metadata, Pod, PodSpec, PodTemplate, Shape, Workload
from kubectl_rev.core.policy import InjectorConfig
from kubectl_rev.core.snapshot import Gap, Snapshot
from kubectl_rev.documents import documents
from kubectl_rev.errors import UsageError

API_VERSION = "kubectl-rev/v1"
_SUFFIXES = (".json", ".yaml", ".yml")  # kubectl's: cli-runtime, resource.FileExtensions


class Kind(msgspec.Struct, frozen=True):
    """A kind that we read: where it goes in the Snapshot, and what its gap is called.

    An `optional` one is missed only by what it owns; most clusters have none.
    """

    kind: str
    api_version: str
    resource: str
    field: str
    type: type[objects.Object]
    optional: bool = False

    @property
    def namespaced(self) -> bool:
        return self.kind != "Namespace" and self.type is not objects.WebhookConfiguration


def _workload(kind: str, api_version: str, optional: bool = False) -> Kind:
    group = _group(api_version)
    resource = f"{kind.lower()}s.{group}" if group else f"{kind.lower()}s"
    return Kind(kind, api_version, resource, "workloads", Workload, optional)


def _webhooks(kind: str, field: str) -> Kind:
    group = "admissionregistration.k8s.io"
    return Kind(kind, f"{group}/v1", f"{kind.lower()}s.{group}", field, objects.WebhookConfiguration)


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


KINDS = (
    Kind("Namespace", "v1", "namespaces", "namespaces", objects.Namespace),
    Kind("Pod", "v1", "pods", "pods", Pod),
    _workload("Deployment", "apps/v1"),
    _workload("StatefulSet", "apps/v1"),
    _workload("DaemonSet", "apps/v1"),
    _workload("ReplicaSet", "apps/v1"),
    _workload("Job", "batch/v1"),
    _workload("CronJob", "batch/v1"),
    _workload("ReplicationController", "v1", optional=True),
    _workload("Rollout", "argoproj.io/v1alpha1", optional=True),
    _webhooks("MutatingWebhookConfiguration", "injectors"),
    _webhooks("ValidatingWebhookConfiguration", "validators"),
    Kind("Service", "v1", "services", "services", objects.Service),
    Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices.discovery.k8s.io", "endpoint_slices",
         objects.EndpointSlice),
    Kind("ConfigMap", "v1", "configmaps", "config_maps", objects.ConfigMap),
    Kind("Gateway", "gateway.networking.k8s.io/v1", "gateways.gateway.networking.k8s.io", "gateways", objects.Gateway,
         optional=True),
)  # fmt: skip
_BY_NAME = {(_group(kind.api_version), kind.kind): kind for kind in KINDS}
_FIELDS = tuple(dict.fromkeys(kind.field for kind in KINDS))


class _Name(Shape):
    namespace: str = ""
    name: str = ""


class _Head(Shape):
    """What any document must have, enough to say what it is."""

    api_version: str | None = None
    kind: str | None = None
    metadata: _Name | None = None
    items: list[msgspec.Raw] | None = None


class _Saved(Shape):
    """`kind: Snapshot`. `read` lists the resources that were read, wholly or in part; a later release may know more."""

    read: list[str] = []
    gaps: list[Gap] = []
    versions: dict[str, str] = {}
    istiods: list[msgspec.Raw] = []
    items: list[msgspec.Raw] = []


class Name(NamedTuple):
    """A line of `-o name`: `deployment.apps/web -n shop` is ("deployment.apps", "web", "shop")."""

    type: str
    name: str
    namespace: str | None


_NAME_LINE = re.compile(r"([a-z][a-z0-9.-]*)/([^\s/:]+)(?:\s+-n\s+([^\s/:]+))?")


def names(text: str) -> list[Name] | None:
    """The names in a text, None if its first line is none: then it is a dump. Blank lines and `#` lines are skipped."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    found = []
    for number, line in lines:
        if not line or line.startswith("#"):
            continue
        match = _NAME_LINE.fullmatch(line)
        if match is None and not found:
            return None
        if match is None:
            raise UsageError(
                f"line {number} of the list is no name: want namespace/NAME or TYPE.GROUP/NAME -n NAMESPACE"
            )
        found.append(Name(*match.groups()))
    return found or None


def load(path: str, stdin: IO[bytes]) -> Snapshot:
    """The Snapshot in a file, in a directory's manifests, or (`-`) on standard input."""
    if path != "-" and os.path.isdir(path):
        files = sorted(str(file) for file in Path(path).iterdir() if file.suffix in _SUFFIXES and file.is_file())
        if not files:
            raise UsageError(f"{path}: no {', '.join(_SUFFIXES)} files in this directory")
        return parse({file: read(file, stdin) for file in files})
    return parse({path: read(path, stdin)})


def parse(texts: dict[str, str]) -> Snapshot:
    """The Snapshot in some texts, by the path that each is from."""
    found: dict[tuple[str, ...], tuple[Kind, Object]] = {}
    seen: set[str] = set()
    saved: list[Snapshot] = []
    for path, text in texts.items():
        with _named("standard input" if path == "-" else path):
            for head, raw in _flat(documents(text)):
                if head.kind == "Snapshot" and _group(head.api_version or "") == _group(API_VERSION):
                    saved.append(_saved(head, raw))
                    continue
                kind = _BY_NAME.get((_group(head.api_version or ""), head.kind or ""))
                seen.add(kind.resource if kind else "")
                if kind and raw is not None:
                    each = _object(kind, head, raw)
                    found[kind.kind, each.namespace, each.name] = kind, each
    where = ", ".join("standard input" if path == "-" else path for path in texts)
    if saved and (seen or len(saved) > 1):
        raise UsageError(f"{where}: a saved snapshot cannot be combined with other objects")
    if not saved and not seen:
        raise UsageError(f"{where}: no Kubernetes objects in it")
    return saved[0] if saved else _plain(found.values(), seen)


@contextlib.contextmanager
def _named(where: str) -> Iterator[None]:
    """Say in which file something is wrong."""
    try:
        yield
    except ValueError as error:  # msgspec's are ValueErrors too
        raise UsageError(f"{where}: {error}") from None
    except RecursionError:
        raise UsageError(f"{where}: nested too deeply for a Kubernetes object") from None


def _flat(raws: Iterable[bytes | msgspec.Raw], outer: _Head | None = None) -> Iterator[tuple[_Head, Any]]:
    """Every object with its head; lists are entered, an empty one of a kind (`PodList`) yields that kind alone.

    The items of `kubectl get --raw` have no kind of their own: it is their list's.
    """
    for raw in raws:
        try:
            head = msgspec.json.decode(raw, type=_Head)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a Kubernetes object: {_spoken(error)}") from None
        if outer is not None and outer.kind != "List":
            head.kind, head.api_version = head.kind or outer.kind[:-4], head.api_version or outer.api_version
        if not head.kind or not head.api_version:
            raise ValueError("not a Kubernetes object: no kind or no apiVersion; is the dump complete?")
        if not head.kind.endswith("List"):
            yield head, raw
        elif head.items:
            yield from _flat(head.items, head)
        else:
            yield _Head(api_version=head.api_version, kind=head.kind.removesuffix("List")), None


def _object(kind: Kind, head: _Head, raw: msgspec.Raw) -> Object:
    """An object as its kind's type; a null counts as absent, as it does for the API server."""
    each = _decode(raw, kind.type, f"{kind.kind} {_path(head)}", {"kind": kind.kind})
    if not each.name:
        raise ValueError(f"{kind.kind} without a name")
    if kind.namespaced and not each.namespace:
        each.metadata.namespace = "default"
    return each


def _path(head: _Head) -> str:
    name = head.metadata or _Name()
    return "/".join(part for part in (name.namespace, name.name or "without a name") if part)


def _plain(found: Iterable[tuple[Kind, Object]], seen: set[str]) -> Snapshot:
    """What a dump holds, and the gaps where it holds nothing of a kind."""
    lists: dict[str, list[Any]] = {field: [] for field in _FIELDS}
    owners = set()
    for kind, each in found:
        owners.update(owner.kind for owner in each.metadata.owner_references)
        if isinstance(each, Pod) and each.finished:
            continue
        if isinstance(each, objects.ConfigMap) and not each.name.startswith(INJECTOR_CONFIG):
            continue
        if isinstance(each, Workload) and kind.kind == "ReplicaSet" and each.metadata.controller:
            each.spec = objects.WorkloadSpec(replicas=each.spec.replicas)  # its owner's template is the one that counts
        lists[kind.field].append(each)
    gaps = [
        Gap("list", kind.resource, "", "not in the dump")
        for kind in KINDS
        if kind.resource not in seen and (not kind.optional or kind.kind in owners)
    ]
    istiods = [pod for pod in lists["pods"] if pod.labels.get(labels.APP) == labels.ISTIOD]
    return lean(Snapshot(**lists, istiods=istiods, gaps=gaps))


def _saved(head: _Head, raw: msgspec.Raw) -> Snapshot:
    if head.api_version != API_VERSION:
        raise ValueError(f"a Snapshot of {head.api_version}; this kubectl rev reads {API_VERSION}")
    saved = _decode(raw, _Saved, "Snapshot", {})
    lists: dict[str, list[Any]] = {field: [] for field in _FIELDS}
    for inner, item in _flat(saved.items):
        kind = _BY_NAME.get((_group(inner.api_version or ""), inner.kind or ""))
        if kind and item is not None:
            lists[kind.field].append(_decode(item, kind.type, f"{kind.kind} {_path(inner)}", {"kind": kind.kind}))
    istiods = [_decode(item, Pod, f"istiod {_path(inner)}", {}) for inner, item in _flat(saved.istiods)]
    missing = {kind.resource for kind in KINDS} - {*saved.read} - {gap.resource for gap in saved.gaps}
    gaps = saved.gaps + [Gap("list", resource, "", "not in the snapshot") for resource in sorted(missing)]
    return lean(Snapshot(**lists, istiods=istiods, versions=saved.versions, gaps=gaps))


def save(snapshot: Snapshot, path: str, stdout: IO[bytes]) -> None:
    """Write a snapshot so that `load` reads it back: JSON if the path ends with .json, else YAML; `-` is stdout.

    A file appears whole or not at all.
    """
    data = encode(snapshot, as_json=path.endswith(".json"))
    if path == "-":
        stdout.write(data)
        return
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):  # a directory, which fails; /dev/null, a pipe
            Path(target).write_bytes(data)
            return
        temporary = Path(f"{target}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None


def encode(snapshot: Snapshot, *, as_json: bool) -> bytes:
    """A snapshot as one document, `items` being ordinary objects; a folded pod says how many it stands for in `count`."""
    snapshot = lean(snapshot)
    unread = {gap.resource for gap in snapshot.gaps if not gap.namespace}
    document = {
        "apiVersion": API_VERSION,
        "kind": "Snapshot",
        "read": sorted({kind.resource for kind in KINDS} - unread),
        "gaps": msgspec.to_builtins(sorted(snapshot.gaps)),
        "versions": dict(sorted(snapshot.versions.items())),
        "istiods": [_item("Pod", pod) for pod in snapshot.istiods],
        "items": [_item(_kind_of(field, each), each) for field in _FIELDS for each in getattr(snapshot, field)],
    }
    if as_json:
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return write_yaml(document)
