"""Hints of one answer never contradict each other: no two set one field of one object to different values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.checks.hints import Command, Flag, Hint, command
from kubectl_rev.core.checks.model import Finding, find
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import split
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration.checks import preflight
from kubectl_rev.core.validation.repair import plan as repair
from kubectl_rev.core.validation.repair_target import choose, needs_target
from kubectl_rev.core.validation.validation import diagnose
from kubectl_rev.core.verification.verify import Request, Verification, verify_move, verify_uninstall
from tests import stories
from tests.build import ISTIO, control_plane, injector, ns, validator, world
from tests.core import test_checks, test_namesakes, test_preflight, test_uninstall
from tests.core.test_uninstall import evidence
from tests.strategies import worlds

Field = tuple[str, ...]  # of an object: its kind, namespace and name, then what is set of it
_VALIDATES = ("default validator", "revision")


def writes(hint: Hint) -> Iterator[tuple[Field, str]]:
    """What the commands of a hint set, and to what."""
    for call in hint.commands:
        words = [word for word in call.arguments if isinstance(word, str)]
        flags = defaultdict(list)
        for flag in call.arguments:
            if isinstance(flag, Flag):
                name, _, joined = flag.name.partition("=")
                flags[name].append(flag.value or joined)
        yield from _writes(words, {name: values[-1] for name, values in flags.items()}, flags["--set"])


def _writes(words: list[str], flags: dict[str, str], settings: list[str]) -> Iterator[tuple[Field, str]]:
    where = flags.get("-n", "")
    match words:
        case ["istioctl", *_, "set", tag] if "tag" in words:
            yield ("tag", tag), flags["--revision"]
            if tag == "default":
                yield _VALIDATES, flags["--revision"]
        case ["kubectl", "rev-migrate", *_] if "--tag" in flags:
            yield ("tag", flags["--tag"]), _name(flags["--to"])
        case ["kubectl", "rev-migrate", *namespaces] if "--to" in flags:
            for namespace in namespaces:
                yield ("namespace", "", namespace, "istio.io/rev"), _name(flags["--to"])
        case ["kubectl", "label", kind, name, *changes]:
            for change in changes:
                key, _, value = change.partition("=")
                yield (kind, where, name, key.removesuffix("-")), value
        case ["kubectl", "patch", *target]:
            for path, value in _leaves(msgspec.json.decode(flags["-p"])):
                yield ("/".join(target), where, *path), value
        case ["kubectl", "scale", target]:
            yield (target, where, "replicas"), flags["--replicas"]
        case ["helm", "upgrade", release, _]:
            for key, _, value in (setting.partition("=") for setting in settings):
                yield ("release", where, release, key), value
                if key == "defaultRevision":
                    yield _VALIDATES, value


def _name(revision: str) -> str:
    return split(revision)[1]


def _leaves(patch: Any, path: Field = ()) -> Iterator[tuple[Field, str]]:
    if isinstance(patch, dict):
        for key, value in patch.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, str(patch)


def contradictions(hints: Iterable[Hint]) -> dict[Field, set[str]]:
    said: dict[Field, set[str]] = defaultdict(set)
    for hint in dict.fromkeys(hints):
        for field, value in writes(hint):
            said[field].add(value)
    return {field: values for field, values in said.items() if len(values) > 1}


def repaired(survey: Survey) -> list[Hint]:
    """What rev-fix-validation would do where a finding sends people there: whom the default validator then calls."""
    diagnosis = diagnose(survey)
    to = choose(survey, diagnosis) if needs_target(diagnosis) else None
    made = repair(survey, diagnosis, to)
    moves = [Hint(Command(("helm", "upgrade", "x", "x", Flag("--set", f"defaultRevision={to}"))))] if to else []
    return [*moves, *made.elsewhere, *made.obstacles, *made.advice]


def of_findings(survey: Survey, findings: list[Finding]) -> list[Hint]:
    hints = [finding.hint for finding in findings]
    return hints + (repaired(survey) if any(hint.calls("rev-fix-validation") for hint in hints) else [])


def of_verdict(survey: Survey, said: Verification) -> list[Hint]:
    return [*of_findings(survey, said.findings), *(step.command for step in said.commands)]


WORLDS: dict[str, Snapshot] = {
    **{f"{code} {why}": snapshot for (code, why), (snapshot, _) in test_checks.WORLDS.items()},
    **{name: world(*story()) for name, story in stories.STORIES.items()},
    "two of one name": test_namesakes.moved_tag(),
}


@pytest.mark.parametrize("snapshot", WORLDS.values(), ids=WORLDS)
def test_about_the_mesh(snapshot: Snapshot):
    survey = Survey(snapshot)
    assert contradictions(of_findings(survey, find(survey, MESH_CHECKS))) == {}
    said = verify_move(evidence(copy(snapshot)), "", frozenset(), Request(), MESH_CHECKS)
    assert contradictions(of_verdict(survey, said)) == {}


@given(worlds())
def test_about_any_mesh(snapshot: Snapshot):
    survey = Survey(snapshot)
    assert contradictions(of_findings(survey, find(survey, MESH_CHECKS))) == {}


@settings(max_examples=20)  # each asks several verdicts
@given(worlds())
def test_about_any_removal(snapshot: Snapshot):
    found = evidence(snapshot)
    for revision in sorted(found.mesh.revisions):
        said = verify_uninstall(found, revision, None, Request())
        assert contradictions(of_verdict(found.survey, said)) == {}, revision


@pytest.mark.parametrize(("parts", "method", "expected"), test_uninstall.ROWS.values(), ids=test_uninstall.ROWS)
def test_about_a_removal(parts: Any, method: Any, expected: object):
    del expected
    snapshot = test_uninstall.mesh(method=method)
    for part in parts:
        for one in part if isinstance(part, list) else [part]:
            test_uninstall.place(snapshot, one)
    found = evidence(snapshot)
    assert contradictions(of_verdict(found.survey, verify_uninstall(found, "canary", None, Request()))) == {}


@pytest.mark.parametrize("code", test_preflight.FOUND)
def test_about_a_plan(code: str):
    situation = test_preflight.FOUND[code]()
    assert contradictions(finding.hint for finding in preflight.find(situation)) == {}


ARGO = {"argocd.argoproj.io/tracking-id": "base:admissionregistration.k8s.io/X:istio-system/istiod-default-validator"}


def half_moved(**annotations: str) -> Survey:
    """The default validator has the label of the new revision, and the Service of the old one."""
    default = validator("1-29", labelled="1-30")
    default.metadata.annotations |= annotations
    return Survey(world(control_plane("1-29"), control_plane("1-30"), default, ns(ISTIO)))


def test_a_label_that_moved_without_its_service_is_one_finding():
    (finding,) = find(half_moved(), MESH_CHECKS)
    assert (finding.code, str(finding.hint)) == ("REV505", "kubectl rev-fix-validation")
    survey = half_moved()
    assert choose(survey, diagnose(survey)) == "1-30"


def test_what_argo_cd_ignores_is_named_as_the_cause():
    kind = {key: value.replace("/X", "/ValidatingWebhookConfiguration") for key, value in ARGO.items()}
    for noted in (kind, {"argocd.argoproj.io/tracking-id": "base:x:y"}):
        (finding,) = find(half_moved(**noted), MESH_CHECKS)
        assert (finding.code, str(finding.hint)) == (
            "REV505",
            "in the source of Argo CD (base): its ignoreDifferences keep the old .webhooks: ignore "
            ".webhooks[].clientConfig.caBundle and .webhooks[].failurePolicy alone",
        )


def test_a_tag_that_argo_cd_moved_by_half_is_the_same():
    tag = injector("1-30", tag="default", service="istiod-1-29")
    tag.metadata.annotations["argocd.argoproj.io/tracking-id"] = "tags:x:y"
    plane = control_plane("1-29", deactivated=True), control_plane("1-30", deactivated=True)
    survey = Survey(world(*plane, tag, validator("1-30"), ns(ISTIO), ns("shop", "injection=enabled")))
    (finding,) = find(survey, MESH_CHECKS)
    assert (finding.code, "Argo CD (tags)" in str(finding.hint)) == ("REV107", True)


def test_a_contradiction_is_seen():
    hints = [command("label", "namespace", "shop", "istio.io/rev=a"), command("rev-migrate", "shop", Flag("--to", "b"))]
    assert contradictions(hints) == {("namespace", "", "shop", "istio.io/rev"): {"a", "b"}}
