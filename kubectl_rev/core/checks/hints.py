"""What a finding points at and the command that helps: references and shell-quoted kubectl commands."""

from __future__ import annotations

import shlex

from kubectl_rev.core.checks.model import Ref
from kubectl_rev.core.survey import Survey, Unit


def command(*words: str) -> str:
    """A shell-quoted kubectl command."""
    return shlex.join(("kubectl", *words))


def namespace_ref(name: str) -> Ref:
    return Ref("Namespace", "", name)


def unit_ref(unit: Unit) -> Ref:
    return Ref(unit.kind, unit.namespace, unit.name)


def restart(unit: Unit) -> str:
    """How to replace a unit's pods by hand."""
    if unit.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return command("rollout", "restart", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)
    if unit.kind == "Pod":
        return f"recreate pod {unit.name} in namespace {unit.namespace}: it has no controller"
    return f"let {unit.kind} {unit.name} in namespace {unit.namespace} replace its pods"


def explain(unit: Unit) -> str:
    """The command that tells why."""
    return command("rev-status", f"{unit.kind.lower()}/{unit.name}", "-n", unit.namespace)


def living_revision(survey: Survey) -> str:
    """A revision to name in a hint: the default if it lives, else the first that does, else a placeholder."""
    ready = [plane.revision for plane in survey.mesh.control_planes if plane.ready or plane.kind == "remote"]
    default = survey.default.injection
    return default if default is not None and default in ready else (ready or ["REVISION"])[0]
