"""Control planes of one name in two namespaces: nothing takes one for the other."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.model import Severity, find
from kubectl_rev.core.mesh.drift import Effect
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import EnvVar, Object, Pod
from kubectl_rev.core.mesh.removal import after, removal
from kubectl_rev.core.mesh.removal_method import By, Method
from kubectl_rev.core.mesh.revision_names import UnknownName, of_flag
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.core.migration import migration
from kubectl_rev.core.migration.checks import preflight
from kubectl_rev.core.migration.choosing import Request, choose
from kubectl_rev.core.migration.preflight_facts import PreflightContext, of_snapshot
from kubectl_rev.core.status.answers import control_planes
from kubectl_rev.core.verification.connections import Answer, Connections, Stream
from kubectl_rev.core.verification.evidence import Evidence, Extras
from kubectl_rev.core.verification.verify import Request as Wish
from kubectl_rev.core.verification.verify import verify_uninstall
from tests.build import (
    ISTIO,
    control_plane,
    deployment,
    endpoints,
    gateway,
    injector,
    metadata_only,
    ns,
    running,
    service,
    validator,
    world,
)
from tests.core.originals import originals_of
from tests.core.test_uninstall import by

OTHERS = service("default", "mesh-b")
HERE, THERE = f"{ISTIO}/default", "mesh-b/default"


def helms(namespace: str = ISTIO, **more: Any) -> list[Object]:
    """An unrevisioned control plane as a Helm release of its namespace."""
    parts = by(Method.HELM, control_plane("default", namespace, **more))
    for part in parts:
        part.metadata.annotations["meta.helm.sh/release-namespace"] = namespace
    return parts


def moved_tag(*parts: Any) -> Snapshot:
    """Two unrevisioned control planes: what runs was injected in istio-system, the tag leads to mesh-b by now."""
    return world(
        helms(deactivated=True),
        helms("mesh-b", version="1.31.0", deactivated=True),
        injector("default", tag="default", namespace="mesh-b", name="istio-revision-tag-default"),
        validator("default", namespace="mesh-b"),
        ns(ISTIO),
        ns("mesh-b"),
        ns("shop", "injection=enabled"),
        *(parts or [running(deployment("web"), "default", "default")]),
    )


def web(survey: Survey) -> Any:
    return next(workload for workload in survey.workloads if workload.name == "web")


def test_a_restart_moves_what_the_other_injected():
    survey = Survey(moved_tag())
    assert (web(survey).proxies, web(survey).selected.revision) == ({HERE: 2}, THERE)
    assert [group.effect for group in web(survey).groups] == [Effect.MOVES, Effect.MOVES]
    (finding,) = find(survey, MESH_CHECKS)
    assert (finding.code, str(finding.message)) == ("REV202", f"2 pods on {HERE}, {THERE} is selected")


def test_the_table_tells_them_apart():
    rows = {row.revision: row for row in control_planes(Survey(moved_tag()))}
    assert {row.revision: (row.name, row.namespace, row.tags, row.proxies, row.selected) for row in rows.values()} == {
        HERE: ("default", ISTIO, [], 2, 0),
        THERE: ("default", "mesh-b", ["default"], 0, 2),
    }
    assert (rows[HERE].default, rows[THERE].default) == (["name"], ["injection", "validation", "name"])


def told(text: str, **env: str) -> list[Any]:
    """A pod of the unrevisioned control plane whose CA_ADDR is this."""
    parts = running(deployment("web"), "default")
    for pod in parts:
        if isinstance(pod, Pod) and pod.spec and pod.spec.proxy:
            pod.spec.proxy.env[0].value = text
            pod.spec.proxy.env += [EnvVar(name=name, value=value) for name, value in env.items()]
    return parts


@pytest.mark.parametrize(
    ("address", "env", "revision"),
    [
        ("istiod.mesh-b.svc:15012", {}, THERE),
        ("istiod.mesh-b.svc.cluster.local:15012", {}, THERE),
        ("cert-manager-istio-csr.cert-manager.svc:443", {"PROXY_CONFIG": "{}"}, HERE),
        ("csr.certs.svc:443", {"PROXY_CONFIG": '{"discoveryAddress": "istiod.mesh-b.svc:15012"}'}, THERE),
        ("istiod.example.com:15012", {}, "unknown"),
    ],
    ids=["its address", "with the cluster's domain", "a CA of its own", "and a discovery address", "a host"],
)
def test_a_proxy_belongs_to_whom_it_calls(address: str, env: dict[str, str], revision: str):
    assert web(Survey(moved_tag(told(address, **env)))).proxies == {revision: 1}


def test_without_its_spec_nobody_knows_whose_a_proxy_is():
    parts = [metadata_only(part) if isinstance(part, Pod) else part for part in running(deployment("web"), "default")]
    survey = Survey(moved_tag(parts))
    assert (web(survey).proxies, web(survey).groups[0].effect) == ({"unknown": 1}, Effect.UNDECIDED)
    said = verify_uninstall(evidence(survey.snapshot), HERE, None, Wish())
    assert "nothing says which revision injected deployment/web" in [gap.reason for gap in said.gaps]


def test_two_injectors_of_one_name_collide():
    parts = [control_plane("blue"), control_plane("blue", "mesh-b"), ns("shop", "rev=blue"), ns("mesh-b"), ns(ISTIO)]
    selected = Survey(world(*parts)).selected_for_namespace("shop")
    assert selected.state is State.CONFLICT
    assert "(istio-system/blue) and istio-sidecar-injector-blue-mesh-b (mesh-b/blue) all select it" in selected.because


def test_both_take_a_gateway_without_a_label():
    (finding,) = find(Survey(moved_tag(gateway("edge"))), MESH_CHECKS)
    assert (finding.code, f"{HERE} and {THERE}" in str(finding.message)) == ("REV110", True)


def evidence(snapshot: Snapshot, *streams: Stream) -> Evidence:
    """`streams` are held by mesh-b's istiod."""
    answers = [
        Answer(pod.namespace, pod.name, "default", streams if pod.namespace == "mesh-b" else ())
        for pod in snapshot.istiods
    ]
    return Evidence(Survey(snapshot), Connections(answers), Extras())


def test_a_connection_is_to_one_of_them():
    stream = Stream("shop", "web-5d8f-0")
    codes = {
        revision: {f.code for f in verify_uninstall(evidence(moved_tag(), stream), revision, None, Wish()).findings}
        for revision in (HERE, THERE)
    }
    assert codes[HERE] == {"REV302"}
    assert {"REV301", "REV304", "REV305", "REV306"} <= codes[THERE] - {"REV302"}


@pytest.mark.parametrize(("release", "left"), [("1.30", ["mesh-b"]), ("1.23", [])], ids=["since 1.24", "before"])
def test_an_older_istioctl_prunes_both(release: str, left: list[str]):
    both = by(Method.ISTIOCTL, control_plane()), by(Method.ISTIOCTL, control_plane("default", "mesh-b"))
    for part in both[1]:
        part.labels["install.operator.istio.io/owning-resource-namespace"] = "mesh-b"
    survey = Survey(world(*both, ns(ISTIO), ns("mesh-b")))
    number = tuple(int(part) for part in release.split("."))
    gone = removal(survey.mesh, HERE, By(Method.ISTIOCTL, number))
    assert [pod.namespace for pod in after(survey.snapshot, gone).istiods] == left


def test_a_chart_that_was_rendered_goes_without_its_namesake():
    survey = Survey(world(control_plane(), control_plane("default", "mesh-b"), ns(ISTIO), ns("mesh-b")))
    for part in (*survey.snapshot.injectors, *survey.snapshot.workloads, *survey.snapshot.services):
        part.labels["app.kubernetes.io/managed-by"] = "Helm"
        part.labels["istio.io/rev"] = "default"
    left = after(survey.snapshot, removal(survey.mesh, THERE, By(Method.HELM)))
    assert {part.namespace for part in (*left.istiods, *left.services)} == {ISTIO}
    assert [config.name for config in left.injectors] == ["istio-sidecar-injector"]


def test_a_flag_needs_the_namespace():
    survey = Survey(moved_tag())
    with pytest.raises(UnknownName) as error:
        of_flag(survey, "default")
    said = f"revision default has control planes in istio-system and mesh-b: say {HERE} or {THERE}"
    assert str(error.value) == said
    for text in (THERE, f"revision/{THERE}"):
        named = of_flag(survey, text)
        assert (named.name, named.revision) == ("default", THERE)
    assert of_flag(survey, "default", home="mesh-b").revision == THERE
    assert of_flag(survey, "tag/default").revision == THERE


@pytest.mark.parametrize(("to", "codes"), [(THERE, []), (HERE, ["REV402"])], ids=["the tag's", "the other"])
def test_a_migration_is_held_to_the_one_that_was_named(to: str, codes: list[str]):
    snapshot = moved_tag()
    survey, originals = Survey(snapshot), originals_of(snapshot)
    request, named = Request(to=to, names=("shop",)), of_flag(survey, to)
    made = migration.plan(survey, originals, request, choose(survey, originals, request, named), named, "now")
    assert made.moves[0].after == {"istio.io/rev": "default"}
    wanted = {move.namespace: move.after for move in made.moves}
    situation = PreflightContext(
        before=survey,
        after=migration.surveyed_after(survey, wanted, {}),
        plan=made,
        originals=originals,
        request=request,
        facts=of_snapshot(snapshot),
    )
    assert [finding.code for finding in preflight.find(situation) if finding.severity is Severity.ERROR] == codes


def test_the_survivor_keeps_its_name_in_the_verdict():
    """Once one is gone the other would be plain `default`: then nothing that led to it would lead anywhere."""
    parts = running(deployment("web"), "default", istio="mesh-b")
    said = verify_uninstall(evidence(moved_tag(parts)), HERE, By(Method.HELM), Wish())
    assert said.findings == []


@pytest.mark.parametrize(
    ("parts", "gaps", "kind"),
    [
        ([service("default", "mesh-b", select="")], [], "remote"),
        ([OTHERS, endpoints(OTHERS, True)], [Gap("list", "pods", "", "forbidden")], "unknown"),
    ],
    ids=["external", "unread"],
)
def test_one_whose_istiods_are_not_seen_is_another_one_too(parts: list[Any], gaps: list[Gap], kind: str):
    tag = injector("default", tag="default", namespace="mesh-b", name="istio-revision-tag-default")
    shop = [ns("shop", "injection=enabled"), running(deployment("web"), "default"), ns(ISTIO), ns("mesh-b")]
    survey = Survey(world(control_plane(deactivated=True), tag, *shop, *parts, gaps=gaps))
    assert {plane.revision: plane.kind for plane in survey.mesh.control_planes} == {HERE: "local", THERE: kind}
    assert (web(survey).proxies, web(survey).groups[0].effect) == ({HERE: 1}, Effect.MOVES)


def test_a_service_of_another_namespace_is_no_plane():
    """Only istiods make a control plane: a Service alone changes no name."""
    survey = Survey(world(control_plane(), service("default", "mesh-b"), ns(ISTIO), ns("mesh-b")))
    assert [plane.revision for plane in survey.mesh.control_planes] == ["default"]
