"""A run that was cut off is taken up by any selection: what it relabelled is chosen by what it was before."""

import msgspec
import pytest
from msgspec.structs import replace

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import of_flag
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.core.migration import choosing, migration, tagging, undo
from kubectl_rev.core.migration.choosing import Request, Unknown
from kubectl_rev.core.migration.plan import Reason
from tests import build
from tests.core.originals import originals_of

NOW = "2026-11-23T12:00:00Z"
PLANES = [*build.control_plane("default"), *build.control_plane("canary"), *build.control_plane("third")]
PROD = build.injector("default", tag="prod")


def began(before, now="rev=canary", name="shop"):
    """A namespace that a migration has relabelled, with the record of what it was."""
    return build.ns(name, now, **{labels.PREVIOUS: before})


ENABLED, BY_TAG = '{"istio-injection":"enabled"}', '{"istio.io/rev":"prod"}'
ON_DEFAULT = build.running(build.deployment("web", replicas=2), "default", "default")


def plan(*parts, **request):
    survey = Survey(build.world(PLANES, *parts))
    originals, asked = originals_of(survey.snapshot), Request(**{"to": "canary", **request})
    to = of_flag(survey, asked.to)
    came_from = of_flag(survey, asked.came_from, running=True) if asked.came_from else None
    choice = choosing.choose(survey, originals, asked, to, came_from)
    return migration.plan(survey, originals, asked, choice, to, NOW)


def moved(found):
    return {move.namespace: [restart.name for restart in move.restarts] for move in found.moves}


def selector(**match):
    return LabelSelector(match_labels={key.replace("_", "-"): value for key, value in match.items()})


@pytest.mark.parametrize(
    ("before", "request_"),
    [
        pytest.param(ENABLED, {"came_from": "default"}, id="--from REVISION"),
        pytest.param(BY_TAG, {"came_from": "prod"}, id="--from TAG"),
        pytest.param(BY_TAG, {"came_from": "tag/prod"}, id="--from tag/TAG"),
        pytest.param(ENABLED, {"selector": selector(istio_injection="enabled")}, id="-l the label that was changed"),
        pytest.param(
            ENABLED,
            {"selector": selector(istio_injection="enabled"), "came_from": "default"},
            id="-l with --from",
        ),
        pytest.param(ENABLED, {"everything": True}, id="-A"),
        pytest.param(ENABLED, {"names": ("shop",)}, id="names"),
        pytest.param(ENABLED, {"names": ("shop",), "came_from": "default"}, id="names with --from"),
    ],
)
def test_what_was_relabelled_and_not_restarted_is_chosen_again(before, request_):
    found = plan(PROD, began(before), ON_DEFAULT, **request_)
    assert moved(found) == {"shop": ["web"]}
    assert found.moves[0].label is None


def test_without_a_record_what_runs_on_the_revision_is_of_it():
    """Somebody changed the label by hand and did not restart, or the record was removed."""
    assert moved(plan(build.ns("shop", "rev=canary"), ON_DEFAULT, came_from="default")) == {"shop": ["web"]}


@pytest.mark.parametrize("came_from", ["third", "canary"])
def test_another_revisions_pods_are_not_of_it(came_from):
    found = plan(build.ns("shop", "injection=enabled"), ON_DEFAULT, came_from=came_from, to="third")
    assert moved(found) == {}


def test_a_record_of_a_migration_to_another_target_is_history():
    done = began(ENABLED), build.running(build.deployment("web"), "canary")
    assert moved(plan(*done, came_from="default", to="third")) == {}
    assert moved(plan(*done, selector=selector(istio_injection="enabled"), to="third")) == {}
    assert moved(plan(*done, came_from="canary", to="third")) == {"shop": ["web"]}


def test_pods_that_are_going_away_are_no_reason():
    going = build.running(build.deployment("web"), "default")
    for part in going:
        if isinstance(part, build.Pod):
            part.metadata.deletion_timestamp = NOW
    assert moved(plan(build.ns("shop", "rev=canary"), going, came_from="default")) == {}


def test_a_namespace_on_a_third_revision_keeps_its_label():
    (move,) = plan(build.ns("shop", "rev=third"), ON_DEFAULT, came_from="default").moves
    assert move.label is None
    assert [restart.revision for restart in move.restarts] == ["third"]


@pytest.mark.parametrize("labels_", ["", "injection=disabled", "rev=ghost", "mode=ambient"])
@pytest.mark.parametrize("request_", [{"came_from": "default"}, {"everything": True}], ids=["--from", "-A"])
def test_what_would_lose_its_sidecar_is_left_and_named(labels_, request_):
    (move,) = plan(build.ns("shop", labels_), ON_DEFAULT, **request_).moves
    assert move.label is None
    assert [(left.reason, left.pods) for left in move.left] == [(Reason.LOSES_SIDECAR, 2)]


def test_a_revision_that_only_proxies_still_name_can_be_left():
    gone = build.running(build.deployment("web", replicas=2), "1-24-6", "1-24-6")
    assert moved(plan(build.ns("shop", "rev=canary"), gone, came_from="1-24-6")) == {"shop": ["web"]}


def test_a_gateway_that_follows_its_own_label_is_left_with_the_command_that_moves_it():
    gateway = build.running(
        build.deployment(
            "gw-istio",
            text=f"inject=false {labels.GATEWAY_NAME}=gw {labels.GATEWAY_CLASS}=istio",
            annotations={labels.REV: "default"},
        ),
        None,
    )
    for part in gateway:
        if isinstance(part, build.Pod):
            part.metadata.annotations[labels.REV] = "default"
    found = plan(build.ns("shop", "injection=enabled"), gateway, build.gateway("gw", text="rev=default"))
    assert [(left.reason, str(left.hint)) for left in found.left] == [
        (
            Reason.GATEWAY_OWNER,
            "kubectl label gateways.gateway.networking.k8s.io gw -n shop istio.io/rev=canary --overwrite",
        )
    ]


def test_all_names_that_do_not_exist_are_told_at_once():
    with pytest.raises(Unknown, match=r'^no such namespaces: "shpo"; did you mean shop\?, "x"$'):
        plan(build.ns("shop", "injection=enabled"), names=("shpo", "x", "shop"))


def patched(snapshot, step):
    """The snapshot with one of a plan's patches in it, as the API server would have done it."""
    lists = {labels.INJECTORS: "injectors", labels.VALIDATORS: "validators", "services": "services"}
    found = getattr(snapshot, lists[step.resource])
    n = next(n for n, each in enumerate(found) if each.name == step.name)
    document = msgspec.to_builtins(found[n])
    for op in step.operations:
        *way, last = [part.replace("~1", "/") for part in op.path.split("/")[1:]]
        at = document
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if op.op == "test":
            assert at.get(last) == (None if op.value is msgspec.UNSET else op.value) or not at.get(last)
        elif op.op == "remove":
            del at[last]
        else:
            at[last] = msgspec.to_builtins(op.value)
    changed = [*found[:n], msgspec.convert(document, type(found[n])), *found[n + 1 :]]
    return replace(snapshot, **{lists[step.resource]: changed})


def retag(snapshot, *, undo=False):
    survey = Survey(snapshot)
    originals = originals_of(snapshot)
    if undo:
        return tagging.undo(survey, originals, Request(tag="default"), NOW)[0]
    return tagging.plan(survey, originals, Request(to="canary", tag="default"), of_flag(survey, "canary"), NOW)[0]


def leads_to(snapshot):
    survey = Survey(snapshot)
    return survey.mesh.resolve("default"), survey.default.validation, snapshot.services[-1].labels[labels.REV]


@pytest.fixture
def tagged():
    """The tag `default` on the revision default with its Service, the default validator, and who follows it."""
    return build.world(
        build.control_plane("default", deactivated=True), build.control_plane("canary"),
        build.injector("default", tag="default"), build.validator("default"), build.service("default", tag="default"),
        build.ns("shop", "injection=enabled"), ON_DEFAULT,
    )  # fmt: skip


@pytest.mark.parametrize("done", range(4))
def test_a_tag_whose_move_was_cut_off_after_a_write_is_moved_to_the_end(tagged, done):
    plan = retag(tagged)
    assert len(plan.first) == 3
    for step in plan.first[:done]:
        tagged = patched(tagged, step)
    again = retag(tagged)
    assert [step.name for step in again.first] == [step.name for step in plan.first[done:]]
    assert moved(again) == {"shop": ["web"]}
    for step in again.first:
        tagged = patched(tagged, step)
    assert leads_to(tagged) == ("canary", "canary", "canary")


@pytest.mark.parametrize("done", range(6))
def test_an_undo_of_a_tag_that_was_cut_off_is_ended_by_the_same_command(tagged, done):
    before = tagged
    for step in retag(tagged).first:
        tagged = patched(tagged, step)
    plan = retag(tagged, undo=True)
    writes = [*plan.first, *plan.last]
    assert len(writes) == 6
    for step in writes[:done]:
        tagged = patched(tagged, step)
    again = retag(tagged, undo=True)
    assert [step.name for step in (*again.first, *again.last)] == [step.name for step in writes[done:]]
    for step in (*again.first, *again.last):
        tagged = patched(tagged, step)
    assert leads_to(tagged) == ("default", "default", "default")
    assert (tagged.injectors, tagged.services, tagged.validators) == (
        before.injectors, before.services, before.validators,
    )  # fmt: skip
    with pytest.raises(Unknown, match="nothing to undo: tag default has no annotation"):
        retag(tagged, undo=True)


@pytest.mark.parametrize("done", range(4))
def test_a_validator_that_was_ahead_of_its_tag_is_left_there_by_an_undo(done):
    """The guide's own half-way state; a run that was cut off notes it, too."""
    mesh = build.world(
        build.control_plane("default", deactivated=True), build.control_plane("canary"),
        build.injector("default", tag="default"), build.validator("canary", name=labels.DEFAULT_VALIDATOR),
        build.service("default", tag="default"), build.ns("shop", "injection=enabled"), ON_DEFAULT,
    )  # fmt: skip
    assert leads_to(mesh) == ("default", "canary", "default")
    before = mesh
    for step in retag(mesh).first[:done]:
        mesh = patched(mesh, step)
    for step in retag(mesh).first:
        mesh = patched(mesh, step)
    assert leads_to(mesh) == ("canary", "canary", "canary")
    assert retag(mesh).first == ()
    plan = retag(mesh, undo=True)
    for step in (*plan.first, *plan.last):
        mesh = patched(mesh, step)
    assert (mesh.injectors, mesh.services, mesh.validators) == (before.injectors, before.services, before.validators)


def undone(*parts, **request):
    """The namespaces that an undo by this selection speaks of."""
    survey = Survey(build.world(PLANES, *parts))
    return undo.named(originals_of(survey.snapshot), survey, Request(**request))


def test_an_undo_by_the_label_that_it_takes_away_takes_up_what_it_has_put_back():
    moved = [began(ENABLED, name=name) for name in ("a", "b")]
    on_canary = LabelSelector(match_labels={labels.REV: "canary"})
    assert undone(*moved, selector=on_canary) == ["a", "b"]
    half = [began(ENABLED, "injection=enabled", name="a"), began(ENABLED, name="b"), build.ns("c", "injection=enabled")]
    assert undone(*half, selector=on_canary) == ["a", "b"]
    assert undone(*half, selector=on_canary, exclude=("a",)) == ["b"]
    assert undone(*moved, selector=LabelSelector(match_labels={"team": "x"})) == []
