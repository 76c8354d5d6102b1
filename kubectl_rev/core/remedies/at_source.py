"""The change to make where an object really comes from, as commands to copy: Helm, Git, Sail, istioctl."""

from __future__ import annotations

import shlex

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.ownership import Owner
from kubectl_rev.core.remedies.commands import command
from kubectl_rev.core.validation.validation import Entry


def repoint(owner: Owner, entry: Entry, revision: str) -> str:
    """How to make a validator call a revision, for good."""
    match owner.tool:
        case "Helm" if entry.is_default:
            where = ["-n", owner.namespace] if owner.namespace else []
            value = f"defaultRevision={revision}"
            return shlex.join(["helm", "upgrade", owner.name, "istio/base", *where, "--reuse-values", "--set", value])
        case "Helm":
            where = ["-n", owner.namespace] if owner.namespace else []
            return shlex.join(["helm", "upgrade", owner.name, "istio/istiod", *where, "--reuse-values"])
        case "Sail" if entry.is_default:
            target = f'{{"spec":{{"targetRef":{{"kind":"IstioRevision","name":"{revision}"}}}}}}'
            patch = command("patch", "istiorevisiontag", labels.DEFAULT, "--type=merge", "-p", target)
            return f"{patch}  (moves what istio-injection=enabled means, too)"
    service = f"istiod-{revision}" if revision != labels.DEFAULT else "istiod"
    change = f"metadata.labels.{labels.REV}={revision} and webhooks[].clientConfig.service.name={service}"
    chart = f", or the base chart's value defaultRevision={revision}" if entry.is_default else ""
    return f"in the source of {owner}: {change} of {entry.name}{chart}"


def restore(owner: Owner, namespace: str, name: str) -> str:
    """How to get a Service back that was deleted by hand."""
    if owner.tool == "Helm":
        where = ["-n", owner.namespace] if owner.namespace else []
        return shlex.join(["helm", "upgrade", owner.name, "istio/istiod", *where, "--reuse-values"])
    return f"in the source of {owner}: let it make service {namespace}/{name} again"


def remove(owner: Owner, name: str) -> str:
    """How to make a validator go, for good."""
    if owner.tool == "Helm":
        return shlex.join(["helm", "uninstall", owner.name, *(["-n", owner.namespace] if owner.namespace else [])])
    return f"in the source of {owner}: remove {name}"


def tag_moves(survey: Survey, revision: str) -> str:
    """What `tag set default` changes besides validation: istioctl/pkg/tag/generate.go, pkg/leaderelection."""
    enabled = [n for n, given in survey.namespace_labels.items() if given.get(labels.INJECTION) == "enabled"]
    named = f": {', '.join(sorted(enabled)[:3])}{', …' if len(enabled) > 3 else ''}" if enabled else ""
    if survey.default.injection == revision:
        return "injection is there already, so that it moves nothing else"
    return (
        f"it also moves the injection of namespaces with {labels.INJECTION}=enabled ({len(enabled)} now{named}), "
        "Gateway API gateways without a label, and who is preferred as leader"
    )


def default_tag_dead(survey: Survey) -> bool:
    """Whether istio-injection=enabled leads to an injector that rejects every pod."""
    return select(survey.mesh, Subject("", {labels.INJECTION: "enabled"})).state is State.REJECTED
