"""Which pods, created with a server-side dry run, show that a namespace is injected by whom it should be?

One from the template of each workload that will be restarted, and of each CronJob, as its controller would make it.
Where there is none, a pod of nothing stands in, so that a label is never believed without having been tried.
"""

from __future__ import annotations

from typing import Any

from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Proof, Restart


def proofs(
    after: Survey, originals: PatchTargets, namespace: str, restarts: list[Restart], *, changed: bool
) -> list[Proof]:
    """The pods to try; none where nothing will be written that depends on them."""
    restarted = {Key.of(restart) for restart in restarts if restart.step}
    if not changed and not restarted:
        return []
    tried = []
    for workload in after.by_namespace.get(namespace, ()):
        original = originals.of(workload)
        if original is not None and workload.selected.state is State.INJECTED:
            runs_later = workload.kind == "CronJob" and changed and not original.spec.suspend
            tried += [_proof(workload, original)] if runs_later or Key.of(workload) in restarted else []
    plain = after.selected_for_namespace(namespace)
    if tried or not changed or plain.state is not State.INJECTED or not plain.revision:
        return tried
    return [Proof(kind="Pod", namespace=namespace, name="", revision=plain.revision, manifest=PLAIN)]


def _proof(workload: Workload, original: PatchTarget) -> Proof:
    # The labels as they will be: those of a template whose pin is changed too.
    metadata: dict[str, Any] = {"generateName": f"{workload.name[:50]}-", "labels": dict(workload.subject.labels)}
    if annotations := original.template_metadata.get("annotations"):
        metadata["annotations"] = annotations
    spec = dict(original.template.get("spec") or {})
    claims = [
        {"name": claim.name, "persistentVolumeClaim": {"claimName": claim.name}}
        for claim in original.spec.volume_claim_templates
    ]
    if claims:  # the StatefulSet controller puts them there
        spec["volumes"] = [*(spec.get("volumes") or []), *claims]
    return Proof(
        kind=workload.kind,
        namespace=workload.namespace,
        name=workload.name,
        revision=workload.selected.revision or "",
        manifest=_pod(metadata, spec),
    )


def _pod(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


PLAIN = _pod({"generateName": "rev-migrate-"}, {"containers": [{"name": "proof", "image": "proof"}]})
