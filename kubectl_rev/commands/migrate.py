"""A migration from request to exit code: read, plan, check, show, ask, run, report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from kubectl_rev.cli.options import Output
from kubectl_rev.cli.run import say, style, tell
from kubectl_rev.commands import migrate_preflight
from kubectl_rev.commands.live import Live
from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.migrate_preflight import Known, Preflight, Run
from kubectl_rev.commands.source import Source
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.outcome import Outcome, Result
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.errors import ExitCode
from kubectl_rev.render import migrate as look
from kubectl_rev.render import text as render

_SHOWN = 20  # workloads that are left, by name


def answer(asked: Run, source: Source) -> ExitCode:
    """The exit code; results have gone to stdout, talk to stderr."""
    known = migrate_preflight.read(asked, source)
    plan, after = migrate_preflight.planned(asked, known)
    found = migrate_preflight.checked(asked, plan, known, after, source)
    if asked.dry_run == "client":
        return _shown(asked, plan, found)
    if not found.stops and not plan.first and not any(m.label or m.close or m.restarts for m in plan.moves):
        return _nothing(asked, plan, found)
    tell(look.plan(plan, style(talk=True)))
    _tell_found(found)
    if found.stops:
        tell("nothing was changed: the errors above come first")
        return _reported(asked, plan, found, None, complete=False, code=ExitCode.FINDINGS)
    if asked.dry_run == "server":
        return _tried(asked, plan, found, source)
    from kubectl_rev.commands.confirm import confirm

    confirm(_question(plan), source.connection, yes=asked.yes)
    return _carried_out(asked, plan, found, known, source)


def _question(plan: Plan) -> str:
    restarts = sum(1 for restart in plan.restarts if restart.step)
    spaces = render.plural(len(plan.moves), "namespace")
    verb = f"Undo {spaces}" if plan.undo else f"Move {spaces} to {plan.to}"
    if plan.tag:
        verb = f"Move tag {plan.tag} to {plan.revision}"
    return f"{verb} and restart {render.plural(restarts, 'workload')}?"


def _tell_found(found: Preflight) -> None:
    if found.findings:
        tell(look.findings(found.findings, style(talk=True)))
    if found.gaps:
        tell(look.not_checked(found.gaps, style(talk=True)))


def _shown(asked: Run, plan: Plan, found: Preflight) -> ExitCode:
    whole = msgspec.to_builtins(plan) | msgspec.to_builtins(found)
    match asked.output:
        case Output.JSON:
            say(render.json("Plan", whole))
        case Output.YAML:
            say(render.yaml("Plan", whole))
        case Output.NAME:
            say("\n".join(_names(plan)))
        case _:
            say(look.plan(plan, style(wide=asked.output is Output.WIDE)))
            _tell_found(found)
    return ExitCode.FINDINGS if found.stops else ExitCode.OK


def _names(plan: Plan) -> list[str]:
    names = [render.name("Tag", "", plan.tag)] if plan.first else []
    for move in plan.moves:
        names += [render.name("Namespace", "", move.namespace)] if move.label or move.close else []
        names += [render.name(each.kind, each.namespace, each.name) for each in move.restarts if each.step]
    return names


def _nothing(asked: Run, plan: Plan, found: Preflight) -> ExitCode:
    """All is as it should be, or nothing was chosen."""
    for each in plan.skipped:
        tell(f"namespace/{each.namespace} skipped: {each.why}")
    for move in plan.moves:
        tell(f"namespace/{move.namespace} unchanged")
    if not plan.moves:
        tell("No namespaces to move")
    return _reported(asked, plan, found, None, complete=True)


def _tried(asked: Run, plan: Plan, found: Preflight, source: Source) -> ExitCode:
    """Every write with a server-side dry run: admission and permissions speak, nothing is stored."""
    from kubectl_rev.cluster import writes

    steps = [("Tag", "", first.name, "moved", first) for first in plan.first]
    for move in plan.moves:
        steps += [("Namespace", "", move.namespace, "labeled", move.label)] if move.label else []
        steps += [(each.kind, each.namespace, each.name, "restarted", each.step) for each in move.restarts if each.step]
    outcomes = []
    for kind, namespace, name, what, step in steps:
        writes.apply(source.connection, step, dry_run=True, field_manager=asked.field_manager)
        outcomes.append(Outcome(kind=kind, namespace=namespace, name=name, what=what, message=step.says))
        tell(look.outcome(outcomes[-1], many=len(plan.moves) > 1, dry_run="server"))
    return _reported(asked, plan, found, None, complete=True, code=ExitCode.OK, outcomes=outcomes)


def _carried_out(asked: Run, plan: Plan, found: Preflight, known: Known, source: Source) -> ExitCode:
    from kubectl_rev.cluster.live_cluster import Acting

    acting = Acting(source.connection, known.survey.mesh, field_manager=asked.field_manager)
    if asked.pace.timeout:
        acting.watch(plan)
    execution = Execution(plan, asked.pace, acting)
    many = len(plan.moves) > 1
    for each in plan.skipped:
        tell(f"namespace/{each.namespace} skipped: {each.why}")
    live = Live(execution)
    told = ""

    def tick() -> None:
        nonlocal told
        if acting.trouble != told:
            told = acting.trouble
            live.line(f"watching pods: {told or 'connected again'}")
        live.draw()

    execution.tick = tick
    try:
        for outcome in execution.run():
            live.line(look.outcome(outcome, many=many))
        live.end()
    except KeyboardInterrupt:
        live.end()
        _interrupted(asked, execution, source)
        raise
    finally:
        acting.stop()
    complete = not execution.failures and not execution.namespaces_left and not execution.left
    code = _reported(asked, plan, found, execution, complete=complete)
    if not complete:
        _ways(asked, execution, source)
        if asked.rollback and not asked.undo and execution.begun:
            return _rolled_back(asked, execution, source)
    return code


def _interrupted(asked: Run, execution: Execution, source: Source) -> None:
    if execution.doubtful is not None:
        tell(f"interrupted while it was being written, so it may be done or not: {execution.doubtful.says}")
    done = sum(each.what == "rolled out" for each in execution.done)
    under_way = [spoken(each.kind, each.name) + f" -n {each.namespace}" for each in execution.rolling]
    tell(f"interrupted: {render.plural(done, 'workload')} done, {len(under_way)} under way, {len(execution.left)} left")
    for each in under_way:
        tell(f"  under way: {each}")
    _ways(asked, execution, source)


def _ways(asked: Run, execution: Execution, source: Source) -> None:
    """What is left, how to go on, and how to go back."""
    for restart in execution.left[:_SHOWN]:
        tell(f"  left: {spoken(restart.kind, restart.name)} -n {restart.namespace}")
    if len(execution.left) > _SHOWN:
        tell(f"  left: {len(execution.left) - _SHOWN} more workloads")
    tell(f"to go on: {source.repeated(again(asked))}")
    if not asked.undo and (execution.begun or asked.tag):
        names = [f"--tag={asked.tag}"] if asked.tag else [move.namespace for move in execution.begun]
        tell(f"to go back: {source.repeated(shlex.join(['kubectl', 'rev-migrate', '--undo', *names]))}")


def again(asked: Run) -> str:
    """The same command."""
    request = asked.request
    words = ["kubectl", "rev-migrate", *request.names]
    words += ["--undo"] if asked.undo else []
    words += [f"--tag={asked.tag}"] if asked.tag else []
    words += [f"--to={request.to}"] if request.to else []
    words += [f"--from={request.came_from}"] if request.came_from else []
    words += ["-A"] if request.everything else []
    words += [f"--selector={asked.selector}"] if asked.selector else []
    words += ["--enroll"] if request.enroll else []
    words += [] if request.restart else ["--no-restart"]
    words += ["--include-gateways"] if request.include_gateways else []
    words += ["--force-owned"] if request.force_owned else []
    return shlex.join(words)


def _reported(
    asked: Run,
    plan: Plan,
    found: Preflight,
    execution: Execution | None,
    *,
    complete: bool,
    code: ExitCode | None = None,
    outcomes: Sequence[Outcome] = (),
) -> ExitCode:
    """The results, to stdout."""
    result = Result(
        undo=plan.undo,
        to=plan.to,
        revision=plan.revision,
        dry_run=asked.dry_run,
        complete=complete,
        outcomes=execution.done if execution else outcomes,
        left=plan.left,
        not_begun=[move.namespace for move in execution.namespaces_left] if execution else [],
        not_restarted=[Ref(each.kind, each.namespace, each.name) for each in execution.left] if execution else [],
        skipped=plan.skipped,
        findings=found.findings,
        gaps=found.gaps,
    )
    match asked.output:
        case Output.JSON:
            say(render.json("Result", result))
        case Output.YAML:
            say(render.yaml("Result", result))
        case Output.NAME:
            if names := _names(plan):
                say("\n".join(names))
        case _:
            if plan.moves and code is None:
                say(look.result(result, plan.moves, style(headers=asked.headers)))
            if plan.left and code is None:
                tell(look.stays(plan.left, style(talk=True)))
    if code is not None:
        return code
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def _rolled_back(asked: Run, execution: Execution, source: Source) -> ExitCode:
    """--rollback-on-failure: the undo of what this run began."""
    names = tuple(move.namespace for move in execution.begun)
    tell(f"rolling back: {', '.join(names)}")
    request = Request(
        names=() if asked.tag else names, include_gateways=asked.request.include_gateways, force_owned=True
    )
    back = msgspec.structs.replace(asked, request=request, undo=True, rollback=False, yes=True)
    answer(back, source)
    return ExitCode.INCOMPLETE
