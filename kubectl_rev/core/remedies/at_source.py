"""The change to make where an object really comes from, as commands to copy: Helm, Git, Sail, istioctl."""

from __future__ import annotations

import re

import msgspec

from kubectl_rev.core.checks.hints import Flag, Hint, command, program, sentence, within
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.ownership import Owner
from kubectl_rev.core.mesh.webhook_targets import own_service

_BASE = Owner("Helm", "istio-base")


def repoint(owner: Owner, validator: str, revision: str, *, default: bool) -> Hint:
    """How to make a validator call a revision, for good; `default`: it validates config without a revision label."""
    match owner.tool:
        case "Helm" if default:
            return default_revision(revision, owner)
        case "Helm":
            return _upgrade(owner, "istio/istiod")
        case "Sail" if default:
            target = {"spec": {"targetRef": {"kind": "IstioRevision", "name": revision}}}
            text = msgspec.json.encode(target).decode()
            patch = command("patch", "istiorevisiontag", labels.DEFAULT, Flag("--type=merge"), Flag("-p", text))
            return sentence(patch, "  # moves what istio-injection=enabled means, too")
    service = f"webhooks[].clientConfig.service.name={own_service(revision)}"
    change = f"metadata.labels.{labels.REV}={revision} and {service}"
    chart = f", or the base chart's value defaultRevision={revision}" if default else ""
    return sentence(f"in the source of {owner}: {change} of {validator}{chart}")


def restore(owner: Owner, namespace: str, name: str) -> Hint:
    """How to get a Service back that was deleted by hand."""
    if owner.tool == "Helm":
        return _upgrade(owner, "istio/istiod")
    return sentence(f"in the source of {owner}: let it make service {namespace}/{name} again")


def reselect(owner: Owner, namespace: str, name: str) -> Hint:
    """How to make a Service lead elsewhere, for good."""
    return sentence(f"in the source of {owner}: spec.selector of service {namespace}/{name}")


def remove(owner: Owner, name: str) -> Hint:
    """How to make a validator go, for good."""
    if owner.tool == "Helm":
        return program("helm", "uninstall", owner.name, *_release(owner))
    return sentence(f"in the source of {owner}: remove {name}")


def default_revision(revision: str, base: Owner = _BASE) -> Hint:
    """How the base chart is told which revision validates what has no revision label."""
    value = re.sub(r"([\\,{}])", r"\\\1", revision)  # for --set, and not for more settings (helm/pkg/strvals)
    return _upgrade(base, "istio/base", Flag("--set", f"defaultRevision={value}"))


def _upgrade(owner: Owner, chart: str, *settings: Flag) -> Hint:
    return program("helm", "upgrade", owner.name, chart, *_release(owner), Flag("--reuse-values"), *settings)


def _release(owner: Owner) -> list[Flag]:
    return [within(owner.namespace)] if owner.namespace else []


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
