"""How rev-status looks: the one screen, the tables, the explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_rev.core.checks.hints import Hint, command
from kubectl_rev.core.checks.model import Finding
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.status.items import ControlPlaneItem, NamespaceItem, Overview, SelectedItem
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
    parts = [listing(report.control_planes, control_planes(style.wide), style)]
    if style.width is not None and (line := _bar(report)):  # a terminal, whatever its colours
        parts.append(fit(line, style.width))
    below = [_attention(report, style, repeated), findings.block(report.findings, style)]
    parts += reversed(below) if findings_first else below
    parts.append(not_checked(report.gaps, style, repeated))
    return "\n\n".join(part for part in parts if part)


def control_planes(wide: bool) -> Columns:
    """Columns of `revisions` and of the overview's first table."""
    columns: list[Column] = [
        ("REVISION", lambda r: r.revision),
        ("TAGS", lambda r: ",".join(r.tags)),
        ("DEFAULT", _default),
        ("VERSION", lambda r: r.version or ""),
        ("ISTIOD", _istiod),
        ("NAMESPACES", lambda r: known(r.namespaces)),
        ("PROXIES", _proxies),
    ]
    if wide:
        columns[1:1] = [("NAMESPACE", lambda r: r.namespace)]
        columns += [("INJECTOR", _injector), ("WEBHOOKS", _webhooks)]
    return columns


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
    """Those that run on it, and how many are selected for it where that differs: what a restart of all would make."""
    same = row.selected is None or row.selected == row.proxies
    return known(row.proxies) if same else f"{known(row.proxies)} ({row.selected} selected)"


def tags(wide: bool) -> Columns:
    """Columns of `tags`."""
    columns: list[Column] = [
        ("TAG", lambda r: r.name),
        ("REVISION", lambda r: r.revision if r.resolves else f"{r.revision} (missing)"),
        ("NAMESPACES", lambda r: known(r.namespaces)),
    ]
    if wide:
        columns += [("WEBHOOK", lambda r: r.injector or ""), ("SERVICE", lambda r: r.service or "")]
    return columns


def namespaces(wide: bool) -> Columns:
    """Columns of `namespaces` and of the overview's second table."""
    columns: list[Column] = [
        ("NAMESPACE", lambda r: r.name),
        ("LABEL", _label),
        ("SELECTED", lambda r: _selected(r.selected)),
        ("PROXIES", lambda r: counts(r.proxy_revisions)),
        ("NOTE", lambda r: r.note),
    ]
    if wide:
        columns[3:3] = [("PODS", lambda r: known(r.pods)), ("DRIFT", lambda r: known(r.drifted))]
        columns += [("BECAUSE", lambda r: r.selected.because)]
    return columns


def _label(row: NamespaceItem) -> str:
    """The label that decides: istio-injection, whatever its value, before istio.io/rev."""
    if row.labels is None:
        return UNKNOWN
    for key in (labels.INJECTION, labels.REV, labels.DATAPLANE_MODE):
        if key in row.labels:
            return f"{key}={row.labels[key]}"
    return ""


def _selected(selected: SelectedItem) -> str:
    return selected.revision or f"<{selected.state}>"


def workloads(wide: bool, namespaced: bool) -> Columns:
    """Columns of `workloads`."""
    columns: list[Column] = [] if namespaced else [("NAMESPACE", lambda r: r.namespace)]
    columns += [
        ("KIND", lambda r: r.kind),
        ("NAME", lambda r: r.name),
        ("SELECTED", lambda r: _selected(r.selected)),
        ("PROXIES", lambda r: counts(r.proxy_revisions)),
        ("DRIFT", lambda r: f"{known(r.drifted)}/{known(r.pods)}" if r.pods is not None else UNKNOWN),
        ("NOTE", lambda r: r.note),
    ]
    return [*columns, ("BECAUSE", lambda r: r.selected.because)] if wide else columns


def gateways(wide: bool, namespaced: bool) -> Columns:
    """Columns of `gateways`: a workload's, and the kind of gateway."""
    columns = list(workloads(wide, namespaced))
    at = [name for name, _ in columns].index("NOTE")
    return [*columns[:at], ("GATEWAY", lambda r: r.gateway), *columns[at:]]


def pods(wide: bool, namespaced: bool, taken: str) -> Columns:
    """Columns of `pods`; ages are of the time when they were read."""
    columns: list[Column] = [] if namespaced else [("NAMESPACE", lambda r: r.namespace)]
    columns += [
        ("NAME", lambda r: r.name),
        ("PROXY", lambda r: r.proxy_revision or ("unknown" if r.has_proxy else "")),
        ("SELECTED", lambda r: _selected(r.selected)),
        ("DRIFT", lambda r: UNKNOWN if r.drift is None else "yes" if r.drift else "no"),
        ("AGE", lambda r: age(r.created, taken)),
        ("NOTE", lambda r: r.note),
    ]
    if wide:
        columns[-1:-1] = [("OWNER", lambda r: f"{r.owner.kind}/{r.owner.name}" if r.owner else "")]
        columns += [("EVIDENCE", lambda r: r.evidence or ""), ("BECAUSE", lambda r: r.selected.because)]
    return columns


def _attention(report: Overview, style: Style, repeated: Callable[[Hint], Hint]) -> str:
    """The namespaces with something to say, and how many have nothing; those are fine only if the mesh is."""
    rows = [item for item in report.namespaces if item.attention]
    fine = len(report.namespaces) - len(rows)
    shown = rows[: style.limit] if style.limit else rows
    lines = [listing(shown, namespaces(style.wide), style)] if shown else []
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
    if len(planes) != 2 or not report.proxies:
        return ""
    old, new = sorted(planes.values(), key=lambda plane: plane.revision != "default")
    before, after = release(old.version or ""), release(new.version or "")
    if before and after and after < before:
        old, new = new, old
    share = (new.proxies or 0) / report.proxies
    full = round(share * _BAR)
    drift = f", {report.drifted} drift" if report.drifted else ""
    done = f"{new.proxies} of {report.proxies} proxies on {new.revision}{drift}"
    return clean(f"{old.revision} {'█' * full}{'░' * (_BAR - full)} {new.revision}   {done}")
