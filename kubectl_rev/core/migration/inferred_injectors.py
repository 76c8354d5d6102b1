"""What is known of the injectors to a person who may not read them.

No Role grants a cluster-scoped resource, so whoever has rights in a namespace only cannot list
MutatingWebhookConfigurations. But the API server calls them for everybody: a pod that is tried with a dry run shows
who injects a namespace now. Whom a label leads to that is not there yet nobody can try; it is taken to lead to the
revision of that name by selectors as the charts have them (istio-discovery/templates/mutatingwebhook.yaml). That is
proven, or the label taken back, by the pods that are tried after it is written and before the first restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import ClientConfig, Metadata, Rule, Webhook, WebhookConfiguration
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement, is_label_value
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot

_PODS = Rule(operations=["CREATE"], api_groups=[""], api_versions=["v1"], resources=["pods"])


def gap(snapshot: Snapshot) -> Gap | None:
    """Why the injectors could not be read, None if they were."""
    return next((gap for gap in snapshot.gaps if gap.resource == labels.INJECTORS), None)


def names_of(given: Mapping[str, str]) -> set[str]:
    """The name that a namespace's labels ask for, if any: `default` for `istio-injection=enabled`."""
    if labels.INJECTION in given:
        return {labels.DEFAULT} if given[labels.INJECTION] == "enabled" else set()
    return _possible(given.get(labels.REV, ""))


def with_inferred(snapshot: Snapshot, tried: Mapping[str, str | None], names: Iterable[str]) -> Snapshot:
    """The snapshot with the injectors that there must be.

    `tried` maps a namespace to the revision that injects a pod there now, None for nobody; `names` are those that are
    taken to lead to the revision of their own name unless a pod showed otherwise.
    """
    leads: dict[str, str | None] = {}
    for namespace in snapshot.namespaces:
        if namespace.name in tried:
            leads |= dict.fromkeys(names_of(namespace.labels), tried[namespace.name])
    for name in names:
        leads |= {possible: name for possible in _possible(name) if possible not in leads}
    injectors = [_injector(name, revision) for name, revision in sorted(leads.items()) if revision]
    gaps = [gap for gap in snapshot.gaps if gap.resource != labels.INJECTORS]
    return replace(snapshot, injectors=injectors, gaps=gaps)


def _possible(name: str) -> set[str]:
    return {name} if name and is_label_value(name) else set()


def _injector(name: str, revision: str) -> WebhookConfiguration:
    tag = {labels.TAG: name} if name != revision else {}
    metadata = Metadata(name=f"istio-sidecar-injector-{name}", labels={labels.REV: revision, **tag})
    somewhere = ClientConfig(url="")  # its Service cannot be read either
    webhooks = [
        Webhook(
            name=f"{entry}.{labels.INJECTION_WEBHOOK_SUFFIX}",
            client_config=somewhere,
            namespace_selector=LabelSelector(match_expressions=space),
            object_selector=LabelSelector(match_expressions=pod),
            rules=[_PODS],
        )
        for entry, space, pod in _entries(name)
    ]
    return WebhookConfiguration(metadata=metadata, webhooks=webhooks)


def _entries(name: str) -> Iterator[tuple[str, tuple[Requirement, ...], tuple[Requirement, ...]]]:
    no_injection = Requirement(labels.INJECTION, Operator.DOES_NOT_EXIST)
    no_revision = Requirement(labels.REV, Operator.DOES_NOT_EXIST)
    revision = Requirement(labels.REV, Operator.IN, (name,))
    not_refused = Requirement(labels.INJECT, Operator.NOT_IN, ("false",))
    yield "rev.namespace", (revision, no_injection), (not_refused,)
    yield "rev.object", (no_revision, no_injection), (not_refused, revision)
    if name == labels.DEFAULT:
        yield "namespace", (Requirement(labels.INJECTION, Operator.IN, ("enabled",)),), (not_refused,)
        asked = Requirement(labels.INJECT, Operator.IN, ("true",))
        yield "object", (no_injection, no_revision), (asked, no_revision)
