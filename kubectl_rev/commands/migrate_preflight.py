"""What a migration does before anything is written: read, plan, check."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from kubectl_rev.commands.revision_flag import named
from kubectl_rev.commands.source import Source, check
from kubectl_rev.core.checks.model import Finding, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Absent, Gap
from kubectl_rev.core.migration import choosing, inferred_injectors, migration, tagging, undo
from kubectl_rev.core.migration.checks.preflight import find
from kubectl_rev.core.migration.choosing import Choice, Request, Unknown
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.preflight_facts import PreflightContext, PreflightFacts
from kubectl_rev.core.migration.skip_reasons import SEEN_BY
from kubectl_rev.errors import ClusterError, Forbidden, UsageError

# What a plan made of a dump does not look at.
_ONLY_LIVE = ("poddisruptionbudgets.policy", "horizontalpodautoscalers.autoscaling", "resourcequotas", "permissions")


class MeshState(msgspec.Struct, frozen=True):
    """What was read, and what could not be. `learned`: the injectors are among that, so pods were tried instead."""

    survey: Survey
    originals: PatchTargets
    gaps: list[Gap]
    learned: bool = False


class Preflight(msgspec.Struct, frozen=True):
    """What was found, the worst first, and what could not be looked at."""

    findings: list[Finding]
    gaps: list[Gap]

    @property
    def stops(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def read(request: Request, dump: dict[str, str], source: Source) -> MeshState:
    """One namespace if one was named, else everything; from the dump (texts by path) if there is one."""
    if dump:
        from kubectl_rev.dumps import snapshot_file
        from kubectl_rev.dumps.patch_targets import originals

        snapshot = snapshot_file.parse(dump)
        known = MeshState(Survey(snapshot), originals(dump.values(), snapshot), snapshot.gaps)
    else:
        from kubectl_rev.cluster.patch_targets import read as read_originals
        from kubectl_rev.cluster.read import read as read_mesh
        from kubectl_rev.cluster.workers import Workers, result

        scope = request.names[0] if len(request.names) == 1 else ""
        # An undo looks at the gateways everywhere, as far as it may.
        everywhere = "" if request.undo else scope
        connection = source.connection  # made before there are threads: the first use reads the kubeconfig
        with Workers(4) as workers:
            task = workers.start(lambda: read_originals(connection, scope, workers))
            snapshot = read_mesh(connection, namespace=everywhere, istio_namespace=source.istio_namespace)
            gaps = snapshot.gaps
            if everywhere != scope and any(snapshot.has_gap(resource) for resource in SEEN_BY):
                snapshot = read_mesh(connection, namespace=scope, istio_namespace=source.istio_namespace)
            known = MeshState(Survey(snapshot), result(task), gaps)
    try:
        check(known.survey)
    except Forbidden as error:
        if len(request.names) < 2:
            raise
        reason = f"{error.reason}: with rights in namespaces only, name one at a time"
        raise Forbidden(error.verb, error.resource, error.namespace, reason) from None
    if not known.survey.mesh.blind:
        return known
    if dump:
        raise ClusterError(f"{labels.INJECTORS} are not in the dump: who injects is not known")
    return _learned(request, known, source)


def _learned(request: Request, known: MeshState, source: Source) -> MeshState:
    """What pods that are tried with a dry run teach somebody who may not read the injectors."""
    from kubectl_rev.cluster import dry_run_pods

    snapshot, names, gap = known.survey.snapshot, request.names, inferred_injectors.gap(known.survey.snapshot)
    if gap is not None and (not names or request.tag):
        reason = f"{gap.reason}: name the namespaces, then pods that are tried there show who injects"
        raise Forbidden(gap.verb, gap.resource, reason=reason)
    tried = dry_run_pods.injectors_of(source.connection, names)
    wanted = {request.to} - {""}
    for name, previous in undo.records(known.originals).items() if request.undo else ():
        wanted |= inferred_injectors.names_of(previous) if name in names else set()
    for namespace in snapshot.namespaces:  # an injector that does not answer is there all the same
        if namespace.name in names and namespace.name not in tried:
            wanted |= inferred_injectors.names_of(namespace.labels)
    survey = Survey(inferred_injectors.with_inferred(snapshot, tried, sorted(wanted)))
    return msgspec.structs.replace(known, survey=survey, learned=True)


def planned(request: Request, known: MeshState, source: Source) -> tuple[Plan, Survey]:
    """The plan, and the mesh as it will be."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    survey, originals = known.survey, known.originals
    try:
        if request.tag and request.undo:
            return tagging.undo(survey, originals, request, now)
        if request.tag:
            to = named(survey, request.to, source)
            return tagging.plan(survey, originals, request, to, now)
        if request.undo:
            made = undo.plan(survey, originals, request, undo.named(originals, survey, request), now)
        else:
            to = named(survey, request.to, source)
            came_from = named(survey, request.came_from, source, running=True) if request.came_from else None
            if came_from is not None and (came_from.kind, came_from.name) == (to.kind, to.name):
                raise UsageError("--from and --to are the same")
            choice = choosing.choose(survey, originals, request, to, came_from)
            _enrolled(choice)
            made = migration.plan(survey, originals, request, choice, to, now)
    except Unknown as error:
        raise UsageError(str(error)) from None
    return made, migration.surveyed_after(survey, {move.namespace: move.after for move in made.moves}, {})


def checked(
    request: Request, plan: Plan, known: MeshState, after: Survey, source: Source, *, of_dump: bool
) -> Preflight:
    """The preflight; for a dump without what only a cluster can be request."""
    facts = PreflightFacts()
    if of_dump:
        facts = PreflightFacts(gaps=tuple(Gap("list", each, "", Absent.DUMP) for each in _ONLY_LIVE))
    elif plan.moves or not plan.is_done:
        from kubectl_rev.cluster import preflight

        facts = preflight.read(source.connection, plan, known.survey.mesh)
    situation = PreflightContext(
        before=known.survey,
        after=after,
        plan=plan,
        originals=known.originals,
        request=request,
        facts=facts,
        learned=known.learned,
    )
    found = source.with_flags(find(situation))
    return Preflight(found, sorted({*known.gaps, *facts.gaps}))


def _enrolled(choice: Choice) -> None:
    if choice.needs_enroll:
        each = choice.needs_enroll[0]
        more = f", and {len(choice.needs_enroll) - 1} more" if len(choice.needs_enroll) > 1 else ""
        raise UsageError(f"nobody injects namespace {each.namespace}{more}: {each.why}; --enroll puts it in the mesh")
