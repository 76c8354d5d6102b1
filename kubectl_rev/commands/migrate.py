"""rev-migrate: read, plan, check, show, ask, carry out, report."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from kubectl_rev.commands import migrate_preflight
from kubectl_rev.commands import migrate_talk as talk
from kubectl_rev.commands.flags import ConnectionFlags, DryRun, Output
from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.migrate_outcomes import expected
from kubectl_rev.commands.migrate_preflight import MeshState, Preflight
from kubectl_rev.commands.names import lines as name_lines
from kubectl_rev.commands.source import Source
from kubectl_rev.commands.terminal import confirm, err, out, style
from kubectl_rev.core.checks.hints import Flag, Hint, command
from kubectl_rev.core.checks.model import ref_of
from kubectl_rev.core.migration.choosing import Request as Migration
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.run import Outcome, Result, Throttle
from kubectl_rev.errors import ExitCode, UsageError
from kubectl_rev.render import migrate as render
from kubectl_rev.render.output import written
from kubectl_rev.render.text import builtins, clean

__all__ = ["Migration", "Request", "Throttle", "run"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-migrate, from its flags. The namespaces of `migration` are named by `arguments`, the
    connection's namespace, or the file; `again` are the flags that give all of this again. `require_all`: what stays on
    the old revision makes it incomplete.
    """

    arguments: tuple[str, ...]
    filename: str
    migration: Migration
    throttle: Throttle
    dry_run: DryRun
    yes: bool
    rollback_on_failure: bool
    require_all: bool
    field_manager: str
    output: Output
    headers: bool
    again: tuple[str, ...]
    connection: ConnectionFlags


def run(request: Request) -> ExitCode:
    """Migrate; results go to stdout, talk to stderr. Raises RevError."""
    names, dump = migrate_preflight.named(request.arguments, request.connection.namespace, request.filename)
    if dump and request.dry_run is not DryRun.CLIENT:
        raise UsageError("a dump can only be planned with: say --dry-run=client")
    listed = bool(request.filename) and not dump
    migration = migrate_preflight.consistent(replace(request.migration, names=names, listed=listed))
    source = Source(request.connection, request.filename if dump else "", migration.everything)
    this = _Run(request, migration, dump, source)
    if listed and not names:
        return this.nothing_to_do(Plan(undo=migration.undo, to=migration.to), Preflight([], []))
    return this.answer()


class _Run:
    """One run, from what is asked for to its exit code."""

    def __init__(self, request: Request, migration: Migration, dump: dict[str, str], source: Source) -> None:
        self._request, self._migration, self._dump, self._source = request, migration, dump, source

    def answer(self) -> ExitCode:
        request, migration, source = self._request, self._migration, self._source
        known = migrate_preflight.read(migration, self._dump, source)
        plan, after = migrate_preflight.planned(migration, known, source)
        preflight = migrate_preflight.checked(migration, plan, known, after, source, of_dump=bool(self._dump))
        if request.dry_run is DryRun.CLIENT:
            return self._show(plan, preflight)
        if not preflight.stops and plan.is_done:
            return self.nothing_to_do(plan, preflight)
        err(render.plan(plan, style(on_stderr=True)))
        talk.tell_found(preflight)
        if preflight.stops:
            err("nothing was changed: the errors above come first")
            return self._report(plan, preflight, None, complete=False, code=ExitCode.FINDINGS)
        if request.dry_run is DryRun.SERVER:
            return self._rehearse(plan, preflight)
        connection = source.connection
        confirm(talk.question(plan), context=connection.context, server=connection.server, yes=request.yes)
        return self._carry_out(plan, preflight, known)

    def _show(self, plan: Plan, preflight: Preflight) -> ExitCode:
        output = self._request.output
        out(
            written(
                output,
                "Plan",
                value=lambda: builtins(plan) | builtins(preflight),
                text=lambda: render.plan(plan, style(wide=output is Output.WIDE)),
                names=lambda: name_lines(talk.changed(plan)),
            )
        )
        if not output.is_document and output is not Output.NAME:
            talk.tell_found(preflight)
        return ExitCode.FINDINGS if preflight.stops else self._code(plan)

    def nothing_to_do(self, plan: Plan, preflight: Preflight) -> ExitCode:
        """All is as it should be, or nothing was chosen."""
        talk.tell_skipped(plan)
        talk.tell_unchanged(plan)
        if not plan.moves:
            err("No namespaces to move")
        return self._report(plan, preflight, None, complete=True)

    def _rehearse(self, plan: Plan, preflight: Preflight) -> ExitCode:
        """Every write with a server-side dry run: admission and permissions speak, nothing is stored."""
        from kubectl_rev.cluster import writes

        outcomes = []
        for step, outcome in expected(plan):
            writes.apply(self._source.connection, step, dry_run=True, field_manager=self._request.field_manager)
            outcomes.append(outcome)
            err(render.outcome(outcome, many=len(plan.moves) > 1, dry_run="server"))
        return self._report(plan, preflight, None, complete=True, code=self._code(plan), outcomes=outcomes)

    def _carry_out(self, plan: Plan, preflight: Preflight, known: MeshState) -> ExitCode:
        from kubectl_rev.cluster.live_cluster import LiveCluster

        request = self._request
        acting = LiveCluster(self._source.connection, known.survey.mesh, field_manager=request.field_manager)
        if request.throttle.timeout:
            acting.watch(plan)
        execution = Execution(plan, request.throttle, acting)
        many = len(plan.moves) > 1
        talk.tell_skipped(plan)
        live = talk.Live(execution)
        told = ""

        def tick() -> None:
            nonlocal told
            if acting.trouble != told:
                told = acting.trouble
                live.line(f"watching pods: {told or 'connected again'}")
            live.draw()

        execution.tick = tick
        self._prepare_for_an_end(plan)
        try:
            try:
                for outcome in execution.run():
                    live.line(render.outcome(outcome, many=many))
            finally:
                live.end()
                acting.stop()
            complete = not execution.failures and not execution.namespaces_left and not execution.left
            code = self._report(plan, preflight, execution, complete=complete)
        except KeyboardInterrupt:  # also at the very end: nobody saw the exit code then
            talk.tell_interrupted(execution)
            talk.tell_left(execution)
            self._tell_ways(execution)
            raise
        if complete:
            return code
        talk.tell_left(execution)
        if request.rollback_on_failure and not self._migration.undo and execution.begun:
            return self._roll_back(execution)
        self._tell_ways(execution)
        return code

    def _prepare_for_an_end(self, plan: Plan) -> None:
        """A job that is cancelled and a terminal that is closed are told how to go on, as after Ctrl-C.

        Who is killed says nothing any more, and a list that came through a pipe cannot be read again.
        """
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores it, and so do we
                signal.signal(number, signal.default_int_handler)
        if self._is_piped:
            err(clean(f"if this is cut off, to go on: {self._source.repeated(self._again(plan))}"))

    def _tell_ways(self, execution: Execution) -> None:
        """How to go on, and how to go back."""
        err(clean(f"to go on: {self._source.repeated(self._again(execution.plan))}"))
        if not self._migration.undo and (execution.begun or self._migration.tag):
            err(clean(f"to go back: {self._source.repeated(self._back(execution))}"))

    @property
    def _is_piped(self) -> bool:
        """Whether the names came from what can be read once only: stdin, or `-f <(…)`."""
        return bool(self._request.filename) and not os.path.isfile(self._request.filename)

    def _again(self, plan: Plan) -> Hint:
        """The same command with every flag as given; of names that came through a pipe those with something to do."""
        request = self._request
        names, flags = request.arguments, request.again
        if self._is_piped:
            piped = f"--filename={request.filename}"
            names = tuple(move.namespace for move in plan.moves if move.label or move.close or move.restarts)
            flags = tuple(flag for flag in flags if flag != piped)
        elif request.connection.namespace:
            names = (request.connection.namespace, *names)
        return command("rev-migrate", *names, *map(Flag, flags))

    def _back(self, execution: Execution) -> Hint:
        """The undo of what was begun, which takes the rights and the gateways that this run had."""
        undo, *flags = self._undo_flags()
        names = () if self._migration.tag else (move.namespace for move in execution.begun)
        return command("rev-migrate", Flag(undo), *names, *map(Flag, flags))

    def _undo_flags(self) -> list[str]:
        flags = ["--undo", f"--tag={self._migration.tag}"] if self._migration.tag else ["--undo"]
        flags += ["--include-gateways"] if self._migration.include_gateways else []
        return flags + (["--force-owned"] if self._migration.force_owned else [])

    def _code(self, plan: Plan) -> ExitCode:
        """Of a run in which nothing failed, or of a plan."""
        if plan.moves_all or not self._request.require_all:
            return ExitCode.OK
        err("not all is moved (--require-all): see above what stays")
        return ExitCode.INCOMPLETE

    def _report(
        self,
        plan: Plan,
        preflight: Preflight,
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
            dry_run="" if self._request.dry_run is DryRun.NONE else self._request.dry_run.value,
            complete=complete,
            all_moved=complete and plan.moves_all,
            outcomes=execution.done if execution else outcomes,
            left=plan.left,
            not_begun=[move.namespace for move in execution.namespaces_left] if execution else [],
            not_restarted=[ref_of(one) for one in execution.left] if execution else [],
            skipped=plan.skipped,
            findings=preflight.findings,
            gaps=preflight.gaps,
        )
        output = self._request.output
        tables = plan.moves and code is None
        look = style(headers=self._request.headers, wide=output is Output.WIDE)
        answer = written(
            output,
            "Result",
            value=lambda: result,
            text=lambda: render.result(result, plan.moves, look) if tables else "",
            names=lambda: name_lines(talk.changed(plan)),
        )
        if answer:
            out(answer)
        if plan.left and code is None and output in (Output.TABLE, Output.WIDE):
            err(render.stays(plan.left, style(on_stderr=True)))
        if code is not None:
            return code
        return self._code(plan) if complete else ExitCode.INCOMPLETE

    def _roll_back(self, execution: Execution) -> ExitCode:
        """--rollback-on-failure: the undo of what this run began."""
        names = tuple(move.namespace for move in execution.begun)
        err(f"rolling back: {', '.join(names)}")
        migration = Migration(
            names=() if self._migration.tag else names,
            undo=True,
            tag=self._migration.tag,
            include_gateways=self._migration.include_gateways,
            force_owned=self._migration.force_owned,
        )
        request = replace(
            self._request,
            arguments=migration.names,
            filename="",
            connection=dataclasses.replace(self._request.connection, namespace=""),  # the names say it all
            again=(*self._undo_flags(), "--yes"),
            rollback_on_failure=False,
            yes=True,
        )
        _Run(request, migration, {}, self._source).answer()
        return ExitCode.INCOMPLETE
