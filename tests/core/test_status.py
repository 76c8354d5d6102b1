"""rev-status as values: what each list says about a small world, and the long answer to "why"."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.hints import NO_HINT, Goal, command, within
from kubectl_rev.core.checks.model import Finding, Ref, Severity
from kubectl_rev.core.mesh import labels as labels_of
from kubectl_rev.core.mesh.admission import InjectorTrace, WebhookMatch
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.status import answers
from kubectl_rev.core.status.explain import Explanation, IstiodDecision, Running, of_namespace, of_workload
from kubectl_rev.core.status.items import (
    ControlPlaneItem,
    Count,
    InjectorItem,
    NamespaceItem,
    Owner,
    PodItem,
    SelectedItem,
    TagItem,
    WorkloadItem,
    revisions_of,
)
from kubectl_rev.core.status.notes import workload_note
from tests.build import (
    ISTIO,
    control_plane,
    deployment,
    gateway,
    injector,
    job,
    labels,
    metadata_only,
    ns,
    pod,
    proxy_container,
    running,
    service,
    stateful_set,
    validator,
    world,
)
from tests.build import workload as workload_of

EGRESS = deployment("egress", ISTIO, "rev=default inject=false", proxy=proxy_container(role="router"))
WEB, DB = deployment("web"), stateful_set("db", "legacy")
PARTS = [
    control_plane(),
    control_plane("canary", version="1.31.0", ready=(True, False)),
    injector("canary", tag="prod"),
    service("canary", tag="prod"),
    injector("gone", tag="old"),
    validator(),
    [
        ns(ISTIO),
        ns("shop", "rev=prod"),
        ns("legacy", "injection=enabled rev=canary"),
        ns("ghost", "rev=x mode=ambient"),
    ],
    running(WEB, "canary", "default", None),
    running(DB, "default"),
    running(EGRESS, None),
    pod("bare", "shop", on="default", terminating=True),
]
SURVEY = Survey(world(*PARTS))
CANARY = SelectedItem(
    "injected",
    "canary",
    "istio-revision-tag-prod",
    ("istio-revision-tag-prod",),
    "the namespace says istio.io/rev=prod",
)
DEFAULT = SelectedItem(
    "injected",
    "default",
    "istio-sidecar-injector",
    ("istio-sidecar-injector",),
    "the namespace says istio-injection=enabled",
)
OPTED_OUT = SelectedItem("none", None, None, (), "the pod says sidecar.istio.io/inject=false")
NOT_ASKED = SelectedItem("none", None, None, (), "neither the namespace nor the pod asks for it")
GHOST = SelectedItem("none", None, None, (), "no injector answers to istio.io/rev=x on the namespace")


def test_control_planes() -> None:
    assert answers.control_planes(SURVEY) == [
        ControlPlaneItem(
            namespace=ISTIO,
            name="canary",
            revision="canary",
            state="local",
            tags=["prod"],
            default=[],
            version="1.31.0",
            istiod=Count(1, 2),
            injectors=[
                InjectorItem("istio-revision-tag-prod", True),
                InjectorItem("istio-sidecar-injector-canary", True),
            ],
            namespaces=1,
            proxies=1,
            not_ready=0,
            terminating=0,
            selected=3,
        ),
        ControlPlaneItem(
            namespace=ISTIO,
            name="default",
            revision="default",
            state="local",
            tags=[],
            default=["injection", "validation", "gateways", "name"],
            version="1.30.3",
            istiod=Count(1, 1),
            injectors=[InjectorItem("istio-sidecar-injector", True)],
            namespaces=1,
            proxies=3,
            not_ready=0,
            terminating=1,
            selected=2,  # the gateway in place stays
        ),
        ControlPlaneItem(
            namespace=ISTIO,
            name="gone",
            revision="gone",
            state="missing",
            tags=["old"],
            default=[],
            version=None,
            istiod=Count(0, 0),
            injectors=[InjectorItem("istio-revision-tag-old", False)],
            namespaces=0,
            proxies=0,
            not_ready=0,
            terminating=0,
            selected=0,
        ),
    ]


def test_a_deactivated_injector_is_not_listed() -> None:
    (plane,) = answers.control_planes(Survey(world(control_plane(deactivated=True), injector(tag="default"))))
    assert plane.injectors == [InjectorItem("istio-revision-tag-default", True)]


def test_an_injector_whose_service_was_not_read() -> None:
    survey = Survey(world(injector("far"), gaps=[Gap("list", "services"), Gap("list", "pods")]))
    (plane,) = answers.control_planes(survey)
    assert (plane.state, plane.injectors) == ("unknown", [InjectorItem("istio-sidecar-injector-far", None)])


def test_tags() -> None:
    assert answers.tags(SURVEY) == [
        TagItem(
            name="old", revision="gone", injector="istio-revision-tag-old", service=None, resolves=False, namespaces=0
        ),
        TagItem(
            name="prod",
            revision="canary",
            injector="istio-revision-tag-prod",
            service="istiod-revision-tag-prod",
            resolves=True,
            namespaces=1,
        ),
    ]


DOWN = [
    control_plane(ready=()),
    control_plane("canary"),
    injector("canary", tag="prod"),
    ns("idle", "injection=enabled"),
    ns("named", "rev=default"),
    ns("fine", "rev=prod"),
]


def test_what_asks_for_a_revision_that_is_down_is_still_its_own() -> None:
    survey = Survey(world(*DOWN, ns("both", "injection=enabled rev=x"), running(deployment("web", "idle"), None)))
    served = survey.mesh.served
    spaces, workloads = answers.namespaces(survey, MESH_CHECKS), answers.workloads(survey)
    assert {item.name: item.selected.state for item in spaces}["idle"] == "rejected"
    assert [item.name for item in spaces if "default" in revisions_of(item, served)] == ["both", "idle", "named"]
    assert [item.name for item in workloads if "default" in revisions_of(item, served)] == ["web"]
    assert len([item for item in answers.pods(survey) if "default" in revisions_of(item, served)]) == 1
    assert {plane.name: plane.namespaces for plane in answers.control_planes(survey)} == {"canary": 1, "default": 3}


def test_what_asks_for_a_revision_that_is_passed_over_is_its_own() -> None:
    survey = Survey(world(injector("gone", failure_policy="Ignore"), control_plane(), ns("shop", "rev=gone")))
    item = next(each for each in answers.namespaces(survey, MESH_CHECKS) if each.name == "shop")
    assert (item.selected.state, item.selected.revision) == ("none", None)
    assert revisions_of(item, survey.mesh.served) == {"gone"}
    assert {plane.name: plane.namespaces for plane in answers.control_planes(survey)} == {"default": 0, "gone": 1}


def test_what_two_revisions_inject_asks_for_both() -> None:
    survey = Survey(world(control_plane(), control_plane("canary"), injector("canary", tag="default"), *DOWN[-3:-2]))
    item = next(each for each in answers.namespaces(survey, MESH_CHECKS) if each.name == "idle")
    assert item.selected.state == "conflict"
    assert revisions_of(item, survey.mesh.served) == {"canary", "default"}
    assert {plane.name: plane.namespaces for plane in answers.control_planes(survey)} == {"canary": 1, "default": 1}


@pytest.mark.parametrize("alive", [True, False])
def test_the_tag_default_counts_those_its_injector_is_called_for(alive: bool) -> None:
    made = control_plane("1-30", ready=(True,) if alive else ())
    spaces = [ns("a", "injection=enabled"), ns("b", "injection=enabled rev=x"), ns("c", "rev=default"), ns("d")]
    (tag,) = answers.tags(Survey(world(made, injector("1-30", tag="default"), spaces)))
    assert (tag.name, tag.namespaces) == ("default", 3)


def test_who_needs_a_tag_is_not_known_without_the_injectors() -> None:
    gap = Gap("list", labels_of.INJECTORS)
    (tag,) = answers.tags(Survey(world(service(tag="default"), ns("a", "injection=enabled"), gaps=[gap])))
    assert (tag.name, tag.namespaces) == ("default", None)


def test_istiods_that_were_not_found_hide_no_pods_of_the_scope() -> None:
    """What somebody with rights in one namespace has: its pods, and nowhere the istiods."""
    snapshot = world(running(deployment("web"), "default"), gaps=[Gap("list", "pods", "", "forbidden")])
    (hidden,) = answers.workloads(Survey(snapshot))
    assert (hidden.pods, hidden.proxy_revisions) == (None, None)
    (read,) = answers.workloads(Survey(replace(snapshot, scope="shop")))
    assert (read.pods, read.proxy_revisions) == (1, {"default": 1})
    refused = replace(snapshot, scope="shop", gaps=[*snapshot.gaps, Gap("list", "pods", "shop", "forbidden")])
    (unread,) = answers.workloads(Survey(refused))
    assert (unread.pods, unread.proxy_revisions) == (None, None)
    assert snapshot.has_gap("pods", "shop")
    assert replace(snapshot, scope="shop").has_gap("pods", ISTIO)


MADE_FROM = "gateway.istio.io/managed=istio.io-gateway-controller gateway.networking.k8s.io/gateway-name="


UNMEANT = "a label names a revision that does not exist (REV104)"


def test_namespaces() -> None:
    def item(name: str, text: str, selected: SelectedItem, note: str = "", **more: object) -> NamespaceItem:
        values = {
            "ignored": [],
            "ambient": False,
            "proxy_revisions": {},
            "not_ready": 0,
            "pods": 0,
            "drift": False,
            "drifted": 0,
        }
        return NamespaceItem(
            name=name, labels=labels(text), selected=selected, attention=bool(note), note=note, **(values | more)
        )

    assert answers.namespaces(SURVEY, MESH_CHECKS) == [
        item(
            "ghost", "rev=x mode=ambient", GHOST, "a label names a revision that does not exist (REV104)", ambient=True
        ),
        item("istio-system", "", NOT_ASKED, pods=4, proxy_revisions={"default": 1}),
        item(
            "legacy",
            "injection=enabled rev=canary",
            DEFAULT,
            "istio.io/rev=canary is ignored: istio-injection decides",
            ignored=["istio.io/rev=canary"],
            pods=1,
            proxy_revisions={"default": 1},
        ),
        item(
            "shop",
            "rev=prod",
            CANARY,
            "restart deployment/web; no sidecar yet: restart deployment/web",
            pods=4,
            proxy_revisions={"canary": 1, "default": 2},
            drift=True,
            drifted=2,
        ),
    ]


def workload(kind: str, namespace: str, name: str, selected: SelectedItem, **more: object) -> WorkloadItem:
    values = {
        "proxy_revisions": {},
        "not_ready": 0,
        "pods": 0,
        "drift": False,
        "drifted": 0,
        "gateway": None,
        "note": "",
    } | more
    return WorkloadItem(kind=kind, namespace=namespace, name=name, selected=selected, **values)


IN_PLACE = workload(
    "Deployment", ISTIO, "egress", OPTED_OUT, gateway="in place", pods=1, proxy_revisions={"default": 1}
)


def test_workloads() -> None:
    assert answers.workloads(SURVEY) == [
        IN_PLACE,
        workload("Deployment", ISTIO, "istiod", OPTED_OUT, pods=1),
        workload("Deployment", ISTIO, "istiod-canary", OPTED_OUT, pods=2),
        workload("StatefulSet", "legacy", "db", DEFAULT, proxy_revisions={"default": 1}, pods=1),
        workload(
            "Deployment",
            "shop",
            "web",
            CANARY,
            proxy_revisions={"canary": 1, "default": 1},
            pods=3,
            drift=True,
            drifted=2,
            note="a restart moves it to canary; a restart gives it a sidecar of canary",
        ),
        workload("Pod", "shop", "bare", CANARY, proxy_revisions={"default": 1}, pods=1),
    ]


def test_pods() -> None:
    def item(
        name: str, revision: str | None, *, owner: Owner | None = None, drift: bool = False, note: str = ""
    ) -> PodItem:
        return PodItem(
            namespace="shop",
            name=name,
            selected=CANARY,
            proxy_revision=revision,
            has_proxy=revision is not None,
            evidence="sidecar.istio.io/status" if revision else None,
            owner=owner,
            drift=drift,
            created=None,
            note=note,
        )

    web = Owner("Deployment", "web")
    assert [each for each in answers.pods(SURVEY) if each.namespace == "shop"] == [
        item("bare", "default", note="terminating"),
        item("web-5d8f-0", "canary", owner=web),
        item("web-5d8f-1", "default", owner=web, drift=True, note="a restart moves it to canary"),
        item("web-5d8f-2", None, owner=web, drift=True, note="a restart gives it a sidecar of canary"),
    ]


def test_gateways() -> None:
    """Of all kinds; a Gateway without a Deployment is told, other people's classes are not Istio's."""
    parts = [
        ns("edge", "rev=canary"),
        gateway("made", "edge"),
        deployment("made-istio", "edge", f"{MADE_FROM}made inject=false"),
        gateway("unmade", "edge"),
        gateway("old", "edge"),
        deployment("old-istio", "edge", "istio.io/gateway-name=old inject=false"),  # up to 1.20
        gateway("nobodys", "edge", "rev=x", "istio-waypoint"),
        gateway("other", "edge", class_name="nginx"),
    ]
    by_namespace = SelectedItem("injected", "canary", None, (), "the namespace says istio.io/rev=canary")
    nobody = SelectedItem("none", None, None, (), "no control plane answers to istio.io/rev=x on the gateway")
    assert answers.gateways(Survey(world(*PARTS, *parts))) == [
        workload("Deployment", "edge", "made-istio", by_namespace, gateway="gateway api"),
        workload("Deployment", "edge", "old-istio", by_namespace, gateway="gateway api"),
        workload("Gateway", "edge", "nobodys", nobody, gateway="waypoint", note=nobody.because),
        workload("Gateway", "edge", "unmade", by_namespace, gateway="gateway api", note="no Deployment"),
        IN_PLACE,
    ]


def test_the_overview_counts() -> None:
    report = answers.overview(SURVEY, MESH_CHECKS)
    assert (report.proxies, report.not_ready, report.drifted, report.gaps) == (4, 0, 2, [])
    assert report.default == SURVEY.default
    assert [finding.code for finding in report.findings] == [
        "REV101", "REV102", "REV104", "REV103", "REV201", "REV202", "REV204",
    ]  # fmt: skip


def test_pods_that_wait_or_crash_do_not_run_on_the_revision() -> None:
    web = deployment("web")
    waiting = pod("a", on="canary", owner=web, phase="Pending", ready=False)
    crashing, going = pod("b", on="canary", owner=web, ready=False), pod("c", on="default", owner=web, terminating=True)
    survey = Survey(world(*PARTS[:-4], running(web, "canary", "default"), waiting, crashing, going))
    planes = {plane.name: plane for plane in answers.control_planes(survey)}
    assert [(planes[n].proxies, planes[n].not_ready, planes[n].terminating) for n in ("canary", "default")] == [
        (1, 2, 0), (1, 0, 1),
    ]  # fmt: skip
    shop = next(item for item in answers.namespaces(survey, MESH_CHECKS) if item.name == "shop")
    assert (shop.proxy_revisions, shop.not_ready, shop.pods) == ({"canary": 3, "default": 2}, 2, 5)


def test_labels_to_select_on() -> None:
    found = answers.labels_of(
        Survey(world(ns("shop", "rev=prod"), running(WEB, "canary"), gateway("g", "shop", "a=b")))
    )
    assert found == {
        ("", "Namespace", "shop"): {"istio.io/rev": "prod"},
        ("shop", "Deployment", "web"): {},
        ("shop", "Pod", "web-5d8f-0"): {"app": "web"},
        ("shop", "Gateway", "g"): {"a": "b"},
    }


NOTES = {
    "more than three": (
        [each for n in range(5) for each in running(deployment(f"w{n}"), "default")],
        "restart deployment/w0 deployment/w1 deployment/w2 and 2 more",
    ),
    "losing": (
        running(deployment("out", "shop", "inject=false"), "canary"),
        "a restart takes the sidecar from deployment/out",
    ),
    "nothing to say": (running(deployment("web"), "canary"), ""),
}


@pytest.mark.parametrize(("parts", "note"), NOTES.values(), ids=NOTES.keys())
def test_namespace_notes(parts: list[object], note: str) -> None:
    survey = Survey(world(control_plane("canary"), ns("shop", "rev=canary"), parts))
    assert {item.name: item.note for item in answers.namespaces(survey, MESH_CHECKS)}["shop"] == note


def test_notes_on_what_cannot_be_created() -> None:
    rejected = 'calling istio-sidecar-injector-gone fails: service "istiod-gone" not found'
    by_label = deployment("web", "plain", "rev=gone")
    survey = Survey(world(injector("gone"), ns("shop", "rev=gone"), ns("plain"), by_label, pod("p", "away")))
    notes = {item.name: item.note for item in answers.namespaces(survey, MESH_CHECKS)}
    assert notes == {
        "away": "the namespace's labels could not be read",
        "plain": f"deployment/web: the pod says istio.io/rev=gone, but {rejected}",
        "shop": f"new pods are rejected: the namespace says istio.io/rev=gone, but {rejected}",
    }
    (web,) = [item for item in answers.workloads(survey) if item.name == "web"]
    assert web.note == f"the pod says istio.io/rev=gone, but {rejected}"


def test_notes_on_hand_made_and_ignored() -> None:
    by_hand = deployment("web", "shop", "rev=canary", annotations={"sidecar.istio.io/status": "{}"})
    survey = Survey(world(control_plane(), control_plane("canary"), ns("shop", "rev=default"), by_hand))
    (item,) = [item for item in answers.workloads(survey) if item.name == "web"]
    assert item.note == "istio.io/rev=canary on the pod is ignored; injected by hand (kube-inject)"


def test_json_has_every_field_in_camel_case() -> None:
    item = msgspec.to_builtins(answers.namespaces(SURVEY, MESH_CHECKS)[0])
    assert list(item) == [
        "kind", "namespace", "name", "labels", "selected", "ignored", "ambient", "proxyRevisions", "notReady", "pods",
        "drift", "drifted", "attention", "note",
    ]  # fmt: skip


def trials(*because: str) -> tuple[WebhookMatch, ...]:
    names = ("rev.namespace.", "rev.object.", "namespace.", "object.")
    return tuple(
        WebhookMatch(f"{name}sidecar-injector.istio.io", "says" in why, why)
        for name, why in zip(names, because, strict=False)
    )


WEB_REF, RESTART = Ref("Deployment", "shop", "web"), command("rollout", "restart", "deployment/web", within("shop"))


def _finding(code: str, message: str) -> Finding:
    return Finding(code, Severity.WARNING, WEB_REF, message, RESTART, remedy=RESTART.to(Goal.REPLACED).remedy)


def test_why_of_a_workload() -> None:
    survey = Survey(
        world(
            control_plane(), control_plane("canary"), ns("shop", "rev=canary"), running(WEB, "canary", "default", None)
        )
    )
    (unit,) = survey.by_namespace["shop"]
    selected = SelectedItem(
        "injected",
        "canary",
        "istio-sidecar-injector-canary",
        ("istio-sidecar-injector-canary",),
        "the namespace says istio.io/rev=canary",
    )
    occupied = "istio.io/rev must be absent, is canary"
    assert of_workload(survey, unit, MESH_CHECKS) == Explanation(
        subject=WEB_REF,
        headline="is injected by canary: the namespace says istio.io/rev=canary",
        selected=selected,
        ignored=[],
        labels={"istio.io/rev": "canary"},
        pod_labels={},
        pod_annotations={},
        injectors=[
            InjectorTrace(
                "istio-sidecar-injector",
                "default",
                None,
                trials(
                    "istio.io/rev must be default, is canary",
                    occupied,
                    "istio-injection must be enabled, is absent",
                    occupied,
                ),
            ),
            InjectorTrace(
                "istio-sidecar-injector-canary",
                "canary",
                None,
                trials("the namespace says istio.io/rev=canary", occupied),
            ),
        ],
        istiod=IstiodDecision("canary", True, "no host network, no opt-out, policy enabled"),
        running=[
            Running(1, False, None, None, "a restart gives it a sidecar of canary"),
            Running(1, True, "canary", "sidecar.istio.io/status", "a restart changes nothing"),
            Running(1, True, "default", "sidecar.istio.io/status", "a restart moves it to canary"),
        ],
        findings=[
            _finding("REV202", "1 pod on default, canary is selected"),
            _finding("REV204", "1 pod without a sidecar, canary is selected"),
        ],
        hint=RESTART,
        gaps=[],
    )


def test_why_never_recommends_what_takes_a_sidecar_away() -> None:
    survey = Survey(world(control_plane(), ns("shop"), running(WEB, "default")))
    assert [each.restart for each in of_namespace(survey, "shop", MESH_CHECKS).running] == [
        "a restart takes the sidecar away"
    ]
    assert (
        str(of_namespace(survey, "shop", MESH_CHECKS).hint),
        str(of_workload(survey, survey.by_namespace["shop"][0], MESH_CHECKS).hint),
    ) == (
        "",
        "kubectl label namespace shop istio.io/rev=default --overwrite",  # what keeps it: REV203
    )


def test_why_of_what_was_injected_by_hand_says_where_its_sidecar_is_from() -> None:
    by_hand = deployment("hand", "shop", annotations={"sidecar.istio.io/status": '{"revision":"default"}'})
    survey = Survey(world(control_plane(), ns("shop"), by_hand))
    headline = of_workload(survey, survey.by_namespace["shop"][0], MESH_CHECKS).headline
    assert (
        headline == "gets no sidecar: neither the namespace nor the pod asks for it; its template has one (kube-inject)"
    )


def test_a_namespace_with_a_finding_is_not_fine() -> None:
    survey = Survey(world(control_plane(), ns("shop", "injection=enabled"), deployment("web", "shop", "inject=no")))
    (shop,) = [each for each in answers.overview(survey, MESH_CHECKS).namespaces if each.name == "shop"]
    assert (shop.attention, shop.note) == (True, "an inject value that is neither true nor false (REV207)")
    assert shop in answers.namespaces(survey, MESH_CHECKS)


def test_what_is_not_restarted_is_not_said_to_be() -> None:
    once = job("once")
    survey = Survey(
        world(
            control_plane("canary"), ns("shop", "rev=canary"), running(WEB, "default"), pod("bare", on="default"),
            once, pod("once-1", on="default", owner=once),
        )
    )  # fmt: skip
    (shop,) = [each for each in answers.namespaces(survey, MESH_CHECKS) if each.name == "shop"]
    assert shop.note == "restart deployment/web; recreate pod/bare; wait for job/once"


def test_why_of_one_pod_is_of_its_own_proxy() -> None:
    (unit,) = [each for each in SURVEY.workloads if each.name == "web"]
    found = of_workload(SURVEY, unit, MESH_CHECKS, "web-5d8f-1")
    assert (found.subject, str(found.hint)) == (
        Ref("Pod", "shop", "web-5d8f-1"),
        "kubectl rollout restart deployment/web -n shop",
    )
    assert found.running == [Running(1, True, "default", "sidecar.istio.io/status", "a restart moves it to canary")]
    assert of_workload(SURVEY, unit, MESH_CHECKS, "web-5d8f-0").hint == NO_HINT


def test_why_of_a_namespace() -> None:
    shop, legacy = of_namespace(SURVEY, "shop", MESH_CHECKS), of_namespace(SURVEY, "legacy", MESH_CHECKS)
    assert (shop.subject, str(shop.hint), sum(each.pods for each in shop.running)) == (
        Ref("Namespace", "", "shop"),
        "kubectl rollout restart deployment/web -n shop",
        4,
    )
    assert (str(legacy.hint), legacy.ignored) == (
        "kubectl label namespace legacy istio-injection-",
        ["istio.io/rev=canary on the namespace"],
    )
    assert [each.code for each in legacy.findings] == ["REV201"]
    assert legacy.headline == "new pods are injected by default: the namespace says istio-injection=enabled"


def test_why_of_a_gateway_that_istiod_renders_asks_no_webhook() -> None:
    made = deployment("g-istio", "shop", f"{MADE_FROM}g inject=false")
    survey = Survey(world(control_plane("canary"), ns("shop", "rev=canary"), made, gateway("g")))
    found = of_workload(survey, survey.by_namespace["shop"][0], MESH_CHECKS)
    assert (found.headline, found.injectors, found.istiod) == (
        "is rendered by canary: the namespace says istio.io/rev=canary",
        [],
        None,
    )


def test_a_folded_snapshot_answers_the_overview() -> None:
    thin = world(ns("shop", "rev=canary"), control_plane("canary"), [metadata_only(pod("a", on="canary"))])
    assert answers.overview(Survey(thin), MESH_CHECKS).proxies == 1


@pytest.mark.parametrize(
    ("kind", "note"),
    [("CronJob", "its next run moves it to canary"), ("Job", "running it again moves it to canary")],
)
def test_a_job_of_its_own_does_not_run_again_by_itself(kind, note):
    planes = [*control_plane("default"), *control_plane("canary")]
    job = running(workload_of(kind, "report"), "default")
    (unit,) = [unit for unit in Survey(world(planes, ns("shop", "rev=canary"), job)).workloads if unit.name == "report"]
    assert workload_note(unit) == note
