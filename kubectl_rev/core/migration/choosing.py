"""Which namespaces does a migration speak of, and to whom do they go?

A namespace is never chosen silently: one that nobody injects today is skipped with the reason, or, when named, needs
--enroll. Namespaces without a label whose workloads carry labels of their own are chosen for those workloads.

The same choice made again, after a run that was cut off, chooses what that run began. Of a revision are the namespaces
that it injects, those in which its proxies run, and those that a migration away from it has relabelled for this target:
the annotation `kubectl-rev/previous` says what their label was. A record of a migration to another target is history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.enrollment import pinned, why_not_injected
from kubectl_rev.core.mesh.injection import InjectionDecision, State, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import SYSTEM_NAMESPACES
from kubectl_rev.core.mesh.revision_names import Kind, Named
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.migration import patches
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Skipped, SkipReason, skipped
from kubectl_rev.core.suggestions import did_you_mean


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `names`, `selector` and `everything` choose; `came_from` narrows, or chooses by itself.

    `listed`: the names come from a file. `undo` goes back instead; `tag` is moved itself, with what follows it.
    """

    to: str = ""
    undo: bool = False
    tag: str = ""
    names: tuple[str, ...] = ()
    listed: bool = False
    selector: LabelSelector | None = None
    everything: bool = False
    came_from: str = ""
    exclude: tuple[str, ...] = ()
    enroll: bool = False
    restart: bool = True
    include_gateways: bool = False
    force_owned: bool = False
    skip_owned: bool = False


class Choice(msgspec.Struct, frozen=True):
    """`chosen` are moved, `skipped` are not; `needs_enroll` were named and nobody injects them.

    Of those chosen, `keep_label` are there for what runs in them alone: pods of the revision that is left, in a
    namespace that nobody injects, or a third revision does. Their labels stay.
    """

    chosen: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    needs_enroll: tuple[Skipped, ...] = ()
    keep_label: frozenset[str] = frozenset()


class Unknown(ValueError):
    """A namespace or a tag that does not exist; the message has the nearest one."""


def choose(
    survey: Survey, originals: PatchTargets, request: Request, to: Named, came_from: Named | None = None
) -> Choice:
    """`to` and `came_from` are what the request's `--to` and `--from` name. Raises Unknown for a namespace."""
    chosen: list[str] = []
    others, needs_enroll, kept = [], [], set()
    for name in _requested(survey, originals, request, to.revision):
        why = why_not_injected(survey, name)
        system = name in SYSTEM_NAMESPACES
        if name in request.exclude:
            others.append(skipped(name, SkipReason.EXCLUDED))
        elif came_from and not _comes_from(survey, originals, name, came_from, to.revision):
            if request.names:
                others.append(skipped(name, SkipReason.NOT_FROM, request.came_from))
        elif not why or (request.enroll and request.names and not system):
            chosen.append(name)
            if came_from and _is_of_a_third(survey, name, {came_from.revision, to.revision}):
                kept.add(name)
        elif request.names and not request.listed and not system:
            needs_enroll.append(skipped(name, SkipReason.NOT_INJECTED, why))
        elif _runs_on_another(survey, name, to.revision, came_from):
            chosen.append(name)
            kept.add(name)
        else:
            others.append(skipped(name, SkipReason.NOT_INJECTED, why))
    return Choice(tuple(chosen), tuple(others), tuple(needs_enroll), frozenset(kept))


def _requested(survey: Survey, originals: PatchTargets, request: Request, to: str) -> list[str]:
    existing(survey, request.exclude)
    if request.names:
        return named(survey, request)
    selector, there = request.selector, survey.namespace_labels
    if selector is None:
        return sorted(there)
    return [
        name
        for name, given in sorted(there.items())
        for before in [_labels_before(survey, originals, name, to)]
        if selector.matches(given) or (before is not None and selector.matches(before))
    ]


def named(survey: Survey, request: Request) -> list[str]:
    """The namespaces that were named, each once. Raises Unknown for one that does not exist."""
    existing(survey, request.names)
    return list(dict.fromkeys(request.names))


def existing(survey: Survey, names: Sequence[str]) -> None:
    """Raises Unknown for namespaces that do not exist, all of them at once."""
    there = survey.namespace_labels
    missing = list(dict.fromkeys(name for name in names if name not in there))
    if not missing or survey.snapshot.has_gap("namespaces"):
        return
    if len(missing) == 1:
        raise Unknown(f'no namespace "{missing[0]}"{did_you_mean(missing[0], there)}')
    raise Unknown("no such namespaces: " + ", ".join(f'"{name}"{did_you_mean(name, there)}' for name in missing))


def _comes_from(survey: Survey, originals: PatchTargets, name: str, source: Named, to: str) -> bool:
    """Whether a namespace is of this source, or was before a run to revision `to` began with it."""
    if _by(survey, survey.selected_for_namespace(name), survey.namespace_labels.get(name, {}), source):
        return True
    if any(_by(survey, workload.selected, workload.subject.labels, source) for workload in pinned(survey, name)):
        return True
    before = _labels_before(survey, originals, name, to)
    if before is not None and _by(survey, select(survey.mesh, Subject(name, before)), before, source):
        return True
    return source.kind is not Kind.TAG and _runs_on_another(survey, name, to, source)


def _labels_before(survey: Survey, originals: PatchTargets, name: str, to: str) -> dict[str, str] | None:
    """A namespace's labels as they were before a migration to revision `to` changed them; None where none did."""
    original = originals.namespace(name)
    recorded = patches.recorded(original) if original else None
    given = survey.namespace_labels.get(name, {})
    if recorded is None or survey.mesh.resolve(given.get(labels.REV, "")) != to:
        return None
    return patches.relabelled(given, recorded)


def _is_of_a_third(survey: Survey, name: str, two: set[str]) -> bool:
    """Whether another revision than the two injects a namespace, so that it is not this migration's to relabel."""
    selected = survey.selected_for_namespace(name)
    by = {survey.mesh.served[injector] for injector in selected.injectors if injector in survey.mesh.served}
    return bool(by) and by.isdisjoint(two)


def _runs_on_another(survey: Survey, name: str, to: str, source: Named | None) -> bool:
    """Whether proxies run there that would have to move: the source's, or where there is none, any but the target's."""
    proxies = {revision for workload in survey.by_namespace.get(name, ()) for revision in running(workload)}
    return source.revision in proxies if source else bool(proxies - {to})


def running(workload: Workload) -> Counter[str]:
    """Its proxies by revision, without those of pods that are going away."""
    proxies: Counter[str] = Counter()
    for group in workload.staying:
        if group.proxy and group.proxy.revision:
            proxies[group.proxy.revision] += group.count
    return proxies


def _by(survey: Survey, selected: InjectionDecision, given: Mapping[str, str], source: Named) -> bool:
    """Injected by the source, or meant to be: an injector that rejects or conflicts is one too.

    A tag has its own injectors, a revision all that lead to it: its tags' too.
    """
    tag = source.kind is Kind.TAG
    if tag and given.get(labels.REV) == source.name:
        return True
    injectors = survey.mesh.injectors
    own = {i.name for i in injectors if (i.tag == source.name if tag else i.revision == source.revision)}
    return selected.state is not State.NONE and not own.isdisjoint(selected.injectors)
