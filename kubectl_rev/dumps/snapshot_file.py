"""Snapshots in files: what `-f` reads, what `--save` writes.

A plain dump (`kubectl get -o yaml|json`) does not say what was asked for, so a kind that does not occur in it is a gap,
not an empty list. Kinds that most clusters have none of (Gateways, Sail's) are a gap only where something in
the dump is owned by one. What a dump leaves out of a kind (`-n`, `-l`) cannot be seen.
Of several objects with one name the last counts, as when `kubectl apply` reads the same file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels, objects
from kubectl_rev.core.mesh.objects import Object, Pod, Shape, WorkloadObject
from kubectl_rev.core.mesh.resources import (
    BY_KIND,
    BY_NAME,
    FIELDS,
    PREFLIGHT,
    RESOURCES,
    Key,
    Resource,
    group_of,
    needed_kinds,
    plural_of,
)
from kubectl_rev.core.mesh.snapshot import Absent, Gap, Snapshot
from kubectl_rev.dumps.redact import lean
from kubectl_rev.dumps.yaml_reader import decode, documents, kubernetes, read, spoken
from kubectl_rev.dumps.yaml_writer import write_yaml
from kubectl_rev.errors import UsageError

API_VERSION = "kubectl-rev/v1"
_SUFFIXES = (".json", ".yaml", ".yml")  # kubectl's: cli-runtime, resource.FileExtensions


class _Name(Shape):
    namespace: str = ""
    name: str = ""


class _Head(Shape):
    """What any document must have, enough to say what it is."""

    api_version: str | None = None
    kind: str | None = None
    metadata: _Name | None = None
    items: list[msgspec.Raw] | None = None

    @property
    def group(self) -> str:
        return group_of(self.api_version or "")

    @property
    def resource(self) -> Resource | None:
        """Its entry in the registry."""
        return BY_NAME.get((self.group, self.kind or ""))


class _Saved(msgspec.Struct, rename="camel"):
    """`kind: Snapshot`. `read` lists the resources that were read, wholly or in part; a later release may know more.

    `complete` is written last: YAML that was cut off is still YAML, and half a mesh would look like a broken one.
    """

    read: list[str] = []
    gaps: list[Gap] = []
    preflight_gaps: list[Gap] = []
    versions: dict[str, str] = {}
    taken: str = ""
    istiods: list[msgspec.Raw] = []
    config: list[msgspec.Raw] = []
    items: list[msgspec.Raw] = []
    complete: bool = False


def load(path: str, stdin: IO[bytes]) -> Snapshot:
    """The Snapshot in a file, in a directory's manifests, or (`-`) on standard input."""
    return parse(texts(path, stdin))


def texts(path: str, stdin: IO[bytes]) -> dict[str, str]:
    """What stands in a file, in each manifest below a directory, or (`-`) on standard input, by path."""
    if path == "-" or not os.path.isdir(path):
        return {path: read(path, stdin)}
    files = sorted(str(file) for file in Path(path).rglob("*") if _is_manifest(file, Path(path)))
    if not files:
        raise UsageError(f"{path}: no {', '.join(_SUFFIXES)} files in this directory")
    return {file: read(file, stdin) for file in files}


def _is_manifest(file: Path, root: Path) -> bool:
    """By its name, also of one that is packed; hidden directories have copies (a mounted ConfigMap's, Git's)."""
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts[:-1])
    return file.name.removesuffix(".gz").endswith(_SUFFIXES) and not hidden and file.is_file()


def parse(texts: dict[str, str]) -> Snapshot:
    """The Snapshot in some texts, by the path that each is from."""
    found: dict[tuple[str, ...], tuple[Resource, Object]] = {}
    seen: set[str] = set()
    saved: list[Snapshot] = []
    config: dict[Key, objects.IstioConfig] = {}
    for path, text in texts.items():
        with _named(path):
            for head, raw in flat(kubernetes(text) if len(texts) > 1 else documents(text)):
                if head.kind == "Snapshot" and head.group == group_of(API_VERSION):
                    saved.append(_saved(head, raw))
                    continue
                kind = head.resource
                seen.add(kind.resource if kind else "")
                if head.group in labels.CONFIG_GROUPS:
                    seen.add(labels.CONFIGURATION)
                    config |= {Key(one.namespace, one.resource, one.name): one for one in _config(head, raw)}
                if kind and raw is not None:
                    one = _complete(kind, _object(kind, head, raw))
                    found[Key(one.namespace, kind.kind, one.name)] = kind, one
    with _named(next(iter(texts)) if len(texts) == 1 else f"these {len(texts)} files"):
        if saved and (seen or len(saved) > 1):
            raise ValueError("a saved snapshot cannot be combined with other objects")
        if not saved and not seen:
            raise ValueError("no Kubernetes objects in it")
    return saved[0] if saved else _plain(found.values(), [*config.values()], seen)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Say in which file something is wrong."""
    where = "standard input" if path == "-" else path
    try:
        yield
    except ValueError as error:  # msgspec's are ValueErrors too
        raise UsageError(f"{where}: {error}") from None
    except RecursionError:
        raise UsageError(f"{where}: nested too deeply for a Kubernetes object") from None


def flat(raws: Iterable[bytes | msgspec.Raw], outer: _Head | None = None) -> Iterator[tuple[_Head, Any]]:
    """Every object with its head; lists are entered, an empty one of a kind (`PodList`) yields that kind alone.

    The items of `kubectl get --raw` have no kind of their own: it is their list's.
    """
    for raw in raws:
        try:
            head = msgspec.json.decode(raw, type=_Head)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a Kubernetes object: {spoken(error)}") from None
        if outer is not None and outer.kind and outer.kind != "List":
            head.kind = head.kind or outer.kind.removesuffix("List")
            head.api_version = head.api_version or outer.api_version
        if not head.kind or not head.api_version:
            raise ValueError("not a Kubernetes object: no kind or no apiVersion; is the dump complete?")
        if not head.kind.endswith("List"):
            yield head, raw
        elif head.items:
            yield from flat(head.items, head)
        else:
            yield _Head(api_version=head.api_version, kind=head.kind.removesuffix("List")), None


def _object(kind: Resource, head: _Head, raw: msgspec.Raw) -> Object:
    """An object as its kind's type."""
    name = head.metadata or _Name()
    try:
        return decode(raw, kind.type, {"kind": kind.kind})
    except ValueError as error:
        path = "/".join(part for part in (name.namespace, name.name) if part) or "without a name"
        raise ValueError(f"{kind.kind} {path}: {error}") from None


def _complete(kind: Resource, one: Object) -> Object:
    """As kubectl would take it: it must have a name, and lies in namespace default if it says nothing else."""
    if not one.name:
        raise ValueError(f"{kind.kind} without a name")
    if kind.namespaced and not one.namespace:
        one.metadata.namespace = "default"
    return one


def _config(head: _Head, raw: msgspec.Raw | None) -> list[objects.IstioConfig]:
    """An object of Istio's config, if it has a revision label."""
    if raw is None or not head.kind:
        return []
    one = decode(raw, objects.IstioConfig, {"kind": head.kind})
    one.resource = f"{plural_of(head.kind)}.{head.group}"
    one.metadata.namespace = one.metadata.namespace or "default"
    return [one] if labels.REV in one.labels else []


def _plain(found: Iterable[tuple[Resource, Object]], config: list[objects.IstioConfig], seen: set[str]) -> Snapshot:
    """What a dump holds, and the gaps where it holds nothing of a kind."""
    lists: dict[str, Any] = {field: [] for field in FIELDS}
    owners: set[str] = set()
    for kind, one in found:
        owners.update(needed_kinds(one))
        if isinstance(one, Pod) and one.finished:
            continue
        above = one.metadata.controller
        if isinstance(one, WorkloadObject) and kind.kind == "ReplicaSet" and above and above.kind == "Deployment":
            # A Deployment's template is the one that counts, not those of its ten ReplicaSets.
            one.spec = objects.WorkloadSpec(replicas=one.spec.replicas)
        lists[kind.field].append(one)
    gaps = [
        Gap("list", kind.resource, "", Absent.DUMP)
        for kind in RESOURCES
        if kind.resource not in seen and (not kind.optional or kind.kind in owners)
    ]
    if labels.CONFIGURATION not in seen:
        gaps.append(Gap("list", labels.CONFIGURATION, "", Absent.DUMP))
    unasked = [Gap("list", kind.resource, "", Absent.DUMP) for kind in PREFLIGHT if kind.resource not in seen]
    istiods = [pod for pod in lists["pods"] if pod.labels.get(labels.APP) == labels.ISTIOD]
    return lean(Snapshot(**lists, istiods=istiods, config=config, gaps=gaps, preflight_gaps=unasked))


def _saved(head: _Head, raw: msgspec.Raw) -> Snapshot:
    if head.api_version != API_VERSION:
        raise ValueError(f"a Snapshot of {head.api_version}; this kubectl rev reads {API_VERSION}")
    saved = decode(raw, _Saved)
    if not saved.complete:
        raise ValueError("a saved snapshot without its last line (complete: true): is the file complete?")
    lists: dict[str, Any] = {field: [] for field in FIELDS}
    for inner, item in flat(saved.items):
        if (kind := inner.resource) and item is not None:
            lists[kind.field].append(_object(kind, inner, item))
    istiods: list[Any] = [_object(BY_KIND["Pod"], inner, item) for inner, item in flat(saved.istiods) if item]
    config = [decode(item, objects.IstioConfig) for item in saved.config]
    owners = {kind for one in chain.from_iterable(lists.values()) for kind in needed_kinds(one)}
    known = {*(kind.resource for kind in RESOURCES if not kind.optional or kind.kind in owners), labels.CONFIGURATION}
    missing = known - {*saved.read} - {gap.resource for gap in saved.gaps}
    gaps = saved.gaps + [Gap("list", resource, "", Absent.SNAPSHOT) for resource in sorted(missing)]
    missing = {kind.resource for kind in PREFLIGHT} - {*saved.read} - {gap.resource for gap in saved.preflight_gaps}
    unasked = saved.preflight_gaps + [Gap("list", resource, "", Absent.SNAPSHOT) for resource in sorted(missing)]
    told = Snapshot(**lists, istiods=istiods, config=config, versions=saved.versions, taken=saved.taken)
    return lean(replace(told, gaps=gaps, preflight_gaps=unasked))


def save(snapshot: Snapshot, path: str, stdout: IO[bytes] | None = None) -> None:
    """Write a snapshot so that `load` reads it back: JSON if the path ends with .json, else YAML; `-` is stdout.

    A file appears whole or not at all, for its owner alone if it is new; nothing is written through a link.
    """
    data = encode(snapshot, as_json=path.endswith(".json"))
    try:
        if path == "-" and stdout is not None:
            stdout.write(data)
            return stdout.flush()
        if os.path.exists(path) and not os.path.isfile(path):  # a directory, which fails; /dev/null, a pipe
            Path(path).write_bytes(data)
            return
        if os.path.islink(path):
            raise OSError("it is a link")
        handle, temporary = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path) or ".")
        try:
            with os.fdopen(handle, "wb") as file, contextlib.suppress(FileNotFoundError):
                file.write(data)
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None


def encode(snapshot: Snapshot, *, as_json: bool) -> bytes:
    """A snapshot as one document; `items` are ordinary objects, a folded pod has a `count` of those it stands for."""
    snapshot = lean(snapshot)
    unread = {gap.resource for gap in (*snapshot.gaps, *snapshot.preflight_gaps) if not gap.namespace}
    document = {
        "apiVersion": API_VERSION,
        "kind": "Snapshot",
        "read": sorted({*(kind.resource for kind in RESOURCES), labels.CONFIGURATION} - unread),
        "gaps": msgspec.to_builtins(sorted(snapshot.gaps)),
        **({"preflightGaps": msgspec.to_builtins(snapshot.preflight_gaps)} if snapshot.preflight_gaps else {}),
        "versions": dict(sorted(snapshot.versions.items())),
        **({"taken": snapshot.taken} if snapshot.taken else {}),
        "istiods": [_item("pods", pod) for pod in snapshot.istiods],
        "config": msgspec.to_builtins(snapshot.config),
        "items": [_item(field, one) for field in FIELDS for one in getattr(snapshot, field)],
        "complete": True,
    }
    if as_json:
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return write_yaml(document)


def _item(field: str, one: Object) -> dict[str, Any]:
    """An object as Kubernetes writes it; its type alone does not tell an injector from a validator."""
    own = getattr(one, "kind", "")
    kind = BY_KIND[own] if own else next(kind for kind in RESOURCES if kind.field == field)
    return {"apiVersion": kind.api_version, "kind": kind.kind, **msgspec.to_builtins(one)}
