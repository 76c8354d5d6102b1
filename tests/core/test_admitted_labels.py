"""Pods whose labels are not their template's: something changes them at admission, so who injects them is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.injection import State
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import Condition, Pod, WorkloadObject, WorkloadStatus
from kubectl_rev.core.verification.evidence import SELECTION, of_dump
from tests.build import control_plane, deployment, gateway_by_chart, labels, ns, running, stateful_set, world

BOTH = (control_plane(), control_plane("canary"))
MAKE: Any = {"Deployment": deployment, "StatefulSet": stateful_set}


def made(owner: WorkloadObject, text: str, *on: str | None, without: str = "") -> list[Any]:
    """A workload whose pods have these labels too, and one less."""
    parts = running(owner, *on)
    for part in parts:
        if isinstance(part, Pod):
            part.metadata.labels |= labels(text)
            part.metadata.labels.pop(without, None)
    return parts


def selected(*parts: Any, space: str = "") -> tuple[State, str]:
    survey = Survey(world(*BOTH, ns("shop", space), parts))
    (workload,) = survey.by_namespace["shop"]
    return workload.selected.state, workload.selected.because


@dataclass
class Case:
    space: str
    template: str
    pods: str
    because: str
    without: str = ""


ADDS = "which its template lacks: something adds it at admission"
REMOVES = "which its template has: something removes it at admission"
CASES = {
    "asks": Case("", "", "inject=true", f"its pods have sidecar.istio.io/inject=true, {ADDS}"),
    "refuses": Case("rev=canary", "", "inject=false",
                    f"its pods have sidecar.istio.io/inject=false, {ADDS}"),
    "pins": Case("", "", "rev=canary", f"its pods have istio.io/rev=canary, {ADDS}"),
    "pins another": Case("", "rev=default", "rev=canary", "its pods have istio.io/rev=canary, its template "
                         "istio.io/rev=default: something changes it at admission"),
    "loses": Case("", "inject=true", "", f"its pods lack sidecar.istio.io/inject=true, {REMOVES}",
                  without=well_known.INJECT),
}  # fmt: skip


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_labels_that_are_changed_at_admission(kind: str, case: Case) -> None:
    parts = made(MAKE[kind]("web", "shop", case.template), case.pods, None, None, without=case.without)
    assert selected(*parts, space=case.space) == (State.UNKNOWN, case.because)


@pytest.mark.parametrize(
    ("space", "template", "pods"),
    [
        ("injection=enabled", "", "rev=canary"),  # which is ignored there: the same decides
        ("injection=enabled", "", "inject=true"),
        ("rev=canary", "", "app=other"),  # of another template
        ("", "", "team=a"),  # nothing asks for it
    ],
)
def test_what_decides_nothing_changes_nothing(space: str, template: str, pods: str) -> None:
    parts = made(deployment("web", "shop", template), pods, "default")
    assert selected(*parts, space=space) == selected(*made(deployment("web", "shop", template), "", None), space=space)


def test_pods_of_an_older_template_tell_nothing() -> None:
    stamped = made(deployment("web"), "inject=true", None)
    stamped[0].spec.template.metadata.annotations[well_known.RESTARTED_AT] = "2026-11-30T12:00:00Z"
    older = [replace(part) for part in stamped]
    for part in older:
        if isinstance(part, Pod):
            part.metadata.annotations.pop(well_known.RESTARTED_AT, None)
    rolling = made(deployment("web"), "inject=true", None)
    rolling[0].status = WorkloadStatus(conditions=[Condition(type="Progressing", reason="ReplicaSetUpdated")])
    mixed = made(deployment("web"), "inject=true", None, None)
    next(part for part in mixed if isinstance(part, Pod)).metadata.labels.pop(well_known.INJECT)
    for parts in (older, rolling, mixed):
        assert selected(*parts)[0] is State.NONE


def test_what_the_injector_itself_writes_is_no_change() -> None:
    """Up to 1.10 the label istio.io/rev of every pod, and of a gateway's to this day."""
    assert selected(*made(deployment("web"), "rev=canary", "canary"), space="")[0] is State.UNKNOWN
    old = running(deployment("web"), "canary", era="1.8")
    assert {part.labels.get(well_known.REV) for part in old if isinstance(part, Pod)} == {"canary"}
    assert selected(*old)[0] is State.NONE
    gateway = made(gateway_by_chart("ingress"), "rev=canary", "default")
    assert selected(*gateway)[0] is State.INJECTED


def test_a_verdict_names_it() -> None:
    survey = world(*BOTH, ns("shop"), made(deployment("web"), "inject=true", "default"))
    (gap,) = [gap for gap in of_dump(survey).gaps if gap.resource == SELECTION]
    assert gap.reason == f"who injects deployment/web: {CASES['asks'].because}"
