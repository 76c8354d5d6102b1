"""What a finding points at and the command that helps: references and shell-quoted kubectl commands."""

from __future__ import annotations

import shlex

from kubectl_rev.core import labels
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.drift import RENDERED
from kubectl_rev.core.injection import State, Subject, select
from kubectl_rev.core.survey import Survey, Unit


def command(*words: str) -> str:
    """A shell-quoted kubectl command."""
    return shlex.join(("kubectl", *words))


def namespace_ref(name: str) -> Ref:
    return Ref("Namespace", "", name)


def unit_ref(unit: Unit) -> Ref:
    return Ref(unit.kind, unit.namespace, unit.name)


def restart(unit: Unit) -> str:
    """How a unit's pods come to be replaced: a command, or what to wait for."""
    if unit.gateway in RENDERED:
        return f"wait: the istiod of {unit.selected.revision} renders it again by itself, a restart does not"
    if unit.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return command("rollout", "restart", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)
    if unit.kind == "Pod":
        return f"recreate pod {unit.name} in namespace {unit.namespace}: it has no controller"
    if unit.kind == "CronJob":
        return f"wait for the next run of CronJob {unit.name} in namespace {unit.namespace}"
    if unit.kind == "Job":
        return f"wait until Job {unit.name} in namespace {unit.namespace} is done: Jobs are not restarted"
    return f"let {unit.kind} {unit.name} in namespace {unit.namespace} replace its pods"


def explain(unit: Unit) -> str:
    """The command that tells why."""
    return command("rev-status", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)


def relabel(survey: Survey, name: str) -> str:
    """The command after which a namespace's new pods are injected: by the default where it can, else by the first that
    can. Where nobody can, the command that tells why. What works is tried, not known: 1.9 and before have no injector
    that answers to `istio.io/rev=default`.
    """
    given, mesh = survey.namespace_labels.get(name, {}), survey.mesh
    others = {key: value for key, value in given.items() if key not in labels.INJECTION_LABELS}
    revisions = sorted({plane.revision for plane in mesh.control_planes}, key=lambda r: r != survey.default.injection)
    for key, value in [*((labels.REV, revision) for revision in revisions), (labels.INJECTION, "enabled")]:
        if select(mesh, Subject(name, others | {key: value})).state is State.INJECTED:
            drop = [f"{old}-" for old in labels.INJECTION_LABELS if old in given and old != key]
            return command("label", "namespace", name, *drop, f"{key}={value}", "--overwrite")
    return command("rev-status", f"namespace/{name}")
