"""The parts of the documents that are made from the program: `<!-- made: NAME -->` to `<!-- end -->`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.migration.checks import preflight
from kubectl_rev.core.remedies.advice import FIX
from kubectl_rev.core.verification.verify import MOVE, UNINSTALL
from kubectl_rev.errors import ExitCode
from tests.core import truth
from tests.schema import KINDS, LISTS


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def exit_codes() -> str:
    """Every code, with what `--help` says of it."""
    return table(("code", "means"), [(str(code.value), code.means) for code in ExitCode])


HUNDREDS = {
    "1": "Revisions, injectors and tags (rev-status, rev-verify)",
    "2": "Namespaces, workloads and pods (REV20x and REV21x: rev-status, rev-verify; REV22x: rev-verify)",
    "3": "What an uninstall would break (rev-verify --uninstall)",
    "4": "Preflight of a migration (rev-migrate)",
    "5": "Validation of config (rev-fix-validation, rev-status, rev-verify)",
}


def checks() -> str:
    """The catalogue, by hundreds."""
    known = sorted([*MESH_CHECKS, *MOVE, *UNINSTALL, *preflight.CHECKS], key=lambda check: check.code)
    parts = []
    for hundred, title in HUNDREDS.items():
        rows = [
            (f"**{c.code}** {c.severity.value}", c.title, c.why, FIX[c.code]) for c in known if c.code[3] == hundred
        ]
        parts.append(f"## REV{hundred}xx: {title}\n\n{table(('code', 'what', 'why it matters', 'what to do'), rows)}")
    return "\n".join(parts)


_WORDS = {
    truth.ANY_INJECTION: "any",
    truth.ANY_REV: "any",
    truth.ANY_INJECT: "any",
    truth.ABSENT: "absent",
    truth.OTHER: "any other value",
    truth.GHOST: "a name that nobody has",
    truth.WILLING: "not `false`",
    (None, *truth.REV[2:]): "absent, or another name",
}
_WHO = {None: "nobody", truth.CANARY: "revision `canary`", truth.PROD: "the revision of tag `prod`"}
_DEFAULT = ("default", "whoever holds it")
_LABELS = (
    "namespace `istio-injection`",
    "namespace `istio.io/rev`",
    "pod `sidecar.istio.io/inject`",
    "pod `istio.io/rev`",
    "new pods are injected by",
)


def _values(values: truth.Values) -> str:
    return _WORDS.get(values) or " or ".join("absent" if v is None else f"`{v}`" if v else "empty" for v in values)


def _truth(rows: Iterable[truth.Row]) -> str:
    who = _WHO | {_DEFAULT: "who holds the default", truth.UNREVISIONED: "the unrevisioned control plane"}
    return table(_LABELS, [[*(_values(values) for values in row[:4]), who[row[4]]] for row in rows if all(row[:4])])


def truth_now() -> str:
    """1.10 and later."""
    return _truth(truth.current(_DEFAULT))


def truth_1_9() -> str:
    """1.9."""
    return _truth(truth.legacy((None, "true", "")))


def truth_1_6() -> str:
    """1.6 to 1.8."""
    return _truth(truth.legacy(truth.INJECT))


_PRINTED_BY = {
    "Overview": "rev-status",
    "Explanation": "rev-status TYPE/NAME",
    "Plan": "rev-migrate --dry-run=client",
    "Result": "rev-migrate",
    "Verification": "rev-verify",
    "Validation": "rev-fix-validation",
    "ExplanationList": "rev-status TYPE/NAME TYPE/NAME",
    "CheckList": "rev-verify --list-checks",
}


def kinds() -> str:
    """Every kind of document, who prints it, and its fields."""
    rows = []
    for kind, (made_of, more) in KINDS.items():
        fields = [*made_of.__struct_encode_fields__, *more]
        rows.append((f"`{kind}`", f"`kubectl {_PRINTED_BY[kind]}`", ", ".join(f"`{field}`" for field in fields)))
    for kind, given in LISTS.items():
        by = _PRINTED_BY.get(kind, f"rev-status {kind.removesuffix('List').lower()}s")
        rows.append((f"`{kind}`", f"`kubectl {by}`", ", ".join(f"`{field}`" for field in given)))
    return table(("kind", "printed by", "fields besides apiVersion and kind"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "exit codes": exit_codes,
    "checks": checks,
    "truth, 1.10 and later": truth_now,
    "truth, 1.9": truth_1_9,
    "truth, 1.6 to 1.8": truth_1_6,
    "kinds": kinds,
}
