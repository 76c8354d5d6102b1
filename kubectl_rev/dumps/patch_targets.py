"""The originals in a dump: what a plan needs of the objects that it would change.

A dump of `kubectl get -o yaml` has them whole. One made by --save has what injection depends on; the plan's patches
then test less than they would on the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kubectl_rev.core.mesh.objects import Object, WorkloadObject
from kubectl_rev.core.mesh.resources import TOP_WORKLOADS, facts_of
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets, PatchTargetSpec
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.dumps.yaml_reader import decode, documents

_KINDS = frozenset({"Namespace", *(each.kind for each in TOP_WORKLOADS)})


def originals(texts: Iterable[str], snapshot: Snapshot) -> PatchTargets:
    """Those of texts that have been read as this Snapshot already, so that they are known to be one."""
    found = [_saved(namespace, "Namespace") for namespace in snapshot.namespaces]
    found += [_saved(workload, workload.kind) for workload in snapshot.workloads if facts_of(workload.kind).rolled]
    for text in texts:
        for head, raw in snapshot_file.flat(documents(text)):
            if head.kind in _KINDS and raw is not None:
                each = decode(raw, PatchTarget)
                each.kind = head.kind
                found.append(each)
    return PatchTargets(found)


def _saved(each: Object, kind: str) -> PatchTarget:
    spec = PatchTargetSpec()
    if isinstance(each, WorkloadObject):
        spec = PatchTargetSpec(
            replicas=each.spec.replicas,
            paused=each.spec.paused,
            template={"metadata": msgspec.to_builtins(each.template.metadata)} if each.template else None,
            workload_ref=each.spec.workload_ref,
            triggers=each.spec.triggers,
        )
    return PatchTarget(kind=kind, metadata=each.metadata, spec=spec)
