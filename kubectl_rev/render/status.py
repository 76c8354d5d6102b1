"""How rev-status looks: the one screen, the tables, the explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_rev.core.checks.hints import Hint, command
from kubectl_rev.core.checks.model import Finding
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.status.items import ControlPlaneItem, NamespaceItem, Overview, PodItem, WorkloadItem
from kubectl_rev.render import findings
from kubectl_rev.render.text import (
    UNKNOWN,
    Column,
    Style,
    age,
    clean,
    counts,
    fit,
    known,
    listing,
    not_checked,
    paint,
    plural,
)

_BAR = 20  # cells

Columns = Sequence[Column]


def overview(
    report: Overview,
    style: Style,
    repeated: Callable[[Hint], Hint] = lambda hint: hint,
    *,
    findings_first: bool = False,
) -> str:
    """Control planes, namespaces that need attention, findings, and what was not checked.

    `repeated` adds this call's connection flags to a command. `findings_first` for a screen that cuts what is below.
    """
    parts = [listing(report.control_planes, CONTROL_PLANES, style)]
    if style.width is not None and (line := _bar(report)):  # a terminal, whatever its colours
        parts.append(fit(line, style.width))
    below = [_attention(report, style, repeated), findings.block(report.findings, style)]
    parts += reversed(below) if findings_first else below
    parts.append(not_checked(report.gaps, style, repeated))
    return "\n\n".join(part for part in parts if part)


def _default(row: ControlPlaneItem) -> str:
    held = [what for what in row.default if what != "name"]
    return "*" if len(held) == 3 or held == ["injection", "validation"] else ",".join(held)


def _istiod(row: ControlPlaneItem) -> str:
    pods = f"{row.istiod.ready}/{row.istiod.total}" if row.state in ("local", "missing") else row.state
    injector = _injector(row)
    return pods if injector in ("ok", "unknown") else f"{pods}, {injector} injector"


def _injector(row: ControlPlaneItem) -> str:
    if not row.injectors:
        return "unknown" if row.injectors is None else "no active"
    answers = {injector.answers for injector in row.injectors}
    return "dead" if False in answers else "ok" if answers == {True} else "unknown"


def _webhooks(row: ControlPlaneItem) -> str:
    return UNKNOWN if row.injectors is None else ",".join(injector.name for injector in row.injectors)


def _proxies(row: ControlPlaneItem) -> str:
    """Those that are ready, the others, and how many are selected for it where that differs: what a restart of all
    would make.
    """
    same = row.selected is None or row.selected == (row.proxies or 0) + (row.not_ready or 0)
    others = [f"{count} {state}" for count, state in ((row.not_ready, "not ready"), (row.terminating, "terminating"))
              if count]  # fmt: skip
    return known(row.proxies) + _more([*others, *([] if same else [f"{row.selected} selected"])])


def _revisions(row: NamespaceItem | WorkloadItem) -> str:
    return counts(row.proxy_revisions) + _more([f"{row.not_ready} not ready"] if row.not_ready else [])


def _more(details: list[str]) -> str:
    return f" ({', '.join(details)})" if details else ""


def _label(row: NamespaceItem) -> str:
    """The label that decides: istio-injection, whatever its value, before istio.io/rev."""
    if row.labels is None:
        return UNKNOWN
    for key in (labels.INJECTION, labels.REV, labels.DATAPLANE_MODE):
        if key in row.labels:
            return f"{key}={row.labels[key]}"
    return ""


def _selected(row: NamespaceItem | WorkloadItem | PodItem) -> str:
    return row.selected.revision or f"<{row.selected.state}>"


CONTROL_PLANES: Columns = (
    Column("REVISION", lambda r: r.revision),
    Column("NAMESPACE", lambda r: r.namespace, wide=True),
    Column("TAGS", lambda r: ",".join(r.tags)),
    Column("DEFAULT", _default),
    Column("VERSION", lambda r: r.version or ""),
    Column("ISTIOD", _istiod),
    Column("NAMESPACES", lambda r: known(r.namespaces)),
    Column("PROXIES", _proxies),
    Column("INJECTOR", _injector, wide=True),
    Column("WEBHOOKS", _webhooks, wide=True),
)
_NAMESPACES: Columns = (
    Column("NAMESPACE", lambda r: r.name),
    Column("LABEL", _label),
    Column("SELECTED", _selected),
    Column("PODS", lambda r: known(r.pods), wide=True),
    Column("DRIFT", lambda r: known(r.drifted), wide=True),
    Column("PROXIES", _revisions),
    Column("NOTE", lambda r: r.note),
    Column("BECAUSE", lambda r: r.selected.because, wide=True),
)
_WORKLOADS: Columns = (
    Column("NAMESPACE", lambda r: r.namespace),
    Column("KIND", lambda r: r.kind),
    Column("NAME", lambda r: r.name),
    Column("SELECTED", _selected),
    Column("PROXIES", _revisions),
    Column("DRIFT", lambda r: f"{known(r.drifted)}/{known(r.pods)}" if r.pods is not None else UNKNOWN),
    Column("NOTE", lambda r: r.note),
    Column("BECAUSE", lambda r: r.selected.because, wide=True),
)
_LISTS: dict[str, Columns] = {
    "revisions": CONTROL_PLANES,
    "tags": (
        Column("TAG", lambda r: r.name),
        Column("REVISION", lambda r: r.revision if r.resolves else f"{r.revision} (missing)"),
        Column("NAMESPACES", lambda r: known(r.namespaces)),
        Column("WEBHOOK", lambda r: r.injector or "", wide=True),
        Column("SERVICE", lambda r: r.service or "", wide=True),
    ),
    "namespaces": _NAMESPACES,
    "workloads": _WORKLOADS,
    "gateways": (*_WORKLOADS[:-2], Column("GATEWAY", lambda r: r.gateway), *_WORKLOADS[-2:]),
}


def columns(kind: str, *, namespaced: bool, taken: str) -> Columns:
    """Those of a list, in one namespace or in several; ages are of the time when the pods were read."""
    found = _pods(taken) if kind == "pods" else _LISTS[kind]
    return [column for column in found if not namespaced or column.name != "NAMESPACE"]


def _pods(taken: str) -> Columns:
    return (
        Column("NAMESPACE", lambda r: r.namespace),
        Column("NAME", lambda r: r.name),
        Column("PROXY", lambda r: r.proxy_revision or ("unknown" if r.has_proxy else "")),
        Column("SELECTED", _selected),
        Column("DRIFT", lambda r: UNKNOWN if r.drift is None else "yes" if r.drift else "no"),
        Column("AGE", lambda r: age(r.created, taken)),
        Column("OWNER", lambda r: f"{r.owner.kind}/{r.owner.name}" if r.owner else "", wide=True),
        Column("NOTE", lambda r: r.note),
        Column("EVIDENCE", lambda r: r.evidence or "", wide=True),
        Column("BECAUSE", lambda r: r.selected.because, wide=True),
    )


def _attention(report: Overview, style: Style, repeated: Callable[[Hint], Hint]) -> str:
    """The namespaces with something to say, and how many have nothing; those are fine only if the mesh is."""
    rows = [item for item in report.namespaces if item.attention]
    fine = len(report.namespaces) - len(rows)
    shown = rows[: style.limit] if style.limit else rows
    lines = [listing(shown, _NAMESPACES, style)] if shown else []
    if len(shown) < len(rows):
        rest = repeated(command("rev-status", "namespaces"))
        lines.append(clean(f"… and {len(rows) - len(shown)} more: {rest}"))
    which = plural(fine, "other namespace" if rows else "namespace")
    if fine and not all(gap.of_config for gap in report.gaps):
        lines.append(f"{which}: nothing wrong in what could be read.")
    elif fine and any(map(_of_the_mesh, report.findings)):
        lines.append(f"{which}: no findings of {'its' if fine == 1 else 'their'} own.")
    elif fine and rows:
        lines.append(f"{which} {'is' if fine == 1 else 'are'} fine.")
    elif fine:
        lines.append(paint(f"All {which} are fine." if fine > 1 else f"{which} is fine.", "good", style))
    return "\n".join(lines)


def _of_the_mesh(finding: Finding) -> bool:
    """Whether it is about a control plane, a tag or a webhook: namespaces depend on these, listed or not."""
    subject = finding.subject
    return subject.kind == "Revision" or (subject.kind != "Namespace" and not subject.namespace)


def _bar(report: Overview) -> str:
    """How far the move is, when exactly two revisions share the mesh: from the older to the newer."""
    planes = {plane.revision: plane for plane in report.control_planes if plane.state != "missing"}
    proxies = (report.proxies or 0) + (report.not_ready or 0)
    if len(planes) != 2 or not proxies:
        return ""
    old, new = sorted(planes.values(), key=lambda plane: plane.revision != "default")
    before, after = release(old.version or ""), release(new.version or "")
    if before and after and after < before:
        old, new = new, old
    share = (new.proxies or 0) / proxies
    full = round(share * _BAR)
    drift = f", {report.drifted} drift" if report.drifted else ""
    done = f"{new.proxies} of {proxies} proxies on {new.revision}{drift}"
    return clean(f"{old.revision} {'█' * full}{'░' * (_BAR - full)} {new.revision}   {done}")
