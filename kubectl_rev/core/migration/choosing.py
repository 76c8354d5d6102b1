"""Which namespaces does a migration speak of, and to whom do they go?

A namespace is never chosen silently: one that nobody injects today is skipped with the reason, or, when named, needs
--enroll. Namespaces without a label whose workloads carry labels of their own are chosen for those workloads.

The same choice made again, after a run that was cut off, chooses what that run began: `origin` says by what.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubectl_rev.core.mesh.enrollment import why_not_injected
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.istiod_veto import SYSTEM_NAMESPACES
from kubectl_rev.core.mesh.revision_names import Named
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.migration import origin
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Skipped
from kubectl_rev.core.migration.reasons import SkipReason, words
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

    @property
    def named(self) -> bool:
        return bool(self.names)


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
    source = origin.source(survey, came_from) if came_from else None
    chosen, skipped, needed, kept = [], [], [], set()
    for name in _asked_for(survey, originals, request, to):
        why = why_not_injected(survey, name)
        enrolled = request.enroll and request.named and name not in SYSTEM_NAMESPACES
        if name in request.exclude:
            skipped.append(_skipped(name, SkipReason.EXCLUDED))
        elif source and not origin.comes_from(survey, originals, name, source, to.revision):
            if request.named:
                skipped.append(_skipped(name, SkipReason.NOT_FROM, request.came_from))
        elif not why or enrolled:
            chosen.append(name)
            if source and origin.on_a_third(survey, name, source, to.revision):
                kept.add(name)
        elif request.named and not request.listed and name not in SYSTEM_NAMESPACES:
            needed.append(_skipped(name, SkipReason.NOT_INJECTED, why))
        elif origin.runs_on_another(survey, name, to.revision, source):
            chosen.append(name)
            kept.add(name)
        else:
            skipped.append(_skipped(name, SkipReason.NOT_INJECTED, why))
    return Choice(tuple(chosen), tuple(skipped), tuple(needed), frozenset(kept))


def _asked_for(survey: Survey, originals: PatchTargets, request: Request, to: Named) -> list[str]:
    there = survey.namespace_labels
    existing(survey, request.exclude)
    if request.names:
        return named(survey, request)
    if request.selector is None:
        return sorted(there)
    return [
        name
        for name in sorted(there)
        for before in [origin.labels_before(survey, originals, name, to.revision)]
        if request.selector.matches(there[name]) or (before is not None and request.selector.matches(before))
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


def _skipped(name: str, reason: SkipReason, detail: str = "") -> Skipped:
    return Skipped(name, words(reason, detail), reason)
