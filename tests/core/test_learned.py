"""What is taken for granted of injectors that may not be read: the charts' selectors, and what tried pods showed."""

import pytest

from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.labels import INJECTORS
from kubectl_rev.core.mesh.revision_names import UnknownName, of_flag
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration import inferred_injectors
from tests import build

GAP = Gap("list", INJECTORS, "", "forbidden")


def with_inferred(*parts, tried=None, names=()):
    return Survey(inferred_injectors.with_inferred(build.world(*parts, gaps=[GAP]), tried or {}, names))


@pytest.mark.parametrize("name", ["canary", "default"])
def test_the_selectors_are_the_charts(name):
    (ours,) = with_inferred(names=[name]).snapshot.injectors
    charts = build.injector(name)
    assert [(w.name, w.namespace_selector, w.object_selector, w.rules) for w in ours.webhooks] == [
        (w.name, w.namespace_selector, w.object_selector, w.rules) for w in charts.webhooks
    ]


@pytest.mark.parametrize(("labels", "name"), [("injection=enabled", "default"), ("rev=prod", "prod")])
def test_a_tried_pod_says_whom_a_label_leads_to(labels, name):
    survey = with_inferred(build.ns("shop", labels), tried={"shop": "stable"}, names=["canary"])
    assert survey.selected_for_namespace("shop").revision == "stable"
    assert survey.mesh.resolve(name) == "stable"
    assert of_flag(survey, "canary").revision == "canary"


def test_a_label_that_was_seen_to_lead_nowhere_is_not_taken_for_a_revision():
    survey = with_inferred(build.ns("shop", "rev=ghost"), tried={"shop": None}, names=["ghost"])
    with pytest.raises(UnknownName):
        of_flag(survey, "ghost")


@pytest.mark.parametrize("labels", ["injection=disabled rev=canary", "rev=", "mode=ambient", ""])
def test_labels_that_ask_for_nobody_teach_nothing(labels):
    assert with_inferred(build.ns("shop", labels), tried={"shop": "stable"}).snapshot.injectors == []


@pytest.mark.parametrize("name", ["", "a,b", "-x", "x" * 64])
def test_what_is_no_label_value_is_no_revision(name):
    assert with_inferred(names=[name]).snapshot.injectors == []


def test_the_gap_is_there_to_be_told_and_no_longer_blinds():
    snapshot = build.world(gaps=[GAP])
    assert inferred_injectors.gap(snapshot) == GAP
    assert not with_inferred(names=["canary"]).mesh.blind
