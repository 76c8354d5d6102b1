"""Names that a person typed, looked up in what was read: there, not there, or not to be seen."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.resources import WORKLOADS
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
