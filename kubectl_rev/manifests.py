"""Snapshots in files: what `-f` reads, what `--save` writes.

A plain dump (`kubectl get -o yaml|json`) says nothing about what was asked for, so a kind that does not occur in it is a
gap, not an empty list. Three kinds that most clusters have none of (Rollouts, Gateways, ReplicationControllers) are a gap
only where something in the dump is owned by one. What a dump leaves out of a kind (`-n`, `-l`) cannot be seen.

Of several objects with one name the last counts, as when `kubectl apply` reads the same file. Kept is what the core reads:
no Secrets, no other containers than istio's, of their environment two variables, of ConfigMaps istiod's injection policy.
"""

from __future__ import annotations

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
            raise UsageError(f"line {number} of the list is no name: want namespace/NAME or TYPE.GROUP/NAME -n NAMESPACE")
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


def read(path: str, stdin: IO[bytes]) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        if path == "-":
            return _text("standard input", stdin)
        with open(path, "rb") as file:
            return _text(path, file)
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _text(where: str, file: IO[bytes]) -> str:
    """Decoded; read in blocks so that /dev/zero or a disk image is refused at its first."""
    blocks: list[bytes] = []
    while block := file.read(1 << 20):
        blocks.append(block)
        if b"\0" in block and not blocks[0].startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UsageError(f"{where}: a binary file, not a dump")
    data = b"".join(blocks)
    try:  # PowerShell's `>` writes UTF-16
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 text (byte {error.start})") from None


def parse(texts: dict[str, str]) -> Snapshot:
    """The Snapshot in some texts, by where each is from."""
    found: dict[tuple[str, ...], objects.Object] = {}
    seen: set[str] = set()
    for path, text in texts.items():
        where = "standard input" if path == "-" else path
        try:
            for head, raw in _flat(documents(text)):
                if head.kind == "Snapshot" and _group(head.api_version or "") == _group(API_VERSION):
                    if found or seen or len(texts) > 1:
                        raise ValueError("a saved snapshot cannot be combined with other objects")
                    seen.add("Snapshot")
                    saved = _saved(head, raw)
                    continue
                if "Snapshot" in seen:
                    raise ValueError("a saved snapshot cannot be combined with other objects")
                kind = _BY_NAME.get((_group(head.api_version or ""), head.kind or ""))
                seen.add(kind.resource if kind else "")
                if kind and raw is not None:
                    each = _object(kind, head, raw)
                    found[kind.kind, each.namespace, each.name] = each
        except ValueError as error:  # msgspec's own are ValueErrors
            raise UsageError(f"{where}: {error}") from None
        except RecursionError:
            raise UsageError(f"{where}: nested too deeply for a Kubernetes object") from None
    if not seen:
        raise UsageError(f"{' '.join(texts)}: no Kubernetes objects in it")
    return saved if "Snapshot" in seen else _plain(found, seen)


def _flat(raws: Iterable[bytes | msgspec.Raw], outer: _Head | None = None) -> Iterator[tuple[_Head, Any]]:
    """Every object with its head; lists are entered, an empty one of a kind (`PodList`) yields that kind alone.

    The items of `kubectl get --raw` have no kind of their own: it is their list's.
    """
    for raw in raws:
        try:
            head = msgspec.json.decode(raw, type=_Head)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a Kubernetes object: {_spoken(error)}") from None
        if outer is not None and outer.kind != "List" and outer.kind is not None:
            head.kind, head.api_version = head.kind or outer.kind.removesuffix("List"), head.api_version or outer.api_version
        if not head.kind or not head.api_version:
            raise ValueError("not a Kubernetes object: no kind and apiVersion; is the dump complete?")
        if head.kind.endswith("List") and head.items is not None or head.kind == "List":
            yield from _flat(head.items or [], head)
            if not head.items and head.kind != "List":
                yield _Head(api_version=head.api_version, kind=head.kind.removesuffix("List")), None
        else:
            yield head, raw
