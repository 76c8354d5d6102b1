"""Where does a namespace come from? What `--from` means, and what an earlier run to the same target began.

A revision's namespaces are those that it injects, those in which its proxies run, and those that a migration away from
it has relabelled for this target: a run that was cut off has changed the label that the next run chooses by, and the
annotation `kubectl-rev/previous` says what it was. A record of a migration to another target is history, and says
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.enrollment import pinned
from kubectl_rev.core.mesh.injection import InjectionDecision, State, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.revision_names import Kind, Named
from kubectl_rev.core.migration import patches
from kubectl_rev.core.migration.patch_targets import PatchTargets


class Source(msgspec.Struct, frozen=True):
    """What `--from` names: a revision, or a tag, and the injectors of it."""

    name: str
    revision: str
    is_tag: bool
    injectors: frozenset[str]


def source(survey: Survey, named: Named) -> Source:
    """A tag with its own injectors, a revision with all that lead to it: its tags' too."""
    tag = named.kind is Kind.TAG
    injectors = survey.mesh.injectors
    own = {
        injector.name
        for injector in injectors
        if (injector.tag == named.name if tag else injector.revision == named.revision)
    }
    return Source(named.name, named.revision, tag, frozenset(own))


def comes_from(survey: Survey, originals: PatchTargets, name: str, source: Source, to: str) -> bool:
    """Whether a namespace is of this source, or was before a run to revision `to` began with it."""
    given, workloads = survey.namespace_labels.get(name, {}), survey.by_namespace.get(name, ())
    own = pinned(survey, name)
    if _by(survey.selected_for_namespace(name), given, source):
        return True
    if any(
        _by(workload.selected, workload.subject.labels, source)
        for workload in workloads
        if f"{workload.kind}/{workload.name}" in own
    ):
        return True
    before = labels_before(survey, originals, name, to)
    if before is not None and _by(select(survey.mesh, Subject(name, before)), before, source):
        return True
    return not source.is_tag and any(running(workload)[source.revision] for workload in workloads)


def labels_before(survey: Survey, originals: PatchTargets, name: str, to: str) -> dict[str, str] | None:
    """A namespace's labels as they were before a migration to revision `to` changed them; None where none did."""
    original = originals.namespace(name)
    recorded = patches.recorded(original.annotations) if original else None
    given = survey.namespace_labels.get(name, {})
    if recorded is None or survey.mesh.resolve(given.get(labels.REV, "")) != to:
        return None
    return patches.relabelled(given, recorded)


def on_a_third(survey: Survey, name: str, source: Source, to: str) -> bool:
    """Whether another revision than the two injects a namespace, so that it is not this migration's to relabel."""
    selected = survey.selected_for_namespace(name)
    by = {survey.mesh.served[injector] for injector in selected.injectors if injector in survey.mesh.served}
    return bool(by) and by.isdisjoint({source.revision, to})


def runs_on_another(survey: Survey, name: str, to: str, source: Source | None) -> bool:
    """Whether proxies run there that would have to move: the source's, or where there is none, any but the target's."""
    proxies = {revision for workload in survey.by_namespace.get(name, ()) for revision in running(workload)}
    return source.revision in proxies if source else bool(proxies - {to})


def running(workload: Workload) -> Counter[str]:
    """Its proxies by revision, without those of pods that are going away."""
    found: Counter[str] = Counter()
    for group in workload.staying:
        if group.proxy and group.proxy.revision:
            found[group.proxy.revision] += group.count
    return found


def _by(selected: InjectionDecision, given: Mapping[str, str], source: Source) -> bool:
    """Injected by the source, or meant to be: an injector that rejects or conflicts is one too."""
    if source.is_tag and given.get(labels.REV) == source.name:
        return True
    return selected.state is not State.NONE and not source.injectors.isdisjoint(selected.injectors)
