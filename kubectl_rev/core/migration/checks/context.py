"""What the preflight looks at: a plan in its surroundings."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.patch_targets import PatchTarget, PatchTargets
from kubectl_rev.core.migration.plan import Move, Plan, Restart
from kubectl_rev.core.migration.preflight_facts import MeshConfig, PreflightFacts


class PreflightContext(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in its surroundings: the mesh as it is and as it will be. `learned`: its injectors could not be read."""

    before: Survey
    after: Survey
    plan: Plan
    originals: PatchTargets
    request: Request
    circumstances: PreflightFacts
    learned: bool = False

    def runs_on(self, namespace: str) -> str | None:
        """The revision that a namespace is selected by now, or most of its proxies run on."""
        if (selected := self.before.selected_for_namespace(namespace).revision) is not None:
            return selected
        proxies = [p for workload in self.before.by_namespace.get(namespace, ()) for p in workload.proxies.elements()]
        return max(sorted(set(proxies)), key=proxies.count) if proxies else None

    def mesh_config(self, revision: str) -> MeshConfig | None:
        found = self.circumstances.meshes
        return next((config for (_, rev), config in sorted(found.items()) if rev == revision), None)

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


def targets(situation: PreflightContext) -> dict[str, list[str]]:
    """The revisions that are moved to, with the namespaces that go there."""
    found: dict[str, list[str]] = {}
    for move in situation.plan.moves:
        revision = situation.plan.revision or _revision_after(situation, move)
        if revision:
            found.setdefault(revision, []).append(move.namespace)
    return found


def _revision_after(situation: PreflightContext, move: Move) -> str | None:
    """Where an undo leads: by label, since a dead injector's answer names no revision."""
    mesh = situation.before.mesh
    if move.after.get(labels.INJECTION) == "enabled":
        return situation.before.default.injection or situation.after.selected_for_namespace(move.namespace).revision
    name = move.after.get(labels.REV)
    if name is None or labels.INJECTION in move.after:
        return None
    return mesh.resolve(name) or name
