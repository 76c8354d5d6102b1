"""Names that a person typed, looked up in what was read: there, not there, or not to be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubectl_rev.commands.source import Source
from kubectl_rev.core.mesh import labels, revision_names
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import WORKLOADS
from kubectl_rev.core.mesh.revision_names import EITHER, Kind, Named
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.errors import ClusterError, UsageError
from kubectl_rev.render.text import gap_text

RESOURCES = {resource.kind: resource.resource for resource in WORKLOADS}
# What has to be read before a name in a list can be said not to be there: a revision shows by its istiods, their
# Deployment or an injector, a tag by its injector or its Service.
READ = {
    "revisions": ("pods", RESOURCES["Deployment"], labels.INJECTORS),
    "tags": (labels.INJECTORS, "services"),
    "namespaces": ("namespaces",),
    "workloads": ("pods", *RESOURCES.values()),
    "pods": ("pods",),
    "gateways": ("pods", *RESOURCES.values(), labels.GATEWAYS),
}
_SHOWN_BY = {Kind.REVISION: READ["revisions"], Kind.TAG: READ["tags"]}


def require_read(survey: Survey, kind: str, name: str, namespace: str, resources: Sequence[str]) -> None:
    """Not there, or not to be seen: the difference matters. Raises ClusterError for the second."""
    for gap in sorted(survey.snapshot.gaps, key=lambda gap: gap.resource != resources[-1]):
        if gap.resource in resources and survey.snapshot.hides(gap, namespace):
            what = f'is a {kind} "{name}"' if name else f"are any {kind}s"
            raise ClusterError(f"whether there {what} is not known: {gap_text(gap)}")


def absent(survey: Survey, kind: str, resource: str, name: str, namespace: str, there: list[str]) -> UsageError:
    require_read(survey, kind.lower(), name, namespace, (resource,))
    guess = did_you_mean(name, there)
    if missing := kind != "Namespace" and no_namespace(survey, namespace):
        return UsageError(missing)
    where = f" in namespace {namespace}" if namespace else ""
    return UsageError(f'{kind.lower()} "{name}" not found{where}{guess}')


def no_namespace(survey: Survey, name: str) -> str:
    """`namespace "typo" not found; did you mean …?`, empty where it is there, or where nobody may know."""
    there = survey.by_namespace
    if not name or name in there or survey.snapshot.has_gap("namespaces"):
        return ""
    return f'namespace "{name}" not found{did_you_mean(name, there)}'


def revision_named(
    survey: Survey, text: str, source: Source, kinds: Iterable[Kind] = EITHER, *, running: bool = False
) -> Named:
    """The revision or tag that a flag names (`core.mesh.revision_names.of_flag`), noted where it could be both.

    Raises UsageError where it is neither, and ClusterError where the lists that tell are missing.
    """
    kinds = tuple(kinds)
    try:
        found = revision_names.of_flag(survey, text, kinds, running=running, home=source.istio_namespace or "")
    except revision_names.WrongKind as error:
        raise UsageError(str(error)) from error
    except revision_names.UnknownName as error:
        kind, name = revision_names.split(text)
        for resource in (resource for shown in ((kind,) if kind else kinds) for resource in _SHOWN_BY[shown]):
            for gap in sorted(survey.snapshot.gaps):
                if gap.resource == resource and not gap.namespace:
                    what = kind or " or ".join(kinds)
                    raise ClusterError(f'whether there is a {what} "{name}" is not known: {gap_text(gap)}') from error
        raise UsageError(str(error)) from error
    source.note(found.note)
    return found
