"""The change to make where an object really comes from, as commands to copy: Helm, Git, Sail, istioctl."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from kubectl_rev.core.checks.hints import NO_HINT, Flag, Goal, Hint, command, leads_to, program, sentence, within
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.control_plane import label_of, own_service
from kubectl_rev.core.mesh.drift import unfinished
from kubectl_rev.core.mesh.gateways import GatewayKind
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.mesh.objects import Metadata
from kubectl_rev.core.mesh.ownership import Owner, Release, owner_of, release_of
from kubectl_rev.core.remedies.commands import (
    ISTIO_SYSTEM,
    is_sails,
    label_gateway,
    reset_label,
    sail_tag,
    tag_set,
    who_is_there,
    with_own_injector,
)

_ISTIOD = "istio/istiod"
_BASE = Owner("Helm", "istio-base")


@leads_to(Goal.VALIDATED)
def repoint(survey: Survey, owner: Owner, validator: str, revision: str, *, default: bool) -> Hint:
    """How to make a validator call a revision, for good; `default`: it validates config without a revision label."""
    match owner.tool:
        case "Helm" if default:
            return default_revision(survey, revision, owner)
        case "Helm":
            return _upgrade(owner, _ISTIOD, survey.mesh.versions_of(revision))
        case "Sail" if default:
            patch = sail_tag(labels.DEFAULT, revision)
            return sentence(patch, "  # moves what istio-injection=enabled means, too")
    service = f"webhooks[].clientConfig.service.name={own_service(revision)}"
    change = f"metadata.labels.{labels.REV}={label_of(revision)} and {service}"
    chart = f", or the base chart's value defaultRevision={revision}" if default else ""
    return sentence(f"in the source of {owner}: {change} of {validator}{chart}")


def unignored(owner: Owner | None) -> Hint:
    """What has Argo CD write the webhooks of a configuration, and not its label alone; empty of other owners.

    What ignoreDifferences cover stays as it is in the cluster with the sync option RespectIgnoreDifferences=true
    (argo-cd: docs/user-guide/sync-options.md); istiod writes only caBundle and failurePolicy.
    """
    if owner is None or owner.tool != "Argo CD":
        return NO_HINT
    fields = ".webhooks[].clientConfig.caBundle and .webhooks[].failurePolicy"
    return sentence(f"in the source of {owner}: its ignoreDifferences keep the old .webhooks: ignore {fields} alone")


@leads_to(Goal.POINTED)
def move_tag(survey: Survey, owner: Owner, tag: str, revision: str) -> Hint:
    """How a tag comes to point at a revision, for good. Of two Helm releases the old one gives it up first: Helm makes
    no object that another release holds (helm/pkg/action/validate.go).
    """
    mesh = survey.mesh
    if owner.tool == "Sail":
        return sail_tag(tag, revision)
    istiods = [(mesh.runs(w), release_of(w.metadata, w.namespace)) for w in filter(mesh.runs, mesh.snapshot.workloads)]
    to = next((release for runs, release in istiods if runs == revision and release), None)
    of_tags_alone = Release(owner.name, owner.namespace) not in [release for _, release in istiods]
    if owner.tool != "Helm" or to is None or of_tags_alone:
        return sentence(f"in the source of {owner}: have tag {tag} point at {revision}")
    before = mesh.versions_of(mesh.tag_revisions.get(tag, ""))
    gives_up = _upgrade(owner, _ISTIOD, before, _tags(survey, Release(owner.name, owner.namespace), without=tag))
    takes = _upgrade(Owner("Helm", *to), _ISTIOD, mesh.versions_of(revision), _tags(survey, to, tag))
    return gives_up.then(takes)


@leads_to(Goal.POINTED)
def retag(survey: Survey, tag: str, to: Sequence[str]) -> Hint:
    """How a tag comes to point at the first of these that it can point at; who there is, when at none.

    A tag points at revisions that have an injector of their own (istioctl/pkg/tag/generate.go). rev-migrate moves what
    follows the tag along, and needs the tag's injector for it: a tag that is a Service alone is made anew. What an
    owner would put back is moved at its source, for the tag `default` the default validator, too.
    """
    able = [revision for revision in to if revision in with_own_injector(survey)]
    if to and is_sails(survey, tag):
        return sail_tag(tag, to[0])
    if not able:
        return who_is_there()
    injector = next((one for one in survey.snapshot.injectors if one.labels.get(labels.TAG) == tag), None)
    if injector is None:
        return tag_set(survey, tag, able[0])
    if owner := owner_of(injector.metadata):
        return move_tag(survey, owner, tag, able[0])
    move = command("rev-migrate", Flag("--tag", tag), Flag("--to", able[0]))
    for validator in survey.snapshot.validators if tag == labels.DEFAULT else ():
        if validator.name == labels.DEFAULT_VALIDATOR and (owner := owner_of(validator.metadata)):
            return repoint(survey, owner, validator.name, able[0], default=True).then(move)
    return move


def _tags(survey: Survey, release: Release, *more: str, without: str = "") -> Flag:
    """The tags of a Helm release as its value, with `more` and without one."""
    configs = survey.mesh.snapshot.injectors
    names = {config.labels.get(labels.TAG, "") for config in configs if release_of(config.metadata) == release}
    return Flag("--set", f"revisionTags={{{','.join(sorted((names | {*more}) - {'', without}))}}}")


@leads_to(Goal.REPLACED)
def onto(survey: Survey, workload: Workload, revision: str) -> Hint:
    """How what is moved by itself comes to a revision: a rendered gateway by its Gateway's label; one that is injected
    by its template's own label, which is a value of Helm's chart. Empty of what its namespace decides.
    """
    if workload.made_from:
        return label_gateway(workload.namespace, workload.made_from, revision)
    given = workload.subject.namespace_labels
    if workload.template is None or not revision or not given.keys().isdisjoint(labels.INJECTION_LABELS):
        return NO_HINT
    if workload.gateway is not GatewayKind.INJECTED and not unfinished(workload.template):
        return NO_HINT
    asks = replace(workload.subject, labels=workload.subject.labels | {labels.REV: label_of(revision)})
    if select(survey.mesh, asks).state is not State.INJECTED:
        return NO_HINT
    chart = "gateway" if workload.gateway else ""
    by_helm = reinstalled(survey, workload.metadata, workload.namespace, revision, chart)
    return by_helm or reset_label(workload, revision)


@leads_to(Goal.REPLACED)
def reinstalled(survey: Survey, metadata: Metadata, namespace: str, revision: str, chart: str = "") -> Hint:
    """How what a chart installed (a gateway, CNI, ztunnel) comes to belong to a revision; empty where it was no chart.

    The charts' label `helm.sh/chart` has the chart's name and version, `ztunnel-1.30.3`; else it is `chart`.
    """
    release = release_of(metadata, namespace)
    chart = metadata.labels.get(labels.HELM_CHART, "").rpartition("-")[0] or chart
    if release is None or not chart:
        return NO_HINT
    name = label_of(revision)
    setting = Flag("--set", f"revision={'' if name == labels.DEFAULT else name}")
    return _upgrade(Owner("Helm", *release), f"istio/{chart}", survey.mesh.versions_of(revision), setting)


@leads_to(Goal.READY)
def restore(survey: Survey, owner: Owner, namespace: str, name: str, revision: str) -> Hint:
    """How to get the Service of a revision back that was deleted by hand."""
    if owner.tool == "Helm":
        return _upgrade(owner, _ISTIOD, survey.mesh.versions_of(revision))
    return sentence(f"in the source of {owner}: let it make service {namespace}/{name} again")


@leads_to(Goal.READY)
def reselect(owner: Owner, namespace: str, name: str) -> Hint:
    """How to make a Service lead elsewhere, for good."""
    return sentence(f"in the source of {owner}: spec.selector of service {namespace}/{name}")


@leads_to(Goal.GONE)
def remove(owner: Owner, name: str) -> Hint:
    """How to make a validator go, for good."""
    if owner.tool == "Helm":
        return program("helm", "uninstall", owner.name, *_release(owner))
    return sentence(f"in the source of {owner}: remove {name}")


@leads_to(Goal.VALIDATED)
def default_revision(survey: Survey, revision: str, base: Owner = _BASE) -> Hint:
    """How the base chart is told which revision validates what has no revision label: its value since 1.12."""
    value = re.sub(r"([\\,{}])", r"\\\1", label_of(revision))  # for --set, and not for more settings (helm/pkg/strvals)
    plane = survey.mesh.control_plane(revision)
    elsewhere = plane is not None and plane.namespace not in ("", ISTIO_SYSTEM)
    home = [Flag("--set", f"global.istioNamespace={plane.namespace}")] if plane and elsewhere else []
    every = [version for plane in survey.mesh.control_planes for version in plane.versions]
    return _upgrade(base, "istio/base", every, Flag("--set", f"defaultRevision={value}"), *home)


def _upgrade(owner: Owner, chart: str, versions: Iterable[str], *settings: Flag) -> Hint:
    """With the newest version that runs: Helm takes the newest chart of a repository where it is not told."""
    newest = max((version for version in versions if release(version)), key=_number, default="VERSION")
    kept = (Flag("--version", newest), Flag("--reuse-values"))
    return program("helm", "upgrade", owner.name, chart, *_release(owner), *kept, *settings)


def _number(version: str) -> list[int]:
    """1.30.3 as numbers, which compare as versions do; of an odd one those that it has."""
    return [int(part) for part in re.findall(r"\d+", version)]


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
