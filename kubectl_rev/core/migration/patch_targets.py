"""The objects that a migration changes, whole enough to be patched and rolled: identity, template, strategy.

A Snapshot has what injection depends on; these have what a patch tests and what a rollout does. They come from the API
server's JSON (cluster/patch_targets.py) or from a dump.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import Object, Shape, UpdateStrategy, WorkloadSpec
from kubectl_rev.core.mesh.resources import Key, Keyed, facts_of
from kubectl_rev.core.mesh.selectors import LabelSelector


class PatchTargetSpec(WorkloadSpec[dict[str, Any]]):
    """`spec` of a workload, its template as it is, since a patch tests it whole.

    `volume_claim_templates` become volumes that a StatefulSet adds to each of its pods.
    """

    strategy: UpdateStrategy | None = None
    selector: LabelSelector = LabelSelector()
    volume_claim_templates: list[Object] = msgspec.field(default_factory=list)


class PatchTargetStatus(Shape):
    """`status` of a workload; only DaemonSets have this field."""

    desired_number_scheduled: int = 0


class PatchTarget(Object):
    """A Namespace or a workload as it was read."""

    kind: str = ""
    spec: PatchTargetSpec = msgspec.field(default_factory=PatchTargetSpec)
    status: PatchTargetStatus = msgspec.field(default_factory=PatchTargetStatus)
    lender: PatchTarget | None = None  # the workload whose template it uses: set by PatchTargets

    @property
    def rolling(self) -> UpdateStrategy:
        """How it replaces its pods; a kind with strategies of its own says nothing here."""
        return self.spec.strategy or self.spec.update_strategy or UpdateStrategy()

    @property
    def partition(self) -> int:
        """How many pods of a StatefulSet its strategy keeps: those with a lower number."""
        rolls = self.kind == "StatefulSet" and self.rolling.type == "RollingUpdate"
        return self.rolling.rolling_update.partition if rolls else 0

    @property
    def template_holder(self) -> PatchTarget:
        """The object that holds its pod template: itself, or the workload that its `spec.workloadRef` names."""
        return self.lender or self

    @property
    def template(self) -> dict[str, Any]:
        """Empty where it has none."""
        spec = self.template_holder.spec
        return (spec.job_template.spec.template if spec.job_template else spec.template) or {}

    @property
    def template_metadata(self) -> dict[str, Any]:
        return self.template.get("metadata") or {}

    @property
    def rolls_on_change(self) -> bool:
        """Whether a changed template replaces its pods: triggers say so, where the kind has any and they are given.

        (github.com/openshift/api/apps/v1, Spec.triggers: null means a change of the configuration)
        """
        triggers = self.spec.triggers
        return triggers is None or any(trigger.type == "ConfigChange" for trigger in triggers)

    @property
    def pods(self) -> int:
        """How many pods it wants. A DaemonSet: one per node that fits; others: 1 unless they say otherwise."""
        if self.kind == "DaemonSet":
            return self.status.desired_number_scheduled
        return 1 if self.spec.replicas is None else self.spec.replicas


class PatchTargets:
    """All that were read."""

    def __init__(self, targets: list[PatchTarget]) -> None:
        self._by_key = {Key.of(target): target for target in targets}
        for target in targets:
            if (reference := target.spec.workload_ref) is not None and facts_of(target.kind).borrows:
                target.lender = self._by_key.get(Key(target.namespace, reference.kind, reference.name))

    def of(self, keyed: Keyed) -> PatchTarget | None:
        return self._by_key.get(Key.of(keyed))

    def namespace(self, name: str) -> PatchTarget | None:
        return self._by_key.get(Key("", "Namespace", name))

    def __iter__(self) -> Iterator[PatchTarget]:
        return iter(self._by_key.values())
