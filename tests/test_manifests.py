"""What `-f` makes of dumps, good and bad, and that `--save` writes what it reads."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.mesh_config import mesh_configs
from kubectl_rev.core.mesh.objects import (
    ConfigMap,
    Container,
    EnvVar,
    Gateway,
    Metadata,
    Namespace,
    Pod,
    PodSpec,
    PodTemplate,
    Webhook,
    WebhookConfiguration,
    WorkloadObject,
    WorkloadSpec,
)
from kubectl_rev.core.mesh.resources import BY_KIND, RESOURCES, Resource
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot, fold
from kubectl_rev.core.status import answers
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.dumps.redact import lean
from kubectl_rev.dumps.yaml_reader import Name, documents, names
from kubectl_rev.dumps.yaml_values import plain
from kubectl_rev.dumps.yaml_writer import write_yaml
from kubectl_rev.errors import UsageError
from tests import stories
from tests.build import (
    config_map,
    control_plane,
    deployment,
    injector,
    metadata_only,
    ns,
    owned_by,
    pod,
    proxy_container,
    running,
    workload,
    world,
)
from tests.strategies import nasty, worlds

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio.io/rev": "canary"}}}
WEB = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "uid": "0a", "annotations": {"sidecar.istio.io/inject": "true"}},
    "spec": {"hostNetwork": False, "nodeName": "node1", "containers": [{"name": "app", "image": "app:1"}]},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.1"},
}
NO_STDIN = io.BytesIO()


def read(text: str | bytes) -> Snapshot:
    return snapshot_file.load("-", io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def listed(*items: dict[str, Any], kind: str = "List", **more: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "items": list(items), **more})


def refusal(text: str | bytes) -> str:
    """The one line that bad input is answered with."""
    with pytest.raises(UsageError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith("standard input: ")
    assert "\n" not in message
    return message.removeprefix("standard input: ")


BOTH = ([Namespace(metadata=Metadata(name="shop", labels={"istio.io/rev": "canary"}))], ["web"])
SHAPES: dict[str, str] = {
    "a List in JSON": listed(SHOP, WEB),
    "a List in YAML": write_yaml(json.loads(listed(SHOP, WEB))).decode(),
    "several YAML documents": f"---\n{write_yaml(SHOP).decode()}---\n---\n{write_yaml(WEB).decode()}...\n",
    "several JSON documents": json.dumps(SHOP) + "\n" + json.dumps(WEB, indent=2) + "\n\n",
    "JSON documents without a blank": json.dumps(SHOP) + json.dumps(WEB),
    "two Lists": listed(SHOP) + "\n" + listed(WEB),
    "a List in a List": listed(json.loads(listed(SHOP)), WEB),
    "the API server's own lists, whose items have no kind": json.dumps(
        {"kind": "NamespaceList", "apiVersion": "v1", "items": [{"metadata": SHOP["metadata"]}]}
    )
    + json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [{k: v for k, v in WEB.items() if k[0] in "ms"}]}),
    "flow style, comments and a directive": f"%YAML 1.1\n---\n# a comment\n{json.dumps(SHOP)}\n--- {json.dumps(WEB)}\n",
    "JSON after blank lines": "\n\n  " + listed(SHOP, WEB),
    "a byte order mark": "\ufeff" + listed(SHOP, WEB),
    "Windows line ends": write_yaml(json.loads(listed(SHOP, WEB))).decode().replace("\n", "\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
def test_shapes(text: str) -> None:
    found = read(text)
    assert (found.namespaces, [each.name for each in found.pods]) == BOTH


def test_utf_16_as_powershell_writes_it() -> None:
    assert read(listed(SHOP, WEB).encode("utf-16")).namespaces == BOTH[0]


def test_a_directory_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(SHOP))
    (tmp_path / "a.yaml").write_bytes(write_yaml(SHOP | {"metadata": {"name": "shop"}}))
    (tmp_path / "c.yml").write_bytes(write_yaml(WEB))
    (tmp_path / "notes.txt").write_text("not a manifest")
    (tmp_path / "sub.yaml").mkdir()
    found = snapshot_file.load(str(tmp_path), NO_STDIN)
    assert (found.namespaces, [each.name for each in found.pods]) == BOTH


def test_a_directory_at_any_depth_packed_files_and_others_among_them(tmp_path: Path) -> None:
    """As must-gather and `kubectl cluster-info dump` lay them out; what says it is no Kubernetes object is left out."""
    deep = tmp_path / "cluster-scoped-resources" / "core" / "namespaces"
    for directory in (deep, tmp_path / "namespaces" / "shop" / "core", tmp_path / "monitoring", tmp_path / "..data"):
        directory.mkdir(parents=True)
    (deep / "shop.yaml").write_bytes(write_yaml(SHOP))
    pods = listed({key: WEB[key] for key in ("metadata", "spec", "status")}, kind="PodList")
    (tmp_path / "namespaces" / "shop" / "core" / "pods.json.gz").write_bytes(gzip.compress(pods.encode()))
    (tmp_path / "monitoring" / "rules.json").write_text('{"status": "success", "data": {"groups": []}}')
    (tmp_path / "monitoring" / "names.yaml").write_text("- a\n- b\n")
    (tmp_path / "..data" / "copy.yaml").write_text("not: kubernetes")
    found = snapshot_file.load(str(tmp_path), NO_STDIN)
    assert (found.namespaces, [each.name for each in found.pods]) == BOTH
    (deep / "cut.yaml").write_text("apiVersion: v1\n")
    with pytest.raises(UsageError, match=r"cut\.yaml: not a Kubernetes object"):
        snapshot_file.load(str(tmp_path), NO_STDIN)


def test_gzip_is_unpacked_wherever_it_comes_from() -> None:
    packed = gzip.compress(listed(SHOP, WEB).encode())
    assert read(packed).namespaces == read(packed[:0] + gzip.compress(b"") + packed).namespaces == BOTH[0]
    for broken in (packed[:-9], packed[:40] + b"x" * 20 + packed[60:]):
        assert refusal(broken) == "gzip that cannot be unpacked: is the dump complete?"
    assert refusal(gzip.compress(b"\0" * 10)) == "a binary file, not a dump"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "whatever"
    path.write_text(listed(SHOP))
    assert snapshot_file.load(str(path), NO_STDIN).namespaces == BOTH[0]


def test_standard_input_is_read_only_for_a_dash(tmp_path: Path) -> None:
    (tmp_path / "-").write_text(listed())
    assert snapshot_file.load("-", io.BytesIO(listed(SHOP).encode())).namespaces == BOTH[0]


def minimal(kind: Resource, **more: Any) -> dict[str, Any]:
    named = {"name": "istio-sidecar-injector", "namespace": "shop"}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": named, **more}


# A VirtualService has a place only where it leads to an istiod: tests/core/test_outside.py
PLACED = [kind for kind in RESOURCES if kind.kind != "VirtualService"]


@pytest.mark.parametrize("kind", PLACED, ids=[kind.kind for kind in PLACED])
def test_every_kind_has_its_place_and_its_gap(kind: Resource) -> None:
    """Alone in a dump it fills one list; every kind that is not optional and not there is a gap."""
    found = read(listed(minimal(kind)))
    filled = [field for field in snapshot_file.FIELDS if getattr(found, field)]
    assert filled == [kind.field]
    needed = {k.resource for k in RESOURCES if not k.optional} | {"configurations.istio.io"}
    config = {"configurations.istio.io"} if kind.group == "networking.istio.io" else set()
    assert {gap.resource for gap in found.gaps} == needed - {kind.resource} - config
    assert {(gap.verb, gap.namespace, gap.reason) for gap in found.gaps} == {("list", "", "not in the dump")}


OTHERS = {
    "Secret": ("v1", "Secret"),
    "Istio's own Gateway": ("networking.istio.io/v1", "Gateway"),
    "Knative's Service": ("serving.knative.dev/v1", "Service"),
    "a metric of a pod": ("metrics.k8s.io/v1beta1", "PodMetrics"),
    "a custom Deployment": ("example.org/v1", "Deployment"),
    "a snapshot of a volume": ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
    "another Snapshot": ("example.org/v1", "Snapshot"),
}


@pytest.mark.parametrize(("api_version", "kind"), OTHERS.values(), ids=OTHERS.keys())
def test_other_kinds_are_ignored(api_version: str, kind: str) -> None:
    item = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": 1, "data": {"a": "c2VjcmV0"}}
    found = read(listed(item))
    assert [field for field in snapshot_file.FIELDS if getattr(found, field)] == []
    config = "networking.istio.io" not in api_version
    assert len(found.gaps) == sum(not each.optional for each in RESOURCES) + config


OPTIONAL = {
    "Rollout": "rollouts.argoproj.io",
    "DeploymentConfig": "deploymentconfigs.apps.openshift.io",
    "Gateway": "gateways.gateway.networking.k8s.io",
    "ReplicationController": "replicationcontrollers",
    "Istio": "istios.sailoperator.io",
    "IstioRevision": "istiorevisions.sailoperator.io",
    "IstioRevisionTag": "istiorevisiontags.sailoperator.io",
}


@pytest.mark.parametrize(("kind", "resource"), OPTIONAL.items())
def test_what_most_clusters_lack_is_a_gap_where_something_is_owned_by_it(kind: str, resource: str) -> None:
    owned = json.loads(json.dumps(WEB))
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "x/v1", "kind": kind, "name": "o", "uid": "1"}]
    assert resource not in {gap.resource for gap in read(listed(WEB)).gaps}
    assert resource in {gap.resource for gap in read(listed(owned)).gaps}


@pytest.mark.parametrize(("named", "missed"), [("istio-waypoint", False), ("edge", True)])
def test_classes_are_a_gap_where_a_gateway_has_one_of_another_name(named: str, missed: bool) -> None:
    made = minimal(BY_KIND["Gateway"], spec={"gatewayClassName": named})
    classes = minimal(BY_KIND["GatewayClass"], spec={"controllerName": "istio.io/gateway-controller"})
    gap = "gatewayclasses.gateway.networking.k8s.io"
    assert (gap in {gap.resource for gap in read(listed(made)).gaps}) is missed
    assert gap not in {gap.resource for gap in read(listed(made, classes)).gaps}


def test_an_empty_list_of_a_kind_was_read() -> None:
    """`kubectl get --raw` says which kind it lists; `kubectl get` of nothing does not."""
    raw = read('{"apiVersion":"v1","kind":"PodList","items":[]}')
    assert "pods" not in {gap.resource for gap in raw.gaps}
    assert "pods" in {gap.resource for gap in read(listed()).gaps}


def test_a_pod_in_full() -> None:
    (found,) = read(listed(WEB)).pods
    assert msgspec.to_builtins(found) == {
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"sidecar.istio.io/inject": "true"}},
        "spec": {},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def test_istiods_are_in_both_lists_and_finished_pods_in_none() -> None:
    istiod = WEB | {"metadata": {"name": "istiod-1", "namespace": "istio-system", "labels": {"app": "istiod"}}}
    done = [
        WEB | {"metadata": {"name": phase}, "status": {"phase": phase}} for phase in ("Succeeded", "Failed", "Pending")
    ]
    found = read(listed(istiod, *done))
    assert [each.name for each in found.pods] == ["istiod-1", "Pending"]
    assert found.istiods == found.pods[:1]


def test_only_the_injectors_config_maps_are_kept() -> None:
    kind = next(kind for kind in RESOURCES if kind.kind == "ConfigMap")
    one, other = minimal(kind, data={"config": "policy: enabled", "values": "{}"}), minimal(kind)
    other["metadata"] = {"name": "istio", "namespace": "shop"}
    found = read(listed(one, other))
    assert [(each.name, each.data) for each in found.config_maps] == [
        ("istio-sidecar-injector", {"config": '{"policy":"enabled"}'})
    ]
    assert "configmaps" not in {gap.resource for gap in found.gaps}


def test_of_a_mesh_config_what_a_migration_asks_for_is_kept() -> None:
    kind = next(kind for kind in RESOURCES if kind.kind == "ConfigMap")
    mesh = "trustDomain: td\ntrustDomainAliases: [old]\ndefaultConfig: {meshId: m, proxyMetadata: {TOKEN: s3cret}}\n"
    told = minimal(kind, data={"mesh": mesh, "meshNetworks": "networks: {}"})
    told["metadata"] = {"name": "istio-1-30", "namespace": "istio-system"}
    broken, foreign = minimal(kind, data={"mesh": "a: *b"}), minimal(kind, data={"mesh": "{}"})
    broken["metadata"], foreign["metadata"] = {"name": "istio"}, {"name": "other"}
    found = read(listed(told, broken, foreign))
    assert [(each.name, each.data) for each in found.config_maps] == [
        ("istio-1-30", {"mesh": '{"trustDomain":"td","trustDomainAliases":["old"],"defaultConfig":{"meshId":"m"}}'})
    ]
    (config,) = mesh_configs(found.config_maps).items()
    assert (config[0], config[1].trust_domain, config[1].mesh_id) == (("istio-system", "1-30"), "td", "m")
    assert read(snapshot_file.encode(found, as_json=True)) == found


def test_of_injection_templates_the_names_are_kept() -> None:
    kind = next(kind for kind in RESOURCES if kind.kind == "ConfigMap")
    config = "policy: enabled\ntemplates: {corp: 's3cret'}\naliases: {both: [corp, sidecar]}\n"
    found = read(listed(minimal(kind, data={"config": config})))
    assert found.config_maps[0].data == {
        "config": '{"policy":"enabled","templates":{"corp":""},"aliases":{"both":["corp","sidecar"]}}'
    }


def test_what_only_a_migration_asks_for_hides_nothing_else() -> None:
    budget = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}}
    found = read(listed(SHOP, budget))
    assert [each.name for each in found.budgets] == ["b"]
    missing = ["horizontalpodautoscalers.autoscaling", "resourcequotas"]
    assert [gap.resource for gap in found.preflight_gaps] == missing
    assert not {*missing, "poddisruptionbudgets.policy"} & {gap.resource for gap in found.gaps}
    again = read(snapshot_file.encode(found, as_json=False))
    assert (again.budgets, again.preflight_gaps) == (found.budgets, found.preflight_gaps)


def test_of_objects_with_one_name_the_last_counts_wherever_it_stands() -> None:
    other = SHOP | {"metadata": {"name": "shop", "labels": {"istio.io/rev": "blue"}}}
    found = read(listed(SHOP, WEB, other))
    assert [each.labels for each in found.namespaces] == [{"istio.io/rev": "blue"}]


def test_same_names_of_other_kinds_and_namespaces_are_others() -> None:
    elsewhere = WEB | {"metadata": {"name": "web", "namespace": "other"}}
    apps = [
        {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "namespace": "shop"}}
        for kind in ("Deployment", "StatefulSet")
    ]
    found = read(listed(WEB, elsewhere, *apps))
    assert len(found.pods) == len(found.workloads) == 2


def test_no_namespace_is_namespace_default() -> None:
    found = read(listed({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}, SHOP))
    assert [found.pods[0].namespace, found.namespaces[0].namespace] == ["default", ""]


def test_a_replica_set_of_a_deployment_is_kept_as_metadata() -> None:
    spec = {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}
    kind = next(kind for kind in RESOURCES if kind.kind == "ReplicaSet")

    def of(*owners: str) -> WorkloadSpec[PodTemplate]:
        item = minimal(kind, spec=spec)
        item["metadata"] |= {"ownerReferences": [{"kind": o, "name": "o", "controller": True} for o in owners]}
        return read(listed(item)).workloads[0].spec

    assert of("Deployment") == WorkloadSpec(replicas=2)
    assert of("Rollout") == of() == msgspec.convert(spec, WorkloadSpec[PodTemplate])


NULLS = {
    "labels": ({"metadata": {"name": "x", "namespace": "shop", "labels": None, "annotations": None}}, "Pod"),
    "spec and status": ({"spec": None, "status": None}, "Pod"),
    "lists": ({"spec": {"containers": None, "initContainers": None}, "status": {"conditions": None}}, "Pod"),
    "webhooks": ({"webhooks": None}, "MutatingWebhookConfiguration"),
    "selectors": (
        {"webhooks": [{"name": "w", "namespaceSelector": None, "clientConfig": {"url": None}}]},
        "MutatingWebhookConfiguration",
    ),
    "a template": ({"spec": {"template": None, "replicas": None}}, "Deployment"),
    "ready": ({"endpoints": [{"conditions": {"ready": None}}]}, "EndpointSlice"),
    "endpoints": ({"endpoints": None}, "EndpointSlice"),
    "data": ({"data": None}, "ConfigMap"),
    "a Service's selector": ({"spec": {"selector": None, "ports": None}}, "Service"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "kind"), NULLS.values(), ids=NULLS.keys())
def test_null_is_absent(more: dict[str, Any], kind: str) -> None:
    what = next(each for each in RESOURCES if each.kind == kind)

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if inner is not None}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    assert read(listed(minimal(what) | more)) == read(listed(without(minimal(what) | more)))


def test_null_items() -> None:
    assert read('{"apiVersion":"v1","kind":"List","items":null}') == read(listed())


def test_control_characters_are_data() -> None:
    name = "shop\x1b[31m\u202e"
    assert read(listed(SHOP | {"metadata": {"name": name}})).namespaces[0].name == name
    assert read('apiVersion: v1\nkind: Namespace\nmetadata: {name: "a\\e[31m"}').namespaces[0].name == "a\x1b[31m"


def deep(opening: str, closing: str, n: int) -> str:
    return opening * n + closing * n


POD_HEAD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n"
TOO_DEEP = "nested too deeply for a Kubernetes object"
NO_KIND = "not a Kubernetes object: no kind or no apiVersion; is the dump complete?"
NOT_AN_OBJECT = "not a Kubernetes object: expected object"
COMMA = (  # Python 3.13 has found a better word
    "not JSON: illegal trailing comma before end of object in line 1"
    if sys.version_info >= (3, 13)
    else "not JSON: expecting property name enclosed in double quotes in line 2"
)
WANTS_KEY = "not JSON: expecting property name enclosed in double quotes"
CUT = ": is the dump complete?"
BILLION = "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "no Kubernetes objects in it"),
    "blank": (" \n\t\n", "no Kubernetes objects in it"),
    "comments": ("# nothing\n---\n---\n", "no Kubernetes objects in it"),
    "binary": (b"\x7fELF\x00\x01", "a binary file, not a dump"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "gzip that cannot be unpacked: is the dump complete?"),
    "latin-1": (b"kind: \xe4", "not UTF-8 text (byte 6)"),
    "half a List in JSON": (listed(SHOP, WEB)[:-60], f"{WANTS_KEY} in line 1{CUT}"),
    "half a string in JSON": (listed(SHOP)[:57], f"not JSON: unterminated string starting at in line 1{CUT}"),
    "half a document after a whole one": (json.dumps(SHOP) + "\n{", f"{WANTS_KEY} in line 2{CUT}"),
    "JSON with a comma too many": ('{"a": 1,\n}', COMMA),
    "half a List in YAML": ("apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n", NO_KIND),
    "half a flow in YAML": ("kind: {a: [b", "not YAML: did not find expected ',' or ']' in line 2"),
    "half a string in YAML": ('kind: "Po', "not YAML: found unexpected end of stream in line 1"),
    "a tab in YAML": ("a:\n\t- b", "not YAML: found character that cannot start any token in line 2"),
    "a control character in YAML": (
        "a: \x1b", "not YAML: unacceptable character #x001b: control characters are not allowed",
    ),
    "a list of numbers": ("[1, 2]", "not a Kubernetes object: expected object, got array"),
    "a list of numbers in YAML": ("- 1\n- 2\n", "not a Kubernetes object: expected object, got array"),
    "a number": ("42", "not a Kubernetes object: expected object, got int"),
    "a word": ("hello", "not a Kubernetes object: expected object, got str"),
    "an HTML page": ("<!DOCTYPE html>\n<html><body>login</body></html>", f"{NOT_AN_OBJECT}, got str"),
    "an HTML page with a colon": (
        "<html>\n<style>a: b</style>", "not YAML: mapping values are not allowed in this context in line 2",
    ),
    "an error page in JSON": ('{"error": "login"}', NO_KIND),
    "no apiVersion": ('{"kind": "Pod"}', NO_KIND),
    "a kind that is no text": ('{"kind": 1}', "not a Kubernetes object: kind: expected str | null, got int"),
    "an item that is no object": (listed(1), "not a Kubernetes object: expected object, got int"),  # type: ignore[arg-type]
    "items that are no list": (listed(items={}), "not a Kubernetes object: items: expected array | null, got object"),
    "no metadata": (
        listed({"apiVersion": "v1", "kind": "Pod"}), "Pod without a name: object missing required field metadata",
    ),
    "no name": (listed({"apiVersion": "v1", "kind": "Pod", "metadata": {}}), "Pod without a name"),
    "a name that is a number": (
        listed(SHOP | {"metadata": {"name": 1}}), "not a Kubernetes object: metadata.name: expected str, got int",
    ),
    "a label that is a number": (
        POD_HEAD + "  labels: {a: 1}", "Pod shop/web: metadata.labels[...]: expected str, got int",
    ),
    "a label that is true": (
        POD_HEAD + "  labels: {istio-injection: on}", "Pod shop/web: metadata.labels[...]: expected str, got bool",
    ),
    "a label that is null": (
        POD_HEAD + "  labels: {a: }", "Pod shop/web: metadata.labels[...]: expected str, got null",
    ),
    "labels that are a list": (
        POD_HEAD + "  labels: [a]", "Pod shop/web: metadata.labels: expected object, got array",
    ),
    "a null among containers": (
        POD_HEAD + "spec:\n  containers: [null]", "Pod shop/web: spec.containers[0]: expected object, got null",
    ),
    "an operator that Kubernetes has not": (
        listed({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "m"}, "webhooks": [{"name": "w", "namespaceSelector": {
                    "matchExpressions": [{"key": "k", "operator": "Near"}]}}]}),
        "MutatingWebhookConfiguration m: webhooks[0].namespaceSelector.matchExpressions[0].operator: "
        "invalid enum value 'Near'",
    ),
    "an alias": (BILLION, "line 2: a YAML alias, which kubectl never writes"),
    "a merge of an alias": ("a: &a {}\nb:\n  <<: *a\n", "line 3: a YAML alias, which kubectl never writes"),
    "a Python object": (
        "a: !!python/object/apply:os.system [id]",
        "line 1: a YAML tag (tag:yaml.org,2002:python/object/apply:os.system), which kubectl never writes",
    ),
    "a tag of one's own": ("a: !x b", "line 1: a YAML tag (!x), which kubectl never writes"),
    "a key that is a list": ("? [a]\n: b", "line 1: a key that is no text"),
    "deep JSON arrays": (deep("[", "]", 10_000), TOO_DEEP),
    "deep JSON objects": (deep('{"a":', "}", 10_000).replace(":}", ":1}"), TOO_DEEP),
    "deep JSON where nobody looks": (listed(WEB).replace('"0a"', deep("[", "]", 100_000)), TOO_DEEP),
    "deep JSON after a whole document": (json.dumps(SHOP) + deep("[", "]", 10_000), TOO_DEEP),
    "deep YAML flow": ("a: " + deep("[", "]", 10_000), TOO_DEEP),
    "deep YAML blocks": ("- " * 10_000 + "x", TOO_DEEP),
    "deep YAML maps": ("a: " + deep("{a: ", "}", 10_000), TOO_DEEP),
    "deep YAML by indentation": ("\n".join(" " * n + "a:" for n in range(1000)), TOO_DEEP),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_line(text: str | bytes, message: str) -> None:
    assert refusal(text) == message


def test_bad_paths_are_one_line(tmp_path: Path) -> None:
    def said(path: str) -> str:
        with pytest.raises(UsageError) as caught:
            snapshot_file.load(path, NO_STDIN)
        return str(caught.value)

    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert said("/nonexistent/dump.yaml") == "/nonexistent/dump.yaml: no such file or directory"
    assert said(str(empty)) == f"{empty}: no .json, .yaml, .yml files in this directory"
    assert said(str(bad)) == f"{bad}: not YAML: did not find expected node content in line 2"
    assert said(str(tmp_path)) == f"{bad}: not YAML: did not find expected node content in line 2"
    assert said("/dev/zero") == "/dev/zero: a binary file, not a dump"
    bad.write_text("# nothing")
    (tmp_path / "also.json").write_text("")
    assert said(str(tmp_path)) == "these 2 files: no Kubernetes objects in it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "dump.yaml"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(UsageError, match="permission denied"):
        snapshot_file.load(str(path), NO_STDIN)


BOMBS = {
    "aliases": "a: &a [" + "x, " * 9 + "x]\n" + "".join(f"{n}: &k{n} [{', '.join(['*a'] * 10)}]\n" for n in range(50)),
    "YAML flow": "x: " + "[" * 1_000_000,
    "YAML maps": "{a: " * 500_000,
    "YAML blocks": "- " * 1_000_000,
    "JSON": "[" * 5_000_000,
    "JSON objects": '{"a":' * 1_000_000,
    "a ConfigMap's config": listed(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-sidecar-injector"},
         "data": {"config": "x: " + "[" * 500_000}}
    ),
    "a very long number": '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"a":' + "9" * 100_000 + "}",
    "a very long number in YAML": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\na: " + "9" * 100_000,
}  # fmt: skip
_SURVIVES = """
import resource, sys
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.errors import UsageError
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for bomb in sys.argv[1:]:
    try:
        assert Survey(snapshot_file.load(bomb, sys.stdin.buffer)).workloads is not None
        print("read")
    except UsageError as error:
        assert len(str(error)) < 300
        print("refused")
"""


def test_no_file_brings_the_interpreter_down(tmp_path: Path) -> None:
    """In a process of its own: a C stack that overflows cannot be caught."""
    files = []
    for number, text in enumerate(BOMBS.values()):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", _SURVIVES, *map(str, files)], capture_output=True, text=True, timeout=60, check=False
    )
    answers = ["refused"] * 6 + ["read"] * 3
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, answers, "")


def test_a_config_that_cannot_be_read_counts_as_not_read() -> None:
    for config in ("policy: [", "a: *b", "- 1", "neverInjectSelector: 1", "[" * 10_000):
        made = config_map()
        made.data["config"] = config
        assert lean(world(made)).config_maps[0].data == {}


PLAIN: dict[str, object] = {
    "": None, "~": None, "null": None, "nUll": "nUll",
    "true": True, "yes": True, "y": True, "On": True, "off": False, "N": False, "tRue": "tRue",
    "0": 0, "-12": -12, "+7": 7, "1_000": 1000, "0x1F": 31, "0b11": 3, "010": 8, "0o17": 15, "08": 8.0,
    "0x": "0x", "0b_": "0b_",
    "9223372036854775807": 2**63 - 1, "9223372036854775808": 2.0**63, "9" * 41: "9" * 41,
    "1.5": 1.5, ".5": 0.5, "-1e3": -1000.0, "1.": 1.0, ".": ".", "-": "-", "1.30.3": "1.30.3", "1-30-3": "1-30-3",
    ".inf": None, "-.INF": None, ".nan": None,
    "2026-01-01T00:00:00Z": "2026-01-01T00:00:00Z", "12:30": "12:30", "=": "=", "canary": "canary",
}  # fmt: skip


@pytest.mark.parametrize(("scalar", "value"), PLAIN.items(), ids=[repr(each)[:24] for each in PLAIN])
def test_plain_scalars_mean_what_they_mean_to_kubectl(scalar: str, value: object) -> None:
    found = plain(scalar)
    assert (found, type(found)) == (value, type(value))


def test_quoted_scalars_and_keys_are_text() -> None:
    text = "'1': \"true\"\n2: 'no'\non: |\n  null\nempty: ''\nfolded: >-\n  12\n"
    (found,) = documents(text)
    assert json.loads(found) == {"1": "true", "2": "no", "on": "null\n", "empty": "", "folded": "12"}


# Not st.recursive(): it looks up its lambda's source when the test runs, and warns if the file was edited since.
trees: st.SearchStrategy[object] = st.deferred(
    lambda: (
        nasty
        | st.booleans()
        | st.none()
        | st.integers(-9, 9)
        | st.lists(trees, max_size=3)
        | st.dictionaries(nasty, trees, max_size=3)
    )
)


@given(trees)
def test_written_yaml_reads_as_it_was(value: object) -> None:
    document = {"a": value}
    assert [json.loads(each) for each in documents(write_yaml(document).decode())] == [document]


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        for each in documents(text):
            json.loads(each)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.sampled_from(["yaml", "json"]), st.integers(0, 40_000), st.integers(0, 255))
def test_a_damaged_dump_is_refused_in_one_line_or_read(kind: str, at: int, byte: int) -> None:
    data = bytearray(stories.example() if kind == "yaml" else snapshot_file.encode(CALM, as_json=True))
    data[at % len(data)] = byte
    try:
        Survey(read(bytes(data))).workloads  # noqa: B018
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(st.integers(0, 40_000))
def test_a_dump_that_was_cut_off_is_never_read_as_whole(at: int) -> None:
    whole = snapshot_file.encode(CALM, as_json=True)
    with pytest.raises(UsageError):
        read(whole[: at % (len(whole) - 2)])


@given(st.integers(0, 40_000), st.booleans())
def test_half_a_saved_snapshot_is_never_read_as_whole(at: int, lines: bool) -> None:
    """YAML that ends early is still YAML, most often at the end of a line."""
    whole = stories.example()
    cut = at % whole.rindex(b"true")
    if lines:
        cut = whole.rfind(b"\n", 0, cut) + 1
    with pytest.raises(UsageError):
        read(whole[:cut])


CALM = stories.real(stories.calm())


@pytest.mark.parametrize("suffix", ["json", "yaml", "txt"])
def test_saved_and_loaded(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"saved.{suffix}"
    snapshot_file.save(CALM, str(path))
    assert path.read_text().startswith("{" if suffix == "json" else "apiVersion: kubectl-rev/v1\nkind: Snapshot\n")
    assert snapshot_file.load(str(path), NO_STDIN) == lean(CALM)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@given(worlds(), st.booleans())
def test_what_is_saved_is_what_is_loaded(snapshot: Snapshot, as_json: bool) -> None:
    kept = lean(snapshot)
    assert lean(kept) == kept
    assert read(snapshot_file.encode(snapshot, as_json=as_json)) == kept


@given(nasty, nasty, nasty)
def test_odd_names_survive(name: str, key: str, value: str) -> None:
    snapshot = Snapshot(
        namespaces=[Namespace(metadata=Metadata(name=name, labels={key: value}))], gaps=[Gap("list", key, name, value)]
    )
    try:
        saved = snapshot_file.encode(snapshot, as_json=False)
    except UnicodeEncodeError:
        return
    assert read(saved) == snapshot


@given(worlds())
def test_a_saved_snapshot_says_what_the_cluster_said(snapshot: Snapshot) -> None:
    """What `lean` leaves out is read by nobody."""
    for question in (
        lambda survey: answers.overview(survey, MESH_CHECKS),
        answers.workloads,
        answers.pods,
        answers.gateways,
        answers.tags,
    ):
        assert question(Survey(lean(snapshot))) == question(Survey(snapshot))


def test_folded_pods_keep_their_count() -> None:
    web = running(deployment("web"), "canary", "canary", "canary")
    snapshot = world(ns("shop"), web)
    snapshot.pods = fold(metadata_only(each) for each in snapshot.pods)
    (found,) = read(snapshot_file.encode(snapshot, as_json=False)).pods
    assert (found.count, found.name) == (3, "")


def test_a_saved_snapshot_in_full() -> None:
    snapshot = world(
        ns("shop", "rev=canary"),
        pod("bare", on="canary"),
        gaps=[Gap("list", "services", "", "forbidden"), Gap("list", "jobs.batch", "shop", "forbidden")],
        versions={"istio-system/istiod-1": "1.30.3"},
    )
    document = json.loads(snapshot_file.encode(snapshot, as_json=True))
    kinds = [kind.resource for kind in RESOURCES if kind.resource != "services"]
    read_resources = sorted([*kinds, "configurations.istio.io"])
    assert document == {
        "apiVersion": "kubectl-rev/v1",
        "kind": "Snapshot",
        "read": read_resources,
        "gaps": [
            {"verb": "list", "resource": "jobs.batch", "namespace": "shop", "reason": "forbidden"},
            {"verb": "list", "resource": "services", "namespace": "", "reason": "forbidden"},
        ],
        "versions": {"istio-system/istiod-1": "1.30.3"},
        "istiods": [],
        "config": [],
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "shop", "labels": {"istio.io/rev": "canary"}},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "bare", "namespace": "shop", "annotations": snapshot.pods[0].metadata.annotations},
                "spec": {
                    "containers": [
                        {
                            "name": "istio-proxy",
                            "image": "docker.io/istio/proxyv2:1.30.3",
                            "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
                            "env": [{"name": "CA_ADDR", "value": "istiod-canary.istio-system.svc:15012"}],
                        }
                    ]
                },
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            },
        ],
        "complete": True,
    }


@pytest.mark.parametrize(
    ("api_version", "kind", "resource"),
    [
        ("networking.istio.io/v1", "VirtualService", "virtualservices.networking.istio.io"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter", "envoyfilters.networking.istio.io"),
        ("networking.istio.io/v1", "ServiceEntry", "serviceentries.networking.istio.io"),
        ("networking.istio.io/v1", "Gateway", "gateways.networking.istio.io"),
        ("security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies.security.istio.io"),
        ("telemetry.istio.io/v1", "Telemetry", "telemetries.telemetry.istio.io"),
    ],
)
def test_config_with_a_revision_label_is_kept(api_version: str, kind: str, resource: str) -> None:
    """In a plain dump, and in a saved one; config without the label was read, and is nothing to remember."""

    def config(name: str, **labels: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "shop", "labels": labels}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": {"hosts": ["x"]}}

    plain = read(listed(config("a", **{"istio.io/rev": "prod"}), config("b")))
    saved = read(snapshot_file.encode(plain, as_json=False).decode())
    for found in (plain, saved):
        assert [(c.kind, c.resource, c.namespace, c.name, c.labels) for c in found.config] == [
            (kind, resource, "shop", "a", {"istio.io/rev": "prod"})
        ]
        assert not found.has_gap("configurations.istio.io")


def test_no_secret_is_saved() -> None:
    """Nothing of an object but what we read: not its applied copy, not its environment, not its templates."""
    note = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "example.org/x": "hunter2"}
    note |= {"evil-istio.io/pw": "hunter2", "istio.io.example.org/pw": "hunter2", "pw": "hunter2"}
    ours = {"meta.helm.sh/release-name": "web", "kubectl-rev/previous": "{}", "proxy.istio.io/config": "{}"}
    env = [EnvVar(name="PASSWORD", value="hunter2"), EnvVar(name="CA_ADDR", value="istiod:15012")]
    made = deployment(
        "web", annotations=note | {"sidecar.istio.io/inject": "true"}, proxy=proxy_container(EXTRA="hunter2")
    )
    made.metadata.annotations = note | ours
    assert made.template is not None
    made.template.spec.containers[0].env = env
    made.template.spec.containers[0].args = ["--password=hunter2"]
    made.template.spec.init_containers = [Container(name="istio-init", args=["hunter2"], env=env)]
    bare = pod("bare", annotations=note)
    assert bare.spec is not None
    bare.spec.containers[0].env = env
    istiod = [each for each in control_plane() if isinstance(each, Pod)]
    for each in istiod:
        assert each.spec is not None
        each.spec.containers[0].env = env
    config = config_map(templates={"sidecar": "hunter2"})
    config.data["values"] = "hunter2"
    other = ConfigMap(metadata=Metadata(name="app"), data={"password": "hunter2"})
    outside = injector("outside", url="https://adm:hunter2@x.test/inject")
    snapshot = world(made, bare, istiod, config, other, outside)
    saved = snapshot_file.encode(snapshot, as_json=False)
    assert b"hunter2" not in saved
    found = read(saved)
    (web,) = found.workloads
    assert web.metadata.annotations == ours
    assert web.template is not None
    assert web.template.metadata.annotations == {"sidecar.istio.io/inject": "true"}
    assert web.template.spec == PodSpec(containers=[proxy_container()])
    assert [each.name for each in found.config_maps] == ["istio-sidecar-injector"]
    assert made.metadata.annotations == note | ours  # what was given is not touched


def test_what_an_older_snapshot_did_not_read_is_a_gap() -> None:
    saved = json.loads(snapshot_file.encode(Snapshot(), as_json=True))
    saved["read"].remove("services")
    saved["items"] = None
    found = read(json.dumps(saved))
    assert found == Snapshot(gaps=[Gap("list", "services", "", "not in the snapshot")])


@pytest.mark.parametrize("kind", ["Deployment", "Gateway"])
def test_what_most_clusters_lack_is_a_gap_of_an_older_snapshot_where_something_is_owned_by_it(kind: str) -> None:
    saved = json.loads(snapshot_file.encode(world(deployment("web", owner=workload(kind, "o"))), as_json=True))
    saved["read"].remove("gateways.gateway.networking.k8s.io")
    gaps = {gap.resource for gap in read(json.dumps(saved)).gaps}
    assert ("gateways.gateway.networking.k8s.io" in gaps) is (kind == "Gateway")


def test_sails_objects_are_kept() -> None:
    """As `kubectl get istiorevisions -o yaml` has them, and saved: what is counted on, and nothing of the values."""
    in_use = {"type": "InUse", "status": "True", "reason": "ReferencedByWorkloads", "lastTransitionTime": "2026-11-01"}
    revision = {
        "apiVersion": "sailoperator.io/v1",
        "kind": "IstioRevision",
        "metadata": {"name": "mesh-v1-30-3", "generation": 1},
        "spec": {"version": "v1.30.3", "namespace": "istio-system", "values": {"pilot": {"env": {"A": "hunter2"}}}},
        "status": {"state": "Healthy", "conditions": [in_use]},
    }
    plain = read(listed(revision))
    saved = snapshot_file.encode(plain, as_json=False)
    assert b"hunter2" not in saved
    for found in (plain, read(saved)):
        (each,) = found.sail
        condition = each.condition("InUse")
        assert condition is not None
        assert (each.kind, each.name, each.spec.version) == ("IstioRevision", "mesh-v1-30-3", "v1.30.3")
        assert (condition.status, condition.reason) == ("True", "ReferencedByWorkloads")
        assert not found.has_gap("istiorevisions.sailoperator.io")


SNAPSHOT = {"apiVersion": "kubectl-rev/v1", "kind": "Snapshot", "complete": True}
COMBINED = "a saved snapshot cannot be combined with other objects"
BAD_SNAPSHOTS: dict[str, tuple[str, str]] = {
    "of a later version": (
        json.dumps(SNAPSHOT | {"apiVersion": "kubectl-rev/v2"}),
        "a Snapshot of kubectl-rev/v2; this kubectl rev reads kubectl-rev/v1",
    ),
    "of which the end is missing": (
        json.dumps(SNAPSHOT | {"complete": False}),
        "a saved snapshot without its last line (complete: true): is the file complete?",
    ),
    "with other objects": (json.dumps(SNAPSHOT) + json.dumps(SHOP), COMBINED),
    "twice": (json.dumps(SNAPSHOT) * 2, COMBINED),
    "with a gap of another shape": (
        json.dumps(SNAPSHOT | {"gaps": [{}]}), "gaps[0]: object missing required field verb",
    ),
    "with versions that are numbers": (
        json.dumps(SNAPSHOT | {"versions": {"a": 1}}), "versions[...]: expected str, got int",
    ),
    "with a broken istiod": (
        json.dumps(SNAPSHOT | {"istiods": [WEB | {"spec": 1}]}), "Pod shop/web: spec: expected object | null, got int",
    ),
    "with a broken item": (
        json.dumps(SNAPSHOT | {"items": [WEB | {"count": "x"}]}), "Pod shop/web: count: expected int, got str",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_SNAPSHOTS.values(), ids=BAD_SNAPSHOTS.keys())
def test_bad_snapshots(text: str, message: str) -> None:
    assert refusal(text) == message


def test_saving_to_where_one_cannot(tmp_path: Path) -> None:
    for path, why in (
        (str(tmp_path), "is a directory"),
        (str(tmp_path / "no" / "x.yaml"), "no such file or directory"),
    ):
        with pytest.raises(UsageError) as caught:
            snapshot_file.save(CALM, path)
        assert str(caught.value) == f"cannot write {path}: {why}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_saving_replaces_a_file_but_not_through_a_link_and_writes_into_devices(tmp_path: Path, mode: int) -> None:
    target, link = tmp_path / "target.yaml", tmp_path / "link.yaml"
    target.write_text("old")
    target.chmod(mode)
    link.symlink_to(target)
    with pytest.raises(UsageError, match="it is a link"):
        snapshot_file.save(CALM, str(link))
    assert target.read_text() == "old"
    snapshot_file.save(CALM, str(target))
    assert snapshot_file.load(str(target), NO_STDIN) == lean(CALM)
    assert target.stat().st_mode & 0o777 == mode
    snapshot_file.save(CALM, str(tmp_path / "new.yaml"))
    assert (tmp_path / "new.yaml").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"target.yaml", "link.yaml", "new.yaml"}
    snapshot_file.save(CALM, "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_saving_to_standard_output() -> None:
    out = io.BytesIO()
    snapshot_file.save(CALM, "-", out)
    assert read(out.getvalue()) == lean(CALM)


NAMES: dict[str, list[Name] | None] = {
    "namespace/shop": [Name("namespace", "shop", None)],
    "\n\n# moved last\nnamespace/shop\nnamespace/cart\n": [
        Name("namespace", "shop", None),
        Name("namespace", "cart", None),
    ],
    "deployment.apps/web -n shop": [Name("deployment.apps", "web", "shop")],
    "  pod/web-1   -n  shop  ": [Name("pod", "web-1", "shop")],
    "gateway.gateway.networking.k8s.io/edge -n x": [Name("gateway.gateway.networking.k8s.io", "edge", "x")],
    "": None,
    "\n#\n": None,
    "apiVersion: v1\nkind: List": None,
    '{"kind": "List"}': None,
    "---\nnamespace/shop": None,
    "- namespace/shop": None,
    "namespace/": None,
    "namespace/a/b": None,
    "deployment.apps/web -n": None,
    "http://x/y": None,
}


@pytest.mark.parametrize(("text", "found"), NAMES.items(), ids=[repr(each) for each in NAMES])
def test_names(text: str, found: list[Name] | None) -> None:
    assert names(text) == found


def test_a_list_of_names_that_breaks_off() -> None:
    with pytest.raises(UsageError) as caught:
        names("namespace/shop\n\nnamespace: cart\n")
    assert str(caught.value) == "line 3 of the list is no name: want namespace/NAME or TYPE.GROUP/NAME -n NAMESPACE"


FILES: dict[Path, Callable[[], bytes]] = {stories.EXAMPLE: stories.example} | {
    stories.WORLDS / story / "cluster.yaml": partial(stories.story, story) for story in stories.STORIES
}


@pytest.mark.parametrize(("path", "made"), FILES.items(), ids=[path.parent.name for path in FILES])
def test_the_worlds_on_disk_are_the_stories(path: Path, made: Callable[[], bytes]) -> None:
    assert path.read_bytes() == made(), "run python -m tests.stories"


CODES = {
    "calm": [],
    "both-labels": ["REV203", "REV201", "REV201", "REV201", "REV201", "REV205"],
    "ghost-and-orphaned-tag": ["REV101", "REV102", "REV104", "REV114", "REV203", "REV209"],
    "no-default": ["REV109", "REV501"],
    "old-validator": ["REV101", "REV104", "REV114", "REV209", "REV501", "REV202"],
    "argo-and-openshift": ["REV202", "REV202"],
    "conditions": ["REV203", "REV108"],
}


@pytest.mark.parametrize("story", stories.STORIES)
def test_what_the_stories_are_about(story: str) -> None:
    found = snapshot_file.load(str(stories.WORLDS / story / "cluster.yaml"), NO_STDIN)
    assert [finding.code for finding in answers.overview(Survey(found), MESH_CHECKS).findings] == CODES[story]
    assert "not-kept" not in str(found)


def test_the_example_is_small_and_has_no_gaps() -> None:
    found = snapshot_file.load(str(stories.EXAMPLE), NO_STDIN)
    assert stories.EXAMPLE.stat().st_size < 60_000
    assert (found.gaps, len(found.namespaces), sorted(set(found.versions.values()))) == ([], 13, ["1.30.3", "1.31.0"])
    assert {type(each) for each in found.gateways} == {Gateway}
    assert all(
        isinstance(each, WebhookConfiguration) and isinstance(each.webhooks[0], Webhook) for each in found.injectors
    )
    assert {each.kind for each in found.workloads} == {
        "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob",
    }  # fmt: skip
    assert all(isinstance(each, WorkloadObject) for each in found.workloads)
    assert owned_by("ReplicaSet", "x")[0].controller
