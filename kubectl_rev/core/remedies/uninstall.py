"""How a revision is uninstalled by the method it was installed with: the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kubectl_rev.core.checks.hints import Flag, Hint, command, program, within
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import ControlPlane
from kubectl_rev.core.mesh.istiod_veto import newest, release
from kubectl_rev.core.mesh.removal import Removal
from kubectl_rev.core.mesh.removal_method import Method
from kubectl_rev.core.mesh.revisions import Mesh

_UNINSTALL_IS_STABLE = (1, 15)  # `istioctl x uninstall` before


class Command(msgspec.Struct, frozen=True):
    """A command that removes the control plane, and what to know about it."""

    command: Hint
    note: str = ""


def commands(
    mesh: Mesh, gone: Removal, others: Sequence[ControlPlane], kept: Mapping[tuple[str, str], int]
) -> list[Command]:
    """How to uninstall it; none where nobody knows how it was installed.

    `others` are the control planes that stay; `kept` are the ready pods that stay behind a Service whose gateways go,
    by its namespace and name (AKS).
    """
    match gone.method:
        case Method.ISTIOCTL:
            return [_istioctl(mesh, gone)]
        case Method.OPERATOR:
            note = "the operator in the cluster removes what it describes, and would make it again from it"
            return [
                Command(command("delete", "istiooperators.install.istio.io", name, within(namespace)), note)
                for namespace, name in gone.operator_resources
            ]
        case Method.HELM if gone.release.name:
            return [Command(program("helm", "uninstall", gone.release.name, within(gone.release.namespace)))]
        case Method.HELM:
            note = "its objects do not say which release they are of"
            return [Command(program("helm", "uninstall", "RELEASE", within("NAMESPACE")), note)]
        case Method.SAIL:
            return [_sail(mesh, gone)]
        case Method.AKS:
            note = "complete removes the older revision, rollback the newer one; its gateways go too"
            note += "".join(f", Service {name} keeps {_ready(count)}" for (_, name), count in sorted(kept.items()))
            done = "complete" if _older(mesh, gone, others) else "rollback"
            where = (Flag("--resource-group", "GROUP"), Flag("--name", "CLUSTER"))
            return [Command(program("az", "aks", "mesh", "upgrade", done, *where), note)]
    return []


def _ready(pods: int) -> str:
    return "1 ready pod" if pods == 1 else f"{pods or 'no'} ready pods"


def _istioctl(mesh: Mesh, gone: Removal) -> Command:
    known = [number for version in mesh.versions_of(gone.revision) if (number := release(version))]
    old = any(number < _UNINSTALL_IS_STABLE for number in known)
    words = ["istioctl", *(["x"] if old else []), "uninstall"]
    if gone.unlabelled:
        note = "FILE is what it was installed with: it has no revision label"
        return Command(program(*words, Flag("-f", "FILE")), note)
    if not found_by_istioctl(mesh, gone.name):
        return Command(delete_by_labels(gone), "istioctl finds a revision by its injector, and this one has none")
    elsewhere = [namespace for namespace in gone.namespaces if namespace != "istio-system"]
    # It prunes by the namespace that its settings name, whatever --istioNamespace says.
    where = [Flag(f"--set=values.global.istioNamespace={namespace}") for namespace in elsewhere[:1]]
    return Command(program(*words, Flag("--revision", gone.name), *where))


def found_by_istioctl(mesh: Mesh, revision: str) -> bool:
    """Whether `istioctl uninstall --revision` knows a revision; else it "could not find target revision".

    It asks every MutatingWebhookConfiguration, other people's too: those without the label count as default.
    Source: istioctl/pkg/tag/revision.go.
    """
    return any(injector.labels.get(labels.REV, labels.DEFAULT) == revision for injector in mesh.snapshot.injectors)


def delete_by_labels(gone: Removal) -> Hint:
    """What istioctl would have deleted of a control plane itself, by the labels that it goes by."""
    selector = f"{labels.REV}={gone.name},{labels.OPERATOR_COMPONENT}=Pilot"
    return command("delete", _KINDS, Flag("-l", selector), *(within(name) for name in gone.namespaces[:1]))


# operator/pkg/uninstall/prune.go
_KINDS = (
    "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,horizontalpodautoscalers,roles,rolebindings,"
    "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations"
)


def _sail(mesh: Mesh, gone: Removal) -> Command:
    """An IstioRevision that an Istio made is deleted by the operator; one that was made by hand, by hand."""
    name = gone.owner
    made = next((r for r in mesh.snapshot.sail if (r.kind, r.name) == (labels.SAIL_REVISION, name)), None)
    # Where the IstioRevision was not read: an Istio that is updated in place makes one of its own name.
    makers = [owner.name for owner in made.metadata.owner_references if owner.kind == "Istio"] if made else [name]
    istio = next((r for r in mesh.snapshot.sail if r.kind == "Istio" and r.name in makers), None)
    delete = command("delete", "istiorevision", name)
    if istio is None:
        return Command(delete)
    strategy = istio.spec.update_strategy
    if strategy is None or strategy.type != "RevisionBased" or name == istio.name:
        return Command(command("delete", "istio", istio.name), "it owns the revision, and would make it again")
    grace = strategy.inactive_revision_deletion_grace_period_seconds
    seconds = 30 if grace is None else grace  # the operator's default
    note = f"Sail deletes it by itself {seconds} s after it is no longer in use, unless it is the active one"
    return Command(delete, note)


def _older(mesh: Mesh, gone: Removal, others: Sequence[ControlPlane]) -> bool:
    age = newest(mesh.versions_of(gone.revision))
    return all(age <= newest(mesh.versions_of(plane.revision)) for plane in others)
