"""Every code of the catalogue: a world where it is found, exactly so; the calm world, where nothing is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import Check, Finding, Ref, Severity, find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import (
    Condition,
    Container,
    Namespace,
    Object,
    Pod,
    RollingUpdate,
    UpdateStrategy,
    WebhookConfiguration,
    WorkloadStatus,
)
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement
from kubectl_rev.core.mesh.services import Service
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.remedies.commands import restart
from kubectl_rev.render.text import builtins
from tests.build import (
    ISTIO,
    config_map,
    control_plane,
    cron_job,
    daemon_set,
    deployment,
    endpoints,
    gateway,
    gateway_by_chart,
    gateway_class,
    injector,
    istiod,
    job,
    labels,
    metadata_only,
    ns,
    owned_by,
    pod,
    proxy_container,
    rollout,
    running,
    sail,
    service,
    stateful_set,
    validator,
    world,
)

HELM = [control_plane(), control_plane("canary", version="1.31.0"), validator(), ns(ISTIO)]
NAMED = [control_plane("canary"), validator("canary"), ns(ISTIO)]
INJECTORS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
NO_DEFAULT = "no injector answers to istio-injection=enabled: nothing holds the default: new pods get no sidecar"
HOLD_CANARY = "istioctl tag set default --revision canary --overwrite"
NO_ENDPOINTS = 'no endpoints available for service "istiod-green"'
WAKE = "kubectl scale deployment/istiod-green -n istio-system --replicas=1"
LOOK = "kubectl get pods -n istio-system -l app=istiod,istio.io/rev=green"
NOT_FOUND = 'service "istiod-gone" not found'
FIX = "kubectl rev-fix-validation"
VALIDATOR = Ref("ValidatingWebhookConfiguration", "", "istiod-default-validator")
TO_DEFAULT = "istio.io/rev=default --overwrite"


def mesh(*parts: Any, **more: Any) -> Snapshot:
    """default and canary, alive and in agreement, and these."""
    return world(*HELM, *parts, **more)


def only_canary(*parts: Any, **more: Any) -> Snapshot:
    """canary alone, and nobody holds the default."""
    return world(*NAMED, *parts, **more)


def running_image(name: str, tag: str, **more: Any) -> list[Object]:
    """A Deployment with a pod on default whose proxy's image has this tag."""
    found = running(deployment(name, **more), "default")
    for each in found:
        if isinstance(each, Pod) and each.spec and each.spec.proxy:
            each.spec.proxy.image = f"docker.io/istio/proxyv2:{tag}"
    return found


def own_gateway(name: str, revision: str, namespace: str = "shop") -> str:
    to = f"istio.io/rev={revision} --overwrite"
    return f"kubectl label gateways.gateway.networking.k8s.io {name} -n {namespace} {to}"


def workload_ref(name: str, kind: str = "Deployment", namespace: str = "shop") -> Ref:
    return Ref(kind, namespace, name)


def namespace(name: str = "shop") -> Ref:
    return Ref("Namespace", "", name)


def webhook(name: str) -> Ref:
    return Ref("MutatingWebhookConfiguration", "", name)


def validates(**given: Any) -> Snapshot:
    """The same with a default validator that deviates: label, Service, failurePolicy."""
    policy = given.pop("policy", "Fail")
    made = validator(**given)
    made.webhooks[0].failure_policy = policy
    return world(*HELM[:2], made, ns(ISTIO))


def deactivated(tagged: str) -> list[list[Object]]:
    """As istioctl leaves it: tag default has taken over the unrevisioned injector."""
    return [control_plane(deactivated=True), control_plane("canary"), [injector(tagged, tag="default"), ns(ISTIO)]]


def dead_canary() -> list[Object]:
    return [each for each in control_plane("canary") if each.name not in ("istiod-canary", "istiod-canary-x2k")]


def unserved() -> list[Object]:
    """default with a ready istiod, its Service deleted, and no validator that calls it."""
    return [each for each in control_plane() if not isinstance(each, Service) and "validator" not in each.name]


def unvalidated(revision: str) -> list[Object]:
    return [each for each in control_plane(revision) if "validator" not in each.name]


def rolling(name: str, reason: str, *, new: bool = True) -> list[Object]:
    """A Deployment with a pod on default and, not ready, one on canary; its Progressing condition has this reason."""
    made = running(deployment(name), "default")
    progressing = Condition(type="Progressing", reason=reason)
    made[0].status = WorkloadStatus(conditions=[Condition(type="Available"), progressing])
    return [*made, pod(f"{name}-new", text=f"app={name}", on="canary", owner=made[1], ready=False)] if new else made


def is_pod(each: Object) -> bool:
    return isinstance(each, Pod)


GONE = "istiod-gone.istio-system.svc:15012"


def called(address: str, found: list[Object]) -> list[Object]:
    """Pods whose proxies were told to call this address."""
    for each in found:
        if isinstance(each, Pod) and each.spec and each.spec.proxy:
            each.spec.proxy.env[0].value = address
    return found


def asleep() -> list[Object]:
    """green, scaled to zero."""
    made = control_plane("green", ready=())
    return [deployment("istiod-green", ISTIO, "app=istiod rev=green inject=false", replicas=0), *made[1:]]


def conditional() -> Object:
    """Whether it is called depends on who creates the pod."""
    return injector("canary", name="conditional", tag="maybe", match_conditions=["request.userInfo.uid != '1'"])


def enforced(*, of_pods: bool = False) -> list[Object]:
    """default as AKS's admissions enforcer leaves it (Azure/AKS#1771); the other selector, for once."""
    made, aside = control_plane(), Requirement("control-plane", Operator.DOES_NOT_EXIST)
    for each in made:
        for entry in each.webhooks if isinstance(each, WebhookConfiguration) else ():
            selector = entry.object_selector if of_pods else entry.namespace_selector
            more = replace(selector, match_expressions=(*selector.match_expressions, aside))
            entry.object_selector, entry.namespace_selector = (
                (more, entry.namespace_selector) if of_pods else (entry.object_selector, more)
            )
    return made


def held(name: str, **spec: Any) -> list[Object]:
    """A Deployment on default whose pods a restart does not replace."""
    made = deployment(name)
    made.spec = replace(made.spec, **spec)
    return running(made, "default")


def going(made: Namespace) -> Namespace:
    made.metadata.deletion_timestamp = "2026-11-01T00:00:00Z"
    return made


def paused_rollout() -> list[Object]:
    made = rollout("web")
    made.spec.paused = True
    return running(made, "default")


def by_revision_alone() -> Object:
    """An injector for istio.io/rev=canary, whatever istio-injection says."""
    made = injector("canary", name="hand-made")
    (of_namespace, _) = made.webhooks
    of_namespace.namespace_selector = LabelSelector(match_labels=labels("rev=canary"))
    return made


BY_HAND = deployment("web", annotations={"sidecar.istio.io/status": '{"revision":"default"}'}, proxy=proxy_container())
BY_HAND_CANARY = deployment("hand", annotations={"sidecar.istio.io/status": "{}"}, proxy=proxy_container("canary"))
BY_HAND_BLUE = running(
    deployment("hand", annotations={"sidecar.istio.io/status": '{"revision":"blue"}'}, proxy=proxy_container("blue")),
    None,
)
IN_PLACE_BLUE = running(deployment("gate", text="inject=false", proxy=proxy_container("blue", role="router")), None)
PINNED = {"sidecar.istio.io/proxyImage": "registry.example/proxyv2:1.28.0"}
MANY = [pod(f"web-5d8f-{n}", on="default", owner=deployment("web"), terminating=n == 0) for n in range(3)]
OLD_DEFAULT = world(
    istiod(version="1.6.8"), service(), endpoints(service(), True), injector(layout="1.6"), ns("shop", "rev=default")
)
ASKS = {"sidecar.istio.io/inject": "true"}
IN_VAIN = "its annotation sidecar.istio.io/inject reaches no injector: since 1.10 a label asks for a sidecar"
NOBODYS = "neither the gateway nor its namespace names a revision, and there is no default"
MADE_FROM_W = "gateway.networking.k8s.io/gateway-name=w gateway.istio.io/managed=istio.io-mesh-controller"
RENDERED_W = deployment("w", "shop", MADE_FROM_W)
MADE_FROM_G = "gateway.networking.k8s.io/gateway-name=g gateway.istio.io/managed=istio.io-gateway-controller"
RENDERED = deployment("g", "shop", MADE_FROM_G)
AMBIENT_TAG = mesh(service("canary", tag="mesh"), ns("shop", "rev=mesh"))

SHARED = service(name="istiod", select="app=istiod")
SEE_SERVICE = "kubectl get service,endpointslice -n istio-system -l app=istiod"  # its istiod is ready
KEPT_AWAY = "istio-sidecar-injector would be called, but control-plane must be absent, is"

Wanted = list[tuple[Ref, str, str]]  # subject, message, hint
WORLDS: dict[tuple[str, str], tuple[Snapshot, Wanted]] = {
    ("REV101", "its Service is not there"): (
        mesh(injector("gone", tag="prod")),
        [(webhook("istio-revision-tag-prod"), f"{NOT_FOUND}: pods that it selects are rejected (prod)",
          "kubectl get service,endpointslice -n istio-system -l app=istiod")],
    ),
    ("REV101", "its control plane is scaled to zero"): (
        mesh(asleep()),
        [(webhook("istio-sidecar-injector-green"), f"{NO_ENDPOINTS}: pods that it selects are rejected "
          "(green: its deployment/istiod-green is scaled to zero)", WAKE)],
    ),
    ("REV101", "its istiod is not ready"): (
        mesh(control_plane("green", ready=(False,))),
        [(webhook("istio-sidecar-injector-green"), f"{NO_ENDPOINTS}: pods that it selects are rejected "
          "(green: 0 of 1 istiod pods are ready)", LOOK)],
    ),
    ("REV101", "its istiod is ready: it is the Service"): (
        world(control_plane(), dead_canary()),
        [(webhook("istio-sidecar-injector-canary"), 'service "istiod-canary" not found: pods that it selects are '
          "rejected (canary)", "kubectl get service,endpointslice -n istio-system -l app=istiod")],
    ),
    ("REV101", "failurePolicy Ignore"): (
        mesh(injector("gone", failure_policy="Ignore")),
        [(webhook("istio-sidecar-injector-gone"), f"{NOT_FOUND}: pods that it selects start without a sidecar (gone)",
          "kubectl get service,endpointslice -n istio-system -l app=istiod")],
    ),
    ("REV101", "a deactivated injector calls nobody"): (world(injector(deactivated=True)), []),
    ("REV101", "a remote one cannot be judged"): (world(injector("far", url="https://far.example/inject")), []),
    ("REV101", "nor one whose Service was not read"): (
        world(injector("far"), gaps=[Gap("list", "services"), Gap("list", "pods")]), [],
    ),
    ("REV102", "its revision is gone"): (
        mesh(injector("gone", tag="prod")),
        [(Ref("Tag", "", "prod"), "tag prod points at revision gone, which has no control plane",
          "kubectl rev-migrate --tag prod --to default")],
    ),
    ("REV102", "no living revision has an injector that a tag could point at"): (
        world(istiod("blue"), injector("gone", tag="prod")),
        [(Ref("Tag", "", "prod"), "tag prod points at revision gone, which has no control plane",
          "kubectl rev-status revisions")],
    ),
    ("REV102", "a Service alone (ambient)"): (
        mesh(service("gone", tag="mesh", select="app=istiod rev=gone")),
        [(Ref("Tag", "", "mesh"), "tag mesh points at revision gone, which has no control plane",
          "istioctl tag set mesh --revision default --overwrite")],
    ),
    ("REV102", "remote is alive as far as we know"): (
        world(injector("far", tag="prod", url="https://far.example/inject")), [],
    ),
    ("REV103", "one of two"): (
        world(control_plane("canary", ready=(True, False)), ns(ISTIO)),
        [(Ref("Revision", ISTIO, "canary"), "1 of 2 istiod pods are ready",
          "kubectl get pods -n istio-system -l app=istiod,istio.io/rev=canary")],
    ),
    ("REV103", "scaled to zero"): (
        world(control_plane("canary", ready=()), ns(ISTIO)),
        [(Ref("Revision", ISTIO, "canary"), "it has no istiod pod",
          "kubectl get deployments,pods -n istio-system -l app=istiod,istio.io/rev=canary")],
    ),
    ("REV103", "its Deployment, scaled to zero"): (
        world(control_plane("canary", ready=()), ns(ISTIO),
              deployment("istiod-canary", ISTIO, "app=istiod rev=canary", replicas=0)),
        [(Ref("Revision", ISTIO, "canary"), "its deployment/istiod-canary is scaled to zero",
          "kubectl scale deployment/istiod-canary -n istio-system --replicas=1")],
    ),
    ("REV103", "the old pod of a rollout is none of it any more"): (
        world(control_plane("canary"), istiod("canary", n=9, terminating=True), ns(ISTIO)), [],
    ),
    ("REV103", "its pods were not read"): (
        world(control_plane("canary", ready=()), ns(ISTIO), gaps=[Gap("list", "pods")]), [],
    ),
    ("REV104", "ghost on a namespace"): (
        mesh(ns("shop", "rev=1-6-5")),
        [(namespace(), "istio.io/rev=1-6-5 names no revision or tag: new pods get no sidecar",
          f"kubectl label namespace shop {TO_DEFAULT}")],
    ),
    ("REV104", "mistyped: not the default but what was meant"): (
        mesh(ns("shop", "rev=canry")),
        [(namespace(), "istio.io/rev=canry names no revision or tag (did you mean canary?): new pods get no sidecar",
          "kubectl label namespace shop istio.io/rev=canary --overwrite")],
    ),
    ("REV104", "mistyped on a template"): (
        mesh(ns("shop"), deployment("web", "shop", "rev=canry")),
        [(workload_ref("web"), "its template's istio.io/rev=canry names no revision or tag (did you mean canary?): "
          "new pods get no sidecar", "kubectl patch deployment/web -n shop --type=merge -p "
          """'{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"canary"}}}}}'""")],
    ),
    ("REV104", "empty"): (
        mesh(ns("shop", "rev=")),
        [(namespace(), "an empty istio.io/rev names no revision or tag: new pods get no sidecar",
          f"kubectl label namespace shop {TO_DEFAULT}")],
    ),
    ("REV104", "ghost on a template"): (
        mesh(ns("shop"), deployment("web", "shop", "rev=1-6-5")),
        [(workload_ref("web"), "its template's istio.io/rev=1-6-5 names no revision or tag: new pods get no sidecar",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV104", "the revision lives, its injector is gone: nobody is moved to another"): (
        only_canary(istiod("blue"), ns("shop", "rev=blue")),
        [(namespace(), "istio.io/rev=blue is answered by no injector: new pods get no sidecar",
          "install revision blue again: its injector is gone")],
    ),
    ("REV104", "a Gateway's own label"): (
        mesh(ns("shop"), gateway("g", text="rev=ghost"), gateway("near", text="rev=canry"),
             gateway("fine", text="rev=canary"), gateway("other", text="rev=ghost", class_name="nginx")),
        [(Ref("Gateway", "shop", "g"), "istio.io/rev=ghost names no revision or tag: no istiod renders it",
          own_gateway("g", "default")),
         (Ref("Gateway", "shop", "near"), "istio.io/rev=canry names no revision or tag (did you mean canary?): "
          "no istiod renders it",
          "kubectl label gateways.gateway.networking.k8s.io near -n shop istio.io/rev=canary --overwrite")],
    ),
    ("REV104", "in a namespace that is being deleted"): (mesh(going(ns("shop", "rev=ghost"))), []),
    ("REV104", "a tag that is a Service alone, made for ambient"): (
        AMBIENT_TAG,
        [(namespace(), "istio.io/rev=mesh is answered by no injector: new pods get no sidecar",
          f"kubectl label namespace shop {TO_DEFAULT}")],
    ),
    ("REV104", "a tag for ambient, in an ambient namespace"): (
        mesh(service("canary", tag="mesh"), ns("shop", "rev=mesh mode=ambient")), [],
    ),
    ("REV104", "a ghost, in an ambient namespace: nothing is to be injected there"): (
        mesh(ns("shop", "rev=1-6-5 mode=ambient")),
        [(namespace(), "istio.io/rev=1-6-5 names no revision or tag: its waypoints and gateways are nobody's",
          "kubectl label namespace shop istio.io/rev-")],
    ),
    ("REV104", "default, before 1.10"): (
        OLD_DEFAULT,
        [(namespace(), "istio.io/rev=default is answered by no injector: new pods get no sidecar",
          "kubectl label namespace shop istio.io/rev- istio-injection=enabled --overwrite")],
    ),
    ("REV104", "default, and its tag was deleted: nobody is moved to another revision"): (
        world(control_plane("blue"), control_plane("canary"), validator("canary"), ns("shop", "rev=default")),
        [(namespace(), "istio.io/rev=default names no revision or tag: new pods get no sidecar", HOLD_CANARY)],
    ),
    ("REV104", "istio-injection decides"): (mesh(ns("shop", "rev=1-6-5 injection=disabled")), []),
    ("REV104", "the namespace decides before the template"): (
        mesh(ns("shop", "rev=canary"), deployment("web", "shop", "rev=1-6-5")), [],
    ),
    ("REV104", "the template opts out"): (
        mesh(ns("shop"), deployment("web", "shop", "rev=1-6-5 inject=false"),
             deployment("api", "shop", "rev=1-6-5", annotations={"sidecar.istio.io/inject": "false"})), [],
    ),
    ("REV104", "a gateway that istiod renders follows its Gateway"): (
        mesh(ns("shop"), gateway("g"), deployment("g", "shop", f"rev=1-6-5 {MADE_FROM_G}")),
        [],
    ),
    ("REV104", "the injectors were not read"): (
        world(istiod(), ns("shop", "rev=x"), gaps=[Gap("list", INJECTORS)]),
        [],
    ),
    ("REV105", "injection moved, validation stayed"): (
        world(*deactivated("canary"), validator()),
        [(Ref("Tag", "", "default"), "default means canary for injection, default for validation, canary for gateways",
          "istioctl tag set default --revision canary --overwrite")],
    ),
    ("REV105", "none of the holders lives"): (
        world(injector(), validator("other"), ns(ISTIO)),
        [(Ref("Tag", "", "default"), "default means default for injection, other for gateways",
          "kubectl rev-status revisions")],
    ),
    ("REV105", "1.11: every revision validates what has no label"): (
        world(control_plane(), control_plane("canary"), validator("canary", name="istio-validator-canary-istio-system"),
              validator(name="istio-validator-istio-system"), ns(ISTIO)),
        [],
    ),
    ("REV105", "one moved all"): (world(*deactivated("canary"), validator("canary")), []),
    ("REV106", "Helm's injector and Helm's tag default"): (
        mesh(injector("canary", tag="default"), ns("shop", "injection=enabled")),
        [(namespace(), "istio-revision-tag-default (canary) and istio-sidecar-injector (default) all select it: "
          "the last one called wins", "istioctl tag set default --revision canary --overwrite")],
    ),
    ("REV106", "of two others nobody knows which is meant"): (
        mesh(injector("canary", tag="default", name="again"), ns("shop", "injection=enabled")),
        [(namespace(), "again (canary) and istio-sidecar-injector (default) all select it: the last one called wins",
          "kubectl rev-status namespace/shop")],
    ),
    ("REV110", "the unrevisioned istiod goes on to answer to default"): (
        world(control_plane(deactivated=True), control_plane("canary"), injector("canary", tag="default"), ns("shop"),
              gateway("g"), RENDERED, pod("g-1", "shop", MADE_FROM_G, on="default", owner=RENDERED)),
        [(Ref("Gateway", "shop", "g"), "the default owns gateways without a label, and the istiods of canary and "
          "default both take it for theirs",
          "kubectl label gateways.gateway.networking.k8s.io g -n shop istio.io/rev=canary --overwrite")],
    ),
    ("REV110", "an unrevisioned istiod that is scaled to zero answers to nothing"): (
        world(control_plane(ready=(), deactivated=True), control_plane("canary"), injector("canary", tag="default"),
              deployment("istiod", ISTIO, "app=istiod", replicas=0), ns("shop"), gateway("g")),
        [],
    ),
    ("REV110", "a label says whose it is; another's class is not ours"): (
        world(control_plane(deactivated=True), control_plane("canary"), injector("canary", tag="default"), ns("shop"),
              gateway("g", text="rev=canary"), gateway("h", class_name="nginx")),
        [],
    ),
    ("REV117", "two revisions, and neither is the default: the newer; its proxies' before that"): (
        world(control_plane("zeta", version="1.9.9"), control_plane("blue"), ns("shop"), gateway("g"),
              gateway("w", class_name="istio-waypoint"), RENDERED_W, pod("w-1", "shop", MADE_FROM_W, on="zeta",
                                                                        owner=RENDERED_W)),
        [(Ref("Gateway", "shop", "g"), f"{NOBODYS}: no istiod renders or programs this gateway",
          own_gateway("g", "blue")),
         (Ref("Gateway", "shop", "w"), f"{NOBODYS}: no istiod renders or programs this waypoint",
          own_gateway("w", "zeta"))],
    ),
    ("REV117", "by the controller of its class"): (
        world(control_plane("canary"), ns("shop"),
              gateway("g", class_name="edge"), gateway_class("edge", "istio.io/gateway-controller"),
              gateway("h", class_name="istio-like"), gateway_class("istio-like", "example.com/c")),
        [(Ref("Gateway", "shop", "g"), f"{NOBODYS}: no istiod renders or programs this gateway",
          own_gateway("g", "canary"))],
    ),
    ("REV117", "its namespace's label leads to an injector whose istiod is gone, or to nobody"): (
        mesh(injector("gone"), ns("shop", "rev=gone"), gateway("g"), ns("b", "rev=ghost injection=enabled"),
             gateway("g", "b")),
        [(Ref("Gateway", "b", "g"), "no control plane answers to istio.io/rev=ghost on the namespace: no istiod "
          "renders or programs this gateway", own_gateway("g", "default", "b")),
         (Ref("Gateway", "shop", "g"), "the namespace says istio.io/rev=gone, whose istiod is gone: no istiod renders "
          "or programs this gateway", own_gateway("g", "default"))],
    ),
    ("REV117", "the default owns it; what was not read"): (mesh(ns("shop"), gateway("g")), []),
    ("REV117", "the injectors were not read"): (
        only_canary(ns("shop"), gateway("g"), gaps=[Gap("list", INJECTORS)]), [],
    ),
    ("REV111", "Helm's own injector beside Helm's tag default"): (
        mesh(injector(tag="default"), ns("shop", "injection=enabled"), ns("other", "injection=enabled")),
        [(webhook("istio-revision-tag-default"), "istio-revision-tag-default and istio-sidecar-injector have the same "
          "istiod inject the same pods, one after the other",
          "istioctl tag set default --revision default --overwrite")],
    ),
    ("REV111", "a copy that one made"): (
        mesh(injector("canary", name="again"), ns("shop", "rev=canary")),
        [(webhook("again"), "again and istio-sidecar-injector-canary have the same istiod inject the same pods, one "
          "after the other", "kubectl get mutatingwebhookconfigurations again istio-sidecar-injector-canary")],
    ),
    ("REV111", "nobody asks them"): (mesh(injector(tag="default"), ns("shop", "rev=canary")), []),
    ("REV112", "AKS keeps what controls something out of every webhook"): (
        world(enforced(), ns("shop", "injection=enabled control-plane=controller-manager"),
              ns("rev", "rev=default control-plane=x"), ns("fine", "injection=enabled"), ns("other", "control-plane=x"),
              ns("own", "control-plane=x"), deployment("web", "own", "inject=true")),
        [(workload_ref("web", namespace="own"), f"{KEPT_AWAY} x: new pods get no sidecar",
          "kubectl rev-status deployment/web -n own"),
         (namespace("rev"), f"{KEPT_AWAY} x: new pods get no sidecar", "kubectl rev-status namespace/rev"),
         (namespace(), f"{KEPT_AWAY} controller-manager: new pods get no sidecar",
          "kubectl rev-status namespace/shop")],
    ),
    ("REV112", "it is called, and no sidecar comes of it"): (
        world(control_plane(), control_plane("canary"), config_map(policy="disabled"), ns("shop", "injection=enabled"),
              ns("kube-system", "injection=enabled"), ns("own"),
              deployment("web", "own", "rev=canary", host_network=True),
              deployment("api", "own", "rev=canary", annotations={"sidecar.istio.io/inject": "false"}),
              injector("gone", failure_policy="Ignore"), ns("passed", "rev=gone")),
        [],
    ),
    ("REV112", "a pod that a selector of pods keeps away, in a namespace that is injected"): (
        world(enforced(of_pods=True), ns("shop", "injection=enabled"), deployment("web", "shop", "control-plane=x"),
              deployment("api")),
        [(workload_ref("web"), "istio-sidecar-injector would be called, but pod's control-plane must be absent, is x: "
          "new pods get no sidecar", "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV112", "another injector takes it"): (
        world(enforced(), injector("default", name="mine"), ns("shop", "injection=enabled control-plane=x")), [],
    ),
    ("REV113", "the tag's injector was moved, its Service was not"): (
        mesh(injector("canary", tag="prod"), service(tag="prod")),
        [(Ref("Tag", "", "prod"), "its injector leads to canary, its Service to default",
          "istioctl tag set prod --revision canary --overwrite")],
    ),
    ("REV113", "both were"): (mesh(injector("canary", tag="prod"), service("canary", tag="prod")), []),
    ("REV106", "one Service in front of two revisions"): (
        world(istiod(), istiod("canary"), SHARED, endpoints(SHARED, True), injector(), ns("shop", "injection=enabled")),
        [(namespace(), "istio-sidecar-injector calls Service istiod, behind which the istiods of canary and default "
          "take turns", "kubectl rev-status namespace/shop")],
    ),
    ("REV114", "scaled to zero under its proxies"): (
        mesh(asleep(), ns("shop", "rev=green"), running(deployment("web"), "green", "green")),
        [(Ref("Revision", ISTIO, "green"), "its deployment/istiod-green is scaled to zero: 2 proxies get no "
          "configuration and no new certificates", WAKE)],
    ),
    ("REV114", "only its injector is left"): (
        mesh(injector("gone"), ns("shop"), running(deployment("web"), "gone")),
        [(Ref("Revision", ISTIO, "gone"), "it is gone: 1 proxy gets no configuration and no new certificates",
          "install revision gone again, or move what runs on it to another")],
    ),
    ("REV114", "nobody runs on it"): (mesh(asleep()), []),
    ("REV114", "nothing of it is left but its proxies"): (
        mesh(ns("shop"), running(deployment("web"), "gone")),
        [(Ref("Revision", "", "gone"), "it is gone: 1 proxy gets no configuration and no new certificates",
          "install revision gone again, or move what runs on it to another")],
    ),
    ("REV114", "the last ones are going, as is their namespace, or it could not be seen"): (
        mesh(asleep(), ns("shop"), deployment("web"), going(ns("old")), running(deployment("api", "old"), "green"),
             pod("web-1", on="green", owner=deployment("web"), terminating=True)),
        [],
    ),
    ("REV114", "what is there was not read"): (
        mesh(ns("shop"), running(deployment("web"), "gone"), gaps=[Gap("list", "deployments.apps")]), [],
    ),
    ("REV114", "in a namespace that is being deleted, too"): (
        mesh(going(ns("istio-green")), injector("green", namespace="istio-green"), ns("shop"),
             running(deployment("web"), "green")),
        [(Ref("Revision", "istio-green", "green"), "it is gone: 1 proxy gets no configuration and no new certificates",
          "install revision green again, or move what runs on it to another")],
    ),
    ("REV114", "another's istiods stand in behind its Service"): (
        world(control_plane("canary"), service(select="app=istiod rev=canary"),
              endpoints(service(select="app=istiod rev=canary"), True), injector(),
              deployment("istiod", ISTIO, "app=istiod", replicas=0), ns("shop"), running(deployment("web"), "default")),
        [],
    ),
    ("REV115", "its injector was deleted under its namespaces"): (
        mesh(istiod("blue"), ns("shop", "rev=blue"), running(deployment("web"), "blue")),
        [(Ref("Revision", ISTIO, "blue"), "its istiod runs, and no injector calls it: pods that are replaced lose "
          "their sidecar", "install revision blue again: its injector is gone")],
    ),
    ("REV115", "nobody asks for it"): (mesh(istiod("blue")), []),
    ("REV115", "only what no injector puts there, or is meant for ambient, or goes"): (
        mesh(istiod("blue"), IN_PLACE_BLUE, BY_HAND_BLUE, ns("amb", "rev=blue mode=ambient"), ns("shop"),
             going(ns("x", "rev=blue")), ns("both", "rev=blue injection=disabled")),
        [],
    ),
    ("REV115", "a tag of it, made for ambient, on a namespace without"): (
        mesh(istiod("blue"), service("blue", tag="prod"), ns("shop", "rev=prod")),
        [(Ref("Revision", ISTIO, "blue"), "its istiod runs, and no injector calls it: pods that are replaced lose "
          "their sidecar", "install revision blue again: its injector is gone")],
    ),
    ("REV115", "turned off when another was given the default"): (
        world(control_plane(deactivated=True), control_plane("canary"), injector("canary", tag="default"), ns("shop"),
              running(deployment("web"), "default")),
        [],
    ),
    ("REV116", "its Service was deleted"): (
        world(unserved(), *NAMED, ns("shop", "rev=canary"), running(deployment("web"), "default", "default"),
              running(deployment("api"), "default", "canary")),
        [(Ref("Service", ISTIO, "istiod"), "it does not exist: 3 proxies of revision default get no configuration and "
          "no new certificates", "install revision default again: its Service is gone")],
    ),
    ("REV116", "its Service was deleted, and a validator calls it"): (
        world(unserved(), validator(), ns(ISTIO), ns("shop"), running(deployment("web"), "default")),
        [(Ref("Service", ISTIO, "istiod"), "it does not exist: 1 proxy of revision default gets no configuration and "
          "no new certificates", FIX)],
    ),
    ("REV116", "its Service was deleted, and the specs were not read"): (
        world(unserved(), injector(tag="prod"), service(tag="prod"), *NAMED, ns("shop"),
              map(metadata_only, filter(is_pod, running(deployment("web"), "default")))),
        [(Ref("Revision", ISTIO, "default"), "no Service leads to its istiods: 1 proxy of revision default gets no "
          "configuration and no new certificates", "install revision default again: its Service is gone")],
    ),
    ("REV116", "a Service of another name leads there, and the specs were not read"): (
        world(unserved(), service(name="control"), *NAMED, ns("shop"),
              map(metadata_only, filter(is_pod, running(deployment("web"), "default")))),
        [],
    ),
    ("REV116", "one workload was told to call another one"): (
        mesh(ns("shop"), called(GONE, running(deployment("web"), "default"))),
        [(Ref("Service", ISTIO, "istiod-gone"), "it does not exist: 1 proxy of revision default gets no configuration "
          "and no new certificates", "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV116", "two workloads were told to call another one"): (
        mesh(ns("shop"), called(GONE, [*running(deployment("web"), "default"),
                                                                       *running(deployment("api"), "default")])),
        [(Ref("Service", ISTIO, "istiod-gone"), "it does not exist: 2 proxies of revision default get no configuration "
          "and no new certificates", "kubectl rev-status pods -A --revision default")],
    ),
    ("REV116", "a host outside, a short name, and pods that go"): (
        mesh(ns("shop"), called("istiod.example.com:15012", running(deployment("web"), "default")),
             called("istiod-gone.istio-system:15012", running(deployment("api"), "default")),
             called(GONE, running(deployment("old"), "default", terminating=True))),
        [],
    ),
    ("REV116", "without a ready istiod it is REV114's"): (
        world([each for each in unserved() if not isinstance(each, Pod)], *NAMED, ns("shop"),
              running(deployment("web"), "default")),
        [],
    ),
    ("REV116", "Services that were not read"): (
        world(unserved(), *NAMED, ns("shop"), running(deployment("web"), "default"),
              gaps=[Gap("list", "services", "", "forbidden")]),
        [],
    ),
    ("REV202", "a rollout is under way"): (
        mesh(ns("shop", "rev=canary"), rolling("web", "ReplicaSetUpdated")),
        [(workload_ref("web"), "1 pod on default, canary is selected; its rollout is under way",
          "kubectl rollout status deployment/web -n shop")],
    ),
    ("REV202", "a rollout is stuck, and the new pod was read"): (
        mesh(ns("shop", "rev=canary"), rolling("web", "ProgressDeadlineExceeded")),
        [(workload_ref("web"), "1 pod on default, canary is selected; its rollout is stuck (ProgressDeadlineExceeded)",
          "kubectl describe pod web-new -n shop")],
    ),
    ("REV202", "a rollout is stuck, and pods were read as metadata"): (
        mesh(ns("shop", "rev=canary"), [metadata_only(each) if isinstance(each, Pod) else each
                                        for each in rolling("web", "ProgressDeadlineExceeded")]),
        [(workload_ref("web"), "1 pod on default, canary is selected; its rollout is stuck (ProgressDeadlineExceeded)",
          "kubectl describe pods -n shop -l app=web")],
    ),
    ("REV202", "its last rollout is over"): (
        mesh(ns("shop", "rev=canary"), rolling("web", "NewReplicaSetAvailable", new=False)),
        [(workload_ref("web"), "1 pod on default, canary is selected",
          "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV106", "a workload's own label"): (
        mesh(injector("canary", tag="default"), ns("shop"), deployment("web", "shop", "inject=true"),
             deployment("api")),
        [(workload_ref("web"), "istio-revision-tag-default (canary) and istio-sidecar-injector (default) all select "
          "it: the last one called wins", "istioctl tag set default --revision canary --overwrite")],
    ),
    ("REV106", "where no namespace asks it is nobody's trouble"): (
        mesh(injector("canary", tag="default"), ns("shop", "rev=canary")), [],
    ),
    ("REV107", "the Service was turned to canary"): (
        world([each for each in control_plane("canary") if each.name != "istio-sidecar-injector-canary"], ns(ISTIO),
              service(name="istiod", select="app=istiod rev=canary"),
              endpoints(service(name="istiod"), True), injector()),
        [(webhook("istio-sidecar-injector"), "labelled istio.io/rev=default, but its Service istiod leads to canary",
          "kubectl get service istiod -n istio-system")],
    ),
    ("REV107", "a Service of several revisions holds it"): (
        world(istiod(), istiod("canary"), service(name="istiod", select="app=istiod"),
              injector("canary", service="istiod")), [],
    ),
    ("REV108", "matchConditions"): (
        mesh(conditional(), ns("shop", "rev=maybe")),
        [(webhook("conditional"), "whether it is called for pods in shop is not known: conditional's condition c0 "
          "may be true or false: request.userInfo is not known here",
          "kubectl get mutatingwebhookconfiguration conditional -o yaml")],
    ),
    ("REV109", "named revisions only"): (
        only_canary(ns("shop", "injection=enabled"), ns("quiet", "injection=disabled"), ns("moved", "rev=canary")),
        [(namespace(), NO_DEFAULT, HOLD_CANARY)],
    ),
    ("REV109", "its tag was deleted: nobody is moved to another revision"): (
        world(control_plane(deactivated=True), control_plane("canary"), ns("shop", "injection=enabled"),
              ns("bank", "injection=enabled")),
        [(namespace(name), NO_DEFAULT, "istioctl tag set default --revision default --overwrite")
         for name in ("bank", "shop")],
    ),
    ("REV109", "outside istio-system istioctl must be told where"): (
        world(control_plane("asm-1-24", "aks-istio-system"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "istioctl tag set default --revision asm-1-24 --overwrite -i aks-istio-system")],
    ),
    ("REV109", "1.10 has its tags at another place"): (
        world(control_plane("canary", version="1.10.6"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "istioctl x revision tag set default --revision canary --overwrite")],
    ),
    ("REV109", "a tag that Sail makes is Sail's"): (
        world(control_plane("canary"), sail("IstioRevisionTag", "default"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "kubectl patch istiorevisiontag default --type=merge -p "
          """'{"spec":{"targetRef":{"kind":"IstioRevision","name":"canary"}}}'""")],
    ),
    ("REV109", "before 1.10 there are no tags"): (
        world(control_plane("canary", version="1.9.9"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "kubectl label namespace shop istio-injection- istio.io/rev=canary --overwrite")],
    ),
    ("REV109", "the default is called, and istiod is told to inject only who asks"): (
        mesh(config_map(policy="disabled"), ns("shop", "injection=enabled")), [],
    ),
    ("REV109", "who validates by default is meant"): (
        world(control_plane(deactivated=True), control_plane("canary"), validator("canary"),
              ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, HOLD_CANARY)],
    ),
    ("REV109", "the one of that name is not ready"): (
        world(control_plane(ready=(False,), deactivated=True), control_plane("canary"),
              ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, HOLD_CANARY)],
    ),
    ("REV109", "a tag cannot point at who has no injector"): (
        world(istiod("blue"), injector("far", url="https://far.example/inject"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "kubectl label namespace shop istio-injection- istio.io/rev=far --overwrite")],
    ),
    ("REV109", "one of several is a choice"): (
        world(control_plane("blue"), control_plane("canary"), ns("shop", "injection=enabled")),
        [(namespace(), NO_DEFAULT, "kubectl label namespace shop istio-injection- istio.io/rev=blue --overwrite")],
    ),
    ("REV109", "beside istio.io/rev, which is meant"): (
        world(control_plane(deactivated=True), control_plane("canary"), ns("shop", "injection=enabled rev=canary")),
        [(namespace(), NO_DEFAULT, "kubectl label namespace shop istio-injection- istio.io/rev=canary --overwrite")],
    ),
    ("REV109", "beside istio.io/rev, which nobody answers to"): (
        world(control_plane(deactivated=True), control_plane("canary"), ns("shop", "injection=enabled rev=ghost")),
        [(namespace(), NO_DEFAULT, "istioctl tag set default --revision default --overwrite")],
    ),
    ("REV109", "the default is dead: that is another finding"): (
        only_canary(injector("gone", tag="default"), ns("shop", "injection=enabled")), [],
    ),
    ("REV109", "no injector at all"): (world(ns("shop", "injection=enabled")), []),
    ("REV201", "both labels"): (
        mesh(ns("shop", "injection=enabled rev=canary")),
        [(namespace(), "istio-injection=enabled decides (the default injects), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "without istio-injection nothing would inject"): (
        mesh(ns("shop", "injection=enabled rev=ghost")),
        [(namespace(), "istio-injection=enabled decides (the default injects), istio.io/rev=ghost is ignored",
          "kubectl label namespace shop istio.io/rev-")],
    ),
    ("REV201", "who opted out is not put into the mesh"): (
        mesh(ns("shop", "injection=disabled rev=canary"), running(deployment("web"), None)),
        [(namespace(), "istio-injection=disabled decides (nothing injects), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio.io/rev-")],
    ),
    ("REV201", "but its sidecars are not taken away either"): (
        mesh(ns("shop", "injection=disabled rev=canary"), running(deployment("web"), "canary")),
        [(namespace(), "istio-injection=disabled decides (nothing injects), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "without istio-injection pods would be rejected"): (
        mesh(injector("gone"), ns("shop", "injection=enabled rev=gone"), ns("odd", "injection=true rev=gone"),
             ns("out", "injection=disabled rev=gone"), running(deployment("web", "out"), "default")),
        [(namespace("odd"), "istio-injection=true decides (nothing injects), istio.io/rev=gone is ignored",
          "kubectl label namespace odd istio.io/rev-"),
         (namespace("out"), "istio-injection=disabled decides (nothing injects), istio.io/rev=gone is ignored",
          "kubectl label namespace out istio.io/rev-"),
         (namespace(), "istio-injection=enabled decides (the default injects), istio.io/rev=gone is ignored",
          "kubectl label namespace shop istio.io/rev-")],
    ),
    ("REV201", "any value of istio-injection decides"): (
        mesh(ns("shop", "injection=true rev=canary")),
        [(namespace(), "istio-injection=true decides (nothing injects), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "nothing holds the default"): (
        only_canary(ns("shop", "injection=enabled rev=canary")),
        [(namespace(), "istio-injection=enabled decides (nothing injects), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "the default is dead"): (
        only_canary(injector("gone", tag="default"), ns("shop", "injection=enabled rev=canary")),
        [(namespace(), "istio-injection=enabled decides (new pods are rejected), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "two hold the default"): (
        mesh(injector("canary", tag="default"), ns("shop", "injection=enabled rev=canary")),
        [(namespace(), "istio-injection=enabled decides (several injectors answer), istio.io/rev=canary is ignored",
          "kubectl label namespace shop istio-injection-")],
    ),
    ("REV201", "who injects was not read"): (
        world(ns("shop", "injection=enabled rev=canary"), gaps=[Gap("list", INJECTORS)]),
        [(namespace(), "istio-injection=enabled decides, istio.io/rev=canary is ignored",
          "kubectl rev-status namespace/shop")],
    ),
    ("REV201", "a hand-made webhook that asks for the revision all the same"): (
        only_canary(by_revision_alone(), ns("shop", "injection=enabled rev=canary")), [],
    ),
    ("REV202", "Deployment"): (
        mesh(ns("shop", "rev=canary"), running(deployment("web"), "default", "default", "canary")),
        [(workload_ref("web"), "2 pods on default, canary is selected",
          "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV202", "kubectl does not restart what is paused"): (
        mesh(ns("shop", "rev=canary"), held("web", paused=True)),
        [(workload_ref("web"), "1 pod on default, canary is selected; it is paused",
          "kubectl rollout resume deployment/web -n shop && kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV202", "a paused Rollout is restarted all the same, by Argo's own command"): (
        mesh(ns("shop", "rev=canary"), paused_rollout()),
        [(workload_ref("web", "Rollout"), "1 pod on default, canary is selected",
          "kubectl argo rollouts restart web -n shop")],
    ),
    ("REV202", "OnDelete waits for somebody to delete the pods"): (
        mesh(ns("shop", "rev=canary"), held("web", update_strategy=UpdateStrategy(type="OnDelete"))),
        [(workload_ref("web"), "1 pod on default, canary is selected; its updateStrategy is OnDelete",
          "delete the pods of Deployment web in namespace shop one at a time, when it suits")],
    ),
    ("REV202", "a partition keeps pods from being replaced"): (
        mesh(
            ns("shop", "rev=canary"),
            held("web", update_strategy=UpdateStrategy(rolling_update=RollingUpdate(partition=2))),
        ),
        [(workload_ref("web"), "1 pod on default, canary is selected; its partition keeps pods from being replaced",
          """kubectl patch deployment/web -n shop --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":"""
          """{"partition":0}}}}' && kubectl rollout restart deployment/web -n shop""")],
    ),
    ("REV202", "terminating pods do not count"): (
        mesh(ns("shop", "rev=canary"), deployment("web"), MANY),
        [(workload_ref("web"), "2 pods on default, canary is selected",
          "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV202", "all kinds have their own way"): (
        mesh(ns("shop", "rev=canary"), running(stateful_set("db"), "default"), running(daemon_set("agent"), "default"),
             pod("bare", on="default"), job("once"), pod("once-1", on="default", owner=job("once"))),
        [(workload_ref("agent", "DaemonSet"), "1 pod on default, canary is selected",
          "kubectl rollout restart daemonset/agent -n shop"),
         (workload_ref("once", "Job"), "1 pod on default, canary is selected",
          "wait until Job once in namespace shop is done: Jobs are not restarted"),
         (workload_ref("bare", "Pod"), "1 pod on default, canary is selected",
          "recreate pod bare in namespace shop: it has no controller"),
         (workload_ref("db", "StatefulSet"), "1 pod on default, canary is selected",
          "kubectl rollout restart statefulset/db -n shop")],
    ),
    ("REV202", "a gateway that istiod renders is not restarted"): (
        mesh(ns("shop", "rev=canary"), gateway("g"), RENDERED,
             pod("g-1", "shop", MADE_FROM_G, on="default", owner=RENDERED)),
        [(workload_ref("g"), "1 pod on default, canary is selected",
          "wait: the istiod of canary renders it again by itself, a restart does not")],
    ),
    ("REV203", "an annotation istio.io/rev, which no istiod reads, is no sidecar"): (
        mesh(ns("shop"), deployment("web"), pod("web-1", owner=deployment("web"), annotations={"istio.io/rev": "x"})),
        [],
    ),
    ("REV203", "the label is gone"): (
        mesh(ns("shop"), running(deployment("web"), "canary", None)),
        [(workload_ref("web"), "1 pod would come back without a sidecar: neither the namespace nor the pod asks for it",
          "kubectl label namespace shop istio.io/rev=canary --overwrite")],
    ),
    ("REV203", "the label is gone, and its revision too"): (
        mesh(ns("shop"), running(deployment("web"), "gone")),
        [(workload_ref("web"), "1 pod would come back without a sidecar: neither the namespace nor the pod asks for it",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV203", "it opts out now"): (
        mesh(ns("shop"), running(deployment("web", "shop", "inject=false"), "canary")),
        [(workload_ref("web"), "1 pod would come back without a sidecar: neither the namespace nor the pod asks for it",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV203", "rejected is worse, and another finding"): (
        world(control_plane(), dead_canary(), ns("shop", "rev=canary"), running(deployment("web"), "canary")), [],
    ),
    ("REV204", "older than the label"): (
        mesh(ns("shop", "rev=canary"), running(deployment("web"), None, "canary")),
        [(workload_ref("web"), "1 pod without a sidecar, canary is selected",
          "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV204", "who opts out misses nothing"): (
        mesh(ns("shop", "rev=canary"), running(deployment("web", "shop", "inject=false"), None)), [],
    ),
    ("REV205", "the namespace's label decides"): (
        mesh(ns("shop", "rev=canary"), deployment("web", "shop", "rev=default")),
        [(workload_ref("web"), "its label istio.io/rev=default is ignored: the namespace says istio.io/rev=canary",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV205", "no label decides in its place: that is REV104"): (
        world(control_plane(deactivated=True), ns("shop"),
              running(deployment("web", "shop", "rev=default"), "default")),
        [],
    ),
    ("REV205", "the label that decides names a dead revision"): (
        world(control_plane(), control_plane("canary", ready=()), ns("shop", "rev=canary"),
              deployment("web", "shop", "rev=default")),
        [(workload_ref("web"), "its label istio.io/rev=default is ignored: the namespace says istio.io/rev=canary",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV205", "nobody answers to the label that decides"): (
        only_canary(ns("shop", "injection=enabled"), deployment("web", "shop", "rev=canary")),
        [(workload_ref("web"), "its label istio.io/rev=canary is ignored: the namespace says istio-injection=enabled",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV205", "a label that agrees"): (mesh(ns("shop", "rev=canary"), deployment("web", "shop", "rev=canary")), []),
    ("REV206", "kube-inject, and no webhook"): (
        mesh(ns("shop"), BY_HAND),
        [(workload_ref("web"), "its sidecar is part of the template (kube-inject): a restart does not move it",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV206", "a webhook injects it again"): (
        mesh(ns("shop", "rev=canary"), BY_HAND),
        [(workload_ref("web"), "its sidecar is part of the template (kube-inject): canary puts its own in place of it",
          "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV207", "a label, and both eras are here"): (
        world(control_plane(version="1.26.8"), control_plane("canary"), ns(ISTIO), ns("shop", "rev=canary"),
              deployment("web", "shop", "inject=no")),
        [(workload_ref("web"), "label sidecar.istio.io/inject='no' changed its meaning in 1.27 and the revisions here "
          "disagree: say true or false", "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV207", "an annotation"): (
        mesh(ns("shop", "rev=canary"), deployment("web", annotations={"sidecar.istio.io/inject": "False"})),
        [(workload_ref("web"), "annotation sidecar.istio.io/inject='False' changed its meaning in 1.27: "
          "say true or false", "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV207", "true, false and empty always meant the same"): (
        mesh(ns("shop"), [deployment(f"w{n}", "shop", f"inject={v}") for n, v in enumerate(("true", "false", ""))]), [],
    ),
    ("REV208", "ambient and injected"): (
        mesh(ns("shop", "rev=canary mode=ambient")),
        [(namespace(), "istio.io/dataplane-mode=ambient and an injection label: new pods get a sidecar",
          "kubectl label namespace shop istio.io/dataplane-mode-")],
    ),
    ("REV208", "ambient alone"): (mesh(ns("shop", "mode=ambient")), []),
    ("REV209", "by the namespace's label"): (
        world(control_plane(), dead_canary(), ns("shop", "rev=canary"), deployment("web")),
        [(namespace(), "new pods are rejected: the namespace says istio.io/rev=canary, but calling "
          'istio-sidecar-injector-canary fails: service "istiod-canary" not found', SEE_SERVICE)],
    ),
    ("REV209", "by istio-injection, which must go too"): (
        only_canary(injector("gone", tag="default"), ns("shop", "injection=enabled")),
        [(namespace(), "new pods are rejected: the namespace says istio-injection=enabled, but calling "
          f"istio-revision-tag-default fails: {NOT_FOUND}",
          "kubectl label namespace shop istio-injection- istio.io/rev=canary --overwrite")],
    ),
    ("REV209", "by the template's label"): (
        world(control_plane(), dead_canary(), ns("shop"), deployment("web", "shop", "rev=canary")),
        [(workload_ref("web"), "new pods are rejected: the pod says istio.io/rev=canary, but calling "
          'istio-sidecar-injector-canary fails: service "istiod-canary" not found', SEE_SERVICE)],
    ),
    ("REV209", "scaled to zero: it is started again, nothing is moved"): (
        mesh(asleep(), ns("shop", "rev=green"), ns("loose"), deployment("web", "loose", "rev=green")),
        [(workload_ref("web", namespace="loose"), "new pods are rejected: the pod says istio.io/rev=green, but "
          f"calling istio-sidecar-injector-green fails: {NO_ENDPOINTS}", WAKE),
         (namespace(), "new pods are rejected: the namespace says istio.io/rev=green, but "
          f"calling istio-sidecar-injector-green fails: {NO_ENDPOINTS}", WAKE)],
    ),
    ("REV209", "behind a tag"): (
        mesh(asleep(), injector("green", tag="prod"), ns("shop", "rev=prod")),
        [(namespace(), "new pods are rejected: the namespace says istio.io/rev=prod, but "
          f"calling istio-revision-tag-prod fails: {NO_ENDPOINTS}", WAKE)],
    ),
    ("REV209", "its istiod is not ready"): (
        mesh(control_plane("green", ready=(False,)), ns("shop", "rev=green")),
        [(namespace(), "new pods are rejected: the namespace says istio.io/rev=green, but "
          f"calling istio-sidecar-injector-green fails: {NO_ENDPOINTS}", LOOK)],
    ),
    ("REV209", "whether its istiods are there was not read"): (
        world(*HELM, control_plane("green", ready=()), ns("shop", "rev=green"), gaps=[Gap("list", "pods")]),
        [(namespace(), "new pods are rejected: the namespace says istio.io/rev=green, but "
          f"calling istio-sidecar-injector-green fails: {NO_ENDPOINTS}", LOOK.replace("pods", "deployments,pods"))],
    ),
    ("REV210", "an image"): (
        mesh(ns("shop", "rev=canary"), deployment("web", annotations=PINNED)),
        [(workload_ref("web"), "annotation sidecar.istio.io/proxyImage=registry.example/proxyv2:1.28.0 pins the "
          "proxy's version whatever the revision", "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV210", "a container of one's own, which the injector fills in"): (
        mesh(ns("shop", "rev=canary"),
             deployment("web", proxy=Container(name="istio-proxy", image="registry.example/proxyv2:1.20.8")),
             deployment("auto", proxy=Container(name="istio-proxy", image="auto")),
             deployment("tuned", proxy=Container(name="istio-proxy")), BY_HAND_CANARY, gateway("g"),
             deployment("g", "shop", MADE_FROM_G, proxy=proxy_container(role="router"))),
        [(workload_ref("web"), "its own container istio-proxy pins the proxy's image, registry.example/proxyv2:1.20.8, "
          "whatever the revision", "kubectl rev-status deployment/web -n shop")],
    ),
    ("REV210", "where nobody injects it pins nothing"): (mesh(ns("shop"), deployment("web", annotations=PINNED)), []),
    ("REV211", "true"): (
        mesh(ns("shop", "injection=true")),
        [(namespace(), "istio-injection=true injects nothing: only istio-injection=enabled does",
          "kubectl label namespace shop istio-injection=enabled --overwrite")],
    ),
    ("REV211", "where nobody holds the default"): (
        only_canary(ns("shop", "injection=yes")),
        [(namespace(), "istio-injection=yes injects nothing: only istio-injection=enabled does",
          "kubectl label namespace shop istio-injection- istio.io/rev=canary --overwrite")],
    ),
    ("REV211", "with istio.io/rev beside it, it is REV201's"): (mesh(ns("shop", "injection=true rev=canary")), []),
    ("REV211", "1.6 with enableNamespacesByDefault injects whatever is not disabled"): (
        world(istiod(version="1.6.8"), service(), endpoints(service(), True), injector(layout="1.6", auto=True),
              ns("shop", "injection=yes")),
        [],
    ),
    ("REV213", "its revision is gone: the chart's value, or the template's label"): (
        mesh(ns("shop"), (by_helm := gateway_by_chart("edge", text="rev=gone", release="edge-release")),
             running(by_helm, "gone", "gone"), gateway_by_chart("other", text="rev=canry")),
        [(workload_ref("edge"), "2 pods would not start again: nothing replaces the image, auto (no injector answers "
          "to istio.io/rev=gone on the pod)", "helm upgrade edge-release istio/gateway -n shop --version 1.30.3 "
          "--reuse-values --set revision="),
         (workload_ref("other"), "new pods do not start: nothing replaces the image, auto (no injector answers to "
          "istio.io/rev=canry on the pod)", "kubectl patch deployment/other -n shop --type=merge -p "
          """'{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"canary"}}}}}'""")],
    ),
    ("REV213", "nobody holds the default, and it names no revision"): (
        only_canary(ns("shop"), running(gateway_by_chart("edge", release="edge"), None)),
        [(workload_ref("edge"), "new pods do not start: nothing replaces the image, auto (no injector answers to "
          "sidecar.istio.io/inject=true alone: nothing holds the default)", "helm upgrade edge istio/gateway -n shop "
          "--version 1.30.3 --reuse-values --set revision=canary")],
    ),
    ("REV213", "its namespace says no: nobody is put into the mesh for it"): (
        mesh(ns("shop", "injection=disabled"), gateway_by_chart("edge")),
        [(workload_ref("edge"), "new pods do not start: nothing replaces the image, auto (the namespace says "
          "istio-injection=disabled)", "kubectl rev-status deployment/edge -n shop")],
    ),
    ("REV213", "it is injected"): (mesh(ns("shop"), running(gateway_by_chart("edge"), "default")), []),
    ("REV214", "a label would ask the default"): (
        mesh(ns("shop"), deployment("web", annotations=ASKS), rollout("api", annotations=ASKS | {"x": "y"}),
             deployment("made", annotations=ASKS, owner=deployment("revision"))),
        [(workload_ref("made"), IN_VAIN,
          "give its template the label sidecar.istio.io/inject=true where it is made"),
         (workload_ref("web"), IN_VAIN, "kubectl patch deployment/web -n shop --type=merge -p "
          """'{"spec":{"template":{"metadata":{"labels":{"sidecar.istio.io/inject":"true"}}}}}'"""),
         (workload_ref("api", "Rollout"), IN_VAIN, "kubectl patch rollout/api -n shop --type=merge -p "
          """'{"spec":{"template":{"metadata":{"labels":{"sidecar.istio.io/inject":"true"}}}}}'""")],
    ),
    ("REV214", "nobody holds the default: a revision's label would ask"): (
        only_canary(ns("shop"), deployment("web", annotations=ASKS)),
        [(workload_ref("web"), IN_VAIN, "kubectl patch deployment/web -n shop --type=merge -p "
          """'{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"canary"}}}}}'""")],
    ),
    ("REV214", "its namespace asks, or says no; it has the label"): (
        mesh(ns("a", "injection=enabled"), deployment("web", "a", annotations=ASKS),
             ns("b", "injection=disabled"), deployment("web", "b", annotations=ASKS),
             ns("shop"), deployment("web", text="inject=true", annotations=ASKS),
             deployment("api", annotations={"sidecar.istio.io/inject": "false"})),
        [],
    ),
    ("REV215", "two minor releases behind; a pinned image"): (
        mesh(ns("shop", "injection=enabled"), running_image("web", "1.28.0"),
             running_image("old", "1.6.8@sha256:0", annotations={"sidecar.istio.io/proxyImage": "proxyv2:1.6.8"})),
        [(workload_ref("old"), "1 pod of 1.6.8, its istiod 1.30.3: more than Istio supports",
          "kubectl rev-status deployment/old -n shop"),
         (workload_ref("web"), "1 pod of 1.28.0, its istiod 1.30.3: more than Istio supports",
          "kubectl rollout restart deployment/web -n shop")],
    ),
    ("REV215", "one behind, ahead, or of no release"): (
        mesh(ns("shop", "injection=enabled"), running_image("a", "1.29.9"), running_image("b", "1.31.0"),
             running_image("c", "latest"), running_image("d", "x@sha256:1.2")),
        [],
    ),
    ("REV216", "one waits, one crashes, one goes, one is fine; another's rollout is under way"): (
        mesh(ns("shop", "injection=enabled"), web := deployment("web"),
             pod("a", on="default", owner=web, phase="Pending", ready=False),
             pod("b", on="default", owner=web, ready=False), pod("c", on="default", owner=web),
             pod("d", on="default", owner=web, ready=False, terminating=True),
             rolling("api", "ReplicaSetUpdated")),
        [(workload_ref("api"), "1 pod not ready (Running), of 2 with a proxy",
          "kubectl rollout status deployment/api -n shop"),
         (workload_ref("web"), "2 pods not ready (Pending, Running), of 3 with a proxy",
          "kubectl describe pod a -n shop")],
    ),
    ("REV216", "without a proxy; where only metadata was read"): (
        mesh(ns("shop", "injection=enabled"), deployment("w"),
             pod("a", owner=deployment("w"), ready=False),
             metadata_only(pod("b", on="default", owner=deployment("w"), ready=False))),
        [],
    ),
    ("REV212", "the revision label"): (
        mesh(ns("shop", "istio.io/revision=canary")),
        [(namespace(), "the label istio.io/revision means nothing on a namespace; did you mean istio.io/rev?",
          "kubectl label namespace shop istio.io/revision- istio.io/rev=canary --overwrite")],
    ),
    ("REV212", "the old label"): (
        mesh(ns("shop", "istio-injected=enabled")),
        [(namespace(), "the label istio-injected means nothing on a namespace; did you mean istio-injection?",
          "kubectl label namespace shop istio-injected- istio-injection=enabled --overwrite")],
    ),
    ("REV212", "a pod's label"): (
        mesh(ns("shop", "inject=true")),
        [(namespace(), "the label sidecar.istio.io/inject means nothing on a namespace; did you mean istio-injection?",
          "kubectl label namespace shop sidecar.istio.io/inject- istio-injection=enabled --overwrite")],
    ),
    ("REV212", "Istio's other labels, and one that says no"): (
        mesh(ns("a", "mode=ambient istio.io/use-waypoint=x istio.io/tag=x topology.istio.io/network=n istio-env=x"),
             ns("b", "inject=false"), ns("c", "istio.io/revision=canary rev=canary")), [],
    ),
    ("REV501", "no such Service"): (
        validates(service="istiod-gone"),
        [(VALIDATOR, f"validation.istio.io: {NOT_FOUND}: writes of unlabelled config and config labelled "
          "istio.io/rev=canary|default are rejected", FIX)],
    ),
    ("REV502", "for good"): (
        validates(labelled="gone", policy="Ignore"),
        [(VALIDATOR, "validation.istio.io: failurePolicy is Ignore; no istiod has revision gone, so that nobody "
          "maintains it (unlabelled config and config labelled istio.io/rev=canary|default)", FIX)],
    ),
    ("REV503", "no default validator"): (
        world(*HELM[:2], ns(ISTIO)),
        [(Ref("Revision", "", "default"), "there is no default validator: unlabelled config is accepted unseen",
          "istioctl tag set default --revision default --overwrite")],
    ),
    ("REV503", "no default validator, and canary injects by default"): (
        world(*deactivated("canary")),
        [(Ref("Revision", "", "default"), "there is no default validator: unlabelled config is accepted unseen",
          HOLD_CANARY)],
    ),
    ("REV503", "before 1.12 a tag makes no validator"): (
        world(control_plane("canary", version="1.11.8"), injector("canary", tag="default"), ns(ISTIO)),
        [(Ref("Revision", "", "default"), "there is no default validator: unlabelled config is accepted unseen",
          "install the chart base again, of the release that runs: its validator is gone")],
    ),
    ("REV503", "a revision without its validator"): (
        world(control_plane(), unvalidated("canary"), ns(ISTIO)),
        [(Ref("Revision", "", "canary"), "revision canary has no validator of its own: config labelled "
          "istio.io/rev=canary is accepted unseen", "install revision canary again: its validator is gone"),
         (Ref("Revision", "", "default"), "there is no default validator: unlabelled config is accepted unseen",
          "istioctl tag set default --revision default --overwrite")],
    ),
    ("REV504", "of a revision that is gone"): (
        mesh(validator("gone", per_revision=True)),
        [(Ref("ValidatingWebhookConfiguration", "", "istio-validator-gone-istio-system"),
          f"rev.validation.istio.io: {NOT_FOUND}, and revision gone is gone; it rejects config labelled "
          "istio.io/rev=gone", FIX)],
    ),
    ("REV505", "another's label"): (
        validates(labelled="canary"),
        [(VALIDATOR, "validation.istio.io: labelled canary, but its Service leads to default: istiod canary "
          "maintains it", FIX)],
    ),
    ("REV505", "in agreement"): (validates(), []),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "snapshot", "wanted"),
    [(code, snapshot, wanted) for (code, _), (snapshot, wanted) in WORLDS.items()],
    ids=[f"{code} {why}" for code, why in WORLDS],
)
def test_findings(code: str, snapshot: Snapshot, wanted: Wanted) -> None:
    found = [(f.subject, f.message, str(f.hint)) for f in find(Survey(snapshot), MESH_CHECKS) if f.code == code]
    assert found == wanted


CALM = [
    ns("shop", "rev=canary"),
    ns("legacy", "injection=enabled"),
    ns("plain"),
    running(deployment("web"), "canary", "canary"),
    running(stateful_set("db", "legacy"), "default"),
    running(deployment("cache", "plain"), None),
    cron_job("nightly", "shop"),
]


def test_the_calm_world_has_no_findings() -> None:
    assert find(Survey(mesh(*CALM)), MESH_CHECKS) == []


def test_every_code_is_found_in_a_world_and_missing_from_another() -> None:
    found = {code for (code, _), (_, wanted) in WORLDS.items() if wanted}
    assert found == {check.code for check in MESH_CHECKS}
    assert {code for code, _ in WORLDS} == found


def test_codes_are_unique_and_in_order() -> None:
    codes = [check.code for check in MESH_CHECKS]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("check", MESH_CHECKS, ids=[check.code for check in MESH_CHECKS])
def test_a_row_is_complete(check: Check) -> None:
    assert check.title
    assert check.why
    assert not check.title.endswith(".")


def all_at_once() -> list[Object]:
    """A mesh with a bit of everything, as a flat list of objects."""
    parts: list[Any] = [
        *deactivated("canary"),
        validator(),
        injector("gone", tag="prod"),
        conditional(),
        [
            ns("a", "rev=canary"),
            ns("b", "injection=enabled rev=ghost"),
            ns("c", "rev=ghost"),
            ns("d", "rev=prod"),
            ns("e"),
            ns("f", "rev=maybe"),
        ],
        running(deployment("web", "a"), "default", "canary", None),
        running(stateful_set("db", "b", "rev=canary"), "default"),
        running(daemon_set("agent", "e"), "canary"),
        pod("bare", "c", on="default"),
        deployment("odd", "a", "inject=no"),
    ]
    return [each for part in parts for each in ([part] if isinstance(part, Object) else part)]


def test_the_worst_first_then_by_code_and_subject() -> None:
    found = find(Survey(world(all_at_once())), MESH_CHECKS)
    severities = list(Severity)
    keys = [(severities.index(f.severity), f.code, f.subject, f.message) for f in found]
    assert keys == sorted(keys)
    assert [f.code for f in found] == [
        "REV101", "REV102", "REV104", "REV203", "REV203", "REV209",
        "REV105", "REV201", "REV202", "REV202", "REV204", "REV207",
        "REV108",
    ]  # fmt: skip


def test_what_wakes_a_control_plane_comes_first_and_nothing_moves_away_from_it() -> None:
    found = find(Survey(mesh(asleep(), ns("shop", "rev=green"), running(deployment("web"), "green"))), MESH_CHECKS)
    assert [(f.code, str(f.hint)) for f in found] == [
        ("REV101", WAKE), ("REV114", WAKE), ("REV209", WAKE), ("REV501", WAKE), ("REV103", WAKE),
    ]  # fmt: skip


def test_what_no_istiod_renders_again_is_not_waited_for() -> None:
    parts = (ns("shop", "rev=canary"), RENDERED, pod("g-1", "shop", MADE_FROM_G, on="default", owner=RENDERED))
    gone, owned = Survey(mesh(*parts)), Survey(mesh(*parts, gateway("g")))
    assert [str(restart(survey.by_namespace["shop"][0])) for survey in (gone, owned)] == [
        "kubectl rev-status deployment/g -n shop",
        "wait: the istiod of canary renders it again by itself, a restart does not",
    ]


def test_each_finding_once() -> None:
    found = find(Survey(world(all_at_once())), MESH_CHECKS)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_objects_does_not_matter(seed: int) -> None:
    objects = all_at_once()
    wanted = find(Survey(world(objects)), MESH_CHECKS)
    random.Random(seed).shuffle(objects)
    assert find(Survey(world(objects)), MESH_CHECKS) == wanted


def test_a_finding_in_json() -> None:
    (finding,) = find(Survey(mesh(ns("shop", "rev=1-6-5"))), MESH_CHECKS)
    assert builtins(finding) == {
        "code": "REV104",
        "severity": "error",
        "subject": {"kind": "Namespace", "namespace": "", "name": "shop"},
        "message": "istio.io/rev=1-6-5 names no revision or tag: new pods get no sidecar",
        "hint": f"kubectl label namespace shop {TO_DEFAULT}",
        "remedy": {
            "goal": "injected",
            "steps": ({"command": ("kubectl", "label", "namespace", "shop", *TO_DEFAULT.split())},),
        },
    }
    assert isinstance(finding, Finding)


def test_references_and_hints_are_kubectls() -> None:
    assert str(Ref("Deployment", "shop", "web")) == "deployment/web"
    odd = mesh(ns("a; rm -rf", "rev=ghost"))
    assert [str(f.hint) for f in find(Survey(odd), MESH_CHECKS)] == [
        f"kubectl label namespace 'a; rm -rf' {TO_DEFAULT}"
    ]


NOBODY_READY = world(control_plane("canary", ready=(False,)), ns(ISTIO), ns("shop", "rev=ghost"))
REMOTE_ONLY = world(injector("far", service="far"), service("far", name="far", select=""), ns("shop", "rev=ghost"))
ALTERNATIVES = {
    "the default if it lives": (mesh(ns("shop", "rev=ghost")), "default"),
    "else the first that lives": (only_canary(ns("shop", "rev=ghost")), "canary"),
    "a remote one will do": (REMOTE_ONLY, "far"),
}


@pytest.mark.parametrize(("snapshot", "revision"), ALTERNATIVES.values(), ids=ALTERNATIVES.keys())
def test_which_revision_a_hint_names(snapshot: Snapshot, revision: str) -> None:
    hints = [str(f.hint) for f in find(Survey(snapshot), MESH_CHECKS) if f.code == "REV104"]
    assert hints == [f"kubectl label namespace shop istio.io/rev={revision} --overwrite"]


def test_a_hint_names_no_revision_that_would_not_inject() -> None:
    assert [str(f.hint) for f in find(Survey(NOBODY_READY), MESH_CHECKS) if f.code == "REV104"] == [
        "kubectl rev-status namespace/shop"
    ]


def test_restarting_what_a_custom_controller_owns() -> None:
    made = pod("c-1", on="default")
    made.metadata.owner_references = owned_by("CloneSet", "c")
    survey = Survey(mesh(ns("shop", "rev=canary"), made))
    (unit,) = survey.by_namespace["shop"]
    assert str(restart(unit)) == "let CloneSet c in namespace shop replace its pods"
    assert unit.subject.namespace_labels == labels("rev=canary")
