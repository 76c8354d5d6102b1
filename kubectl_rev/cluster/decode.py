"""One encoded item of a protobuf list as one of the core's types.

These run once for each of perhaps 100,000 pods: about 15 µs for the metadata of one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from kubectl_rev.cluster.wire import parse
from kubectl_rev.core.mesh import objects
from kubectl_rev.core.mesh.labels import POD_ANNOTATIONS, PROXY_CONTAINER

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a copy of the object: large, and never of use here


def metadata(body: bytes) -> objects.Metadata:
    """One item of a PartialObjectMetadataList."""
    return _metadata(partial(body))


def owned_metadata(body: bytes) -> objects.Metadata:
    """The same, without annotations; of what a controller owns only its name and who that is."""
    m = partial(body)
    owners = list(map(_owner, m.owners))
    if any(owner.controller for owner in owners):
        return objects.Metadata(name=m.name, namespace=m.namespace, owner_references=owners)
    return _metadata(m, ())


def partial(body: bytes) -> Any:
    """The same as it is encoded, for `alike`."""
    return parse("Partial", body).metadata


def pod_metadata(body: bytes) -> objects.Pod:
    """The same of a pod, with the annotations that are read."""
    return objects.Pod(metadata=_metadata(partial(body), POD_ANNOTATIONS))


def alike(found: Iterable[Any]) -> list[objects.Pod]:
    """Pods from what `partial` returned, those of one controller whose labels and annotations are the same as one.

    100,000 pods are the whole cost of a large cluster, and nine in ten are told apart by their bytes alone.
    `core.mesh.snapshot.fold` merges what is left.
    """
    first: dict[tuple[object, ...], _Alike] = {}
    alone: list[_Alike] = []
    for m in found:
        ours = tuple(filter(_wanted, m.annotations))
        key = (m.namespace, m.deleted, tuple(m.owners), tuple(m.labels), ours)
        known = first.get(key)
        if known is not None:
            known.count += 1
            known.created.add(m.created)
            continue
        known = _Alike(_metadata(m, POD_ANNOTATIONS), {m.created})
        if known.metadata.controller is None:
            alone.append(known)
        else:
            first[key] = known
    everything = [*alone, *first.values()]
    for known in everything:
        known.metadata.creation_timestamp = max(filter(None, map(_time, known.created)), default=None)
    return [objects.Pod(metadata=known.metadata, count=known.count) for known in everything]


class _Alike(msgspec.Struct):
    metadata: objects.Metadata
    created: set[bytes]
    count: int = 1


def pod(body: bytes, all_containers: bool = False) -> objects.Pod:
    """One item of a PodList. Arguments and environment are kept of istio-proxy only, unless of all containers."""
    found = parse("Pod", body)
    return objects.Pod(
        metadata=_metadata(found.metadata, POD_ANNOTATIONS),
        spec=_spec(found.spec, all_containers),
        status=objects.PodStatus(
            phase=found.status.phase,
            conditions=[objects.Condition(type=c.type, status=c.status) for c in found.status.conditions],
        ),
    )


def workload(kind: str, body: bytes) -> objects.WorkloadObject:
    """One item of the list of this built-in kind of workload."""
    found = parse(kind, body)
    made = objects.WorkloadObject(kind=kind, metadata=_metadata(found.metadata), spec=_workload_spec(found.spec))
    if _has(found, "status"):
        status = found.status
        made.status = objects.WorkloadStatus(replicas=status.replicas, ready_replicas=status.readyReplicas)
        if _has(status, "conditions"):
            made.status.conditions = [objects.Condition(type=one.type, reason=one.reason) for one in status.conditions]
    return made


def _has(message: Any, field: str) -> bool:
    """Whether the kind has such a field: what it does not have cannot be asked for."""
    return field in message.DESCRIPTOR.fields_by_name


def _metadata(m: Any, wanted: Collection[str] | None = None) -> objects.Metadata:
    annotations = dict(map(_entry, m.annotations))
    if wanted is None:
        annotations.pop(LAST_APPLIED, None)
    else:
        annotations = {key: value for key, value in annotations.items() if key in wanted}
    return objects.Metadata(
        name=m.name,
        namespace=m.namespace,
        labels=dict(map(_entry, m.labels)),
        annotations=annotations,
        owner_references=list(map(_owner, m.owners)),
        creation_timestamp=_time(m.created),
        deletion_timestamp=_time(m.deleted),
    )


@lru_cache(maxsize=1024)  # the pods of a workload share theirs
def _owner(body: bytes) -> objects.OwnerReference:
    o = parse("Owner", body)
    return objects.OwnerReference(kind=o.kind, name=o.name, api_version=o.apiVersion, controller=o.controller)


@lru_cache(maxsize=4096)
def _entry(body: bytes) -> tuple[str, str]:
    found = parse("Entry", body)
    return found.key, found.value


@lru_cache(maxsize=4096)
def _wanted(entry: bytes) -> bool:
    return _entry(entry)[0] in POD_ANNOTATIONS


@lru_cache(maxsize=1024)  # pods are created by the dozen
def _time(body: bytes) -> str | None:
    """As the API's JSON writes it: RFC 3339 in UTC, no fraction."""
    seconds = parse("Time", body).seconds
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z" if seconds else None


def _spec(s: Any, all_containers: bool = False) -> objects.PodSpec:
    def container(c: Any) -> objects.Container:
        if not all_containers and c.name != PROXY_CONTAINER:
            return objects.Container(name=c.name, image=c.image)
        env = [objects.EnvVar(name=e.name, value=e.value) for e in c.env]
        return objects.Container(name=c.name, image=c.image, args=list(c.args), env=env)

    return objects.PodSpec(
        host_network=s.hostNetwork,
        containers=[container(c) for c in s.containers],
        init_containers=[container(c) for c in s.initContainers],
    )


def _workload_spec(s: Any) -> objects.WorkloadSpec[objects.PodTemplate]:
    found = objects.WorkloadSpec[objects.PodTemplate](
        replicas=s.replicas if _has(s, "replicas") and s.HasField("replicas") else None,
        paused=getattr(s, "paused", False),
        suspend=getattr(s, "suspend", False),
    )
    if _has(s, "updateStrategy") and s.updateStrategy.type:
        partition = s.updateStrategy.rollingUpdate.partition if _has(s.updateStrategy, "rollingUpdate") else 0
        rolling = objects.RollingUpdate(partition=partition)
        found.update_strategy = objects.UpdateStrategy(type=s.updateStrategy.type, rolling_update=rolling)
    if _has(s, "jobTemplate"):
        found.job_template = objects.JobTemplate(spec=objects.JobSpec(template=_template(s.jobTemplate.spec.template)))
    else:
        found.template = _template(s.template)
    return found


def _template(t: Any) -> objects.PodTemplate:
    return objects.PodTemplate(metadata=_metadata(t.metadata), spec=_spec(t.spec))
