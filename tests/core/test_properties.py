"""Laws that hold in every world: see tests/strategies.py for what a world may be."""

from __future__ import annotations

import copy
import random

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.mesh.admission import Subject, consider
from kubectl_rev.core.mesh.drift import RENDERED
from kubectl_rev.core.mesh.injection import State, select
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig, release, veto
from kubectl_rev.core.mesh.objects import Object, Pod
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.selectors import LabelSelector, Requirement, parse
from kubectl_rev.core.mesh.snapshot import Snapshot, fold
from kubectl_rev.core.status import answers
from kubectl_rev.core.status.explain import of_namespace, of_workload
from kubectl_rev.render.text import builtins
from tests.build import metadata_only, world
from tests.strategies import (
    KEYS,
    VALUES,
    injectors,
    label_maps,
    nasty,
    objects,
    requirements,
    selectors,
    subjects,
    worlds,
)


def everything(survey: Survey) -> list[object]:
    """All that rev-status can say, as JSON would have it."""
    return [
        builtins(each)
        for each in (
            answers.overview(survey, MESH_CHECKS),
            answers.tags(survey),
            answers.workloads(survey),
            answers.pods(survey),
            answers.gateways(survey),
            [of_workload(survey, unit, MESH_CHECKS) for unit in survey.workloads],
            [of_namespace(survey, name, MESH_CHECKS) for name in survey.by_namespace],
        )
    ]


@given(worlds())
def test_a_workload_s_answer_is_its_pod_s(snapshot: Snapshot) -> None:
    """Also where the survey takes the namespace's answer, because nobody looks at the pod's labels."""
    survey = Survey(snapshot)
    for unit in survey.workloads:
        assert unit.gateway in RENDERED or unit.selected == select(survey.mesh, unit.subject)


@given(worlds(), subjects)
def test_a_decision_is_always_made_with_a_reason(snapshot: Snapshot, subject: Subject) -> None:
    mesh = Mesh(snapshot)
    answer = select(mesh, subject)
    assert answer.because
    assert "\n" not in answer.because
    assert (answer.revision is not None) == (answer.state is State.INJECTED)
    assert bool(answer.injectors) >= (answer.state is State.INJECTED)
    assert (answer.injector is None) == (len(answer.injectors) != 1)
    assert all(trial.because for each in consider(mesh, subject) for trial in each.trials)


@given(worlds())
def test_nothing_raises_and_everything_has_a_reason(snapshot: Snapshot) -> None:
    survey = Survey(snapshot)
    assert len(everything(survey)) == 7
    assert all(unit.selected.because for unit in survey.workloads)
    for finding in answers.overview(survey, MESH_CHECKS).findings:
        assert finding.message
        assert finding.hint


@given(worlds(), subjects)
def test_what_is_called_is_what_matches(snapshot: Snapshot, subject: Subject) -> None:
    """The long form and the answer agree: nobody is selected whose every trial failed."""
    mesh = Mesh(snapshot)
    answer = select(mesh, subject)
    matching = {each.injector for each in consider(mesh, subject) if any(trial.matches for trial in each.trials)}
    assert set(answer.injectors) <= matching
    if answer.state is State.INJECTED:
        alive = {injector.name for injector in mesh.injectors if injector.target.alive is not False}
        assert set(answer.injectors) == matching & alive


@given(objects(), st.randoms(use_true_random=False))
def test_the_order_of_objects_changes_nothing(parts: list[Object], shuffler: random.Random) -> None:
    other = list(parts)
    shuffler.shuffle(other)
    assert everything(Survey(world(other))) == everything(Survey(world(parts)))


@given(worlds(), subjects, st.text("abc", min_size=1), st.text("xyz"))
def test_labels_that_no_selector_mentions_change_nothing(
    snapshot: Snapshot, subject: Subject, key: str, value: str
) -> None:
    extra = {f"example.org/{key}": value}
    labelled = msgspec.structs.replace(
        subject, namespace_labels=subject.namespace_labels | extra, labels=subject.labels | extra
    )
    mesh = Mesh(snapshot)
    assert select(mesh, labelled) == select(mesh, subject)
    assert consider(mesh, labelled) == consider(mesh, subject)


@given(objects())
def test_folding_changes_no_count(parts: list[Object]) -> None:
    """Of pods as a metadata list brings them; which one a folded pod was is all that is lost."""
    thin: list[Object] = [
        metadata_only(each) if isinstance(each, Pod) and "istiod" not in each.name else each for each in parts
    ]
    apart = world(thin)
    folded = copy.deepcopy(apart)
    folded.pods = fold(folded.pods)
    assert answers.overview(Survey(folded), MESH_CHECKS) == answers.overview(Survey(apart), MESH_CHECKS)
    assert answers.workloads(Survey(folded)) == answers.workloads(Survey(apart))
    assert sum(each.count for each in folded.pods) == len(apart.pods)


@given(worlds())
def test_the_overview_adds_up(snapshot: Snapshot) -> None:
    assume(not snapshot.has_gap("pods"))  # then the sums are not known
    survey = Survey(snapshot)
    report = answers.overview(survey, MESH_CHECKS)
    groups = [group for workload in survey.workloads for group in workload.groups if group.proxy]
    states = {state: sum(group.count for group in groups if group.state == state) for state in ("ready", "not ready")}
    assert {"ready": report.proxies, "not ready": report.not_ready} == states
    assert report.drifted == sum(item.drifted or 0 for item in answers.workloads(survey))
    assert [item.name for item in report.namespaces] == sorted(survey.by_namespace)
    assert {item.name for item in report.namespaces if item.drift} == {
        u.namespace for u in survey.workloads if u.drifted
    }
    assert sum(item.pods for item in answers.workloads(survey)) == len(answers.pods(survey)) == len(snapshot.pods)


@given(st.data())
def test_a_deactivated_injector_never_matches_what_the_charts_can_label(data: st.DataObject) -> None:
    made = data.draw(injectors("x"))
    for webhook in made.webhooks:
        webhook.namespace_selector = LabelSelector(match_labels={"istio.io/deactivated": "never-match"})
    answer = select(Mesh(world(made)), Subject("shop", data.draw(label_maps), data.draw(label_maps)))
    assert answer.injectors == ()


@given(selectors, label_maps)
def test_a_selector_matches_when_nothing_is_unmet(selector: LabelSelector, labels: dict[str, str]) -> None:
    unmet = selector.unmet(labels)
    assert selector.matches(labels) == (unmet == [])
    assert all(not requirement.holds(labels) for requirement in unmet)


@given(requirements, label_maps)
def test_each_operator_has_its_opposite(requirement: Requirement, labels: dict[str, str]) -> None:
    names = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}
    opposite = type(requirement.operator)(names[requirement.operator.value])
    other = msgspec.structs.replace(requirement, operator=opposite)
    assert requirement.holds(labels) != other.holds(labels)


WORDS = (
    "a",
    "b=1",
    "c==2",
    "d!=3",
    "!e",
    "f in (x,y)",
    "g notin (z)",
    "in",
    " ",
    ",",
    "(",
    ")",
    "=",
    "!",
    "notin",
    "é",
)


@given(st.lists(st.sampled_from(WORDS)).map("".join) | nasty)
def test_parsing_a_selector_answers_or_says_why_in_a_line(text: str) -> None:
    try:
        found = parse(text)
    except ValueError as error:
        assert str(error).startswith(f"{text!r} is no label selector: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert isinstance(found, LabelSelector)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "x.io/c"]), st.sampled_from(["1", "", "v-2"]), max_size=3), label_maps
)
def test_parsed_equalities_match_as_match_labels_do(wanted: dict[str, str], labels: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in wanted.items())
    for given_labels in (labels, wanted, labels | wanted):
        assert parse(text).matches(given_labels) == LabelSelector(match_labels=wanted).matches(given_labels)


@given(st.text() | st.from_regex(r"v?\d{1,3}\.\d{1,3}(\.\d+)?(-[a-z.0-9]+)?", fullmatch=True))
def test_release_never_raises(version: str) -> None:
    found = release(version)
    assert found is None or len(found) == 2


@given(
    label_maps,
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.none() | st.builds(InjectorConfig, st.sampled_from(["enabled", "disabled"]), st.lists(selectors, max_size=2)),
    st.lists(st.sampled_from(["1.6.8", "1.11.8", "1.12.0", "1.26.8", "1.27.0", "latest"]), max_size=3).map(tuple),
)
def test_reading_less_never_turns_a_no_into_a_yes(
    labels: dict[str, str], annotations: dict[str, str], config: InjectorConfig | None, versions: tuple[str, ...]
) -> None:
    """Not knowing the host network can make an answer unknown; it never makes one."""

    def ask(host_network: bool | None) -> bool | None:
        return veto(
            namespace="shop",
            labels=labels,
            annotations=annotations,
            host_network=host_network,
            config=config,
            versions=versions,
        ).accepts

    assert ask(True) is False
    assert ask(None) == {True: None, False: False, None: None}[ask(False)]
