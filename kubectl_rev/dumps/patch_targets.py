"""The originals in a dump: what a plan needs of the objects that it would change.

A dump of `kubectl get -o yaml` has them whole. One made by --save has what injection depends on; the plan's patches
then test less than they would on the cluster.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from kubectl_rev.core.mesh.objects import Object, WorkloadObject
from kubectl_rev.core.mesh.resources import TOP_WORKLOADS, facts_of
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets, PatchTargetSpec
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.dumps.yaml_reader import decode, documents, kubernetes

_KINDS = frozenset({"Namespace", *(workload.kind for workload in TOP_WORKLOADS)})


def originals(texts: Collection[str], snapshot: Snapshot) -> PatchTargets:
    """Those of texts that have been read as this Snapshot already, so that they are known to be one."""
    targets = [_saved(namespace, "Namespace") for namespace in snapshot.namespaces]
    targets += [_saved(workload, workload.kind) for workload in snapshot.workloads if facts_of(workload.kind).rolled]
    for text in texts:
        for head, raw in snapshot_file.flat(kubernetes(text) if len(texts) > 1 else documents(text)):
            if head.kind in _KINDS and raw is not None:
                target = decode(raw, PatchTarget)
                target.kind = head.kind
                targets.append(target)
    return PatchTargets(targets)


def _saved(saved: Object, kind: str) -> PatchTarget:
    spec = PatchTargetSpec()
    if isinstance(saved, WorkloadObject):
        spec = PatchTargetSpec(
            replicas=saved.spec.replicas,
            paused=saved.spec.paused,
            template={"metadata": msgspec.to_builtins(saved.template.metadata)} if saved.template else None,
            workload_ref=saved.spec.workload_ref,
            triggers=saved.spec.triggers,
        )
    return PatchTarget(kind=kind, metadata=saved.metadata, spec=spec)
