"""The originals of a world, as the API server would hold its objects."""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import Metadata, WorkloadObject
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets


def originals_of(world: Snapshot, **specs: dict[str, Any]) -> PatchTargets:
    """`specs` are merged into the spec of the workload with that name."""
    found = [PatchTarget(kind="Namespace", metadata=_identity(each.metadata)) for each in world.namespaces]
    found += [
        _workload(each, specs.get(each.name, {})) for each in world.workloads if each.template or each.spec.workload_ref
    ]
    return PatchTargets(found)


def _identity(metadata: Metadata) -> Metadata:
    return Metadata(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=f"uid-of-{metadata.name}",
        labels=dict(metadata.labels),
        annotations=dict(metadata.annotations),
        owner_references=list(metadata.owner_references),
    )


def _workload(each: WorkloadObject, more: dict[str, Any]) -> PatchTarget:
    spec: dict[str, Any] = {"replicas": each.spec.replicas, **more}
    if each.spec.workload_ref:
        spec["workloadRef"] = msgspec.to_builtins(each.spec.workload_ref)
    if each.template:
        template = {"metadata": {}} | msgspec.to_builtins(each.template)
        if each.kind == "CronJob":
            spec["jobTemplate"] = {"spec": {"template": template}}
        else:
            spec["template"] = template
    status = {"desiredNumberScheduled": 1}
    decoded = msgspec.convert({"spec": spec, "status": status, "metadata": {}}, PatchTarget)
    return PatchTarget(kind=each.kind, metadata=_identity(each.metadata), spec=decoded.spec, status=decoded.status)
