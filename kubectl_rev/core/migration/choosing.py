"""Which namespaces does a migration speak of, and to whom do they go?

A namespace is never chosen silently: one that nobody injects today is skipped with the reason, or, when named, needs
--enroll. Namespaces without a label whose workloads carry labels of their own are chosen for those workloads.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.enrollment import pinned, why_not_injected
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.istiod_veto import SYSTEM_NAMESPACES
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.migration.plan import Skipped
from kubectl_rev.core.suggestions import did_you_mean


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `names`, `selector` and `everything` choose; `came_from` narrows, or chooses by itself.

    `undo` goes back instead; `tag` is moved itself, with what follows it.
    """

    to: str = ""
    undo: bool = False
    tag: str = ""
    names: tuple[str, ...] = ()
    selector: LabelSelector | None = None
    everything: bool = False
    came_from: str = ""
    enroll: bool = False
    restart: bool = True
    include_gateways: bool = False
    force_owned: bool = False

    @property
    def named(self) -> bool:
        return bool(self.names)


class Target(msgspec.Struct, frozen=True):
    """What `--to` says: the label's value, the revision that it leads to, and whether it is a tag."""

    name: str
    revision: str
    is_tag: bool


class Choice(msgspec.Struct, frozen=True):
    """`chosen` are moved, `skipped` are not; `needs_enroll` were named and nobody injects them."""

    chosen: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    needs_enroll: tuple[Skipped, ...] = ()


class Unknown(ValueError):
    """A name that does not exist; the message has the nearest one, and all there are."""


def target(survey: Survey, name: str) -> Target:
    """Raises Unknown."""
    revision = survey.mesh.resolve(name)
    if revision is None:
        raise Unknown(_unknown("revision or tag", name, survey.mesh.names, listed=True))
    return Target(name, revision, any(tag.name == name for tag in survey.mesh.tags))


def choose(survey: Survey, request: Request) -> Choice:
    """Raises Unknown for a namespace or a revision that does not exist."""
    chosen, skipped, needed = [], [], []
    for name in _asked_for(survey, request):
        why = why_not_injected(survey, name)
        if request.came_from and not _from(survey, name, request.came_from):
            if request.named:
                skipped.append(Skipped(name, f"it is not selected by {request.came_from}: {_selected(survey, name)}"))
        elif not why or (request.enroll and request.named and name not in SYSTEM_NAMESPACES):
            chosen.append(name)
        elif request.named and name not in SYSTEM_NAMESPACES:
            needed.append(Skipped(name, why))
        else:
            skipped.append(Skipped(name, why))
    return Choice(tuple(chosen), tuple(skipped), tuple(needed))


def _asked_for(survey: Survey, request: Request) -> list[str]:
    there = survey.namespace_labels
    if request.came_from:
        target(survey, request.came_from)
    if request.names:
        return named(survey, request)
    if request.selector is not None:
        return sorted(name for name, given in there.items() if request.selector.matches(given))
    return sorted(there)


def named(survey: Survey, request: Request) -> list[str]:
    """The namespaces that were named, each once. Raises Unknown for one that does not exist."""
    there = survey.namespace_labels
    for name in request.names:
        if name not in there and not survey.snapshot.has_gap("namespaces"):
            raise Unknown(_unknown("namespace", name, there))
    return list(dict.fromkeys(request.names))


def _from(survey: Survey, name: str, came_from: str) -> bool:
    """Selected by this revision; where a tag is named, by a label that says so."""
    if survey.mesh.resolve(came_from) != came_from and any(tag.name == came_from for tag in survey.mesh.tags):
        return survey.namespace_labels.get(name, {}).get(labels.REV) == came_from
    units = survey.by_namespace.get(name, ())
    own = {unit.selected.revision for unit in units if f"{unit.kind}/{unit.name}" in pinned(survey, name)}
    return came_from in {survey.selected_for_namespace(name).revision, *own}


def _selected(survey: Survey, name: str) -> str:
    return survey.selected_for_namespace(name).because


def _unknown(what: str, name: str, there: Iterable[str], *, listed: bool = False) -> str:
    known = f": there are {', '.join(sorted(there)) or 'none'}" if listed else ""
    return f'no {what} "{name}"{known}{did_you_mean(name, there)}'
