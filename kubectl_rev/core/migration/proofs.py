"""Which pods, created with a server-side dry run, show that a namespace is injected by whom it should be?

One from the template of each workload that will be restarted, and of each CronJob, as its controller would make it.
Where there is none, a pod of nothing stands in, so that a label is never believed without having been tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey, Unit
from kubectl_rev.core.migration.patch_targets import Original, Originals
from kubectl_rev.core.migration.plan import Proof, Restart


def proofs(
    after: Survey, originals: Originals, namespace: str, restarts: list[Restart], *, changed: bool
) -> Iterator[Proof]:
    """The pods to try; none where nothing will be written that depends on them."""
    restarted = {(each.kind, each.name) for each in restarts if each.step}
    if not changed and not restarted:
        return
    found = False
    for unit in after.by_namespace.get(namespace, ()):
        original = originals.get(unit.kind, namespace, unit.name)
        runs_later = unit.kind == "CronJob" and changed and original is not None and not original.spec.suspend
        if original is None or unit.selected.state is not State.INJECTED:
            continue
        if (unit.kind, unit.name) in restarted or runs_later:
            found = True
            yield _proof(unit, original)
    plain = after.selected_for_namespace(namespace)
    if not found and changed and plain.state is State.INJECTED and plain.revision:
        yield Proof(kind="Pod", namespace=namespace, name="", revision=plain.revision, manifest=PLAIN)


def _proof(unit: Unit, original: Original) -> Proof:
    template = original.template or {}
    given = template.get("metadata") or {}
    metadata = {key: given[key] for key in ("annotations",) if given.get(key)}
    # The labels as they will be: those of a template whose pin is changed too.
    metadata |= {"generateName": f"{unit.name[:50]}-", "labels": dict(unit.subject.labels)}
    spec = dict(template.get("spec") or {})
    claims = [
        {"name": claim.metadata.name, "persistentVolumeClaim": {"claimName": claim.metadata.name}}
        for claim in original.spec.volume_claim_templates
    ]
    if claims:  # the StatefulSet controller puts them there
        spec["volumes"] = [*(spec.get("volumes") or []), *claims]
    return Proof(
        kind=unit.kind,
        namespace=unit.namespace,
        name=unit.name,
        revision=unit.selected.revision or "",
        manifest=_pod(metadata, spec),
    )


def _pod(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


PLAIN = _pod({"generateName": "rev-migrate-"}, {"containers": [{"name": "proof", "image": "proof"}]})
