"""How rev-verify looks: a line per check, the findings under those that fail, what is not known, the verdict last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any
from xml.etree import ElementTree

from kubectl_rev.core.checks.model import Check, Finding, Ref
from kubectl_rev.core.mesh.resources import TOP_WORKLOADS
from kubectl_rev.core.mesh.snapshot import Absent
from kubectl_rev.core.verification.compare import Change
from kubectl_rev.core.verification.verify import CheckItem, GapItem, Status, Verdict, Verification
from kubectl_rev.render.findings import causes
from kubectl_rev.render.text import Style, clean, paint, plural, subject, wrap

_WORDS = {
    Status.OK: ("ok", "good"),
    Status.ERROR: ("FAIL", "error"),
    Status.WARNING: ("warn", "warning"),
    Status.INFO: ("info", "info"),
    Status.UNKNOWN: ("?", "warning"),
    Status.SKIPPED: ("skip", "info"),
}
_ORDER = (Status.ERROR, Status.WARNING, Status.UNKNOWN, Status.INFO, Status.OK, Status.SKIPPED)
_INDENT = 14
_GOOD = (Verdict.SAFE, Verdict.COMPLETE)


def verification(report: Verification, style: Style, since: Sequence[Change] | None = None) -> str:
    """The whole answer."""
    lines = list(_checks(report, style))
    lines += _gaps(report.gaps, style)
    if since is not None:
        lines += ["", *_since(since, style)]
    lines += _removal(report, style)
    color = "good" if report.verdict in _GOOD else "warning" if report.verdict is Verdict.UNKNOWN else "error"
    lines += ["", paint(clean(verdict_line(report)), color, style)]
    return "\n".join(lines)


def _checks(report: Verification, style: Style) -> Iterator[str]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        found[finding.code].append(finding)
    for check in sorted(report.checks, key=lambda check: _ORDER.index(check.status)):
        if (check.status is Status.SKIPPED or _calm(check)) and not style.wide:
            continue
        if rows := found.get(check.code):
            yield from _failed(check, rows, style)
        else:
            yield from _line(check.status, f"{check.code} {_said(check)}{_asked(check, report)}", style)
    if calm := [check for check in report.checks if _calm(check)]:
        text = f"{plural(len(calm), 'other check')} of injectors, labels and workloads found nothing"
        if not style.wide:
            yield from _line(Status.OK, text, style)
    if report.skipped and not style.wide:
        yield from _line(Status.SKIPPED, f"{', '.join(report.skipped)}", style)


def _said(check: CheckItem) -> str:
    """A check without findings in words: that all is well, or that nobody knows."""
    good = check.passed or f"not found: {check.title}"
    return f"not known: {good}" if check.status is Status.UNKNOWN else good


def _calm(check: CheckItem) -> bool:
    """Whether a check of rev-status found nothing; all such checks share one line."""
    return check.status is Status.OK and not check.passed


def _asked(check: CheckItem, report: Verification) -> str:
    if check.code not in ("REV301", "REV225"):
        return ""
    return f" ({report.istiods.asked} asked, {report.istiods.answered} answered)"


def _failed(check: CheckItem, rows: Sequence[Finding], style: Style) -> Iterator[str]:
    word, color = _WORDS[check.status]
    heads = chain([f" {paint(f'{word:<5}', color, style)} {check.code} "], repeat(" " * _INDENT))
    return causes(rows, style, heads, _INDENT)


def _line(status: Status, text: str, style: Style) -> Iterator[str]:
    word, color = _WORDS[status]
    yield from wrap(f" {paint(f'{word:<5}', color, style)} ", clean(text), style.width, _INDENT)


def _gaps(gaps: Sequence[GapItem], style: Style) -> Iterator[str]:
    for number, gap in enumerate(gaps):
        text = gap_text(gap)
        if gap.accepted:
            yield from _line(Status.INFO, f"not known, and accepted: {text}", style)
            continue
        yield from _line(Status.UNKNOWN, text, style)
        following = gaps[number + 1].grant if number + 1 < len(gaps) else None
        if gap.grant and gap.grant != following:
            yield f"{'':{_INDENT + 2}}{clean(gap.grant)}"


def gap_text(gap: GapItem) -> str:
    """`may not list deployments.apps: forbidden to user "jane"`, or the reason alone where it says all."""
    if gap.verb in ("ask", "read", "decide", "tell"):
        return f"{gap.kind}: {gap.reason}"
    if gap.reason in frozenset(Absent):
        return f"{gap.resource}: {gap.reason}"
    where = f" in namespace {gap.namespace}" if gap.namespace else ""
    return f"may not {gap.verb} {gap.resource}{where}: {gap.reason}"


def _removal(report: Verification, style: Style) -> Iterator[str]:
    if report.steps and (report.method is None or report.verdict is not Verdict.SAFE):
        yield ""
        yield "What makes it safe, in this order; then ask again:"
        yield from (f"  {clean(str(step))}" for step in report.steps)
    if report.method is None or not report.commands:
        return
    yield ""
    yield "To uninstall it:" if report.verdict is Verdict.SAFE else "To uninstall it, once it is safe:"
    for step in report.commands:
        yield f"  {clean(str(step.command))}"
        if step.note:
            yield from wrap("    ", clean(step.note), style.width, 4)
    if report.leftovers:
        yield "What stays behind, to clean up afterwards:"
        yield from _leftovers(
            [(clean(str(leftover.command)), f"# {clean(leftover.message)}") for leftover in report.leftovers], style
        )


def _leftovers(rows: Sequence[tuple[str, str]], style: Style) -> Iterator[str]:
    """A comment beside each command, or above it where that is too wide: a command is copied whole."""
    width = max(len(command) for command, _ in rows)
    beside = [f"  {command:<{width}}   {comment}" for command, comment in rows]
    if style.width is None or max(map(len, beside)) <= style.width:
        yield from beside
        return
    for command, comment in rows:
        yield from wrap("  ", comment, style.width, 2)
        yield f"  {command}"


def _since(since: Sequence[Change], style: Style) -> Iterator[str]:
    yield "Since then:" if since else "Since then nothing changed."
    for change in since:
        what = f"{change.what} {change.before or '-'} -> {change.now or '-'}"
        yield from wrap("  ", clean(f"{subject(change.subject)}: {what}"), style.width, 4)


def verdict_line(report: Verification) -> str:
    """`NOT SAFE to uninstall revision default with istioctl: 2 reasons, 1 thing unknown.`"""
    failed = sum(check.findings for check in report.checks if check.status is Status.ERROR)
    warned = sum(check.findings for check in report.checks if check.status is Status.WARNING)
    counted = [plural(failed, "reason")] if failed else []
    counted += [plural(warned, "warning")] if warned else []
    if unknown := sum(not gap.accepted for gap in report.gaps):
        counted.append(f"{plural(unknown, 'thing')} unknown")
    if report.skipped:
        counted.append(f"{plural(len(report.skipped), 'check')} skipped")
    if report.accepted:
        counted.append(f"accepted without knowing: {', '.join(report.accepted)}")
    if not counted and report.method is None:
        counted = [
            f"{plural(report.istiods.proxies, 'proxy')} connected to {plural(report.istiods.answered, 'istiod')}"
        ]
    return f"{report.verdict.value}{_about(report)}{': ' if counted else ''}{', '.join(counted)}."


def _about(report: Verification) -> str:
    if any(check.code.startswith("REV3") for check in report.checks):
        how = f" with {report.method.value}" if report.method else ""
        return f" to uninstall revision {report.revision}{how}"
    where = f" in {', '.join(report.namespaces)}" if report.namespaces else ""
    return f"{' on revision ' + report.revision if report.revision else ''}{where}"


def names(report: Verification) -> list[Ref]:
    """The namespaces and workloads with findings, each once, for `-o name`."""
    kinds = ("Namespace", "Gateway", *(workload.kind for workload in TOP_WORKLOADS))
    return [*dict.fromkeys(finding.subject for finding in report.findings if finding.subject.kind in kinds)]


def junit(report: Verification) -> str:
    """One testcase per check; a check that could not look everywhere is an error, as is a gap."""
    title = f"kubectl rev-verify{' --uninstall ' + (report.revision or '') if report.method else ''}"
    suite = ElementTree.Element("testsuite", name=clean(title.strip()))

    def case(name: str, result: str = "", text: str | None = None, **attributes: str) -> None:
        testcase = ElementTree.SubElement(suite, "testcase", classname="kubectl-rev", name=name)
        if result:
            ElementTree.SubElement(testcase, result, attributes).text = text

    for check in report.checks:
        name, rows = f"{check.code} {check.title}", [f for f in report.findings if f.code == check.code]
        match check.status:
            case Status.SKIPPED:
                case(name, "skipped")
            case Status.ERROR:
                case(name, "failure", _text(rows), message=plural(len(rows), "finding"))
            case Status.UNKNOWN:
                case(name, "error", message="could not look everywhere")
            case _:
                case(name, "system-out" if rows else "", _text(rows))
    if report.verdict in _GOOD:
        case("verdict")
    else:
        unknown = "\n".join(gap_text(gap) for gap in report.gaps if not gap.accepted)
        result = "error" if report.verdict is Verdict.UNKNOWN else "failure"
        case("verdict", result, clean_lines(unknown), message=clean(verdict_line(report)))
    suite.set("tests", str(len(suite)))
    for count, result in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(len(suite.findall(f"testcase/{result}"))))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode")


def clean_lines(text: str) -> str:
    """Without control characters that XML cannot hold; lines stay."""
    return "\n".join(clean(line) for line in text.split("\n"))


def _text(rows: Iterable[Finding]) -> str:
    """As the table has them: what is wrong with what, and what helps."""
    lines = [f"{subject(row.subject)}  {row.message}" + (f"\n  {row.hint}" if row.hint else "") for row in rows]
    return clean_lines("\n".join(lines))


def explanation(check: Check[Any], fix: str, style: Style) -> str:
    """`--explain CODE`: what, why it matters, how to fix, source."""
    rows = (("why", check.why), ("fix", fix), ("source", check.source))
    lines = [line for what, text in rows for line in wrap(f"  {what:<8} ", text, style.width)]
    return "\n".join([f"{check.code} ({check.severity.value}): {check.title}", *lines])
