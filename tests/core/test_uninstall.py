"""Every REV3xx: a world where it is found, what breaks there, and the world where nothing is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import Breaks, Finding
from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.installers import Condition, IstioOperator, OperatorSpec, Sail, Spec, Strategy
from kubectl_rev.core.mesh.installers import Status as SailStatus
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import (
    ClientConfig,
    Container,
    EnvVar,
    IstioConfig,
    Metadata,
    Object,
    OwnerReference,
    Pod,
    ServiceReference,
    Webhook,
    WebhookConfiguration,
    WorkloadObject,
)
from kubectl_rev.core.mesh.removal import Removal, removal
from kubectl_rev.core.mesh.removal_method import By, Method, parsed
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.remedies.advice import FIX
from kubectl_rev.core.verification.connections import Answer, Connections, Stream
from kubectl_rev.core.verification.evidence import Evidence, Extras
from kubectl_rev.core.verification.leftovers import leftovers
from kubectl_rev.core.verification.uninstall import Uninstall
from kubectl_rev.core.verification.verify import (
    UNINSTALL,
    Request,
    Status,
    Verdict,
    Verification,
    verify_move,
    verify_uninstall,
)
from kubectl_rev.dumps.redact import lean
from kubectl_rev.errors import UsageError
from tests.build import (
    ISTIO,
    control_plane,
    cron_job,
    daemon_set,
    deployment,
    endpoints,
    gateway,
    gateway_by_chart,
    injector,
    istiod,
    ns,
    proxy_container,
    running,
    sail,
    service,
    stateful_set,
    validator,
    world,
)

Parts = list[Any]


def by(method: Method, *parts: Object | Iterable[Object]) -> list[Object]:
    """These objects with the marks that an installer leaves, all of one revision."""
    found: list[Object] = []
    for part in parts:
        found += [part] if isinstance(part, Object) else part
    for each in found:
        meta = each.metadata
        match method:
            case Method.ISTIOCTL:
                meta.labels |= {well_known.OPERATOR_COMPONENT: "Pilot", well_known.OPERATOR_MANAGED: "Reconcile"}
                meta.labels[well_known.OWNING_NAMESPACE] = ISTIO
                meta.labels.setdefault(well_known.REV, _revision(found))
            case Method.HELM:
                release = f"istiod-{_revision(found)}"
                meta.labels[well_known.OPERATOR_COMPONENT] = "Pilot"
                meta.annotations |= {well_known.HELM_RELEASE: release, well_known.HELM_NAMESPACE: ISTIO}
            case Method.SAIL:
                meta.labels[well_known.SAIL_MANAGED_BY] = well_known.SAIL_OPERATOR
                meta.owner_references.append(OwnerReference(kind="IstioRevision", name=_revision(found)))
    return found


def copied(webhooks: Object) -> Object:
    """What `istioctl tag set` leaves where Helm installed the revision."""
    by(Method.HELM, webhooks)
    del webhooks.labels[well_known.OPERATOR_COMPONENT]
    webhooks.labels.setdefault(well_known.TAG, "default")
    return webhooks


def kept(*objects: Object) -> list[Object]:
    """`helm uninstall` is told by the manifest to leave these."""
    for each in objects:
        each.metadata.annotations[well_known.HELM_POLICY] = " Keep"
    return [*objects]


def _revision(found: list[Object]) -> str:
    names = {each.labels[well_known.REV] for each in found if well_known.REV in each.labels}
    return next(iter(names), "canary")


def mesh(*parts: Any, method: Method = Method.ISTIOCTL, default: Parts | None = None) -> Snapshot:
    """default, which stays, and canary, which is to go; nobody uses canary."""
    kept = default if default is not None else by(Method.ISTIOCTL, control_plane(), validator())
    return world(kept, by(method, control_plane("canary", version="1.31.0")), ns(ISTIO), *parts)


def evidence(
    snapshot: Snapshot,
    *streams: Stream,
    on: str = "canary",
    configs: Iterable[IstioConfig] = (),
    sail: Iterable[Sail] = (),
    gaps: Iterable[Gap] = (),
) -> Evidence:
    answers = [
        Answer(each.namespace, each.name, revision, streams if revision == on else ())
        for each in snapshot.istiods
        if (revision := each.labels.get(well_known.REV, "default"))
    ]
    snapshot.config = list(configs)
    snapshot.sail = list(sail)
    return Evidence(Survey(snapshot), Connections(answers), Extras(gaps=list(gaps)))


def verdict(found: Evidence, revision: str = "canary", method: Method | None = None, **request: Any) -> Verification:
    return verify_uninstall(found, revision, By(method) if method else None, Request(**request))


def facts(said: Verification) -> list[tuple[str, str, Breaks | None]]:
    return [(f.code, str(f.subject), f.breaks) for f in said.findings]


def test_nobody_uses_it():
    said = verdict(evidence(mesh(ns("shop", "injection=enabled"), running(deployment("web"), "default"))))
    assert (said.verdict, said.findings, said.gaps) == (Verdict.SAFE, [], [])
    assert {check.status for check in said.checks} == {Status.OK}
    assert [str(step.command) for step in said.commands] == ["istioctl uninstall --revision canary"]


def calling(revision: str, found: list[Object]) -> list[Object]:
    """Pods whose discoveryAddress was set by hand, to another revision than the one that injects them."""
    address = f"istiod-{revision}.{ISTIO}.svc:15012"
    for each in found:
        if isinstance(each, Pod) and each.spec and each.spec.proxy:
            config = f'{{"discoveryAddress": "{address}"}}'
            each.spec.proxy.env.append(EnvVar(name="PROXY_CONFIG", value=config))
    return found


def told(address: str, found: list[Object]) -> list[Object]:
    """Pods with this CA_ADDR."""
    for each in found:
        if isinstance(each, Pod) and each.spec and each.spec.proxy:
            each.spec.proxy.env[0].value = address
    return found


CALLED = "istiod-canary.istio-system.svc:15012"
PINNED = {well_known.PROXY_CONFIG: f"tracing: {{sampling: 1}}\ndiscoveryAddress: {CALLED}"}
UNPINNED = (
    "take discoveryAddress out of the annotation proxy.istio.io/config in its template: "
    "kubectl edit deployment/edge -n shop"
)
LABELLED = (
    "kubectl patch deployment/edge -n shop --type=merge -p "
    """'{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"default"}}}}}'"""
)
MIGRATED = "kubectl rev-migrate shop --to default"
MADE = "gateway.networking.k8s.io/gateway-name"
OWNED = "kubectl label gateways.gateway.networking.k8s.io w -n shop istio.io/rev=default --overwrite"
GONE = "istiod-gone.istio-system.svc:15012"
SHARED = service("canary", select="app=istiod")  # in place of the canary's own
CANARY, TAGGED = ns("shop", "rev=canary"), ns("shop", "rev=prod")
NO_SIDECAR, REJECTED, DETACHED = Breaks.NO_SIDECAR, Breaks.REJECTED, Breaks.DETACHED
FOREIGN = WebhookConfiguration(
    metadata=Metadata(name="guard"),
    webhooks=[
        Webhook(
            name="guard.example.com",
            client_config=ClientConfig(service=ServiceReference(name="istiod-canary", namespace=ISTIO)),
        )
    ],
)


def marked(workload: Any, component: str) -> Any:
    workload.metadata.labels |= {well_known.REV: "canary", well_known.OPERATOR_COMPONENT: component}
    workload.metadata.labels[well_known.OWNING_NAMESPACE] = ISTIO
    return workload


#   what there is, who deletes it, what is found
ROWS: dict[str, tuple[Parts, Method, list[tuple[str, str, Breaks | None]]]] = {
    "a namespace without pods": ([CANARY], Method.ISTIOCTL, [("REV306", "namespace/shop", NO_SIDECAR)]),
    "the same by Helm": ([CANARY], Method.HELM, [("REV306", "namespace/shop", NO_SIDECAR)]),
    "a namespace whose Service has another revision's istiods behind it, too": (
        [CANARY, SHARED, endpoints(SHARED, True, True)],
        Method.ISTIOCTL,
        [("REV306", "namespace/shop", NO_SIDECAR)],
    ),
    "running pods": (
        [CANARY, *running(deployment("web"), "canary", "canary")],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED), ("REV306", "namespace/shop", NO_SIDECAR)],
    ),
    "running pods that nobody restarted": (
        [ns("shop", "injection=enabled"), *running(deployment("web"), "canary")],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED)],
    ),
    "a pod that is told to call it": (
        [ns("shop", "injection=enabled"),
         *calling("canary", running(deployment("web"), "default"))],
        Method.ISTIOCTL,
        [("REV303", "deployment/web", DETACHED)],
    ),
    "a pod whose Service is gone": (
        [ns("shop", "injection=enabled"), *told(GONE, running(deployment("web"), "canary"))],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED)],
    ),
    "one whose Service is gone, by its full name": (
        [ns("shop", "injection=enabled"),
         *told("istiod-gone.istio-system.svc.cluster.local:15012", running(deployment("web"), "canary"))],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED)],
    ),
    "a pod that calls a host outside": (
        [ns("shop", "injection=enabled"), *told("istiod.example.com:15012", running(deployment("web"), "canary"))],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED)],
    ),
    "a pod that calls a Service behind which no istiod is": (
        [ns("shop", "injection=enabled"), service("nobody"),
         *told("istiod-nobody.istio-system.svc:15012", running(deployment("web"), "canary"))],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED)],
    ),
    "a pod of another revision whose Service is gone": (
        [ns("shop", "injection=enabled"), *told(GONE, running(deployment("web"), "default"))],
        Method.ISTIOCTL,
        [],
    ),
    "a user's tag": (
        [TAGGED, injector("canary", tag="prod")],
        Method.ISTIOCTL,
        [("REV304", "tag/prod", REJECTED), ("REV306", "namespace/shop", REJECTED)],
    ),
    "a tag that its release takes along": (
        [TAGGED, *by(Method.HELM, injector("canary", tag="prod"))],
        Method.HELM,
        [("REV304", "tag/prod", NO_SIDECAR), ("REV306", "namespace/shop", NO_SIDECAR)],
    ),
    "a tag with the release's marks, which istioctl tag set copies": (
        [TAGGED, copied(injector("canary", tag="prod"))],
        Method.HELM,
        [("REV304", "tag/prod", REJECTED), ("REV306", "namespace/shop", REJECTED)],
    ),
    "a tag that its release keeps": (
        [TAGGED, *kept(*by(Method.HELM, injector("canary", tag="prod")))],
        Method.HELM,
        [("REV304", "tag/prod", REJECTED), ("REV306", "namespace/shop", REJECTED)],
    ),
    "a user's tag beside a Helm release": (
        [TAGGED, injector("canary", tag="prod")],
        Method.HELM,
        [("REV304", "tag/prod", REJECTED), ("REV306", "namespace/shop", REJECTED)],
    ),
    "a workload's own label": (
        [ns("shop"), *running(deployment("web", text="rev=canary"), "canary")],
        Method.ISTIOCTL,
        [("REV302", "deployment/web", DETACHED), ("REV307", "deployment/web", NO_SIDECAR)],
    ),
    "scaled to zero": (
        [ns("shop"), stateful_set("archive", text="rev=canary", replicas=0)],
        Method.ISTIOCTL,
        [("REV310", "statefulset/archive", NO_SIDECAR)],
    ),
    "a CronJob": (
        [ns("shop"), cron_job("nightly", text="rev=canary")],
        Method.ISTIOCTL,
        [("REV310", "cronjob/nightly", NO_SIDECAR)],
    ),
    "injected by hand and scaled to zero": (
        [ns("shop"), deployment("old", proxy=proxy_container("canary"), replicas=0)],
        Method.ISTIOCTL,
        [("REV310", "deployment/old", DETACHED)],
    ),
    "a foreign webhook": ([FOREIGN], Method.ISTIOCTL,
                          [("REV309", "validatingwebhookconfiguration/guard", REJECTED)]),
    "a Gateway": ([ns("shop"), gateway("public", text="rev=canary")], Method.ISTIOCTL,
                  [("REV311", "gateway/public", DETACHED)]),
    "a Gateway of its namespace": ([CANARY, gateway("public")], Method.ISTIOCTL,
                                   [("REV306", "namespace/shop", NO_SIDECAR), ("REV311", "gateway/public", DETACHED)]),
    "somebody else's Gateway": ([ns("shop"), gateway("public", text="rev=canary", class_name="nginx")],
                                Method.ISTIOCTL, []),
    "an installed gateway": (
        [marked(deployment("istio-ingressgateway", ISTIO, "app=istio-ingressgateway inject=false"), "IngressGateways")],
        Method.ISTIOCTL,
        [("REV312", "deployment/istio-ingressgateway", Breaks.DELETED)],
    ),
    "the CNI": ([marked(daemon_set("istio-cni-node", "kube-system"), "Cni")], Method.ISTIOCTL,
                [("REV313", "daemonset/istio-cni-node", Breaks.DELETED)]),
    "a ztunnel that calls it": (
        [daemon_set("ztunnel", ISTIO, "app=ztunnel inject=false", proxy=proxy_container("canary"))],
        Method.ISTIOCTL,
        [("REV310", "daemonset/ztunnel", DETACHED), ("REV313", "daemonset/ztunnel", DETACHED)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "method", "expected"), ROWS.values(), ids=ROWS)
def test_what_keeps_it_alive(parts: Parts, method: Method, expected: list[tuple[str, str, Breaks | None]]) -> None:
    snapshot = mesh(method=method)
    for each in parts:
        for other in [each] if isinstance(each, Object) else each:
            place(snapshot, other)
    said = verdict(evidence(snapshot))
    assert facts(said) == expected
    assert said.verdict is (Verdict.NOT_SAFE if expected else Verdict.SAFE)
    assert said.method is method


def test_a_default_validator_that_istioctl_moved_stays_with_the_marks_of_the_release() -> None:
    kept = by(Method.ISTIOCTL, control_plane())
    said = verdict(evidence(mesh(copied(validator("canary")), method=Method.HELM, default=kept)))
    assert facts(said) == [("REV308", "validatingwebhookconfiguration/istiod-default-validator", Breaks.FROZEN)]


def place(snapshot: Snapshot, each: Object) -> None:
    if each is FOREIGN:
        snapshot.validators.append(FOREIGN)
        return
    added = world(each)
    for field in ("namespaces", "pods", "workloads", "injectors", "services", "gateways"):
        getattr(snapshot, field).extend(getattr(added, field))


def test_connected_proxies_of_any_kind_and_cluster():
    snapshot = mesh(ns("shop", "injection=enabled"), running(deployment("web"), "default"))
    pod = "web-5d8f-0"
    streams = (
        Stream("shop", pod, "Kubernetes", "sidecar"),
        Stream("shop", "vm-1", "Kubernetes", "sidecar"),
        Stream("edge", "gw", "west", "router"),
    )
    said = verdict(evidence(snapshot, *streams))
    assert facts(said) == [
        ("REV301", f"pod/{pod}", DETACHED),
        ("REV301", "proxy/gw", DETACHED),
        ("REV301", "proxy/vm-1", DETACHED),
    ]
    assert said.verdict is Verdict.NOT_SAFE
    assert [gap.kind for gap in said.gaps] == ["remote-clusters"]


def default_last() -> Snapshot:
    """default is to go: canary is ready, and default still holds everything."""
    return world(by(Method.ISTIOCTL, control_plane(), validator()), control_plane("canary"), ns("shop"))


def test_the_default_goes_with_all_that_it_means():
    said = verdict(evidence(default_last()), "default")
    assert facts(said) == [
        ("REV305", "tag/default", NO_SIDECAR),
        ("REV308", "validatingwebhookconfiguration/istiod-default-validator", Breaks.UNVALIDATED),
    ]


@pytest.mark.parametrize(("policy", "breaks"), [("Fail", Breaks.FROZEN), ("Ignore", Breaks.UNVALIDATED)])
def test_a_validator_that_stays_freezes_configuration_or_lets_all_of_it_pass(policy, breaks):
    left = validator()
    left.webhooks[0].failure_policy = policy
    snapshot = world(by(Method.HELM, control_plane()), left, control_plane("canary"))
    said = verdict(evidence(snapshot), "default")
    assert ("REV308", "validatingwebhookconfiguration/istiod-default-validator", breaks) in facts(said)
    # The finding's hint gives it to the revision that stays: it is then no leftover.
    assert not [each for each in said.leftovers if each.subject.name == "istiod-default-validator"]


def test_a_service_that_was_deleted_keeps_nobody_alive():
    """Its istiod runs, connected to nobody: seven pods wait for the Service to come back, and none is another's."""
    without = [each for each in control_plane() if not isinstance(each, Service)]
    pods = running(deployment("web"), *["default"] * 7)
    snapshot = world(by(Method.ISTIOCTL, without), control_plane("canary"), ns("shop", "rev=canary"), pods)
    said = verdict(evidence(snapshot), "default")
    assert [(f.code, f.message) for f in said.findings if f.subject.kind == "Deployment"] == [
        ("REV302", "7 pods injected by it, whose Service is gone: cut off already")
    ]
    assert said.verdict is Verdict.NOT_SAFE


def test_services_that_were_not_read_are_not_gone():
    without = [each for each in control_plane() if not isinstance(each, Service)]
    snapshot = world(without, control_plane("canary"), ns("shop"), running(deployment("web"), "default"),
                     gaps=[Gap("list", "services", "", "forbidden")])  # fmt: skip
    said = verdict(evidence(snapshot), "default")
    assert "1 pod injected by it (says sidecar.istio.io/status)" in [f.message for f in said.findings]


def test_the_workaround_of_the_guide_keeps_pods_alive():
    """Service istiod leads to canary's istiods: what was injected by default is served, until somebody deletes it."""
    alias = service("default", select="app=istiod rev=canary")
    old = [each for each in control_plane() if each.name != "istiod" or not hasattr(each.spec, "selector")]
    old = [each for each in old if each.name != "istiod" or each.__class__.__name__ == "Workload"]
    snapshot = world(
        by(Method.ISTIOCTL, old), alias, endpoints(alias, True), control_plane("canary"), ns("shop", "rev=canary"),
        running(deployment("web"), "default"),
    )  # fmt: skip
    said = verdict(evidence(snapshot), "default")
    assert [(f.code, f.severity.value) for f in said.findings if f.subject.kind == "Deployment"] == [
        ("REV318", "warning")
    ]


def test_configuration_for_it_alone():
    def config(resource: str, rev: str, **more: str) -> IstioConfig:
        metadata = Metadata(name="a", namespace="shop", labels={well_known.REV: rev} | more)
        return IstioConfig(metadata=metadata, kind="VirtualService", resource=resource)

    ours = config("virtualservices.networking.istio.io", "canary")
    other = config("virtualservices.networking.istio.io", "default")
    owned = config("gateways.gateway.networking.k8s.io", "canary")
    assert facts(verdict(evidence(mesh(), configs=[ours, other, owned]))) == [
        ("REV314", "virtualservice/a", Breaks.IGNORED)
    ]


def test_the_last_one():
    said = verdict(evidence(world(by(Method.ISTIOCTL, control_plane("canary")))))
    assert ("REV315", "revision/canary", None) in facts(said)


def test_another_that_is_not_ready_is_none():
    said = verdict(evidence(mesh(default=by(Method.ISTIOCTL, control_plane(ready=(False,)), validator()))))
    assert [str(f.hint) for f in said.findings if f.code == "REV315"] == [
        "kubectl get pods -n istio-system -l app=istiod,istio.io/rev=default"
    ], "what is there is mended, not installed anew"


@pytest.mark.parametrize(
    ("status", "verdict_is"),
    [
        (None, Verdict.UNKNOWN),
        (SailStatus(), Verdict.UNKNOWN),
        (SailStatus(conditions=(Condition(type="Ready", status="True"),)), Verdict.UNKNOWN),
        (SailStatus(conditions=(Condition(type="InUse", status="Unknown"),)), Verdict.NOT_SAFE),
        (SailStatus(conditions=(Condition(type="InUse", status="False"),)), Verdict.SAFE),
    ],
)
def test_sail_must_say_that_it_is_not_in_use(status, verdict_is):
    items = [sail("IstioRevision", "canary", status=status)] if status else [sail("IstioRevision", "other")]
    said = verdict(evidence(mesh(method=Method.SAIL), sail=items))
    assert said.verdict is verdict_is
    found = next(check.status for check in said.checks if check.code == "REV316")
    assert found is {Verdict.UNKNOWN: Status.UNKNOWN, Verdict.SAFE: Status.OK}.get(verdict_is, Status.ERROR)


def test_sail_counts_and_deletes_by_itself():
    used = SailStatus(conditions=(Condition(type="InUse", status="True", message="2 namespaces"),))
    strategy = Strategy(type="RevisionBased", inactive_revision_deletion_grace_period_seconds=120)
    items = [
        sail("IstioRevision", "canary", status=used),
        sail("Istio", "can", spec=Spec(update_strategy=strategy)),
    ]
    said = verdict(evidence(mesh(method=Method.SAIL), sail=items))
    assert facts(said) == [("REV316", "istiorevision/canary", None)]
    assert said.method is Method.SAIL


@pytest.mark.parametrize(
    ("kind", "revision", "command"),
    [
        ("RevisionBased", "mesh-1-31", "istiorevision mesh-1-31"),
        ("InPlace", "mesh", "istio mesh"),
        ("InPlace", "mesh-v2", "istio mesh-v2"),  # beside an Istio whose name it begins with
    ],
)
def test_what_an_istio_resource_made_is_its_operators(kind, revision, command):
    kept = by(Method.ISTIOCTL, control_plane(), validator())
    snapshot = world(kept, by(Method.SAIL, control_plane(revision)))
    strategy = Strategy(type=kind, inactive_revision_deletion_grace_period_seconds=120)
    made = sail("IstioRevision", revision)
    maker = "mesh" if kind == "RevisionBased" else revision
    made.metadata.owner_references.append(OwnerReference(kind="Istio", name=maker))
    items = [*(sail("Istio", name, spec=Spec(update_strategy=strategy)) for name in ("mesh", "mesh-v2")), made]
    (step,) = verdict(evidence(snapshot, on="", sail=items), revision).commands
    assert str(step.command) == f"kubectl delete {command}"
    assert ("120 s after" in step.note) == (kind == "RevisionBased")


def test_an_istio_that_was_not_seen_to_own_it_is_never_deleted_for_its_name():
    kept = by(Method.ISTIOCTL, control_plane(), validator())
    snapshot = world(kept, by(Method.SAIL, control_plane("prod-v2")))
    (step,) = verdict(evidence(snapshot, on="", sail=[sail("Istio", "prod")]), "prod-v2").commands
    assert str(step.command) == "kubectl delete istiorevision prod-v2"


def helms_cni(revision: str) -> WorkloadObject:
    """What the charts up to 1.23 render: a revision and a component, and nothing of who installed it."""
    given = f"app=istio-cni-node rev={revision}"
    found = by_helm(daemon_set("istio-cni-node", ISTIO, given), "istio-cni")
    found.metadata.labels[well_known.REV] = revision
    found.metadata.labels[well_known.OPERATOR_COMPONENT] = "Cni"
    return found


def by_helm(each: WorkloadObject, release: str) -> WorkloadObject:
    each.metadata.annotations |= {well_known.HELM_RELEASE: release, well_known.HELM_NAMESPACE: ISTIO}
    return each


@pytest.mark.parametrize(
    ("version", "by_flag", "goes"),
    [
        ("1.20.8", None, True),
        ("1.23.2", None, True),
        ("1.24.0", None, False),
        ("latest", None, True),  # unknown counts against SAFE
        ("1.30.3", "istioctl@1.23", True),
        ("1.20.8", "istioctl@1.30", False),
        ("1.20.8", "istioctl", True),
    ],
)
def test_istioctl_before_1_24_deletes_what_others_installed(version, by_flag, goes):
    leaving = by(Method.ISTIOCTL, control_plane("canary", version=version))
    snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), leaving, helms_cni("canary"))
    said = verify_uninstall(evidence(snapshot), "canary", parsed(by_flag) if by_flag else None, Request())
    assert facts(said) == ([("REV313", "daemonset/istio-cni-node", Breaks.DELETED)] if goes else [])


@pytest.mark.parametrize("text", ["istio", "istioctl@", "istioctl@new", "@1.23", "helm@x.y"])
def test_a_method_that_is_none_is_one_line(text):
    with pytest.raises(UsageError, match=re.escape(f'--by "{text}"')):
        parsed(text)


ADDRESSES = {
    "both": {
        "CA_ADDRESS": "istiod-canary.istio-system.svc:15012",
        "XDS_ADDRESS": "istiod-canary.istio-system.svc:15012",
    },
    "certificates only": {
        "CA_ADDRESS": "istiod-canary.istio-system.svc:15012",
        "XDS_ADDRESS": "istiod.istio-system.svc:15012",
    },
    "configuration only, as a URL": {"XDS_ADDRESS": "https://istiod-canary.istio-system.svc.cluster.local:15012"},
}


@pytest.mark.parametrize("env", ADDRESSES.values(), ids=ADDRESSES)
def test_ztunnel_depends_on_the_revision_that_its_addresses_name(env):
    ztunnel = daemon_set("ztunnel", ISTIO, "app=ztunnel")
    container = Container(name="istio-proxy", image="ztunnel", env=[EnvVar(name=k, value=v) for k, v in env.items()])
    ztunnel.spec.template.spec.containers = [container]
    assert facts(verdict(evidence(mesh(*running(ztunnel, None))))) == [("REV313", "daemonset/ztunnel", DETACHED)]


def test_the_chart_of_a_node_agent_is_known_by_its_own_labels():
    ztunnel = by_helm(daemon_set("ztunnel", ISTIO, "app=ztunnel", proxy=proxy_container("canary")), "ztunnel")
    cni = by_helm(daemon_set("istio-cni-node", ISTIO, "k8s-app=istio-cni-node", proxy=proxy_container("canary")), "cni")
    for agent, chart in ((ztunnel, "ztunnel"), (cni, "cni")):
        (hint,) = {str(f.hint) for f in verdict(evidence(mesh(*running(agent, None)))).findings if f.code == "REV313"}
        assert hint.startswith(f"helm upgrade {chart} istio/{chart} -n istio-system --version "), hint


def test_a_template_that_nothing_rolls_is_patched():
    """rev-migrate changes the templates that it can roll."""
    (found,) = verdict(evidence(mesh(ns("shop"), cron_job("nightly", text="rev=canary")))).findings
    assert str(found.hint) == (
        "kubectl patch cronjob/nightly -n shop --type=merge -p '"
        '{"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"default"}}}}}}}\''
    )


def test_istioctl_finds_no_revision_without_an_injector_of_its_own():
    without = [each for each in control_plane("canary") if each.name != "istio-sidecar-injector-canary"]
    kept = by(Method.ISTIOCTL, control_plane(), validator())
    said = verdict(evidence(world(kept, by(Method.ISTIOCTL, without))))
    assert facts(said) == [("REV317", "revision/canary", None)]
    assert said.steps == [], "the removal itself is no step towards it"
    (step,) = said.commands
    assert str(step.command).startswith("kubectl delete deployments,services,")
    assert str(step.command).endswith(" -l istio.io/rev=canary,operator.istio.io/component=Pilot -n istio-system")
    tagged = world(kept, by(Method.ISTIOCTL, without), injector("canary", tag="prod"))
    assert [str(each.command) for each in verdict(evidence(tagged)).commands] == [
        "istioctl uninstall --revision canary"
    ]
    by_helm_instead = world(kept, by(Method.HELM, without))
    assert facts(verdict(evidence(by_helm_instead))) == []


def operator(*resources: tuple[str, str], runs: bool = True) -> list[Object]:
    """The in-cluster operator, and IstioOperators: name and revision."""
    controller = deployment("istio-operator", "istio-operator", "name=istio-operator")
    controller.spec.template.spec.containers = [Container(name="istio-operator", image="operator:1.23.2")]
    made = [
        IstioOperator(metadata=Metadata(name=name, namespace=ISTIO), spec=OperatorSpec(revision=revision))
        for name, revision in resources
    ]
    return [*([controller] if runs else []), *made]


def codes_and_hints(said: Verification) -> dict[str, str]:
    return {finding.code: str(finding.hint) for finding in said.findings}


def test_the_default_goes_on_with_what_it_injects_unasked() -> None:
    snapshot = world(by(Method.ISTIOCTL, control_plane(auto=True), validator()), control_plane("canary"))
    found = codes_and_hints(verdict(evidence(snapshot), "default"))
    assert found["REV308"] == "istioctl tag set default --revision canary --overwrite --auto-inject-namespaces"


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("1.12.0", "istioctl tag set default --revision canary --overwrite"),
        ("1.11.8", "right after the removal: kubectl rev-fix-validation, which makes Service istiod lead to canary"),
        ("1.9.9", "right after the removal: kubectl rev-fix-validation, which makes Service istiod lead to canary"),
    ],
)
def test_validation_follows_the_default_tag_since_1_12(version: str, hint: str) -> None:
    snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), control_plane("canary", version=version))
    assert codes_and_hints(verdict(evidence(snapshot), "default"))["REV308"] == hint


def test_a_default_validator_moves_at_its_source() -> None:
    owned = validator()
    owned.metadata.annotations |= {well_known.HELM_RELEASE: "base", well_known.HELM_NAMESPACE: ISTIO}
    snapshot = world(by(Method.HELM, control_plane(version="1.29.4")), owned, control_plane("canary"))
    assert codes_and_hints(verdict(evidence(snapshot), "default"))["REV308"] == (
        "helm upgrade base istio/base -n istio-system --version 1.30.3 --reuse-values --set defaultRevision=canary"
    )


def test_what_a_chart_installed_is_upgraded() -> None:
    agent = helms_cni("canary")
    agent.metadata.labels[well_known.HELM_CHART] = "cni-1.23.2"
    leaving = by(Method.ISTIOCTL, control_plane("canary", version="1.23.2"))
    snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), leaving, agent)
    assert codes_and_hints(verdict(evidence(snapshot)))["REV313"] == (
        "helm upgrade istio-cni istio/cni -n istio-system --version 1.30.3 --reuse-values --set revision="
    )


def test_what_the_operator_in_the_cluster_describes_goes_by_its_resource():
    def said(*more: Object, by_flag: str = "") -> Verification:
        leaving = by(Method.ISTIOCTL, control_plane("canary", version="1.23.2"))
        snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), leaving, ns(ISTIO), *more)
        return verify_uninstall(evidence(snapshot), "canary", parsed(by_flag) if by_flag else None, Request())

    def commands(answer: Verification) -> list[str]:
        return [str(each.command) for each in answer.commands]

    operated = operator(("plane", "canary"), ("other", ""))
    assert commands(said(*operated)) == ["kubectl delete istiooperators.install.istio.io plane -n istio-system"]
    assert facts(said(*operated)) == []
    assert facts(said(*operated, by_flag="istioctl")) == [("REV317", "revision/canary", None)]
    plain = ["istioctl uninstall --revision canary"]
    assert commands(said(*operator(("plane", "canary"), runs=False))) == plain
    assert commands(said(*operator(("installed-state-canary", "canary"), ("other", "")))) == plain
    assert facts(said(*operated, helms_cni("canary"))) == [("REV313", "daemonset/istio-cni-node", Breaks.DELETED)]


def test_the_filters_that_a_chart_brings_along_are_not_the_users():
    def config(name: str, namespace: str, kind: str = "EnvoyFilter") -> IstioConfig:
        metadata = Metadata(name=name, namespace=namespace, labels={well_known.REV: "canary"})
        return IstioConfig(metadata=metadata, kind=kind, resource=f"{kind.lower()}s.networking.istio.io")

    brought = (
        "stats-filter-1.20-canary",
        "tcp-stats-filter-1.19",
        "metadata-exchange-1.17",
        "tcp-metadata-exchange-1.17",
    )
    users = [
        config("stats-filter-1.20", "shop"),
        config("mine", ISTIO),
        config("stats-filter-x", ISTIO, "VirtualService"),
    ]
    said = verdict(evidence(mesh(), configs=[*(config(name, ISTIO) for name in brought), *users]))
    assert {finding.subject.name for finding in said.findings} == {"stats-filter-1.20", "mine", "stats-filter-x"}


def test_how_it_is_uninstalled():
    def how(found: Evidence, revision: str = "canary", method: Method | None = None) -> list[str]:
        said = verdict(found, revision, method)
        return [str(step.command) for step in said.commands]

    assert how(evidence(mesh())) == ["istioctl uninstall --revision canary"]
    assert how(evidence(mesh(method=Method.HELM))) == ["helm uninstall istiod-canary -n istio-system"]
    assert how(evidence(mesh(method=Method.SAIL))) == ["kubectl delete istiorevision canary"]
    old = world(by(Method.ISTIOCTL, control_plane("canary", version="1.9.9")), control_plane())
    assert how(evidence(old)) == ["istioctl x uninstall --revision canary"]
    azure = world(control_plane("asm-1-24", "aks-istio-system"), control_plane("asm-1-25", "aks-istio-system"))
    assert how(evidence(azure), "asm-1-24")[0].startswith("az aks mesh upgrade complete ")


def test_a_control_plane_without_a_revision_label_goes_by_its_file():
    """Releases before 1.7, and the guide's own case."""
    old = control_plane()
    for each in by(Method.ISTIOCTL, old):
        each.metadata.labels.pop(well_known.REV, None)
    snapshot = world(old, control_plane("canary"))
    gone = removal(Mesh(snapshot), "default")
    assert gone.unlabelled
    assert [str(s.command) for s in Uninstall(evidence(snapshot), gone).commands] == ["istioctl uninstall -f FILE"]


def test_nobody_says_how_it_was_installed():
    snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), control_plane("canary"))
    said = verdict(evidence(snapshot))
    assert (said.verdict, [gap.kind for gap in said.gaps], said.commands) == (Verdict.UNKNOWN, ["method"], [])


def test_a_method_that_would_not_remove_it():
    said = verdict(evidence(mesh(method=Method.HELM)), method=Method.SAIL)
    assert [f.code for f in said.findings] == ["REV317"]


def test_what_stays_behind():
    """A tag has an injector, since 1.28 a Service too, and in ambient clusters that alone."""
    injects, maps = injector("canary", tag="prod"), service("canary", tag="prod")
    for parts, command in (
        ([injects], "istioctl tag remove prod"),
        ([injects, maps], "istioctl tag remove prod"),
        ([maps], "kubectl delete service istiod-revision-tag-prod -n istio-system"),
    ):
        snapshot = mesh(TAGGED, *parts, method=Method.HELM)
        found = leftovers(Uninstall(evidence(snapshot), removal(Mesh(snapshot), "canary")))
        assert [str(each.command) for each in found] == [command]


def test_a_namespace_that_names_a_tag_keeps_its_label():
    """Moving the tag moves it; a label of its own would take it out of the tag's hands."""
    said = verdict(evidence(mesh(TAGGED, running(deployment("web"), "canary"), injector("canary", tag="prod"))))
    assert {(f.code, str(f.hint)) for f in said.findings} == {
        (code, "kubectl rev-migrate --tag prod --to default") for code in ("REV302", "REV304", "REV306")
    }


def test_the_default_tag_is_named_by_what_it_is_there_for():
    parts = [injector("canary", tag="default"), ns("a", "injection=enabled"), ns("b", "rev=default"), ns("c", "rev=x")]
    off = [ns("d", "injection=disabled rev=default"), ns("e", "injection=enabled rev=default")]
    snapshot = world(by(Method.ISTIOCTL, control_plane("canary")), control_plane("stable"), *parts, *off)
    said = verdict(evidence(snapshot))
    (message,) = [f.message for f in said.findings if f.code == "REV304"]
    assert message.endswith("(3 namespaces name it)")


GAPS = {
    "deployments.apps": ("REV312", "REV317"),
    "services": ("REV304", "REV308", "REV309"),
    "gateways.gateway.networking.k8s.io": ("REV311", "REV314"),
    "virtualservices.networking.istio.io": ("REV314",),
    "pods/portforward": ("REV301",),
    "cronjobs.batch": ("REV310",),
    "istiorevisions.sailoperator.io": ("REV316",),
}


@pytest.mark.parametrize("resource", GAPS)
def test_a_gap_is_never_safe(resource):
    gap = Gap("list", resource, "", 'forbidden to user "jane"')
    said = verdict(evidence(mesh(), gaps=[gap]))
    assert said.verdict is Verdict.UNKNOWN
    unknown = {check.code for check in said.checks if check.status is Status.UNKNOWN}
    assert set(GAPS[resource]) <= unknown
    plural, _, group = resource.partition(".")
    assert said.gaps[0].grant == (
        f'ClusterRole: {{apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["get", "list"]}}'
    )


def test_marks_that_could_not_be_read_are_no_reason():
    """The injector's marks name istioctl; whether the Deployment has them too, nobody could see."""
    canary = control_plane("canary")
    by(Method.ISTIOCTL, (each for each in canary if not isinstance(each, Pod)))  # istiods themselves bear no marks
    snapshot = world(by(Method.ISTIOCTL, control_plane(), validator()), canary, ns(ISTIO), ns("shop", "rev=canary"))
    seen = verdict(evidence(snapshot))
    snapshot.workloads = [each for each in snapshot.workloads if each.kind != "Deployment"]
    snapshot.gaps = [Gap("list", "deployments.apps", "", 'forbidden to user "jane"')]
    said = verdict(evidence(snapshot))
    assert facts(said) == facts(seen) == [("REV306", "namespace/shop", Breaks.NO_SIDECAR)]
    assert {check.code for check in said.checks if check.status is Status.UNKNOWN} >= {"REV312", "REV317"}


def test_accepting_a_gap_is_repeated_and_is_the_only_way():
    found = evidence(mesh(), gaps=[Gap("list", "cronjobs.batch"), Gap("list", "services")])
    assert verdict(found, accept=("cronjobs",)).verdict is Verdict.UNKNOWN
    said = verdict(found, accept=("cronjobs", "services"))
    assert (said.verdict, said.accepted) == (Verdict.SAFE, ["cronjobs.batch", "services"])


def test_not_safe_beats_unknown_beats_safe():
    gap = Gap("list", "services")
    assert verdict(evidence(mesh(CANARY), gaps=[gap])).verdict is Verdict.NOT_SAFE
    assert verdict(evidence(mesh(CANARY)), skip=("REV306",)).verdict is Verdict.UNKNOWN
    assert verdict(evidence(mesh()), only=("REV301",)).verdict is Verdict.UNKNOWN


def test_the_mildest_that_fails():
    warned = evidence(mesh())
    assert verdict(warned).verdict is Verdict.SAFE


def test_every_code_has_advice_and_each_check_says_when_it_passed():
    assert {check.code for check in UNINSTALL} <= FIX.keys()
    assert all((check.passed and check.source) or check.code == "REV315" for check in UNINSTALL)
    assert len({check.code for check in UNINSTALL}) == len(UNINSTALL)


def test_the_order_of_objects_changes_nothing():
    parts = [CANARY, *running(deployment("web"), "canary"), injector("canary", tag="prod"), ns("pay", "rev=prod")]
    forth, back = mesh(*parts), mesh(*reversed(parts))
    for field in ("injectors", "services", "workloads", "validators"):
        getattr(back, field).reverse()
    assert verdict(evidence(forth)).findings == verdict(evidence(back)).findings


def test_findings_are_there_once():
    said: list[Finding] = verdict(evidence(mesh(CANARY))).findings
    assert len(said) == len(set(said))


def test_a_removal_takes_what_prune_go_takes():
    """operator/pkg/uninstall/prune.go: the revision's label and one of five components."""
    gone = Removal("canary", Method.ISTIOCTL, marked=True)
    for component in ("Pilot", "IngressGateways", "EgressGateways", "Cni", "Ztunnel"):
        given = {well_known.REV: "canary", well_known.OPERATOR_COMPONENT: component, well_known.OWNING_NAMESPACE: ISTIO}
        assert gone.takes("Service", Object(metadata=Metadata(name="a", labels=given)))
        assert not gone.takes("StatefulSet", Object(metadata=Metadata(name="a", labels=given)))
    for given in ({well_known.REV: "canary"}, {well_known.REV: "canary", well_known.OPERATOR_COMPONENT: "Base"}):
        assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels=given)))


def test_a_tag_that_is_a_revisions_own_name_too_is_answered_by_it():
    """Tag `default` in canary's release beside the unrevisioned control plane: it takes over when the tag is gone."""
    default = [*by(Method.HELM, control_plane()), validator()]
    tag = by(Method.HELM, injector("canary", tag="default"))
    assert facts(verdict(evidence(mesh(*tag, ns("shop", "rev=default"), method=Method.HELM, default=default)))) == []


def test_a_removal_of_a_chart_that_was_rendered_and_applied_keeps_the_base_charts_validator():
    gone = Removal("canary", Method.HELM, marked=True)
    kind, of_helm = "ValidatingWebhookConfiguration", {well_known.MANAGED_BY: "Helm"}
    ours = of_helm | {well_known.REV: "canary"}
    assert gone.takes(kind, Object(metadata=Metadata(name="istio-validator-canary", labels=ours)))
    assert not gone.takes(kind, Object(metadata=Metadata(name=well_known.DEFAULT_VALIDATOR, labels=ours)))
    assert not gone.takes(kind, Object(metadata=Metadata(name="a", labels=of_helm | {well_known.REV: "blue"})))
    assert not gone.takes(kind, Object(metadata=Metadata(name="a", labels={well_known.REV: "canary"})))


def test_a_tags_injector_does_not_say_how_its_revision_was_installed():
    """istioctl makes tags of revisions that Helm installed; where no istiod is left, the injector of its own tells."""
    (own,), (tag,) = by(Method.HELM, injector("canary")), by(Method.ISTIOCTL, injector("canary", tag="prod"))
    assert removal(Mesh(world(own, tag)), "canary").method is Method.HELM
    assert removal(Mesh(world(tag)), "canary").method is None
    (other,) = by(Method.HELM, injector("blue"))
    assert removal(Mesh(world(other)), "canary").method is None


def test_a_service_leads_to_the_istiods_that_it_selects_in_its_namespace():
    pods = [istiod("canary"), istiod("default"), istiod("canary", namespace="elsewhere")]
    snapshot, selects = Snapshot(istiods=pods), service("canary")
    assert snapshot.istiods_behind(selects) == pods[:1]
    selects.spec.selector = dict(pods[0].labels)
    assert snapshot.istiods_behind(selects) == pods[:1]
    selects.spec.selector = {}
    assert snapshot.istiods_behind(selects) == []


def test_a_removal_by_unknown_means_takes_what_is_the_revisions_own():
    gone = Removal("canary", None, marked=False)
    ours = {well_known.REV: "canary", well_known.APP: "istiod"}
    assert gone.takes("Service", Object(metadata=Metadata(name="a", labels=ours)))
    assert not gone.takes("StatefulSet", Object(metadata=Metadata(name="a", labels=ours)))
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels=ours | {well_known.TAG: "prod"})))
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels={well_known.REV: "canary"})))
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels={well_known.APP: "istiod"})))


def test_an_unlabelled_control_plane_takes_what_has_no_revision():
    gone = Removal("default", None, marked=False, unlabelled=True)
    assert gone.takes("Service", Object(metadata=Metadata(name="a", labels={well_known.APP: "istiod"})))
    canarys = {well_known.APP: "istiod", well_known.REV: "canary"}
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels=canarys)))


def test_istioctl_removes_what_an_installation_in_its_namespace_owns():
    gone = Removal("canary", Method.ISTIOCTL, marked=True, namespaces=("mesh",))
    ours = {well_known.REV: "canary", well_known.OPERATOR_COMPONENT: "Pilot"}
    owned, others = ours | {well_known.OWNING_NAMESPACE: "mesh"}, ours | {well_known.OWNING_NAMESPACE: ISTIO}
    assert gone.takes("Service", Object(metadata=Metadata(name="a", labels=owned)))
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels=others)))
    assert not gone.takes("Service", Object(metadata=Metadata(name="a", labels=ours)))


def test_where_a_control_plane_runs_and_whether_its_marks_agree_with_the_flag():
    snapshot = world(by(Method.HELM, control_plane()), by(Method.HELM, control_plane("canary", "mesh")))
    gone = removal(Mesh(snapshot), "canary")
    assert (gone.namespaces, gone.marked, gone.method) == (("mesh",), True, Method.HELM)
    other = removal(Mesh(snapshot), "canary", By(Method.ISTIOCTL))
    assert (other.marked, other.method) == (False, Method.ISTIOCTL)


# AKS


AKS, INGRESS, SHARED = "aks-istio-system", "aks-istio-ingress", "aks-istio-ingressgateway-external"


def aks(*parts: Any) -> Snapshot:
    """An upgrade of the add-on that is under way: asm-1-24 is to go, asm-1-25 stays."""
    old, new = (control_plane(f"asm-1-{minor}", AKS, version=f"1.{minor}.0") for minor in (24, 25))
    shared = service(INGRESS, INGRESS, name=SHARED, select=f"app={SHARED}")
    return world(old, new, ns(AKS), ns(INGRESS), shared, *parts)


def ingress(revision: str, *, pods: int = 2, **more: Any) -> list[Object]:
    """The Deployment of the add-on's gateway for a revision, with pods that its injector filled in."""
    owner = deployment(
        f"{SHARED}-{revision}", INGRESS, f"app={SHARED} rev={revision}", annotations={well_known.TEMPLATES: "gateway"}
    )
    return running(owner, *[revision] * pods, istio=AKS, **more)


def removed(snapshot: Snapshot, *streams: Stream) -> Verification:
    return verdict(evidence(snapshot, *streams, on="asm-1-24"), "asm-1-24")


def test_aks_keeps_one_service_before_the_gateways_of_both_revisions():
    pods = ingress("asm-1-24")
    stream = Stream(INGRESS, pods[-1].name, "Kubernetes", "router", "1.24.0")
    said = removed(aks(pods, ingress("asm-1-25")), stream)
    assert (said.verdict, said.findings, said.method) == (Verdict.SAFE, [], Method.AKS)
    (step,) = said.commands
    assert step.note.endswith(f"its gateways go too, Service {SHARED} keeps 2 ready pods")


NOT_READY = {
    "no gateway of the other": [],
    "one that is not ready": ingress("asm-1-25", ready=False),
    "one that is going away": ingress("asm-1-25", terminating=True),
    "one that is scaled to zero": ingress("asm-1-25", pods=0),
    "one of a control plane that is not there": ingress("asm-1-26"),
}


@pytest.mark.parametrize("other", NOT_READY.values(), ids=NOT_READY)
def test_aks_gateways_are_a_reason_where_nothing_else_stands_behind_their_service(other):
    said = removed(aks(ingress("asm-1-24"), other))
    assert said.verdict is Verdict.NOT_SAFE
    (found,) = [f for f in said.findings if f.subject.name.endswith("asm-1-24")]
    assert (found.code, found.breaks) == ("REV312", Breaks.DELETED)
    assert found.message.endswith(f"is known behind Service {SHARED}")


def test_an_aks_service_that_goes_with_the_revision_keeps_nothing():
    snapshot = aks(ingress("asm-1-24"), ingress("asm-1-25"))
    for each in snapshot.services:
        if each.name == SHARED:
            each.metadata.labels[well_known.REV] = "asm-1-24"
    said = removed(snapshot)
    assert (said.verdict, [f.code for f in said.findings]) == (Verdict.NOT_SAFE, ["REV312"])
    assert said.commands[0].note.endswith(f"Service {SHARED} keeps no ready pods")


def test_aks_gateway_without_a_service_is_a_reason():
    snapshot = aks(ingress("asm-1-24"), ingress("asm-1-25"))
    snapshot.services = [each for each in snapshot.services if each.name != SHARED]
    assert [(f.code, f.message.rpartition(": ")[2]) for f in removed(snapshot).findings] == [
        ("REV312", "no Service leads to it")
    ]


def test_aks_gateways_whose_service_could_not_be_read_are_unknown():
    snapshot = aks(ingress("asm-1-24"), ingress("asm-1-25"))
    snapshot.services = [each for each in snapshot.services if each.namespace != INGRESS]
    snapshot.gaps = [Gap("list", "services", "", "forbidden")]
    said = removed(snapshot)
    assert (said.verdict, said.findings) == (Verdict.UNKNOWN, [])
    assert "REV312" in {check.code for check in said.checks if check.status is Status.UNKNOWN}


def test_what_others_run_there_or_call_alike_is_not_the_add_ons():
    """A gateway of one's own has to be moved by hand, wherever it runs."""
    annotations = {well_known.TEMPLATES: "gateway"}
    own, elsewhere = (
        running(deployment(name, namespace, f"app={SHARED}", annotations=annotations), "asm-1-24", istio=AKS)
        for name, namespace in (("edge", INGRESS), ("edge-asm-1-24", "shop"))
    )
    said = removed(aks(own, elsewhere, ns("shop"), ingress("asm-1-25")))
    assert facts(said) == [("REV302", "deployment/edge", DETACHED), ("REV302", "deployment/edge-asm-1-24", DETACHED)]


def test_the_rule_is_of_aks_alone():
    """No other installer takes a gateway of another revision's along without being asked."""
    said = verdict(evidence(aks(ingress("asm-1-24"), ingress("asm-1-25"))), "asm-1-24", Method.ISTIOCTL)
    assert {f.subject.name for f in said.findings} >= {f"{SHARED}-asm-1-24"}


def test_the_last_revision_of_aks_gets_another_by_az():
    said = verdict(evidence(world(control_plane("asm-1-24", AKS))), "asm-1-24")
    assert [str(f.hint) for f in said.findings if f.code == "REV315"] == [
        "az aks mesh upgrade start --resource-group GROUP --name CLUSTER --revision REVISION"
    ]


# The move


def moved(found: Evidence, wanted: str = "", *scope: str, **request: Any) -> Verification:
    return verify_move(found, wanted, frozenset(scope), Request(**request), MESH_CHECKS)


def test_a_move_is_complete_when_all_is_where_it_should_be():
    snapshot = mesh(CANARY, running(deployment("web"), "canary"))
    stream = Stream("shop", "web-5d8f-0", "Kubernetes", "sidecar", "1.31.0")
    assert moved(evidence(snapshot, stream), "canary", "shop").verdict is Verdict.COMPLETE
    assert moved(evidence(snapshot, stream)).verdict is Verdict.COMPLETE
    said = moved(evidence(snapshot, stream), "default", "shop")
    assert [f.code for f in said.findings] == ["REV221", "REV223", "REV224"]


def test_a_proxy_on_no_istiod_is_disconnected_only_if_all_answered():
    snapshot = mesh(CANARY, running(deployment("web"), "canary"))
    assert [f.code for f in moved(evidence(snapshot)).findings] == ["REV225"]
    silent = evidence(snapshot)
    silent.connections.answers[0] = Answer(ISTIO, "istiod-0", "canary", None, (Gap("ask", "connections"),))
    said = moved(silent)
    assert (said.verdict, said.findings) == (Verdict.UNKNOWN, [])


def test_a_gap_elsewhere_is_no_matter_of_a_namespace_that_was_found_whole():
    snapshot = mesh(CANARY, running(deployment("web"), "canary"))
    stream = Stream("shop", "web-5d8f-0", "Kubernetes", "sidecar", "1.31.0")
    other = Stream("far", "a", "west")
    found = evidence(snapshot, stream, other)
    found.connections.answers.append(Answer(ISTIO, "x", "default", None, (Gap("ask", "connections"),)))
    assert moved(found, "canary", "shop").verdict is Verdict.COMPLETE
    assert moved(found, "canary").verdict is Verdict.UNKNOWN


HELM_EDGE = "helm upgrade edge istio/gateway -n shop --version 1.30.3 --reuse-values --set revision="
GATEWAYS: dict[str, tuple[Parts, list[tuple[str, Breaks | None, str]]]] = {
    "a chart's gateway with a revision of its own": (
        [ns("shop"), running(gateway_by_chart("edge", text="rev=canary", release="edge"), "canary")],
        [("REV302", DETACHED, HELM_EDGE), ("REV307", Breaks.NOT_STARTED, HELM_EDGE)],
    ),
    "one that nobody marked": (
        [ns("shop"), running(gateway_by_chart("edge", text="rev=canary"), "canary")],
        [("REV302", DETACHED, LABELLED), ("REV307", Breaks.NOT_STARTED, LABELLED)],
    ),
    "scaled to zero": (
        [ns("shop"), gateway_by_chart("edge", text="rev=canary", release="edge")],
        [("REV310", Breaks.NOT_STARTED, HELM_EDGE)],
    ),
    "its namespace decides": (
        [ns("shop", "rev=canary"), running(gateway_by_chart("edge", release="edge"), "canary")],
        [("REV302", DETACHED, f"{MIGRATED} --include-gateways"), ("REV306", NO_SIDECAR, MIGRATED),
         ("REV307", Breaks.NOT_STARTED, f"{MIGRATED} --include-gateways")],
    ),
    "a waypoint in an ambient namespace": (
        [ns("shop", "mode=ambient"), gateway("w", text="rev=canary", class_name="istio-waypoint"),
         running(deployment("w", text=f"{MADE}=w gateway.istio.io/managed=istio.io-mesh-controller"), "canary")],
        [("REV302", DETACHED, OWNED), ("REV311", DETACHED, OWNED)],
    ),
    "a discoveryAddress in its template, though another injects it": (
        [ns("shop"), calling("canary", running(gateway_by_chart("edge", **PINNED), "default"))],
        [("REV303", DETACHED, UNPINNED)],
    ),
    "the same beside the address of a living one, with other settings": (
        [ns("shop"), calling("canary", running(deployment("web", text="inject=true", annotations=PINNED), "default"))],
        [("REV303", DETACHED, UNPINNED.replace("edge", "web"))],
    ),
    "a discoveryAddress that is not in its template": (
        [ns("shop"), calling("canary", running(gateway_by_chart("edge"), "default"))],
        [("REV303", DETACHED, "kubectl rollout restart deployment/edge -n shop")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "expected"), GATEWAYS.values(), ids=GATEWAYS)
def test_what_moves_a_gateway(parts: Parts, expected: list[tuple[str, Breaks | None, str]]) -> None:
    said = verdict(evidence(mesh(*parts)))
    assert [(f.code, f.breaks, str(f.hint)) for f in said.findings if f.code != "REV318"] == expected


def test_a_saved_template_keeps_its_discovery_address_and_nothing_else_of_its_proxy_config() -> None:
    (kept,) = lean(world(gateway_by_chart("edge", **PINNED))).workloads
    assert kept.template is not None
    assert kept.template.metadata.annotations[well_known.PROXY_CONFIG] == f"discoveryAddress: {CALLED}"
