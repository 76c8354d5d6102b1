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
from kubectl_rev.render.output import Output, written
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

    check = next((check for check in preflight.CHECKS if check.code == code.upper()), None) or find(code)
    return look.explanation(check, FIX[check.code], style)


def listed(output: Output, style: Style) -> str:
    """All checks, as a table, JSON or YAML."""

    def table() -> str:
        return render.table(("CODE", "SEVERITY", "TITLE"), [(c.code, c.severity.value, c.title) for c in ALL], style)

    return written(
        output, "CheckList", value=lambda: [_row(check) for check in ALL], text=table, names=table, junit=table
    )


def _row(check: Check[Any]) -> dict[str, str]:
    return {
        "code": check.code,
        "severity": check.severity.value,
        "title": check.title,
        "why": check.why,
        "fix": FIX[check.code],
        "source": check.source,
    }
