"""The commands that help, for a subject in a mesh."""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.core.checks.hints import (
    NO_HINT,
    OVERWRITE,
    Flag,
    Goal,
    Hint,
    command,
    leads_to,
    program,
    selecting,
    sentence,
    within,
)
from kubectl_rev.core.checks.model import namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.enrollment import why_not_injected
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey, Workload
from kubectl_rev.core.mesh.istiod_veto import may_be_at_least, newest
from kubectl_rev.core.mesh.objects import Gateway
from kubectl_rev.core.mesh.resources import Keyed, Restart, facts_of

ISTIO_SYSTEM = "istio-system"  # istioctl's default for -i
# The releases of `istioctl x revision tag`, of `istioctl tag`, and from which it moves validation too
_TAGS_FIRST, _TAGS_STABLE, _TAGS_VALIDATE = (1, 10), (1, 11), (1, 12)


@leads_to(Goal.REPLACED)
def restart(workload: Workload) -> Hint:
    """How a workload's pods come to be replaced: a command, or what to wait for."""
    if workload.gateway in RENDERED:
        revision = workload.selected.revision
        again = f"wait: the istiod of {revision} renders it again by itself, a restart does not"
        return sentence(again) if revision else explain(workload)
    facts = facts_of(workload.kind)
    if workload.held == "paused":
        return resume(workload).then(_of(workload, facts.restart_command))
    if workload.held == "half way":
        return resume(workload)
    if workload.held == "partition":
        patch = Flag("-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}')
        lower = command("patch", str(ref_of(workload)), within(workload.namespace), Flag("--type=merge"), patch)
        return lower.then(_of(workload, facts.restart_command))
    if workload.held == "rolling":
        return command("rollout", "status", str(ref_of(workload)), within(workload.namespace))
    if workload.held == "stuck":
        return _why_stuck(workload)
    what = f"{workload.kind} {workload.name} in namespace {workload.namespace}"
    if workload.held == "OnDelete" or facts.restart is Restart.DELETION:
        return sentence(f"delete the pods of {what} one at a time, when it suits")
    if facts.restart_command:
        return _of(workload, facts.restart_command)
    if workload.kind == "Pod":
        return sentence(f"recreate pod {workload.name} in namespace {workload.namespace}: it has no controller")
    if facts.once:
        return sentence(f"wait until {what} is done: {workload.kind}s are not restarted")
    if facts.restart is Restart.COMPLETION:
        return sentence(f"wait for the next run of {what}")
    return sentence(f"let {what} replace its pods")


def _why_stuck(workload: Workload) -> Hint:
    """The new pod that does not become ready, where its name and state were read; else all pods of the workload."""
    pods = [group.pod for group in workload.groups if group.pod.name and group.pod.status]
    if waiting := [pod for pod in pods if not pod.ready and not pod.terminating]:
        newest = max(waiting, key=lambda pod: pod.metadata.creation_timestamp or "")
        return command("describe", "pod", newest.name, within(workload.namespace))
    wanted = workload.template.metadata.labels if workload.template else {}
    return command("describe", "pods", within(workload.namespace), selecting(wanted))


def resume(workload: Workload) -> Hint:
    """How the pause of a workload ends; empty where its kind has no command for it."""
    facts = facts_of(workload.kind)
    words = facts.promote_command or facts.resume_command
    return _of(workload, words) if words else NO_HINT


def _of(workload: Workload, words: str) -> Hint:
    """A command of the registry for this workload."""
    return program(*(word.format(name=workload.name) for word in words.split()), within(workload.namespace))


def who_is_there() -> Hint:
    """The command that lists the revisions, where it is not known which one is meant."""
    return command("rev-status", "revisions")


def explain(subject: Keyed) -> Hint:
    """The command that tells why."""
    where = [within(subject.namespace)] if subject.namespace else []
    return command("rev-status", f"{subject.kind.lower()}/{subject.name}", *where)


def label(resource: str, name: str, *changes: str | Flag, namespace: str = "") -> Hint:
    """The command that changes an object's labels: `KEY=VALUE`, `KEY-`. kubectl reads a name like that as one, too."""
    if "=" in name or name.endswith("-"):
        said = " ".join(change for change in changes if isinstance(change, str))
        return sentence(f"change the labels of {resource} {name} with kubectl edit: {said}")
    return command("label", resource, name, *([within(namespace)] if namespace else []), *changes)


@leads_to(Goal.OWNED)
def label_gateway(namespace: str, name: str, revision: str) -> Hint:
    """The command after which a Gateway belongs to a revision; `revision` is empty where there is none to name."""
    if not revision:
        return who_is_there()
    return label(labels.GATEWAYS, name, f"{labels.REV}={label_of(revision)}", OVERWRITE, namespace=namespace)


@leads_to(Goal.OWNED)
def own_gateway(survey: Survey, gateway: Gateway, meant: str | None = None) -> Hint:
    """The command after which a Gateway has an owner: the revision or tag that is `meant`, else the one that its
    proxies run, else the one that injects by default, else the newest.
    """
    rendered = [w for w in survey.by_namespace.get(gateway.namespace, ()) if w.made_from == gateway.name]
    runs = [revision for workload in rendered for revision in workload.proxies]
    for revision in (meant, *runs, *living(survey)):
        if revision and survey.mesh.resolve(revision) in living(survey):
            return label_gateway(gateway.namespace, gateway.name, revision)
    return who_is_there()


@leads_to(Goal.INJECTED)
def relabel(survey: Survey, name: str, *, meant: tuple[str, str] | None = None, wrong: str = "") -> Hint:
    """The command after which a namespace's new pods are injected: as `meant` where that works, else by the default
    where it can, else by the first that can. Where nobody can, the command that tells why. What works is tried, not
    known: 1.9 and before have no injector that answers to `istio.io/rev=default`. The label `wrong` goes, too.
    """
    given, gone = survey.namespace_labels.get(name, {}), (*labels.INJECTION_LABELS, wrong)
    others = {key: value for key, value in given.items() if key not in gone}
    near = given.get(labels.REV, "")
    wishes = [*((labels.REV, label_of(revision)) for revision in living(survey, near)), (labels.INJECTION, "enabled")]
    for key, value in [meant, *wishes] if meant else wishes:
        if select(survey.mesh, Subject(name, others | {key: value})).state is State.INJECTED:
            drop = [f"{old}-" for old in gone if old in given and old != key]
            return label("namespace", name, *drop, f"{key}={value}", OVERWRITE)
    return explain(namespace_ref(name))


@leads_to(Goal.INJECTED)
def migrate(survey: Survey, namespace: str, to: str, *, gateways: bool = False) -> Hint:
    """The command that moves a namespace; one that nobody injects now has to be put into the mesh for it."""
    more = [Flag("--enroll")] if why_not_injected(survey, namespace) else []
    more += [Flag("--include-gateways")] if gateways else []
    return command("rev-migrate", namespace, Flag("--to", to), *more)


def living(survey: Survey, near: str = "") -> list[str]:
    """The revisions that are not known to be dead, the best to go on with first: whose name is `near` or begins with
    it, who holds the default, the newest.
    """
    planes = survey.mesh.control_planes
    alive = {plane.revision for plane in planes if plane.ready or plane.kind not in ("local", "missing")}

    def rank(revision: str) -> tuple[object, ...]:
        major, minor = newest(survey.mesh.versions_of(revision))
        named = bool(near) and label_of(revision).startswith(near)
        return not named, revision != survey.default.injection, -major, -minor, revision

    return sorted(alive, key=rank)


def hold_default(survey: Survey) -> Hint:
    """The command that gives the default to whoever is meant to hold it and is ready; empty where that is a choice.

    Meant is the one that validates by default (it held both), then the revision of that name, then the only one ready.
    """
    heir = _heir(survey)
    return tag_set(survey, labels.DEFAULT, heir) if heir else NO_HINT


def _heir(survey: Survey) -> str | None:
    ready, named = survey.mesh.ready, survey.mesh.all_called(labels.DEFAULT)
    meant = (survey.default.validation, *named, *(ready if len(ready) == 1 else ()))
    return next((revision for revision in meant if revision in ready and is_taggable(survey, revision)), None)


@leads_to(Goal.VALIDATED)
def make_default_validator(survey: Survey) -> Hint:
    """The command that makes the default validator where there is none; it leaves injection where it is.

    Empty where nobody is meant to hold the default, or setting its tag makes no validator in its release.
    """
    holder = survey.default.injection or _heir(survey)
    able = holder is not None and is_taggable(survey, holder) and moves_validation(survey, holder)
    return tag_set(survey, labels.DEFAULT, holder) if holder and able else NO_HINT


def is_taggable(survey: Survey, revision: str) -> bool:
    """Whether a tag can point at a revision, would not be dead then, and its release may have `istioctl tag`."""
    mesh = survey.mesh
    dead = any(i.tag is None and i.revision == revision and i.target.alive is False for i in mesh.injectors)
    known = revision in mesh.revisions & with_own_injector(survey)
    return known and not dead and may_be_at_least(mesh.versions_of(revision), _TAGS_FIRST)


def moves_validation(survey: Survey, revision: str) -> bool:
    """Whether setting tag `default` gives a revision the default validator, too: istioctl does so since 1.12."""
    return may_be_at_least(survey.mesh.versions_of(revision), _TAGS_VALIDATE)


def with_own_injector(survey: Survey) -> set[str]:
    """The revisions that a tag can point at."""
    own = [injector for injector in survey.mesh.injectors if injector.tag is None and injector.labelled]
    return {survey.mesh.called(str(injector.labelled), injector.target.namespace) for injector in own}


@leads_to(Goal.POINTED)
def tag_set(survey: Survey, tag: str, revision: str) -> Hint:
    """istioctl's own, which for tag `default` also turns off the unrevisioned injector and moves validation; Sail's
    where the tag is Sail's. Releases without tags have labels moved instead.

    istioctl has the tag call a Service in the namespace that it is told, whatever the revision's own injector calls
    (istioctl/pkg/tag/generate.go, tagWebhookConfigFromCanonicalWebhook), and renders no `auto.` entries untold.
    """
    mesh = survey.mesh
    if is_sails(survey, tag):
        return sail_tag(tag, revision)
    versions = mesh.versions_of(revision)
    if not may_be_at_least(versions, _TAGS_FIRST):
        move = command("rev-migrate", Flag("--from", tag), Flag("--to", revision))
        return sentence("there are no tags before 1.10, so that labels move: ", move)
    words = ("tag",) if may_be_at_least(versions, _TAGS_STABLE) else ("x", "revision", "tag")
    plane = mesh.control_plane(revision)
    away = [Flag("-i", plane.namespace)] if plane and plane.namespace not in ("", ISTIO_SYSTEM) else []
    auto = [Flag("--auto-inject-namespaces")] if tag == labels.DEFAULT and _injects_by_default(survey) else []
    return program("istioctl", *words, "set", tag, Flag("--revision", label_of(revision)), OVERWRITE, *auto, *away)


def is_sails(survey: Survey, tag: str) -> bool:
    """Whether Sail's operator makes a tag."""
    return any((made.kind, made.name) == (labels.SAIL_TAG, tag) for made in survey.mesh.snapshot.sail)


@leads_to(Goal.POINTED)
def sail_tag(tag: str, revision: str) -> Hint:
    """Sail's tag, which its operator carries out."""
    target = {"spec": {"targetRef": {"kind": labels.SAIL_REVISION, "name": label_of(revision)}}}
    text = msgspec.json.encode(target).decode()
    return command("patch", labels.SAIL_TAG.lower(), tag, Flag("--type=merge"), Flag("-p", text))


def _injects_by_default(survey: Survey) -> bool:
    """Whether namespaces without a label are injected (enableNamespacesByDefault): by entries called `auto.`."""
    live = (injector for injector in survey.mesh.injectors if not injector.deactivated)
    return any(webhook.name.startswith("auto.") for injector in live for webhook, _ in injector.webhooks)


@leads_to(Goal.REPLACED)
def reinstall(what: str, revision: str) -> Hint:
    """What is installed with istioctl, and moves only by being installed again."""
    name = label_of(revision)
    setting = [] if name == labels.DEFAULT else [Flag("--set", f"revision={name}")]
    install = program("istioctl", "install", *setting, Flag("-f", "FILE"))
    return sentence(f"{what}: ", install, ", with its own settings")


@leads_to(Goal.REPLACED)
def reset_label(workload: Workload, value: str, key: str = labels.REV) -> Hint:
    """The command that corrects a label of a workload's template, which also replaces its pods."""
    _, kind, name = workload.template_holder
    patch: dict[str, Any] = {"metadata": {"labels": {key: label_of(value)}}}
    for part in reversed(facts_of(kind).template.split("/")[1:]):
        patch = {part: patch}
    text = msgspec.json.encode(patch).decode()
    what = f"{kind.lower()}/{name}"
    return command("patch", what, within(workload.namespace), Flag("--type=merge"), Flag("-p", text))
