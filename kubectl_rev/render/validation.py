"""How rev-fix-validation looks: validators, findings, probes, the plan, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.validation.probe import Answer, Reply, Works
from kubectl_rev.core.validation.validation import Health
from kubectl_rev.core.validation.validation_items import ProbeItem, StepItem, Validation, ValidatorItem
from kubectl_rev.render import findings
from kubectl_rev.render.text import Column, Style, clean, gap_texts, listing, paint, plural, wrap

_COLORS = {"HEALTHY": "good", "BROKEN": "error", "UNKNOWN": "warning"}


def validation(report: Validation, style: Style, *, with_plan: bool) -> str:
    """All of it, the verdict last."""
    planned = plan(report, style) if with_plan else ""
    return "\n\n".join(part for part in (diagnosis(report, style), planned, verdict(report, style)) if part)


def names(report: Validation) -> str:
    """The configurations with a validator that is not healthy, as kubectl names them."""
    kind = labels.VALIDATORS.replace("s.", ".", 1)
    sick = (v.name for v in report.validators if v.health not in (Health.HEALTHY, Health.UNSEEN))
    return "\n".join(clean(f"{kind}/{name}") for name in dict.fromkeys(sick))


def diagnosis(report: Validation, style: Style) -> str:
    """Validators, findings, probes, gaps: what is, without what to do about it."""
    found = findings.block(report.findings, style, "rev-fix-validation")
    parts = [validators(report.validators, style), found, probes(report.probes, style)]
    parts.append("\n".join(_lines("Not checked: ", gap_texts(report.gaps), style)))
    return "\n\n".join(part for part in parts if part)


def validators(items: Sequence[ValidatorItem], style: Style) -> str:
    """One row per entry; none is said in words."""
    if not items:
        return "No validator of Istio's."
    return listing(items, _VALIDATORS, style)


def _calls(row: ValidatorItem) -> str:
    if row.service is None:
        return row.url or ""
    return f"{row.service.name}.{row.service.namespace}"


def _validates(row: ValidatorItem) -> str:
    return ",".join((["unlabelled"] if row.unlabelled else []) + row.selects) or "nothing here"


def probes(items: Sequence[ProbeItem], style: Style) -> str:
    """What the dry runs gave; the reason is under the table, where there is room."""
    if not items:
        return ""
    reasons = dict.fromkeys(item.because for item in items if item.because)
    return "\n".join([listing(items, _PROBES, style), *_lines("  ", reasons, style)])


_WORDS = {
    Works.YES: "works",
    Works.OPEN: "lets invalid config in",
    Works.FROZEN: "rejects valid config",
    Works.UNKNOWN: "unknown",
}


def _reply(reply: Reply) -> str:
    by = reply.answer in (Answer.REJECTED, Answer.REFUSED) and reply.webhook
    return f"{reply.answer.value} by {reply.webhook}" if by else reply.answer.value


_VALIDATORS = (
    Column("VALIDATOR", lambda v: v.name),
    Column("WEBHOOK", lambda v: v.webhook, wide=True),
    Column("STATE", lambda v: v.health.value),
    Column("POLICY", lambda v: v.failure_policy),
    Column("REVISION", lambda v: v.revision or ""),
    Column("CALLS", _calls),
    Column("VALIDATES", _validates),
    Column("OWNER", lambda v: v.owner or "", wide=True),
    Column("BECAUSE", lambda v: v.because, wide=True),
)
_PROBES = (
    Column("CONFIG", lambda p: p.revision or "unlabelled"),
    Column("VALIDATION", lambda p: _WORDS[p.works]),
    Column("VALID", lambda p: _reply(p.valid)),
    Column("INVALID", lambda p: _reply(p.invalid)),
)


def plan(report: Validation, style: Style) -> str:
    """What would be written, and what is left to the person."""
    lines = [line for number, step in enumerate(report.steps, 1) for line in _step(number, step, style)]
    if not report.steps and report.settling:
        lines += _lines("", [f"no write is needed: waiting for istiod to close {', '.join(report.settling)}"], style)
    lines += _lines("warning: ", report.warnings, style)
    return "\n".join([*lines, *_left(report, style), *_lines("note: ", map(str, report.advice), style)])


def left(report: Validation, style: Style) -> str:
    """What was not done: obstacles, changes at the source. The advice has been said with the plan."""
    return "\n".join(_left(report, style))


def _left(report: Validation, style: Style) -> Iterator[str]:
    yield from _lines("not changed: ", map(str, report.obstacles), style)
    if report.elsewhere:
        yield "change it at its source (or say --force-owned):"
        yield from (f"  {clean(str(hint))}" for hint in report.elsewhere)  # to be copied: never wrapped


def _step(number: int, step: StepItem, style: Style) -> Iterator[str]:
    verb = {"patch": "change", "create": "create", "delete": "delete"}[step.action]
    kind = "validator" if step.resource.startswith("validating") else "service"
    yield from wrap(f"{number}. ", clean(f"{verb} {kind} {step.name}: {step.why}"), style.width, 3)
    if style.wide:
        for op in step.operations:
            value = "" if op.op == "remove" else f" = {op.value}"
            yield clean(f"     {op.op} {op.path}{value}")


def verdict(report: Validation, style: Style) -> str:
    """The last line, which a person reads first."""
    word = report.verdict
    text = {"HEALTHY": _healthy, "BROKEN": _broken, "UNKNOWN": _unknown}[word](report)
    return paint("\n".join(wrap("", clean(f"{word}: {text}"), style.width, 2)), _COLORS[word], style)


def _healthy(report: Validation) -> str:
    if not report.probes:
        return "by what the dump says; only a probe of the cluster can prove it."
    names = [item.revision or "without a revision label" for item in report.probes]
    return f"invalid config is rejected and valid config is accepted ({', '.join(names)})."


def _broken(report: Validation) -> str:
    frozen = [item for item in report.probes if item.works is Works.FROZEN]
    is_open = [item for item in report.probes if item.works is Works.OPEN]
    parts = []
    if frozen:
        parts.append(f"config cannot be written ({_scopes(frozen)})")
    if is_open:
        parts.append(f"invalid config is accepted ({_scopes(is_open)})")
    sick = [v for v in report.validators if v.health not in (Health.HEALTHY, Health.UNSEEN)]
    if not parts and sick:
        parts.append(f"{plural(len(sick), 'validator')} need{'s' if len(sick) == 1 else ''} attention")
    if not parts and report.split:
        parts.append(
            f"{report.split.validation} validates, {report.split.injection} injects what has no revision label"
        )
    return "; ".join(parts or ["some config is validated by nobody"]) + "."


def _scopes(items: Iterable[ProbeItem]) -> str:
    return ", ".join(item.revision or "unlabelled" for item in items)


def _unknown(report: Validation) -> str:
    if report.gaps:
        return f"{plural(len(report.gaps), 'thing')} could not be read."
    return "no probe could tell." if report.probes else "only a probe of the cluster can tell."


def _lines(head: str, texts: Iterable[str], style: Style) -> list[str]:
    return [line for text in texts for line in wrap(head, clean(text), style.width, len(head))]
