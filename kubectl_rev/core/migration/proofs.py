"""Which pods, created with a server-side dry run, show that a namespace is injected by whom it should be?

One from the template of each workload that will be restarted, and of each CronJob, as its controller would make it.
Where there is none, a pod of nothing stands in, so that a label is never believed without having been tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Proof, Restart


def proofs(
    after: Survey, originals: PatchTargets, namespace: str, restarts: list[Restart], *, changed: bool
) -> Iterator[Proof]:
    """The pods to try; none where nothing will be written that depends on them."""
    restarted = {(restart.kind, restart.name) for restart in restarts if restart.step}
    if not changed and not restarted:
        return
    found = False
    for workload in after.by_namespace.get(namespace, ()):
        original = originals.get(workload.kind, namespace, workload.name)
        runs_later = workload.kind == "CronJob" and changed and original is not None and not original.spec.suspend
        if original is None or workload.selected.state is not State.INJECTED:
            continue
        if (workload.kind, workload.name) in restarted or runs_later:
            found = True
            yield _proof(workload, original)
    plain = after.selected_for_namespace(namespace)
    if not found and changed and plain.state is State.INJECTED and plain.revision:
        yield Proof(kind="Pod", namespace=namespace, name="", revision=plain.revision, manifest=PLAIN)


def _proof(workload: Workload, original: PatchTarget) -> Proof:
    template = original.template or {}
    given = template.get("metadata") or {}
    metadata = {key: given[key] for key in ("annotations",) if given.get(key)}
    # The labels as they will be: those of a template whose pin is changed too.
    metadata |= {"generateName": f"{workload.name[:50]}-", "labels": dict(workload.subject.labels)}
    spec = dict(template.get("spec") or {})
    claims = [
        {"name": claim.metadata.name, "persistentVolumeClaim": {"claimName": claim.metadata.name}}
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
