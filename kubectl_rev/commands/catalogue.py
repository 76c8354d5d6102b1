"""The catalogue as a person asks for it: all checks in a table, one explained, a code looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import Check
from kubectl_rev.core.remedies.advice import FIX
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.core.verification import verify
from kubectl_rev.errors import UsageError
from kubectl_rev.render import text as render
from kubectl_rev.render import verify as look
from kubectl_rev.render.text import Style

ALL: tuple[Check[Any], ...] = tuple(
    sorted([*MESH_CHECKS, *verify.MOVE, *verify.UNINSTALL], key=lambda check: check.code)
)


def codes(given: Sequence[str]) -> tuple[str, ...]:
    """Codes as typed, several in one word with commas. Raises UsageError for one that does not exist."""
    return tuple(find(word).code for value in given for word in value.split(",") if word)


def find(code: str) -> Check[Any]:
    """The check of a code. Raises UsageError."""
    known = {check.code: check for check in ALL}
    if code.upper() in known:
        return known[code.upper()]
    raise UsageError(f'unknown check "{code}"; --list-checks shows all{did_you_mean(code.upper(), known)}')


def explained(code: str, style: Style) -> str:
    """What a code means, why it matters, how to fix it, where that is from; a migration's preflight included."""
    from kubectl_rev.core.migration.checks import preflight

    for check in preflight.CHECKS:
        if check.code == code.upper():
            return look.explanation(check, FIX[check.code], style)
    found = find(code)
    return look.explanation(found, FIX[found.code], style)


def listed(output: str, style: Style) -> str:
    """All checks, as a table, JSON or YAML."""
    if output in ("json", "yaml"):
        rows = [
            {
                "code": c.code,
                "severity": c.severity.value,
                "title": c.title,
                "why": c.why,
                "fix": FIX[c.code],
                "source": c.source,
            }
            for c in ALL
        ]
        return render.json("CheckList", rows) if output == "json" else render.yaml("CheckList", rows)
    return render.table(("CODE", "SEVERITY", "TITLE"), [(c.code, c.severity.value, c.title) for c in ALL], style)
