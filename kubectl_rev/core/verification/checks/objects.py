"""REV308, REV309 and REV311 to REV317: webhooks that call it, gateways, configuration and installers tied to it."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_rev.core.checks import needs, sources
from kubectl_rev.core.checks.hints import OVERWRITE, Flag, Goal, Hint, command, program, sentence, within
from kubectl_rev.core.checks.model import Breaks, Broken, Check, Ref, Severity, namespace_ref, ref_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of, revision_of
from kubectl_rev.core.mesh.defaults import default_validator
from kubectl_rev.core.mesh.gateways import GatewayKind, istio_gateways, owner
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Workload
from kubectl_rev.core.mesh.objects import IstioConfig, ServiceReference, Webhook, WebhookConfiguration
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.mesh.proxies import ZTUNNEL
from kubectl_rev.core.mesh.removal_method import Method
from kubectl_rev.core.mesh.resources import Key
from kubectl_rev.core.mesh.selectors import Operator
from kubectl_rev.core.remedies.at_source import reinstalled, repoint
from kubectl_rev.core.remedies.commands import label, label_gateway, moves_validation, reinstall, tag_set
from kubectl_rev.core.remedies.uninstall import delete_by_labels, found_by_istioctl
from kubectl_rev.core.status.checks.control_planes import why_unready
from kubectl_rev.core.verification.uninstall import Reach, Uninstall

_VALIDATING, _MUTATING = "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"
ALONE = "REV315"  # the finding that no other revision is left


def _validators(leaving: Uninstall) -> Broken:
    left = {validator.name for validator in leaving.after.snapshot.validators}
    for config, webhook, _ in _dying(leaving, leaving.before.snapshot.validators):
        ours = webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX)
        if not ours or config.name not in left or (only_for(webhook, leaving.name) and not leaving.name_stays):
            continue
        whose = "" if webhook.object_selector.matches({}) else " that its selector matches"
        then, breaks = f"every write of Istio's configuration{whose} would be rejected", Breaks.FROZEN
        if webhook.failure_policy == "Ignore":
            then, breaks = f"nothing would check Istio's configuration{whose}, silently", Breaks.UNVALIDATED
        yield (
            Ref(_VALIDATING, "", config.name),
            f"the Service that it calls would be deleted: {then}",
            _revalidate(leaving, config),
            breaks,
        )
    before, afterwards = default_validator(leaving.before.mesh), default_validator(leaving.after.mesh)
    if before is not None and afterwards is None:
        message = "it goes too: nothing would check Istio's configuration without a revision label, silently"
        yield Ref(_VALIDATING, "", before.name), message, _revalidate(leaving, before), Breaks.UNVALIDATED


def _revalidate(leaving: Uninstall, config: WebhookConfiguration) -> Hint:
    """What gives the successor a validator: at its source where it has one, else the default tag, which brings it."""
    to, owner = leaving.successor, owner_of(config.metadata)
    if not moves_validation(leaving.before, to):
        repair = command("rev-fix-validation")
        return sentence("right after the removal: ", repair, f", which makes Service {labels.ISTIOD} lead to {to}")
    if owner and config.name == labels.DEFAULT_VALIDATOR:
        return repoint(leaving.before, owner, config.name, to, default=True)
    return tag_set(leaving.before, labels.DEFAULT, to)


def _foreign(leaving: Uninstall) -> Broken:
    injectors = {injector.name for injector in leaving.before.mesh.injectors}
    snapshot = leaving.before.snapshot
    left = {config.name for config in leaving.after.snapshot.injectors + leaving.after.snapshot.validators}
    for kind, configs in ((_MUTATING, snapshot.injectors), (_VALIDATING, snapshot.validators)):
        for config, webhook, service in _dying(leaving, configs):
            istio = config.name in injectors or webhook.name.endswith(labels.VALIDATION_WEBHOOK_SUFFIX)
            if istio or config.name not in left:
                continue
            rejects = webhook.failure_policy != "Ignore"
            then = "what it covers would be rejected" if rejects else "it would be passed over"
            message = f"entry {webhook.name} calls its Service {service.name}: {then}"
            hint = command("get", kind.lower(), config.name, Flag("-o", "yaml"))
            yield Ref(kind, "", config.name), message, hint, Breaks.REJECTED if rejects else None


def _dying(
    leaving: Uninstall, configs: list[WebhookConfiguration]
) -> Iterator[tuple[WebhookConfiguration, Webhook, ServiceReference]]:
    """The entries that call a Service which dies."""
    for config in configs:
        for webhook in config.webhooks:
            service = webhook.client_config.service
            if service is not None and leaving.dies(service):
                yield config, webhook, service


def only_for(webhook: Webhook, revision: str) -> bool:
    """Whether an entry asks for objects labelled with this revision alone: nobody else's writes are held up by it."""
    return any(
        requirement.key == labels.REV and requirement.operator is Operator.IN and set(requirement.values) == {revision}
        for requirement in webhook.object_selector.requirements
    )


def _owned_gateways(leaving: Uninstall) -> Broken:
    for gateway, _ in istio_gateways(leaving.before.mesh):
        given = leaving.before.namespace_labels.get(gateway.namespace)
        now, then = owner(leaving.before.mesh, gateway, given), owner(leaving.after.mesh, gateway, given)
        if now.revision == leaving.revision and not leaving.alive_after(then.revision):
            message = f"{now.because}: no control plane would own it, its proxies would stand alone"
            hint = label_gateway(gateway.namespace, gateway.name, leaving.successor)
            yield Ref("Gateway", gateway.namespace, gateway.name), message, hint, Breaks.DETACHED


def _deleted_gateways(leaving: Uninstall) -> Broken:
    for gateway in leaving.managed.values():
        if not gateway.replaced and not leaving.before.snapshot.has_gap("services", gateway.workload.namespace):
            empty = [name for name, kept in gateway.kept.items() if not kept]
            where = f"behind Service {', '.join(empty)}" if empty else "for it: no Service leads to it"
            message = f"AKS removes it with its revision, and no ready gateway of another is known {where}"
            hint = command("rev-status", "gateways", within(gateway.workload.namespace))
            yield ref_of(gateway.workload), message, hint, Breaks.DELETED
    for workload in leaving.workloads:
        given = workload.template.metadata.labels if workload.template else {}
        if workload.kind == "Deployment" and given.get(labels.APP) != labels.ISTIOD and _taken(leaving, workload):
            what = "gateway" if workload.gateway in (GatewayKind.IN_PLACE, GatewayKind.INJECTED) else "Deployment"
            message = f"the {what} carries the marks of this control plane and would be deleted with it"
            yield ref_of(workload), message, _reinstall(leaving, workload), Breaks.DELETED


def _node_agents(leaving: Uninstall) -> Broken:
    for workload in leaving.before.workloads:
        if workload.kind != "DaemonSet" or workload.template is None:
            continue
        if _taken(leaving, workload):
            message = "it would be deleted with it, on every node"
            yield ref_of(workload), message, _reinstall(leaving, workload), Breaks.DELETED
        elif workload.template.spec.proxy and leaving.reach(workload.template.spec.proxy) is Reach.DIES:
            message = "it calls this revision's Service: the nodes' proxies would stand alone"
            yield ref_of(workload), message, _reinstall(leaving, workload), Breaks.DETACHED


def _taken(leaving: Uninstall, workload: Workload) -> bool:
    return Key.of(workload) in leaving.taken


def _reinstall(leaving: Uninstall, workload: Workload) -> Hint:
    """What gives a gateway or a node agent to the successor, by what installed it."""
    to, given = leaving.successor, workload.template.metadata.labels if workload.template else {}
    chart = "ztunnel" if given.get(labels.APP) == ZTUNNEL else "cni" if given.get("k8s-app") == "istio-cni-node" else ""
    upgrade = reinstalled(leaving.before, workload.metadata, workload.namespace, to, chart)
    return upgrade or reinstall(f"reinstall it under revision {to} first", to)


def _config(leaving: Uninstall) -> Broken:
    for config in leaving.evidence.snapshot.config:
        if config.labels.get(labels.REV) != leaving.name or config.resource == labels.GATEWAYS:
            continue
        if leaving.name_stays or _rendered_by_chart(leaving, config):
            continue
        if not leaving.removal.takes(config.kind, config):
            message = f"its label {labels.REV}={leaving.name} is for this revision alone: no other would read it"
            relabel = f"{labels.REV}={label_of(leaving.successor)}"
            hint = label(config.resource, config.name, relabel, OVERWRITE, namespace=config.namespace)
            hint = hint.to(Goal.CONFIGURED)
            yield ref_of(config), message, hint, Breaks.IGNORED


def _rendered_by_chart(leaving: Uninstall, config: IstioConfig) -> bool:
    """Whether the control plane brought it along, for its own proxies.

    Up to 1.20 the charts render EnvoyFilters for telemetry: manifests/charts/istio-control/istio-discovery/templates/
    telemetryv2_*.yaml. They go with it, or stay and reach no proxy.
    """
    home = {plane.namespace for plane in leaving.before.mesh.planes_of(leaving.revision)}
    return config.kind == "EnvoyFilter" and config.namespace in home and config.name.startswith(_CHART_FILTERS)


_CHART_FILTERS = ("stats-filter-", "tcp-stats-filter-", "metadata-exchange-", "tcp-metadata-exchange-")


def _last(leaving: Uninstall) -> Broken:
    """Where the istiods could not be listed, that is the gap, and nothing is said here."""
    planes = [plane for plane in leaving.after.mesh.control_planes if plane.revision != leaving.revision]
    unseen = any(not p.istiods and leaving.before.snapshot.has_gap("pods", p.namespace) for p in planes)
    if not leaving.others and not unseen:
        message = "no other revision has a ready istiod: nothing could take over"
        another = "stable" if leaving.name == "canary" else "canary"
        hint = program("istioctl", "install", Flag("--set", f"revision={another}"))
        if leaving.removal.method is Method.AKS:
            where = (Flag("--resource-group", "GROUP"), Flag("--name", "CLUSTER"))
            hint = program("az", "aks", "mesh", "upgrade", "start", *where, Flag("--revision", "REVISION"))
        if local := [plane for plane in planes if plane.kind == "local"]:
            hint = why_unready(leaving.before, local[0])[1]
        yield Ref("Revision", "", leaving.revision), message, hint, None


def _sail(leaving: Uninstall) -> Broken:
    for resource in leaving.sail_revisions:
        condition = resource.condition("InUse")
        if condition is not None and condition.status != "False":
            said = condition.message or condition.reason or condition.status
            hint = command("describe", "istiorevision", resource.name)
            yield Ref(resource.kind, "", resource.name), f"Sail counts it in use: {said}", hint, None


def _not_removed(leaving: Uninstall) -> Broken:
    method = leaving.removal.method
    subject = Ref("Revision", "", leaving.revision)
    mesh = leaving.before.mesh
    if method is Method.ISTIOCTL and not found_by_istioctl(mesh, leaving.name) and not mesh.blind:
        message = 'istioctl finds a revision by its injector: it would answer "could not find target revision"'
        yield subject, message, delete_by_labels(leaving.removal), None
    if method is not Method.OPERATOR and leaving.removal.operator_resources:
        names = ", ".join(name for _, name in leaving.removal.operator_resources)
        message = f"the operator in the cluster would make it again: IstioOperator {names}"
        yield subject, message, sentence(f"say --by {Method.OPERATOR.value}"), None
    istiods = leaving.after.snapshot.istiods
    kept = [pod for pod in istiods if mesh.called(revision_of(pod.labels), pod.namespace) == leaving.revision]
    if method is not None and kept:
        known = "its marks say otherwise" if not leaving.removal.marked else "its Deployment lacks the marks"
        message = f"{method.value} would not remove its istiods: {known}"
        hint = sentence(f"say --by {'|'.join(m.value for m in Method)}")
        yield subject, message, hint, None


def _undecided(leaving: Uninstall) -> Broken:
    """Namespaces for which nobody can say who injects afterwards, though it can be said now."""
    for name in leaving.before.by_namespace:
        now, then = leaving.before.selected_for_namespace(name), leaving.after.selected_for_namespace(name)
        if then.state is State.CONFLICT and now.state is not State.CONFLICT:
            yield namespace_ref(name), then.because, command("rev-status", f"namespace/{name}"), None


_E = Severity.ERROR
CHECKS: tuple[Check[Uninstall], ...] = (
    Check("REV308", _E, "a validator depends on it",
          "a validator whose Service is gone rejects every write of Istio's configuration, or lets all of it pass",
          _validators, "istio#28880, istio#43227, istio#60596",
          needs=("validatingwebhookconfigurations", *needs.SERVED), passed="no validator depends on it"),
    Check("REV309", _E, "a foreign webhook calls its Service",
          "webhooks of others may call istiod, by hand or by a mesh expansion", _foreign,
          "k8s.io/api/admissionregistration/v1: WebhookClientConfig",
          needs=("validatingwebhookconfigurations", "mutatingwebhookconfigurations", "services"),
          passed="no foreign webhook calls its Service"),
    Check("REV311", _E, "Gateways or waypoints are owned by it",
          "only its owner renders a Gateway's Deployment and programs its listeners", _owned_gateways,
          "pkg/revisions/tag_watcher.go; istio#55392", needs=("gateways", "namespaces", *needs.INJECTORS),
          passed="no Gateway or waypoint is owned by it"),
    Check("REV312", _E, "gateways would be deleted with it",
          "istioctl marks gateways with the revision that installed them last, and uninstall deletes by these marks",
          _deleted_gateways, "operator/pkg/uninstall/prune.go; istio#45805", needs=("deployments", "services"),
          passed="no gateway would be deleted with it"),
    Check("REV313", _E, "CNI or ztunnel depends on it", "there is one per node, for all revisions", _node_agents,
          "operator/pkg/uninstall/prune.go; manifests/charts/ztunnel/templates/daemonset.yaml",
          needs=("daemonsets", "services"), passed="no CNI or ztunnel depends on it"),
    Check("REV314", _E, "configuration is labelled for it alone",
          "istiod reads a labelled object only if the label is its own revision; tags are not resolved", _config,
          sources.CONFIG, needs=("istio.io", "gateway.networking.k8s.io"),
          passed="no configuration is labelled for it alone"),
    Check("REV315", _E, "no other revision is ready", "proxies and new pods need another revision to move to", _last,
          "operator/cmd/mesh/uninstall.go", needs=("pods",), passed="another revision is ready"),
    Check("REV316", _E, "Sail counts it in use",
          "Sail deletes an inactive revision by itself when it is not in use, after its grace period", _sail,
          "sail-operator: controllers/istiorevision/istiorevision_controller.go", needs=("sailoperator.io",),
          passed="Sail does not count it in use"),
    Check("REV317", _E, "the method would not remove it", "what stays keeps serving, with half of its objects gone",
          _not_removed, "operator/pkg/uninstall/prune.go: GetPrunedResources",
          needs=("deployments", "mutatingwebhookconfigurations", "install.istio.io", "method"),
          passed="the method would remove it"),
    Check("REV319", _E, "two injectors would select the same pods", "the last one called wins", _undecided,
          sources.INJECTION, needs=needs.SELECTED, passed="no two injectors select the same pods afterwards"),
)  # fmt: skip
