"""The API server's protobuf bodies, cut into their items as they arrive, and the fields of those that are decoded.

JSON of 10,000 pods is 275 MB and 10 s of decoding; their metadata in protobuf is 60 MB, and most of that is
managedFields, which are never looked at: only the fields declared here are decoded. Field numbers are those of
generated.proto in k8s.io/apimachinery/pkg/{runtime,apis/meta/v1} and k8s.io/api/{core,apps,batch}/v1; they never
change.

A body is `k8s\\0` and a runtime.Unknown whose `raw` is the list; a list's `items` are its field 2. A body that ends
early raises Malformed: half a list must never look like a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

MAGIC = b"k8s\0"
_ITEM_LIMIT = 1 << 25  # bytes: 32 MB; etcd takes objects of 1.5 MB

# A message per name: its fields with their numbers and types. `*` is repeated.
_SCHEMA = {
    "Time": {"seconds": (1, "int64")},
    "Entry": {"key": (1, "string"), "value": (2, "string")},
    "Owner": {"kind": (1, "string"), "name": (3, "string"), "apiVersion": (5, "string"), "controller": (6, "bool")},
    "Meta": {
        "name": (1, "string"),
        "namespace": (3, "string"),
        # Times, Entries and Owners, left encoded: those of a workload's pods are alike, and decoded once.
        "created": (8, "bytes"),
        "deleted": (9, "bytes"),
        "labels": (11, "*bytes"),
        "annotations": (12, "*bytes"),
        "owners": (13, "*bytes"),
    },
    "Partial": {"metadata": (1, "Meta")},
    "ListMeta": {"version": (2, "string"), "next": (3, "string")},
    "Env": {"name": (1, "string"), "value": (2, "string")},
    "Container": {"name": (1, "string"), "image": (2, "string"), "args": (4, "*string"), "env": (7, "*Env")},
    "PodSpec": {
        "containers": (2, "*Container"),
        "hostNetwork": (11, "bool"),
        "initContainers": (20, "*Container"),
    },
    "Condition": {"type": (1, "string"), "status": (2, "string")},
    "PodStatus": {"phase": (1, "string"), "conditions": (2, "*Condition")},
    "Pod": {"metadata": (1, "Meta"), "spec": (2, "PodSpec"), "status": (3, "PodStatus")},
    "Template": {"metadata": (1, "Meta"), "spec": (2, "PodSpec")},
    "DeploymentSpec": {"replicas": (1, "int32"), "template": (3, "Template"), "paused": (7, "bool")},
    "Strategy": {"type": (1, "string")},
    "Partition": {"partition": (1, "int32")},
    "PartitionedStrategy": {"type": (1, "string"), "rollingUpdate": (2, "Partition")},
    "StatefulSetSpec": {
        "replicas": (1, "int32"),
        "template": (3, "Template"),
        "updateStrategy": (7, "PartitionedStrategy"),
    },
    "ReplicaSetSpec": {"replicas": (1, "int32"), "template": (3, "Template")},
    "DaemonSetSpec": {"template": (2, "Template"), "updateStrategy": (3, "Strategy")},
    "JobSpec": {"template": (6, "Template"), "suspend": (10, "bool")},
    "JobTemplate": {"spec": (2, "JobSpec")},
    "CronJobSpec": {"suspend": (4, "bool"), "jobTemplate": (5, "JobTemplate")},
    "RolloutCondition": {"type": (1, "string"), "reason": (4, "string")},
    # Under the names that Deployments have for them: a DaemonSet's currentNumberScheduled and numberReady, a Job's
    # active and ready.
    "DeploymentStatus": {
        "replicas": (2, "int32"),
        "conditions": (6, "*RolloutCondition"),
        "readyReplicas": (7, "int32"),
    },
    "StatefulSetStatus": {"replicas": (2, "int32"), "readyReplicas": (3, "int32")},
    "DaemonSetStatus": {"replicas": (1, "int32"), "readyReplicas": (4, "int32")},
    "JobStatus": {"replicas": (4, "int32"), "readyReplicas": (9, "int32")},
    "Deployment": {"metadata": (1, "Meta"), "spec": (2, "DeploymentSpec"), "status": (3, "DeploymentStatus")},
    "StatefulSet": {"metadata": (1, "Meta"), "spec": (2, "StatefulSetSpec"), "status": (3, "StatefulSetStatus")},
    "ReplicaSet": {"metadata": (1, "Meta"), "spec": (2, "ReplicaSetSpec")},
    "DaemonSet": {"metadata": (1, "Meta"), "spec": (2, "DaemonSetSpec"), "status": (3, "DaemonSetStatus")},
    "Job": {"metadata": (1, "Meta"), "spec": (2, "JobSpec"), "status": (3, "JobStatus")},
    "CronJob": {"metadata": (1, "Meta"), "spec": (2, "CronJobSpec")},
    "Status": {"message": (3, "string")},
    "TypeMeta": {"kind": (2, "string")},
    "Unknown": {"raw": (2, "bytes")},
}
_SCALARS = {"int64": 3, "int32": 5, "bool": 8, "string": 9, "bytes": 12}
_MESSAGE, _OPTIONAL, _REPEATED = 11, 1, 3


class Malformed(Exception):
    """The body is no protobuf list, or not all of one."""


class Foreign(Malformed):
    """It is nothing that an API server sends: a proxy's page, perhaps."""


def _classes() -> dict[str, Any]:
    # proto2 would hand out bytes for a string that is not UTF-8.
    file = descriptor_pb2.FileDescriptorProto(name="kubectl_rev.proto", package="k", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = _REPEATED if kind.startswith("*") else _OPTIONAL
            kind = kind.lstrip("*")
            declared = message.field.add(name=field, number=number, label=label, type=_SCALARS.get(kind, _MESSAGE))
            if kind not in _SCALARS:
                declared.type_name = f".k.{kind}"
            if kind == "int32":  # of which it matters whether it is there
                declared.proto3_optional, declared.oneof_index = True, len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"k.{n}")) for n in _SCHEMA}


_TYPES = _classes()


class Items:
    """The encoded items of one list body. `next_page` is the list's `continue` token, known once all were taken;
    `version` is its resourceVersion, from which a watch goes on.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.next_page, self.version = "", ""
        self._chunks = iter(chunks)
        self._buffer, self._at = b"", 0

    def __iter__(self) -> Iterator[bytes]:
        left = self._envelope()
        while left:
            self._need(min(left, 11))  # a tag and the longest varint
            size, start = _varint(self._buffer, self._at + 1)
            used = start - self._at + size
            if used > left:
                raise Malformed("an item is longer than its list")
            self._need(used)
            buffer, at = self._buffer, self._at
            tag, body = buffer[at], buffer[at + used - size : at + used]
            self._at, left = at + used, left - used
            if tag == 0x12:  # field 2, length-delimited
                yield body
            elif tag == 0x0A:  # field 1
                meta = parse("ListMeta", body)
                self.next_page, self.version = meta.next, meta.version
            elif tag & 7 != 2:
                raise Malformed(f"unexpected field {tag >> 3} in a list")
        for _ in self._chunks:  # what follows `raw` says nothing; an error in it must still be noticed
            pass

    def _envelope(self) -> int:
        """Skip to the list and tell its length."""
        self._need(len(MAGIC))
        if not self._buffer.startswith(MAGIC):
            raise Foreign("not a Kubernetes protobuf body")
        self._at = len(MAGIC)
        kind = ""
        while True:
            self._need(2)
            while len(self._buffer) - self._at < 11 and self._more():
                pass
            tag = self._buffer[self._at]
            size, start = _varint(self._buffer, self._at + 1)
            if tag == 0x12:
                if not kind.endswith("List"):
                    raise Foreign("no list")
                self._at = start
                return size
            if tag & 7 != 2:
                raise Foreign("not a Kubernetes protobuf body")
            used = start - self._at + size
            self._need(used)
            if tag == 0x0A:
                kind = parse("TypeMeta", self._buffer[self._at + used - size : self._at + used]).kind
            self._at += used

    def _need(self, count: int) -> None:
        """Have `count` bytes from here on, or raise."""
        if count > _ITEM_LIMIT:
            raise Malformed("an item is too long")
        if len(self._buffer) - self._at >= count:
            return
        parts, have = [self._buffer[self._at :]], len(self._buffer) - self._at
        while have < count:
            if (chunk := next(self._chunks, None)) is None:
                raise Malformed("the list ended early")
            parts.append(chunk)
            have += len(chunk)
        self._buffer, self._at = b"".join(parts), 0

    def _more(self) -> bool:
        if (chunk := next(self._chunks, None)) is None:
            return False
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        return True


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A base-128 varint and where it ends."""
    value = shift = 0
    for byte in buffer[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a length is cut off")


def parse(kind: str, body: bytes) -> Any:
    """A message of one of the types declared above."""
    try:
        return _TYPES[kind].FromString(body)
    except (DecodeError, ValueError) as error:  # text that is not UTF-8, too
        raise Malformed(f"not a {kind}") from error


def status_message(body: bytes) -> str:
    """The message of a `Status` body, or nothing if it is something else."""
    try:
        return str(parse("Status", parse("Unknown", body[len(MAGIC) :]).raw).message)
    except Malformed:
        return ""
