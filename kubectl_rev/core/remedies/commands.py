"""What a finding points at and the command that helps: references and shell-quoted kubectl commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.enrollment import why_not_injected
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey, Unit
from kubectl_rev.core.mesh.istiod_veto import may_be
from kubectl_rev.core.mesh.resources import Restart, facts_of

_ISTIO_SYSTEM = "istio-system"  # istioctl's default for -i
_HAS_TAGS = (1, 11)  # the release of `istioctl tag`; 1.10's was `x revision tag`, 1.9 had none


def command(*words: str) -> str:
    """A shell-quoted kubectl command."""
    return shlex.join(("kubectl", *words))


def namespace_ref(name: str) -> Ref:
    return Ref("Namespace", "", name)


def unit_ref(unit: Unit) -> Ref:
    return Ref(unit.kind, unit.namespace, unit.name)


def restart(unit: Unit) -> str:
    """How a unit's pods come to be replaced: a command, or what to wait for."""
    if unit.gateway in RENDERED and unit.selected.revision is None:
        return explain(unit)
    if unit.gateway in RENDERED:
        return f"wait: the istiod of {unit.selected.revision} renders it again by itself, a restart does not"
    facts = facts_of(unit.kind)
    if unit.held == "paused":
        return f"{resume(unit)} && {_of(unit, facts.restart_command)}"
    what = f"{unit.kind} {unit.name} in namespace {unit.namespace}"
    if unit.held == "OnDelete" or facts.restart is Restart.DELETION:
        return f"delete the pods of {what} one at a time, when it suits"
    if facts.restart_command:
        return _of(unit, facts.restart_command)
    if unit.kind == "Pod":
        return f"recreate pod {unit.name} in namespace {unit.namespace}: it has no controller"
    if facts.once:
        return f"wait until {what} is done: {unit.kind}s are not restarted"
    if facts.restart is Restart.COMPLETION:
        return f"wait for the next run of {what}"
    return f"let {what} replace its pods"


def resume(unit: Unit) -> str:
    """How the pause of a unit ends; empty where its kind has no command for it."""
    words = facts_of(unit.kind).resume_command
    return _of(unit, words) if words else ""


def _of(unit: Unit, words: str) -> str:
    """A command of the registry for this workload."""
    return shlex.join([*(word.format(name=unit.name) for word in words.split()), "-n", unit.namespace])


def explain(unit: Unit) -> str:
    """The command that tells why."""
    return command("rev-status", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)


def relabel(survey: Survey, name: str, *, meant: tuple[str, str] | None = None, wrong: str = "") -> str:
    """The command after which a namespace's new pods are injected: as `meant` where that works, else by the default
    where it can, else by the first that can. Where nobody can, the command that tells why. What works is tried, not
    known: 1.9 and before have no injector that answers to `istio.io/rev=default`. The label `wrong` goes, too.
    """
    given, mesh = survey.namespace_labels.get(name, {}), survey.mesh
    gone = (*labels.INJECTION_LABELS, wrong)
    others = {key: value for key, value in given.items() if key not in gone}
    wishes = [*((labels.REV, revision) for revision in living(survey)), (labels.INJECTION, "enabled")]
    for key, value in [meant, *wishes] if meant else wishes:
        if select(mesh, Subject(name, others | {key: value})).state is State.INJECTED:
            drop = [f"{old}-" for old in gone if old in given and old != key]
            return command("label", "namespace", name, *drop, f"{key}={value}", "--overwrite")
    return command("rev-status", f"namespace/{name}")


def migrate(survey: Survey, namespace: str, to: str) -> str:
    """The command that moves a namespace; one that nobody injects now has to be put into the mesh for it."""
    enroll = ["--enroll"] if why_not_injected(survey, namespace) else []
    return command("rev-migrate", namespace, "--to", to, *enroll)


def living(survey: Survey) -> list[str]:
    """The revisions that are not known to be dead, the one that holds the default first."""
    alive = {plane.revision for plane in survey.mesh.control_planes if plane.kind != "local" or plane.ready}
    alive -= {plane.revision for plane in survey.mesh.control_planes if plane.kind == "missing"}
    return sorted(alive, key=lambda revision: (revision != survey.default.injection, revision))


def retag(survey: Survey, tag: str, to: Sequence[str]) -> str:
    """The command that has a tag point at the first of these that it can point at; who there is, when at none.

    A tag points at revisions that have an injector of their own (istioctl/pkg/tag/generate.go). rev-migrate moves what
    follows the tag along, and needs the tag's injector for it: a tag that is a Service alone is made anew.
    """
    own = _with_own_injector(survey)
    for revision in to:
        if revision in own and any(c.labels.get(labels.TAG) == tag for c in survey.snapshot.injectors):
            return command("rev-migrate", "--tag", tag, "--to", revision)
        if revision in own:
            return tag_set(survey, tag, revision)
    return command("rev-status", "revisions")


def hold_default(survey: Survey) -> str:
    """The command that gives the default to whoever is meant to hold it and is ready; empty where that is a choice.

    Meant is the one that validates by default (it held both), then the revision of that name, then the only one ready.
    """
    ready = {plane.revision for plane in survey.mesh.control_planes if plane.ready}
    able = ready & _with_own_injector(survey)
    for revision in (survey.default.validation, labels.DEFAULT, *(ready if len(ready) == 1 else ())):
        plane = survey.mesh.control_plane(str(revision))
        if revision in able and plane and may_be(plane.versions, _HAS_TAGS):
            return tag_set(survey, labels.DEFAULT, revision)
    return ""


def _with_own_injector(survey: Survey) -> set[str]:
    """The revisions that a tag can point at."""
    own = (c for c in survey.snapshot.injectors if labels.TAG not in c.labels and c.webhooks)
    return {c.labels[labels.REV] for c in own if labels.REV in c.labels}


def tag_set(survey: Survey, tag: str, revision: str) -> str:
    """istioctl's own, which for tag `default` also turns off the unrevisioned injector and moves validation.

    It has the tag call a Service in the namespace that it is told, whatever the revision's own injector calls
    (istioctl/pkg/tag/generate.go, tagWebhookConfigFromCanonicalWebhook).
    """
    plane = survey.mesh.control_plane(revision)
    away = ["-i", plane.namespace] if plane and plane.namespace not in ("", _ISTIO_SYSTEM) else []
    return shlex.join(("istioctl", "tag", "set", tag, "--revision", revision, "--overwrite", *away))


def reset_label(unit: Unit, value: str) -> str:
    """The command that corrects the revision label of a workload's template, which also replaces its pods."""
    patch = {"spec": {"template": {"metadata": {"labels": {labels.REV: value}}}}}
    text = msgspec.json.encode(patch).decode()
    return command("patch", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace, "--type=merge", "-p", text)
