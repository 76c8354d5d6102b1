"""What a migration does before anything is written: read, plan, check."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from kubectl_rev.cli.options import Output
from kubectl_rev.cli.source import Source, check
from kubectl_rev.core import choosing, migration, tagging, undo
from kubectl_rev.core.checks.migration import find
from kubectl_rev.core.checks.model import Finding
from kubectl_rev.core.checks.rolling import Situation
from kubectl_rev.core.choosing import Choice, Request, Unknown
from kubectl_rev.core.circumstances import Circumstances
from kubectl_rev.core.moves import Plan
from kubectl_rev.core.originals import Originals
from kubectl_rev.core.pace import Pace
from kubectl_rev.core.survey import Survey
from kubectl_rev.errors import UsageError


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-migrate.

    `selector` is as it was typed, `dump` a text to plan with instead of a cluster.
    """

    request: Request
    undo: bool
    tag: str
    selector: str
    dry_run: str
    pace: Pace
    yes: bool
    rollback: bool
    field_manager: str
    output: Output
    headers: bool
    dump: str


class Known(msgspec.Struct, frozen=True):
    """What was read."""

    survey: Survey
    originals: Originals


def read(asked: Run, source: Source) -> Known:
    """One namespace if one was named, else everything; from the dump if there is one."""
    if asked.dump:
        from kubectl_rev import dumped, manifests

        snapshot = manifests.parse({"-": asked.dump})
        known = Known(Survey(snapshot), dumped.originals(asked.dump, snapshot))
    else:
        from kubectl_rev.cluster import originals
        from kubectl_rev.cluster.read import read as read_mesh
        from kubectl_rev.cluster.workers import Workers, result

        scope = asked.request.names[0] if len(asked.request.names) == 1 else ""
        with Workers(4) as workers:
            task = workers.start(lambda: originals.read(source.connection, scope, workers))
            snapshot = read_mesh(source.connection, namespace=scope, istio_namespace=source.istio_namespace)
            known = Known(Survey(snapshot), result(task))
    check(known.survey)
    return known


def planned(asked: Run, known: Known) -> tuple[Plan, Survey]:
    """The plan, and the mesh as it will be."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    survey, originals, request = known.survey, known.originals, asked.request
    try:
        if asked.tag and asked.undo:
            return tagging.undo(survey, originals, request, asked.tag, now)
        if asked.tag:
            to = choosing.target(survey, request.to)
            return tagging.plan(survey, originals, request, asked.tag, to, now)
        if asked.undo:
            made = undo.plan(survey, originals, request, undo.named(originals, survey, request), now)
        else:
            to = choosing.target(survey, request.to)
            choice = choosing.choose(survey, request)
            _enrolled(choice)
            made = migration.plan(survey, originals, request, choice, to, now)
    except Unknown as error:
        raise UsageError(str(error)) from None
    return made, migration.surveyed_after(survey, {move.namespace: move.after for move in made.moves}, {})


def findings(asked: Run, plan: Plan, known: Known, after: Survey, source: Source) -> list[Finding]:
    """The preflight; for a dump without what only a cluster can be asked."""
    circumstances = Circumstances()
    if not asked.dump and (plan.moves or plan.first):
        from kubectl_rev.cluster import preflight

        circumstances = preflight.read(source.connection, plan, known.survey.mesh)
    situation = Situation(
        before=known.survey,
        after=after,
        plan=plan,
        originals=known.originals,
        request=asked.request,
        circumstances=circumstances,
    )
    return [msgspec.structs.replace(each, hint=source.repeated(each.hint)) for each in find(situation)]


def _enrolled(choice: Choice) -> None:
    if choice.needs_enroll:
        each = choice.needs_enroll[0]
        more = f", and {len(choice.needs_enroll) - 1} more" if len(choice.needs_enroll) > 1 else ""
        raise UsageError(f"nobody injects namespace {each.namespace}{more}: {each.why}; --enroll puts it in the mesh")
