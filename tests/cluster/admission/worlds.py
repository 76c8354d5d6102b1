"""The worlds: each is a base, which is made from scratch, and a change of it, which is mostly to webhooks alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kubectl_rev.errors import ClusterError
from tests.cluster.admission import layouts
from tests.cluster.admission.documented import AUTO, ERA_1_6, ERA_1_6_BY_DEFAULT, ERA_1_8_OPT_IN, TODAY, UPGRADE, Table
from tests.cluster.admission.rows import place_name
from tests.cluster.admission.server import HAND_MADE_SUFFIX, Object, admit, until
from tests.testcluster import ISTIO_CANARY, ISTIO_DEFAULT

if TYPE_CHECKING:
    from tests.cluster.admission.bench import Bench

_DEFAULT, _CANARY, _TAG_DEFAULT = (
    "istio-sidecar-injector",
    "istio-sidecar-injector-canary",
    "istio-revision-tag-default",
)
_BY_DEFAULT = "values.sidecarInjectorWebhook.enableNamespacesByDefault=true"
_BOTH = {"default", "canary", "none"}
# Who answers to each name that a label `istio.io/rev` may say.
_PLAIN = {"default": "default", "canary": "canary"}
_TAGGED = {**_PLAIN, "prod": "canary"}
_MOVED = {**_TAGGED, "default": "canary"}
_OLD = {"canary": "canary"}


def _as_it_is(bench: Bench) -> None:
    """Nothing to change."""


class World(NamedTuple):
    """One way in which Istio stands. `outcomes` are all those that its rows are predicted to have.

    `documented` is what Istio says of it, `holder` who injects where only the default is asked for, `names` who answers
    to which `istio.io/rev`. One that `spoils` its base changes more than webhooks. Of what
    `others` make Istio's documents say nothing. What is `rare` is asked for in the long tests only.
    """

    name: str
    base: str
    change: Callable[[Bench], None]
    outcomes: set[str]
    documented: Table | None = None
    holder: str | None = "default"
    names: dict[str, str] = _PLAIN
    spoils: bool = False
    others: bool = False
    rare: bool = False


# Bases


def _tags(bench: Bench) -> None:
    tags = ["values.revisionTags[0]=prod", "values.revisionTags[1]=default"]
    bench.cluster.install("canary", ISTIO_CANARY, layout="helm", sets=tags)


def _policies(bench: Bench) -> None:
    """istiod default injects only who asks or is labelled for prod or a ghost, canary nobody labelled for a ghost."""
    where, wanted = "values.sidecarInjectorWebhook", "matchExpressions[0]"
    asks = [f"{wanted}.key=istio.io/rev", f"{wanted}.operator=In"]
    always = [
        f"{where}.alwaysInjectSelector[0].{each}"
        for each in (*asks, f"{wanted}.values[0]=prod", f"{wanted}.values[1]=ghost")
    ]
    never = [f"{where}.neverInjectSelector[0].{each}" for each in (*asks, f"{wanted}.values[0]=ghost")]
    off = "values.global.proxy.autoInject=disabled"
    bench.cluster.install("default", ISTIO_DEFAULT, layout="helm", sets=[off, *always])
    until("istiod default having read its policy", lambda: _said(bench, "enabled", None) == "not injected")
    tags = ["values.revisionTags[0]=prod", "values.revisionTags[1]=default"]
    bench.cluster.install("canary", ISTIO_CANARY, layout="helm", sets=[*tags, *never])
    until("istiod canary having read its policy", lambda: _said(bench, None, "canary", "ghost") == "not injected")


def _prod(bench: Bench) -> None:
    bench.cluster.istioctl("tag", "set", "prod", "--revision", "canary")


def _by_default(bench: Bench) -> None:
    bench.cluster.install("default", ISTIO_DEFAULT, layout="istioctl", sets=[_BY_DEFAULT])
    _prod(bench)


def _no_service(bench: Bench) -> None:
    bench.delete_service("istiod-canary")
    until("the API server missing Service istiod-canary", lambda: "not found" in _said(bench, None, "canary"))


def _no_endpoints(bench: Bench) -> None:
    bench.cluster.stop_istiod("canary")
    until("the API server finding no istiod canary", lambda: "no endpoints" in _said(bench, None, "canary"))


def _remote(bench: Bench) -> None:
    """istiod canary is reached as one elsewhere would be: a Service without a selector and endpoints made by hand."""
    service = bench.delete_service("istiod-canary")
    (istiod,) = bench.cluster.istiods("canary")
    ports = service["spec"]["ports"]
    meta = {"name": "istiod-canary", "namespace": "istio-system"}
    of_service = {"kubernetes.io/service-name": "istiod-canary"}
    slice_ports = [{"name": each["name"], "port": each["targetPort"]} for each in ports if each["port"] == 443]
    bench.cluster.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**meta, "labels": of_service},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [istiod.address], "conditions": {"ready": True}}],
            "ports": slice_ports,
        },
    )
    until(
        "the API server reaching istiod canary by the new Service", lambda: _said(bench, None, "canary") == "injected"
    )


def _canarys_service(bench: Bench, **spec: object) -> None:
    """The Service of istiod canary made again with another spec; the istiod behind it stays."""
    service = bench.delete_service("istiod-canary")
    kept = {key: service["spec"][key] for key in ("ports", "selector")}
    meta = {key: service["metadata"][key] for key in ("name", "namespace", "labels")}
    bench.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {**kept, **spec}})


def _headless(bench: Bench) -> None:
    _canarys_service(bench, clusterIP="None")
    until("the API server reaching a headless Service", lambda: _said(bench, None, "canary") == "injected")


def _external_name(bench: Bench) -> None:
    _canarys_service(bench, type="ExternalName", externalName="istiod.example.com")
    until("the API server missing a usable Service", lambda: "ExternalName" in _said(bench, None, "canary"))


def _said(bench: Bench, injection: str | None, rev: str | None, pod_rev: str | None = None) -> str:
    """What the API server says to a pod in the namespace with these labels."""
    given = {"istio.io/rev": pod_rev} if pod_rev else {}
    try:
        pod = admit(bench.connection, place_name(injection, rev), given)
    except ClusterError as error:
        return str(error)
    return "injected" if "sidecar.istio.io/status" in pod["metadata"].get("annotations", {}) else "not injected"


BASES: dict[str, tuple[str, Callable[[Bench], None]]] = {
    "helm": ("helm", _as_it_is),
    "helm with tags": ("helm", _tags),
    "policies": ("helm", _policies),
    "istioctl": ("istioctl", _prod),
    "istioctl by default": ("istioctl", _by_default),
    "no service": ("helm", _no_service),
    "no endpoints": ("helm", _no_endpoints),
    "remote": ("helm", _remote),
    "headless": ("helm", _headless),
    "external name": ("helm", _external_name),
}


# Changes


def _era(
    default: Callable[[str], list[Object]],
    canary: Callable[[str], list[Object]] | None = None,
    component: bool = True,
    **tags: str,
) -> Callable[[Bench], None]:
    """The injectors of an old release instead of today's, and those of its tags."""

    def change(bench: Bench) -> None:
        ca = bench.authority()
        bench.replace(
            [
                layouts.injector(_DEFAULT, "default", default("default"), ca, component=component),
                layouts.injector(_CANARY, "canary", (canary or default)("canary"), ca, component=component),
                *(
                    layouts.injector(f"istio-revision-tag-{tag}", revision, default(tag), ca, tag)
                    for tag, revision in tags.items()
                ),
            ]
        )

    return change


def _without(name: str) -> Callable[[Bench], None]:
    return lambda bench: bench.replace([each for each in bench.webhooks() if each["metadata"]["name"] != name])


def _changed(name: str, **entry: object) -> Callable[[Bench], None]:
    """One injector's entries changed in some fields; `service` renames the Service that they call."""

    def change(bench: Bench) -> None:
        found = copy.deepcopy(bench.webhooks())
        for each in (each for one in found if one["metadata"]["name"] == name for each in one["webhooks"]):
            each.update({key: value for key, value in entry.items() if key != "service"})
            if "service" in entry:
                each["clientConfig"]["service"]["name"] = entry["service"]
        bench.replace(found)

    return change


def _hand_made(ca: str | None) -> Callable[[Bench], None]:
    """canary's injector as somebody may write it: nothing about it is Istio's but the istiod that it calls.

    `ca` is another caBundle than istiod's, empty for none at all.
    """

    def change(bench: Bench) -> None:
        found = copy.deepcopy(bench.webhooks())
        (canary,) = (each for each in found if each["metadata"]["name"] == _CANARY)
        canary["metadata"] = {"name": "corp-injector", "labels": {"app": "corp"}}
        for number, entry in enumerate(canary["webhooks"]):
            entry["name"] = f"inject-{number}{HAND_MADE_SUFFIX}"
            if ca is not None:
                entry["clientConfig"]["caBundle"] = bench.another_authority() if ca else ""
        bench.replace(found)

    return change


def _conditions(name: str, *expressions: str, policy: str = "Fail") -> Callable[[Bench], None]:
    """One injector's entries with these conditions, a name each."""
    given = [{"name": f"c{number}", "expression": text} for number, text in enumerate(expressions)]
    return _changed(name, matchConditions=given, failurePolicy=policy)


def _excluding(bench: Bench) -> None:
    """As Deckhouse does: the default's injector wants no revision label, and the revisions' no istio-injection."""
    found = copy.deepcopy(bench.webhooks())
    for each in (each for one in found if one["metadata"]["name"] == _DEFAULT for each in one["webhooks"]):
        each["namespaceSelector"].setdefault("matchExpressions", []).append(
            {"key": "istio.io/rev", "operator": "DoesNotExist"}
        )
    bench.replace(found)


def _istioctl_tag(tag: str, revision: str) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        bench.cluster.istioctl("tag", "set", tag, "--revision", revision, "--overwrite")

    return change


def _helm_by_default(bench: Bench) -> None:
    bench.cluster.install("default", ISTIO_DEFAULT, layout="helm", sets=[_BY_DEFAULT])


WORLDS = (
    # as installed today
    World("helm", "helm", _as_it_is, _BOTH, TODAY),
    World("helm, nothing holds the default", "helm", _without(_DEFAULT), {"canary", "none"}, TODAY, None, _OLD),
    # of old
    World("1.6", "helm", _era(layouts.era_1_6, component=False), _BOTH, ERA_1_6),
    World("1.6 by default", "helm", _era(layouts.era_1_6_by_default, component=False), _BOTH, ERA_1_6_BY_DEFAULT),
    World("1.8", "helm", _era(layouts.era_1_6), _BOTH, ERA_1_6),
    World("1.8 opt-in", "helm", _era(layouts.era_1_8_opt_in), _BOTH, ERA_1_8_OPT_IN),
    World("1.9", "helm", _era(layouts.era_1_9), _BOTH, ERA_1_6),
    World("1.9 new selectors", "helm", _era(layouts.era_1_9_new), _BOTH, TODAY, names=_OLD),
    World("1.10 with a tag", "helm", _era(layouts.era_1_10, prod="canary"), _BOTH, TODAY, names=_TAGGED),
    World("1.8 beside today's", "helm", _era(layouts.era_1_6, layouts.era_1_10), _BOTH, UPGRADE, names=_OLD),
    World("helm by default", "helm", _helm_by_default, _BOTH, AUTO, spoils=True),
    # tags, and two injectors for one pod
    World("helm with a tag", "helm with tags", _without(_TAG_DEFAULT), _BOTH, TODAY, names=_TAGGED),
    World("two defaults", "helm with tags", _as_it_is, {"conflict", "canary", "none"}),
    World(
        "two defaults, one dead",
        "helm with tags",
        _changed(_TAG_DEFAULT, service="istiod-gone"),
        {"rejected", "canary", "none"},
    ),
    World(
        "two defaults, one dead and ignored",
        "helm with tags",
        _changed(_TAG_DEFAULT, service="istiod-gone", failurePolicy="Ignore"),
        _BOTH,
        TODAY,
        names=_TAGGED,
    ),
    World("two defaults, of two minds", "policies", _as_it_is, {"conflict", *_BOTH}),
    World("istioctl", "istioctl", _as_it_is, _BOTH, TODAY, names=_TAGGED),
    World(
        "default moved to canary",
        "istioctl",
        _istioctl_tag("default", "canary"),
        {"canary", "none"},
        TODAY,
        "canary",
        _MOVED,
        spoils=True,
    ),
    World(
        "tag named like a revision",
        "istioctl",
        _istioctl_tag("canary", "default"),
        {"conflict", *_BOTH},
        spoils=True,
    ),
    World("istioctl by default", "istioctl by default", _as_it_is, _BOTH, AUTO, names=_TAGGED),
    # what is called does not answer, or is elsewhere
    World("no service", "no service", _as_it_is, {"default", "rejected", "none"}),
    World(
        "no service, ignored",
        "no service",
        _changed(_CANARY, failurePolicy="Ignore"),
        {"default", "none"},
        TODAY,
        names={"default": "default"},
    ),
    World("no endpoints", "no endpoints", _as_it_is, {"default", "rejected", "none"}),
    World("remote", "remote", _as_it_is, _BOTH, TODAY),
    World("headless", "headless", _as_it_is, {"default", "unknown", "none"}),
    World("external name", "external name", _as_it_is, {"default", "unknown", "none"}),
    # made by others
    World("hand-made", "helm", _hand_made(None), _BOTH, TODAY),
    World("hand-made without a caBundle", "helm", _hand_made(""), {"default", "rejected", "none"}),
    World("hand-made with another's caBundle", "helm", _hand_made("other"), {"default", "rejected", "none"}),
    # with matchConditions
    World(
        "conditions",
        "helm",
        _conditions(_CANARY, "object.metadata.namespace != 'place-0-0' && !('istio.io/rev' in object.metadata.labels)"),
        {*_BOTH, "rejected"},
        others=True,
    ),
    World(
        "conditions on what is not read",
        "helm",
        _conditions(_DEFAULT, "object.spec.?hostNetwork.orValue(false) == true || request.userInfo.uid != 'x'"),
        {"canary", "none", "unknown"},
        others=True,
        rare=True,
    ),
    World(
        "conditions of the second of two defaults",
        "helm with tags",
        _conditions(_DEFAULT, "object.metadata.?labels[?'sidecar.istio.io/inject'].orValue('none') != 'true'"),
        {"canary", "none", "conflict", "unknown"},
        others=True,
        rare=True,
    ),
    World(
        "conditions of the first of two defaults, ignored where they fail",
        "helm with tags",
        _conditions(
            _TAG_DEFAULT,
            "object.metadata.labels['sidecar.istio.io/inject'] == 'true'",
            "object.metadata.?annotations[?'sidecar.istio.io/inject'].orValue('') != 'false'",
            policy="Ignore",
        ),
        {*_BOTH, "conflict"},
        others=True,
        rare=True,
    ),
    World("each wants the other's label absent", "helm", _excluding, _BOTH, others=True),
)
