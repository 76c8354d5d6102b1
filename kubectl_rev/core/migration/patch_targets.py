"""The objects that a migration changes, whole enough to be patched and rolled: identity, template, strategy.

A Snapshot has what injection depends on; these have what a patch tests and what a rollout does. They come from the API
server's JSON (cluster/patch_targets.py) or from a dump. `annotations` is None where the object has none at all: a JSON
patch must then make the map before it can put something into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import OwnerReference, Shape, Trigger, WorkloadReference
from kubectl_rev.core.mesh.resources import Key, facts_of
from kubectl_rev.core.mesh.selectors import LabelSelector


class Identity(Shape):
    """`metadata` of an object that may be patched."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] = msgspec.field(default_factory=list)


class Rolling(Shape):
    """`rollingUpdate` of a strategy; only StatefulSets have a partition."""

    partition: int = 0
    max_surge: int | str | None = None
    max_unavailable: int | str | None = None


class Strategy(Shape):
    """`spec.strategy` of a Deployment, `spec.updateStrategy` of a StatefulSet or DaemonSet."""

    type: str = "RollingUpdate"
    rolling_update: Rolling = msgspec.field(default_factory=Rolling)


class _Named(Shape):
    name: str = ""


class ClaimTemplate(Shape):
    """`spec.volumeClaimTemplates[]`: a volume that the StatefulSet adds to each of its pods."""

    metadata: _Named = msgspec.field(default_factory=_Named)


class _InnerJobSpec(Shape):
    template: dict[str, Any] | None = None


class _JobTemplate(Shape):
    spec: _InnerJobSpec = msgspec.field(default_factory=_InnerJobSpec)


class PatchTargetSpec(Shape):
    """`spec` of a workload; `template` is kept as it is, since a patch tests it whole."""

    replicas: int | None = None
    paused: bool = False
    suspend: bool = False
    strategy: Strategy | None = None
    update_strategy: Strategy | None = None
    selector: LabelSelector = LabelSelector()
    template: dict[str, Any] | None = None
    job_template: _JobTemplate | None = None
    volume_claim_templates: list[ClaimTemplate] = msgspec.field(default_factory=list)
    workload_ref: WorkloadReference | None = None
    triggers: list[Trigger] | None = None


class PatchTargetStatus(Shape):
    """`status` of a workload: how many pods a DaemonSet wants."""

    desired_number_scheduled: int = 0


class PatchTarget(Shape):
    """A Namespace or a workload as the API server holds it."""

    kind: str = ""
    metadata: Identity = msgspec.field(default_factory=Identity)
    spec: PatchTargetSpec = msgspec.field(default_factory=PatchTargetSpec)
    status: PatchTargetStatus = msgspec.field(default_factory=PatchTargetStatus)
    lender: PatchTarget | None = None  # the workload whose template it uses: set by Originals

    @property
    def key(self) -> Key:
        return Key(self.metadata.namespace, self.kind, self.metadata.name)

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.annotations or {}

    @property
    def rolling(self) -> Strategy:
        """How it replaces its pods; a kind with strategies of its own says nothing here."""
        return self.spec.strategy or self.spec.update_strategy or Strategy()

    @property
    def template_holder(self) -> PatchTarget:
        """What its template is in, and is changed in: itself, or the workload whose template it uses."""
        return self.lender or self

    @property
    def template(self) -> dict[str, Any] | None:
        spec = self.template_holder.spec
        return spec.job_template.spec.template if spec.job_template else spec.template

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
    """All that were read, by key."""

    def __init__(self, found: list[PatchTarget]) -> None:
        self._found = {each.key: each for each in found}
        for each in found:
            if (reference := each.spec.workload_ref) is not None and facts_of(each.kind).borrows:
                each.lender = self._found.get(Key(each.metadata.namespace, reference.kind, reference.name))

    def get(self, kind: str, namespace: str, name: str) -> PatchTarget | None:
        return self._found.get(Key(namespace, kind, name))

    def namespace(self, name: str) -> PatchTarget | None:
        return self._found.get(Key("", "Namespace", name))

    def __iter__(self) -> Iterator[PatchTarget]:
        return iter(self._found.values())
