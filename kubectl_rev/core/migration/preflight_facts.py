"""What a preflight looks at: a plan in its surroundings, which are budgets, quotas, mesh configuration, permissions.

They are read by cluster/preflight.py. What could not be read is a Gap; what is not there is not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.capacity import Autoscaler, Budget, Quota
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.mesh_config import MeshConfig, mesh_configs
from kubectl_rev.core.mesh.objects import IstioConfig
from kubectl_rev.core.mesh.snapshot import Absent, Gap, Snapshot
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Move, Plan, Restart


class Denied(msgspec.Struct, frozen=True, order=True):
    """Something that the migration needs and this person may not do."""

    verb: str
    resource: str
    namespace: str


class PreflightFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`meshes` by (namespace of the control plane, revision); `configs` are those that name a revision by label."""

    budgets: tuple[Budget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    quotas: tuple[Quota, ...] = ()
    meshes: dict[tuple[str, str], MeshConfig] = msgspec.field(default_factory=dict)
    configs: tuple[IstioConfig, ...] = ()
    denied: tuple[Denied, ...] = ()
    gaps: tuple[Gap, ...] = ()


def of_snapshot(snapshot: Snapshot, *more: Gap) -> PreflightFacts:
    """What a dump holds of it."""
    return PreflightFacts(
        budgets=(*snapshot.budgets,),
        autoscalers=(*snapshot.autoscalers,),
        quotas=(*snapshot.quotas,),
        meshes=mesh_configs(snapshot.config_maps),
        configs=(*snapshot.config,),
        gaps=(*snapshot.preflight_gaps, *more),
    )


class PreflightContext(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in its surroundings: the mesh as it is and as it will be. `learned`: its injectors could not be read."""

    before: Survey
    after: Survey
    plan: Plan
    originals: PatchTargets
    request: Request
    facts: PreflightFacts
    learned: bool = False

    def runs_on(self, namespace: str) -> str | None:
        """The revision that a namespace is selected by now, or most of its proxies run on."""
        if (selected := self.before.selected_for_namespace(namespace).revision) is not None:
            return selected
        proxies = [p for workload in self.before.by_namespace.get(namespace, ()) for p in workload.proxies.elements()]
        return max(sorted(set(proxies)), key=proxies.count) if proxies else None

    def mesh_config(self, revision: str) -> MeshConfig | None:
        meshes, called = sorted(self.facts.meshes.items()), self.before.mesh.called
        return next((config for (home, name), config in meshes if called(name, home) == revision), None)

    def templates_of(self, revision: str) -> set[str] | None:
        """The names of a revision's injection templates and their aliases, None where they were not read."""
        configs, called = sorted(self.after.mesh.injector_configs.items()), self.after.mesh.called
        config = next((config for (home, name), config in configs if called(name, home) == revision), None)
        return {*config.templates, *(config.aliases or ())} if config and config.templates else None

    def workloads(self) -> Iterator[Workload]:
        """The workloads of the plan's namespaces, as they will be."""
        for move in self.plan.moves:
            yield from self.after.by_namespace.get(move.namespace, ())

    def rolled(self) -> Iterator[tuple[Restart, PatchTarget]]:
        """What will be restarted, with what is known of it."""
        for restart in self.plan.restarts:
            original = self.originals.of(restart)
            if original is not None and restart.step is not None:
                yield restart, original


def unread(situation: PreflightContext, reason: Absent) -> Iterator[Gap]:
    """What is not known of the control planes that are left and moved to, by what each would tell."""
    goals = targets(situation)
    olds = filter(None, (situation.runs_on(name) for names in goals.values() for name in names))
    for revision in sorted({*goals, *olds}):
        if situation.mesh_config(revision) is None:
            told = f"mesh config of {revision} (trust domain, mesh ID, discovery selectors)"
            yield Gap("get", told, "", reason)
    for workload in situation.workloads():
        name = workload.selected.revision if labels.TEMPLATES in workload.subject.annotations else None
        if name and situation.templates_of(name) is None:
            yield Gap("get", f"injection templates of {name}", "", reason)


def targets(situation: PreflightContext) -> dict[str, list[str]]:
    """The revisions that are moved to, with the namespaces that go there."""
    namespaces = defaultdict(list)
    for move in situation.plan.moves:
        if revision := situation.plan.revision or _revision_after(situation, move):
            namespaces[revision].append(move.namespace)
    return namespaces


def _revision_after(situation: PreflightContext, move: Move) -> str | None:
    """Where an undo leads: by label, since a dead injector's answer names no revision."""
    if move.after.get(labels.INJECTION) == "enabled":
        return situation.before.default.injection or situation.after.selected_for_namespace(move.namespace).revision
    name = move.after.get(labels.REV)
    if name is None or labels.INJECTION in move.after:
        return None
    return situation.before.mesh.resolve(name) or name


_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_UNITS |= {unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}


def quantity(text: str | float) -> float:
    """`500m`, `2Gi`, `3`: k8s.io/apimachinery/pkg/api/resource. Raises ValueError."""
    text = str(text)
    number = text.rstrip("EPTGMKiknmu")
    unit = text[len(number) :]
    if number.endswith(("e", "E")) or unit not in _UNITS:
        return float(text)
    return float(number) * _UNITS[unit]
