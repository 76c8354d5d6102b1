"""Values to text: kubectl's tables, JSON, YAML and names. Returns strings, prints nothing.

Whatever was read from a cluster loses its control characters here, on the way to a terminal.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.checks.hints import CONTROL, Flag, Hint, command
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.mesh.resources import printed
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.status.items import NOT_CHECKED
from kubectl_rev.errors import RIGHTS

API_VERSION = "kubectl-rev/v1"

Row = Sequence[str]


class Column(NamedTuple):
    """A column of a table of items; a `wide` one is shown with -o wide only."""

    name: str
    cell: Callable[[Any], str]
    wide: bool = False


class Style(msgspec.Struct, frozen=True):
    """How the reader sees it: `width` and `limit` (rows of a long list) are None when it goes to a pipe or a file."""

    width: int | None = None
    color: bool = False
    limit: int | None = None
    headers: bool = True
    wide: bool = False


def clean(text: str) -> str:
    """The text without control characters; C1 and bidirectional overrides are such, too."""
    return CONTROL.sub("", text)


def fit(text: str, width: int | None) -> str:
    """No line longer than the terminal is wide: the end of a long one becomes `…`."""
    if width is None:
        return text
    return "\n".join(line if len(line) <= width else line[: max(width - 1, 0)] + "…" for line in text.split("\n"))


def wrap(head: str, text: str, width: int | None, indent: int | None = None) -> list[str]:
    """Prose after a head, wrapped under itself on a terminal; `indent` where the head has invisible colour codes."""
    cells = len(head) if indent is None else indent
    text = clean(text)
    wrapped = [text] if width is None else textwrap.wrap(text, max(width - cells, 20), break_on_hyphens=False) or [""]
    return [head + wrapped[0], *(" " * cells + line for line in wrapped[1:])]


def table(columns: Sequence[str], rows: Iterable[Row], style: Style) -> str:
    """kubectl's look: upper-case headers, no borders, three spaces; empty cells are `-`."""
    import tabulate

    tabulate.MIN_PADDING = 0  # tabulate's own knob: headers get no extra blanks
    cells = [[clean(cell) or "-" for cell in row] for row in rows]
    between = tabulate.DataRow("", "   ", "")
    plain = tabulate.TableFormat(None, None, None, None, between, between, 0, None)
    text = tabulate.tabulate(cells, columns if style.headers else (), tablefmt=plain, disable_numparse=True)
    whole = "\n".join(line.rstrip() for line in text.split("\n"))
    return whole if style.wide else fit(whole, style.width)  # who says -o wide wants all of it, as kubectl does


def listing(items: Sequence[Any], columns: Sequence[Column], style: Style) -> str:
    """A table with one row per item."""
    shown = [column for column in columns if style.wide or not column.wide]
    return table([column.name for column in shown], [[column.cell(item) for column in shown] for item in items], style)


def builtins(value: Any) -> dict[str, Any]:
    """The fields of a value as JSON has them; a message and a hint are one line of text."""
    fields: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_encoded)
    return fields


def _encoded(value: Any) -> str:
    if isinstance(value, Hint | str):  # a message is its text, too
        return str(value)
    raise NotImplementedError(type(value))


def document(kind: str, value: Any) -> dict[str, Any]:
    """A value as JSON and YAML carry it: `apiVersion` and `kind` first; a list becomes `items`."""
    fields = builtins({"items": value} if isinstance(value, list) else value)
    return {"apiVersion": API_VERSION, "kind": kind} | fields


def json(kind: str, value: Any) -> str:
    """Indented JSON; what could steer a terminal is escaped, so the data stays whole."""
    text = msgspec.json.format(msgspec.json.encode(document(kind, value))).decode()
    return CONTROL.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def yaml(kind: str, value: Any) -> str:
    """The same document as YAML."""
    from kubectl_rev.dumps.yaml_writer import write_yaml

    return write_yaml(document(kind, value)).decode().rstrip("\n")


def name(kind: str, namespace: str, name: str) -> str:
    """`namespace/shop`, `deployment.apps/web -n shop`: what `-f -` of the next command takes."""
    return clean(f"{printed(kind)}/{name}{within(namespace)}")


def within(namespace: str) -> str:
    """` -n shop`; nothing for what has no namespace."""
    return f" -n {namespace}" if namespace else ""


def subject(ref: Ref) -> str:
    """`deployment/web -n shop`."""
    return f"{ref}{within(ref.namespace)}"


def pairs(labels: Mapping[str, str], comma: str = ",") -> str:
    """`app=web,istio.io/rev=canary`."""
    return comma.join(f"{key}={value}" for key, value in labels.items())


_COLORS = {"error": "31", "warning": "33", "info": "36", "good": "32", "bold": "1"}


def paint(text: str, color: str, style: Style) -> str:
    """Coloured when the style says so; `color` is error, warning, info, good or bold."""
    return f"\x1b[{_COLORS[color]}m{text}\x1b[0m" if style.color and color in _COLORS else text


UNKNOWN = "?"  # in a table: could not be read, which is not none


def known(count: int | None) -> str:
    """A count, or `?` where it could not be read."""
    return UNKNOWN if count is None else str(count)


_UNITS = ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
# Below each limit, in seconds, kubectl shows these two units: k8s.io/apimachinery, util/duration, HumanDuration.
_SHOWN = ((120, "s", ""), (600, "m", "s"), (10800, "m", ""), (28800, "h", "m"), (172800, "h", ""), (691200, "d", "h"))
_SHOWN_TOO = ((2 * 365 * 86400, "d", ""), (8 * 365 * 86400, "y", "d"))


def age(created: str | None, taken: str) -> str:
    """`45s`, `3m10s`, `2d4h`: how old something was when it was read, as kubectl writes it."""
    from datetime import datetime

    try:
        seconds = int((datetime.fromisoformat(taken) - datetime.fromisoformat(created or "")).total_seconds())
    except (ValueError, TypeError):  # no time, or one that is none
        return "<unknown>"
    first, second = next(((a, b) for limit, a, b in (*_SHOWN, *_SHOWN_TOO) if seconds < limit), ("y", ""))
    parts, rest = {}, max(seconds, 0)
    for size, unit in _UNITS:
        if unit in (first, second):
            parts[unit], rest = divmod(rest, size)
    tail = f"{parts[second]}{second}" if second and parts[second] else ""
    return f"{parts[first]}{first}{tail}"


def counts(by_revision: dict[str, int] | None) -> str:
    """`canary 1, default 3`."""
    if by_revision is None:
        return UNKNOWN
    return ", ".join(f"{revision} {count}" for revision, count in sorted(by_revision.items()))


def plural(count: int, noun: str) -> str:
    """`1 pod`, `2 pods`, `2 proxies`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("xy") else f"{count} {noun}s"


def not_checked(gaps: Sequence[Gap], style: Style, repeated: Callable[[Hint], Hint]) -> str:
    """What an overview leaves open, and the rights that would help."""
    lines = [line for text in gap_texts(gaps) for line in wrap("Not checked: ", text, style.width)]
    if any(gap.verb in RIGHTS and not gap.of_file for gap in gaps):
        rbac = repeated(command("rev-verify", Flag("--rbac")))
        lines.append(f"{'':13}{clean(str(rbac))}   # the rights to ask for")
    lines += wrap("Not checked: ", f"{', '.join(NOT_CHECKED.values())}.", style.width)
    return "\n".join(lines)


def gap_texts(gaps: Iterable[Gap]) -> Iterator[str]:
    """One line for all that are missing for one reason: whoever may list nothing may not list forty resources."""
    alike: dict[tuple[str, ...], list[Gap]] = defaultdict(list)
    for gap in gaps:
        alike[gap.verb, gap.namespace, gap.reason].append(gap)
    for found in alike.values():
        groups: dict[str, list[str]] = defaultdict(list)
        for gap in found:
            plural, _, group = gap.resource.partition(".")
            groups[group].append(plural)
        one_each = [
            f"{', '.join(names)} of {group}"
            if group and len(names) > 1
            else ", ".join(f"{n}.{group}" if group else n for n in names)
            for group, names in groups.items()
        ]
        yield gap_text(replace(found[0], resource="; ".join(one_each)))


def gap_text(gap: Gap) -> str:
    """`pods in namespace shop (may not list: forbidden)`, `pods (not in the dump)`."""
    return f"{gap_place(gap)} ({gap_why(gap)})" if gap.reason else gap_place(gap)


def gap_place(gap: Gap) -> str:
    """`pods in namespace shop`."""
    return gap.resource + (f" in namespace {gap.namespace}" if gap.namespace else "")


def gap_why(gap: Gap) -> str:
    """`may not list: forbidden`, `not in the dump`."""
    return gap.reason if gap.of_file else f"may not {gap.verb}: {gap.reason}"
