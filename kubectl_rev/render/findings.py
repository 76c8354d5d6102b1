"""The one block that shows findings, for all commands: the worst first, and on a terminal a line for each cause.

Findings of one code have one cause if their messages come from one template (`core.checks.messages`). `-o wide` and a
pipe show each by itself, JSON and YAML always have them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from kubectl_rev.core.checks.joined_hints import joined, shape
from kubectl_rev.core.checks.messages import summary, template_of
from kubectl_rev.core.checks.model import Finding, Ref
from kubectl_rev.render.text import Style, clean, paint, plural, subject, within, wrap

_NAMES = 3  # named in the line for several; one more is named too, instead of counted
_CAUSES = 5  # lines for one code
_HINT = 16  # where a hint begins
ALL = "-o wide shows all"

Cause = Sequence[Finding]  # one finding, or several alike; never empty


def block(findings: Sequence[Finding], style: Style, own: str = "") -> str:
    """All of them, each with what helps below it; calls of the plugin `own` are left out: it is running."""
    lines: list[str] = []
    for code, rows in groupby(findings, key=lambda finding: finding.code):
        alike = list(rows)
        severity = alike[0].severity.value
        head = f"{code} {paint(f'{severity:<7}', severity, style)}  "
        lines += causes(alike, style, [head] * len(alike), _HINT, own)
    return "\n".join(lines)


def causes(
    findings: Sequence[Finding], style: Style, heads: Iterable[str], indent: int, own: str = ""
) -> Iterator[str]:
    """The lines for the findings of one code; `heads` stand before the first line of each cause."""
    folded = fold(findings, style)
    shown = folded[:_CAUSES] if _short(style) else folded
    for number, (cause, head) in enumerate(zip(shown, heads, strict=False)):
        yield from wrap(
            head, f"{subjects(cause)}  {summary([finding.message for finding in cause])}", style.width, indent
        )
        below = shown[number + 1] if number + 1 < len(shown) else []
        yield from _hint(cause, below, own)
    if left := [finding for cause in folded[len(shown) :] for finding in cause]:
        yield f"{'':{indent}}… and {len(left)} more {left[0].code}: {ALL}"


def _hint(cause: Cause, below: Cause, own: str) -> Iterator[str]:
    """What helps: once, where the next cause has the same; never cut, it is there to be copied."""
    hints = [finding.hint for finding in cause]
    if not hints[0] or (own and hints[0].calls(own)) or {*hints} == {finding.hint for finding in below}:
        return
    hint, others = joined(hints)
    yield f"{'':{_HINT}}{clean(str(hint))}"
    if others:
        yield f"{'':{_HINT}}… and alike for {others} more: {ALL}"


def fold(findings: Sequence[Finding], style: Style) -> list[Cause]:
    """By severity, code, template and the shape of what helps, in the order of the first of each; one by one where
    nothing is shortened."""
    if not _short(style):
        return [[finding] for finding in findings]
    alike: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key = finding.severity, finding.code, template_of(finding.message), shape(finding.hint)
        alike.setdefault(key, []).append(finding)
    return list(alike.values())


def _short(style: Style) -> bool:
    return style.limit is not None and not style.wide


def subjects(cause: Cause) -> str:
    """`deployment/web -n shop`; for several `18 deployments (web, api, cart -n shop, …)`."""
    refs = list(dict.fromkeys(finding.subject for finding in cause))
    if len(refs) == 1:
        return subject(refs[0])
    shown = refs if len(refs) <= _NAMES + 1 else refs[:_NAMES]
    kinds, spaces = {ref.kind for ref in refs}, {ref.namespace for ref in refs}
    names = [_name(ref, with_kind=len(kinds) > 1, with_namespace=len(spaces) > 1) for ref in shown]
    rest = ["…"] if len(shown) < len(refs) else []
    where = within(refs[0].namespace) if len(spaces) == 1 else ""
    noun = kinds.pop().lower() if len(kinds) == 1 else "object"
    return f"{plural(len(refs), noun)}{where} ({', '.join([*names, *rest])})"


def _name(ref: Ref, *, with_kind: bool, with_namespace: bool) -> str:
    if not with_namespace or not ref.namespace:
        return str(ref) if with_kind else ref.name
    return subject(ref) if with_kind else f"{ref.namespace}/{ref.name}"
