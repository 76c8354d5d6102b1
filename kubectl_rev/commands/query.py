"""What rev-status is asked for, parsed from its arguments as kubectl parses them: a value, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubectl_rev.core.mesh.resources import BY_KIND, WORKLOADS, Resource
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.dumps.yaml_reader import Name
from kubectl_rev.errors import UsageError


class ListQuery(msgspec.Struct, frozen=True):
    """`kind` is one of LISTS, or None for the overview; `only` narrows workloads to one Kubernetes kind."""

    kind: str | None = None
    only: str | None = None
    names: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True):
    """Something to explain: a `Namespace`, a `Pod`, a `Gateway` or a workload. No `namespace` means the current one.

    A kind that we do not know is kept as it was typed: any kind may be a controller.
    """

    kind: str
    name: str
    namespace: str = ""


class SubjectQuery(msgspec.Struct, frozen=True):
    """The subjects to explain."""

    subjects: tuple[Subject, ...]


Query = ListQuery | SubjectQuery


class Filter(msgspec.Struct, frozen=True):
    """What of a list is kept: by labels, by a revision or tag (empty for all), or only what a restart would change."""

    selector: LabelSelector | None = None
    revision: str = ""
    drifted: bool = False

    @property
    def narrows(self) -> bool:
        """Whether it leaves something out."""
        return self.selector is not None or bool(self.revision) or self.drifted


LISTS = ("revisions", "tags", "namespaces", "workloads", "pods", "gateways")


def _aliases(resource: Resource) -> list[str]:
    """All that kubectl takes for a type: plural, singular and short names, each with its group too."""
    names = (resource.plural, resource.kind.lower(), *resource.short)
    return [*names, *(f"{name}.{resource.group}" for name in names if resource.group)]


_OTHERS = {alias: kind for kind in ("Namespace", "Pod", "Gateway") for alias in _aliases(BY_KIND[kind])}
_EXPLAINED = {alias: resource.kind for resource in WORKLOADS for alias in _aliases(resource)} | _OTHERS
_OURS = {
    "revisions": ("revisions", "revision", "revs", "rev"),
    "tags": ("tags", "tag"),
    "workloads": ("workloads", "workload", "wl"),
}
# One of LISTS by each name that it has, and the Kubernetes kind that a name narrows workloads to.
_LISTED: dict[str, tuple[str, str | None]] = {
    **{alias: ("workloads", kind) for alias, kind in _EXPLAINED.items()},
    **{alias: (BY_KIND[kind].plural, None) for alias, kind in _OTHERS.items()},
    **{alias: (kind, None) for kind, aliases in _OURS.items() for alias in aliases},
}
# The plurals, as tab completion offers them.
TYPES = (*LISTS, *(resource.plural for resource in WORKLOADS))
_KINDS = {BY_KIND[kind].plural: [kind] for kind in _OTHERS.values()}
_KINDS["workloads"] = [resource.kind for resource in WORKLOADS]


def listed(word: str) -> list[str]:
    """The Kubernetes kinds that are listed for a TYPE; `revisions` and `tags` are none, and stand for themselves."""
    kind, only = _LISTED.get(word.lower(), ("", None))
    return [only] if only else _KINDS.get(kind, [kind] if kind else [])


def explained(word: str) -> list[str]:
    """The Kubernetes kind that the TYPE of TYPE/NAME means, as a list of it alone; empty if it is none."""
    return [_EXPLAINED[word.lower()]] if word.lower() in _EXPLAINED else []


def parse(arguments: Sequence[str]) -> Query:
    """`[]`, `[TYPE, NAME…]` or `[TYPE/NAME…]`; TYPE may be a comma-free plural, singular or short name."""
    words = [word for word in arguments if word]
    if not words:
        return ListQuery()
    if any("/" in word for word in words):
        return SubjectQuery(tuple(_subject(word) for word in words))
    if words[0].lower() in _LISTED:
        return ListQuery(*_LISTED[words[0].lower()], tuple(dict.fromkeys(words[1:])))
    raise UsageError(f'unknown type "{words[0]}"; use one of {", ".join(LISTS)}, or TYPE/NAME, as in ns/{words[0]}')


def of_names(listed: Sequence[Name]) -> Query:
    """The same as a list of names has it: namespaces are listed, and so are our own types; all else is explained."""
    kinds = {_LISTED.get(name.type.lower(), ("", None))[0] for name in listed}
    if len(kinds) == 1 and (kind := kinds.pop()) in ("namespaces", "revisions", "tags"):
        return ListQuery(kind, None, tuple(dict.fromkeys(name.name for name in listed)))
    subjects = (Subject(_kind_of(name.type), name.name, name.namespace or "") for name in listed)
    return SubjectQuery(tuple(dict.fromkeys(subjects)))


def _subject(word: str) -> Subject:
    kind, slash, name = word.partition("/")
    if not slash:
        raise UsageError("use either TYPE NAME... or TYPE/NAME..., not both")
    if not name or "/" in name:
        raise UsageError(f'"{word}" is not of the form TYPE/NAME')
    return Subject(_kind_of(kind), name)


def _kind_of(word: str) -> str:
    return _EXPLAINED.get(word.lower(), word.lower())
