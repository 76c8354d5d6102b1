"""The registry of kinds: what it says of each, and that nothing else lists kinds of its own."""

from __future__ import annotations

import re

import pytest
import yaml

from kubectl_rev.commands import query, watch
from kubectl_rev.core.mesh.resources import (
    BY_KIND,
    RESOURCES,
    TOP_WORKLOADS,
    WORKLOADS,
    Decoding,
    Resource,
    facts_of,
    maker,
    printed,
)
from tests.plugin import ROOT

PACKAGE = ROOT / "kubectl_rev"
REGISTRY = PACKAGE / "core" / "mesh" / "resources.py"
OPTIONAL = [each for each in WORKLOADS if each.optional]


def naming(resource: Resource) -> list[str]:
    """The modules that name a kind, in code or in words."""
    names = re.compile(rf"\b({resource.kind}s?|{resource.plural})\b")
    return [str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if names.search(path.read_text())]


@pytest.mark.parametrize("resource", OPTIONAL, ids=lambda resource: resource.kind)
def test_a_kind_of_workload_is_named_in_the_registry_alone(resource: Resource) -> None:
    assert naming(resource) == [str(REGISTRY.relative_to(PACKAGE))]


def granted() -> set[tuple[str, str]]:
    """Group and resource of all that the roles of `--rbac` let one list."""
    documents = list(yaml.safe_load_all((PACKAGE / "rbac.yaml").read_text()))
    return {
        (group, resource)
        for document in documents
        for rule in document["rules"]
        if "list" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_what_is_listed_is_granted_by_rbac() -> None:
    listed = {(each.group, each.plural) for each in RESOURCES if each.decoding is not Decoding.DUMP}
    found = granted()
    everything = {group for group, resource in found if resource == "*"}
    named = {(group, resource) for group, resource in found if resource != "*"}
    by_name = {("", "configmaps")}  # read one by one
    assert {each for each in listed if each[0] not in everything} - by_name == named


def test_names_are_kubectls() -> None:
    deployment, gateway = BY_KIND["Deployment"], BY_KIND["Gateway"]
    assert (deployment.resource, deployment.singular, deployment.path) == (
        "deployments.apps",
        "deployment.apps",
        "apis/apps/v1/deployments",
    )
    assert [gateway.path_of(version) for version in (gateway.version, *gateway.older)] == [
        "apis/gateway.networking.k8s.io/v1/gateways",
        "apis/gateway.networking.k8s.io/v1beta1/gateways",
    ]
    assert (BY_KIND["Pod"].path, printed("Namespace"), printed("Clone")) == ("api/v1/pods", "namespace", "clone")


@pytest.mark.parametrize("resource", WORKLOADS, ids=lambda resource: resource.kind)
def test_every_name_of_a_kind_is_a_type(resource: Resource) -> None:
    names = [resource.plural, resource.kind.lower(), *resource.short]
    for name in names + [f"{name}.{resource.group}" for name in names if resource.group]:
        assert query.listed(name) == query.explained(name) == [resource.kind]
        assert query.parse([name, "web"]) == query.ListQuery("workloads", resource.kind, ("web",))
    assert resource.plural in query.TYPES


def test_no_name_is_that_of_two_kinds() -> None:
    names = [name for each in RESOURCES for name in (each.plural, each.kind.lower(), *each.short)]
    assert len(set(names)) == len(names)


def test_a_watch_follows_all_that_is_listed_but_what_shows_elsewhere() -> None:
    assert {"/api/v1/namespaces", "/api/v1/namespaces/shop/pods", "/api/v1/services"} <= set(watch.paths("shop"))
    assert {f"/apis/apps/v1/namespaces/shop/{name}" for name in ("deployments", "statefulsets", "daemonsets")} <= set(
        watch.paths("shop")
    )
    assert not any("replicasets" in path or "configmaps" in path for path in watch.paths(""))


def test_what_is_made_by_other_workloads_is_neither_changed_nor_restarted() -> None:
    assert {each.kind for each in WORKLOADS} - {each.kind for each in TOP_WORKLOADS} == {
        "ReplicaSet",
        "Job",
        "ReplicationController",
    }
    assert not any(facts_of(each.kind).rolled for each in WORKLOADS if each not in TOP_WORKLOADS)


MAKERS = {
    "a Deployment": ("ReplicaSet", "web-5d8f", {"pod-template-hash": "5d8f"}, ("Deployment", "web")),
    "its name has dashes": ("ReplicaSet", "a-b-5d8f", {"pod-template-hash": "5d8f"}, ("Deployment", "a-b")),
    "an Argo Rollout": ("ReplicaSet", "web-5d8f", {"rollouts-pod-template-hash": "5d8f"}, ("Rollout", "web")),
    "a DeploymentConfig": ("ReplicationController", "web-4", {"deploymentconfig": "web"}, ("DeploymentConfig", "web")),
    "a DeploymentConfig of another name": ("ReplicationController", "web-4", {"deploymentconfig": "shop"}, None),
    "the label is of something else": ("ReplicaSet", "web-5d8f", {"pod-template-hash": "7c9"}, None),
    "no label": ("ReplicaSet", "web-5d8f", {}, None),
    "another kind": ("Clone", "web-5d8f", {"pod-template-hash": "5d8f"}, None),
}


@pytest.mark.parametrize("why", MAKERS)
def test_who_made_the_controller_of_a_pod(why: str) -> None:
    kind, name, labels, wanted = MAKERS[why]
    assert maker(kind, name, labels) == wanted


def test_of_an_unknown_kind_nothing_is_known() -> None:
    assert not facts_of("Clone").rolled
    assert not facts_of("Service").rolled, "a kind that is read, and no workload"
