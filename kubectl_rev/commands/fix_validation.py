"""One run of rev-fix-validation: diagnose, probe, plan, ask, repair, prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from kubectl_rev.commands import lookup
from kubectl_rev.commands.flags import ConnectionFlags, DryRun, Output
from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.query import ListQuery
from kubectl_rev.commands.source import Source, check
from kubectl_rev.commands.terminal import ask, can_ask, confirm, err, out, style
from kubectl_rev.core.checks.hints import Flag, Hint, command
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.remedies.commands import tag_set
from kubectl_rev.core.validation.coverage import UNLABELLED
from kubectl_rev.core.validation.probe import Probe, Works, proven
from kubectl_rev.core.validation.repair import Plan, Write, plan
from kubectl_rev.core.validation.repair_target import candidates, choose, needs_target
from kubectl_rev.core.validation.repair_undo import undo
from kubectl_rev.core.validation.validation import Diagnosis, diagnose
from kubectl_rev.core.validation.validation_items import Validation, Verdict, validation
from kubectl_rev.errors import ExitCode, Forbidden, UsageError
from kubectl_rev.render import validation as render
from kubectl_rev.render.output import written
from kubectl_rev.render.text import clean, plural

_PROVE = 10.0  # seconds that the API server may need to see what was written (its webhooks come from a cache)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call, parsed."""

    to: str
    check: bool
    undo: bool
    dry_run: DryRun
    yes: bool
    force_owned: bool
    timeout: float
    backups: str
    output: Output
    headers: bool
    filename: str
    connection: ConnectionFlags

    @property
    def writes(self) -> bool:
        return not self.check and self.dry_run is DryRun.NONE


def run(request: Request) -> ExitCode:
    """Diagnose, and repair where that is asked for. Raises RevError."""
    return Session(request, Source(request.connection, request.filename, True)).run()


class Session:
    """One run of the command: read, judge, probe; then answer, or change and do it all again."""

    def __init__(self, request: Request, source: Source) -> None:
        self._request, self._source = request, source

    def run(self) -> ExitCode:
        request = self._request
        survey, diagnosis, probes = self._look()
        if request.check:
            report = self._report(survey, diagnosis, probes, Plan())
            self._show(report, with_plan=False)
            return _CODES[report.verdict]
        planned = undo(survey, diagnosis) if request.undo else self._plan(survey, diagnosis)
        before = self._report(survey, diagnosis, probes, planned)
        if not request.writes:
            return self._dry_run(before, planned)
        if not planned.writes and not planned.settle:
            if request.undo:
                err("nothing to undo: no repair has left a note")
                return ExitCode.OK
            self._show(before, with_plan=True)
            return _CODES[before.verdict]
        return self._change(before, planned)

    def _look(self) -> tuple[Survey, Diagnosis, list[Probe]]:
        survey = Survey(self._source.read(ListQuery()))
        diagnosis = diagnose(survey)
        if diagnosis.blind:
            reason = next(gap.reason for gap in survey.snapshot.gaps if gap.resource == labels.VALIDATORS)
            raise Forbidden("list", labels.VALIDATORS, reason=reason)
        if not diagnosis.entries:  # validators may outlive all else of Istio, and still reject
            check(survey)
        probes = self._probe(survey, diagnosis)
        return survey, proven(diagnosis, probes), probes

    def _probe(self, survey: Survey, diagnosis: Diagnosis) -> list[Probe]:
        if self._request.filename:
            return []
        from kubectl_rev.cluster.validation import probe

        planes = [plane for plane in survey.mesh.control_planes if plane.kind != "missing"]
        scopes = sorted({label_of(plane.revision) for plane in planes if plane.ready or plane.kind != "local"})
        default = diagnosis.default
        places = [self._source.istio_namespace, default.target.namespace if default else ""]
        places += [plane.namespace for plane in planes]
        namespace = next((place for place in places if place), "istio-system")
        return probe(self._source.connection, [UNLABELLED, *scopes], namespace)

    def _plan(self, survey: Survey, diagnosis: Diagnosis) -> Plan:
        request = self._request
        to = lookup.revision_named(survey, request.to, self._source).revision if request.to else None
        if needs_target(diagnosis):
            able = candidates(survey, diagnosis)
            if to is not None and to not in able:
                there = f"ready are {', '.join(able)}" if able else "none is"
                raise UsageError(f"revision {to} has no ready istiod that can be called: {there}")
            to = to or choose(survey, diagnosis) or self._ask(able)
        elif to is not None:
            holder = survey.default.validation
            if holder is not None and holder != to:
                err(f"revision {holder} validates unlabelled config, and that needs no repair. To move the default,")
                how = self._source.repeated(tag_set(survey, labels.DEFAULT, to))
                err(clean(f"injection included: {how}"))
        return plan(survey, diagnosis, to, force_owned=request.force_owned)

    def _ask(self, able: Sequence[str]) -> str | None:
        """Which revision is to validate; None if none can."""
        if not able:
            return None
        request = self._request
        if request.yes or not request.writes or not can_ask():
            raise UsageError(
                f"which revision should validate config without a revision label? --to {' or --to '.join(able)}"
            )
        answer = ask(f"Which revision is to validate unlabelled config ({', '.join(able)})?")
        if answer not in able:
            raise UsageError(f'no such choice: "{clean(answer)}"; nothing was changed')
        return answer

    def _dry_run(self, report: Validation, planned: Plan) -> ExitCode:
        if self._request.dry_run is DryRun.SERVER:
            from kubectl_rev.commands.fix_validation_execution import Run

            run = Run(self._source.connection, timeout=0, backups=self._request.backups, quiet=True)
            run.rehearse(planned.writes)
        self._show(report, with_plan=True)
        err(f"nothing was changed ({self._request.dry_run.value} dry run)")
        if planned.obstacles or planned.elsewhere:
            return ExitCode.FINDINGS
        if self._request.undo:
            return ExitCode.OK
        return ExitCode.FINDINGS if planned.writes else _CODES[report.verdict]

    def _change(self, before: Validation, planned: Plan) -> ExitCode:
        from kubectl_rev.commands.fix_validation_execution import Run

        request, connection = self._request, self._source.connection
        shown = style(headers=request.headers, wide=request.output is Output.WIDE, on_stderr=True)
        err(render.diagnosis(before, shown) + "\n")
        err(render.plan(before, shown))
        data = request.output.is_document
        run = Run(connection, timeout=request.timeout, backups=request.backups, quiet=data)
        if planned.writes:
            run.rehearse(planned.writes)
            question = "Undo it?" if request.undo else "Repair it?"
            confirm(question, context=connection.context, server=connection.server, yes=request.yes)
        try:
            run.write(planned.writes)
            for name in planned.settle:
                run.settle(name)
            survey, diagnosis, probes = self._prove(request.timeout)
        except KeyboardInterrupt:
            err(f"interrupted after {plural(len(run.done), 'write')}: the same command goes on, --undo goes back")
            raise
        back = [*run.undo]
        if not request.undo and any(write.step.action != "delete" for write in run.done):
            back.insert(0, self._source.repeated(command("rev-fix-validation", Flag("--undo"))))
        left = replace(planned, warnings=[])
        return self._conclude(self._report(survey, diagnosis, probes, left, done=run.done, undo=back))

    def _conclude(self, after: Validation) -> ExitCode:
        request = self._request
        shown = style(headers=request.headers)
        if request.output in (Output.TABLE, Output.WIDE):
            out("\n" + render.probes(after.probes, shown))
            if text := render.left(after, style(on_stderr=True)):
                err(text)
        self._write(after, lambda: render.verdict(after, shown), lambda: "")
        for hint in after.undo:
            err(clean(f"undo: {hint}"))
        return ExitCode.OK if request.undo or after.verdict == "HEALTHY" else ExitCode.INCOMPLETE

    def _prove(self, timeout: float) -> tuple[Survey, Diagnosis, list[Probe]]:
        """Read and probe until it works, or for as long as the API server may lag behind."""
        from kubectl_rev.cluster.retry import Retry

        retry = Retry(0.5, 0.5, min(timeout, _PROVE))
        while True:
            survey, diagnosis, probes = self._look()
            works = diagnosis.healthy and all(probe.works is Works.YES for probe in probes)
            if works or self._request.undo or not retry.pause():
                return survey, diagnosis, probes

    def _report(
        self,
        survey: Survey,
        diagnosis: Diagnosis,
        probes: Sequence[Probe],
        planned: Plan,
        done: Sequence[Write] = (),
        undo: Sequence[Hint] = (),
    ) -> Validation:
        report = validation(survey, diagnosis, probes, planned, MESH_CHECKS, done=done, undo=undo)
        report.findings = self._source.with_flags(report.findings)
        for field in ("elsewhere", "obstacles", "advice"):
            setattr(report, field, [*map(self._source.repeated, getattr(report, field))])
        return report

    def _show(self, report: Validation, *, with_plan: bool) -> None:
        shown = style(headers=self._request.headers, wide=self._request.output is Output.WIDE)
        text = partial(render.validation, report, shown, with_plan=with_plan)
        self._write(report, text, partial(render.names, report))

    def _write(self, report: Validation, text: Callable[[], str], names: Callable[[], str]) -> None:
        answer = written(self._request.output, "Validation", value=lambda: report, text=text, names=names)
        if answer:
            out(answer)


_CODES: dict[Verdict, ExitCode] = {
    "HEALTHY": ExitCode.OK,
    "BROKEN": ExitCode.FINDINGS,
    "UNKNOWN": ExitCode.NO_ANSWER,
}
