"""What a migration does before anything is written: which namespaces, do the flags agree, read, plan, check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from kubectl_rev.commands.lookup import revision_named
from kubectl_rev.commands.names import NAMESPACES
from kubectl_rev.commands.source import Source, check
from kubectl_rev.core.checks.model import Finding, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import Kind, split
from kubectl_rev.core.mesh.snapshot import Absent, Gap
from kubectl_rev.core.migration import choosing, inferred_injectors, migration, tagging, undo
from kubectl_rev.core.migration.checks.preflight import find
from kubectl_rev.core.migration.choosing import Choice, Request, Unknown
from kubectl_rev.core.migration.patch_targets import PatchTargets
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.preflight_facts import PreflightContext, PreflightFacts, of_snapshot, unread
from kubectl_rev.core.migration.skip_reasons import SEEN_BY
from kubectl_rev.dumps import snapshot_file, yaml_reader
from kubectl_rev.errors import ClusterError, Forbidden, UsageError

PERMISSIONS = Gap("list", "permissions", "", Absent.DUMP)  # of a dump nobody can be asked what they may do


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


def named(arguments: Sequence[str], namespace: str, filename: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The namespaces that were named in any way, and the texts of a dump, by path, if the file or directory is one.

    Neither where the file is an empty list: what made it found nothing to move.
    """
    names = [_namespace(word) for word in arguments]
    if namespace and names not in ([], [namespace]):
        raise UsageError("name namespaces as arguments or with --namespace, not both")
    names += [namespace] if namespace else []
    if not filename:
        return tuple(names), {}
    texts = snapshot_file.texts(filename, sys.stdin.buffer)
    whole = "".join(texts.values())
    listed = yaml_reader.names(whole) if list(texts) == [filename] else None
    if listed is None and whole.strip():
        return tuple(names), texts
    names += [_namespace(f"{one.type}/{one.name}") for one in listed or ()]
    return tuple(names), {}


def _namespace(word: str) -> str:
    kind, slash, name = word.rpartition("/")
    if slash and kind not in NAMESPACES:
        raise UsageError(f'"{word}" is no namespace: a migration moves whole namespaces')
    return name


def consistent(migration: Request) -> Request:
    """What is asked for, with the name of the tag alone: `tag/prod` is prod.

    Raises UsageError for flags that contradict each other. A file of names chooses, if only none at all.
    """
    kind, tag = split(migration.tag)
    if kind is Kind.REVISION:
        raise UsageError(f"{migration.tag} is a revision: a tag is wanted")
    migration = msgspec.structs.replace(migration, tag=tag)
    chosen = [bool(migration.names) or migration.listed, migration.selector is not None, migration.everything]
    if sum(chosen) > 1:
        raise UsageError("names, --selector and --all-namespaces exclude each other")
    if migration.undo and (migration.to or migration.came_from or migration.enroll):
        raise UsageError("--undo goes back to what was recorded: it takes no --to, --from or --enroll")
    if migration.force_owned and migration.skip_owned:
        raise UsageError("--force-owned and --skip-owned exclude each other")
    if migration.tag and (migration.exclude or migration.skip_owned):
        raise UsageError("--tag moves a tag with all that follows it: it takes no --exclude or --skip-owned")
    if not migration.undo and not migration.to:
        raise UsageError("where to? say --to REVISION or --to TAG, or --undo")
    if migration.tag and (any(chosen) or migration.came_from):
        raise UsageError("--tag moves a tag with all that follows it: it takes no namespaces")
    if not any(chosen) and not migration.came_from and not migration.tag:
        raise UsageError("which namespaces? name them, or say --from REVISION, --selector or --all-namespaces")
    if migration.to and migration.to == migration.came_from:
        raise UsageError("--from and --to are the same")
    return migration


def read(request: Request, dump: dict[str, str], source: Source) -> MeshState:
    """One namespace if one was named, else everything; from the dump (texts by path) if there is one."""
    if dump:
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
            to = revision_named(survey, request.to, source)
            return tagging.plan(survey, originals, request, to, now)
        if request.undo:
            made = undo.plan(survey, originals, request, undo.named(originals, survey, request), now)
        else:
            to = revision_named(survey, request.to, source)
            came_from = revision_named(survey, request.came_from, source, running=True) if request.came_from else None
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
    """The preflight; for a dump, with what it holds."""
    nothing = PreflightFacts()
    facts, reason = nothing, Absent.DUMP if of_dump else Absent.USELESS
    if of_dump:
        facts = of_snapshot(known.survey.snapshot, PERMISSIONS)
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
    refused = any(gap.resource == "configmaps" for gap in (*known.gaps, *facts.gaps))  # which says it already
    more = unread(situation, reason) if facts is not nothing and not refused else ()
    return Preflight(found, sorted({*known.gaps, *facts.gaps, *more}))


def _enrolled(choice: Choice) -> None:
    if choice.needs_enroll:
        first = choice.needs_enroll[0]
        more = f", and {len(choice.needs_enroll) - 1} more" if len(choice.needs_enroll) > 1 else ""
        raise UsageError(f"nobody injects namespace {first.namespace}{more}: {first.why}; --enroll puts it in the mesh")
