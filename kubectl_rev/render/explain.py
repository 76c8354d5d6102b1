"""How an explanation looks: from labels over webhooks and istiod to what runs, what was found, and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import InjectorTrace
from kubectl_rev.core.status.explain import Explanation
from kubectl_rev.render.text import Style, clean, gap_text, paint, pairs, plural, wrap


def explanation(story: Explanation, style: Style) -> str:
    """The story, from labels over webhooks and istiod to what runs."""
    where = f" in namespace {story.subject.namespace}" if story.subject.namespace else ""
    subject = f"{story.subject.kind.lower()}/{story.subject.name}{where}"
    comma = "," if story.headline.startswith("when ") else ":" if story.headline.startswith("new pods") else ""
    lines = [paint(line, "bold", style) for line in wrap("", clean(f"{subject}{comma} {story.headline}"), style.width)]
    lines += _aligned(_facts(story), style)
    for injector in story.injectors:
        lines.append(clean(f"  {injector.injector} ({_serves(injector)})"))
        rows = _trials(injector)
        width = max(len(row[0]) for row in rows)
        for entry, answer, because in rows:
            lines += wrap(clean(f"    {entry:<{width}}   {answer:<7}   "), because, style.width)
    if story.istiod:
        word = {True: "accepts it", False: "leaves it alone", None: "may or may not accept it"}[story.istiod.accepts]
        lines += wrap("  ", f"istiod of {story.istiod.revision} {word}: {story.istiod.because}", style.width)
    lines += _aligned(_outcome(story), style)
    return "\n".join(lines)


def _trials(injector: InjectorTrace) -> list[tuple[str, str, str]]:
    """Entry, answer, reason, then its conditions; one row for all that say the same (a deactivated injector)."""
    trials = injector.trials
    alike = len({(trial.matches, trial.because, trial.conditions) for trial in trials}) == 1 and len(trials) > 1
    rows = []
    for trial in trials[:1] if alike else trials:
        name = "all entries" if alike else _short(trial.webhook)
        rows.append((name, _ANSWERS[trial.matches], trial.because))
        for one in trial.conditions:
            rows.append((f"  condition {one.name}", one.result, one.because or " ".join(one.expression.split())))
    return rows


_ANSWERS = {True: "matches", False: "no", None: "unknown"}


def _facts(story: Explanation) -> Iterator[tuple[str, str]]:
    labelled = "not read" if story.labels is None else pairs(story.labels, ", ") or "no injection labels"
    if story.subject.kind == "Namespace":
        yield "labels", labelled
    else:
        yield "namespace", labelled
        annotated = [f"annotation {key}={value}" for key, value in story.pod_annotations.items()]
        which = "gateway" if story.subject.kind == "Gateway" else "pod"
        yield which, ", ".join(filter(None, [pairs(story.pod_labels, ", "), *annotated])) or "no injection labels"
    for label in story.ignored:
        yield "ignored", label


def _outcome(story: Explanation) -> Iterator[tuple[str, str]]:
    for row in story.running:
        proxy = f"injected by {row.proxy_revision} (says {row.evidence})"
        if row.has_proxy and row.proxy_revision is None:
            proxy = "with a proxy, and nothing says whose"
        if not row.has_proxy:
            proxy = "without a sidecar"
        yield "running", f"{plural(row.pods, 'pod')} {proxy}: {row.restart}"
    if not story.running:
        unread = any(gap.resource == "pods" and gap.namespace in ("", story.subject.space) for gap in story.gaps)
        yield "running", "not known: the pods could not be read" if unread else "no pods"
    for finding in story.findings:
        yield "found", f"{finding.code} {finding.severity.value}: {finding.message}"
    if story.hint:
        yield "next", str(story.hint)
    for gap in story.gaps:
        yield "not read", gap_text(gap)


def _aligned(facts: Iterable[tuple[str, str]], style: Style) -> list[str]:
    return [
        line for what, text in facts for line in wrap(f"  {what:<9}   ", text, None if what == "next" else style.width)
    ]


def _serves(injector: InjectorTrace) -> str:
    return f"tag {injector.tag}, revision {injector.revision}" if injector.tag else f"revision {injector.revision}"


def _short(webhook: str) -> str:
    """`rev.namespace.` for the charts' long entry names, as Istio's own developers speak of them."""
    return webhook.removesuffix(labels.INJECTION_WEBHOOK_SUFFIX) or webhook
