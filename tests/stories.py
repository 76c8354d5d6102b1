"""The worlds on disk, each a story: `python -m tests.stories` writes them anew, a test fails when one differs.

`half-migrated` is shipped as the example, in the format of `--save`; the others are dumps as kubectl writes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.objects import Object, Pod, WorkloadObject
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.dumps.yaml_writer import write_yaml
from tests.build import (
    ISTIO,
    borrowing,
    control_plane,
    cron_job,
    daemon_set,
    deployment,
    deployment_config,
    gateway,
    injector,
    job,
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

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "kubectl_rev" / "examples" / "half-migrated.yaml"
WORLDS = ROOT / "tests" / "worlds"
Parts = list[Any]
_DEPLOYED, _MOVED, _READ = "2026-03-02T08:15:00Z", "2026-11-20T21:40:00Z", "2026-11-23T09:12:00Z"


def calm() -> Parts:
    """One control plane by Helm, all its pods where they belong."""
    return [
        control_plane(),
        validator(),
        _namespaces("shop=injection=enabled", "blog=injection=enabled", "batch=", "istio-system="),
        running(deployment("web"), "default", "default"),
        running(stateful_set("db"), "default"),
        running(deployment("blog", "blog"), "default"),
        cron_job("report", "batch"),
        running(deployment("worker", "batch"), None),
    ]


def both_labels() -> Parts:
    """Namespaces with both labels, in every way that goes wrong."""
    return [
        control_plane(),
        control_plane("canary", version="1.31.0"),
        validator(),
        _namespaces(
            "enabled=injection=enabled rev=canary",
            "disabled=injection=disabled rev=canary",
            "yes=injection=true rev=canary",
            "ghostly=injection=enabled rev=1-6-5",
            "istio-system=",
        ),
        running(deployment("web", "enabled"), "default"),
        running(deployment("web", "disabled"), "canary"),
        running(deployment("web", "yes"), None),
        running(deployment("web", "ghostly", "rev=canary"), "default"),
    ]


def ghost_and_orphaned_tag() -> Parts:
    """After `istioctl uninstall --revision 1-29`: its tag stayed, a namespace that named it directly too."""
    return [
        control_plane(deactivated=True),
        injector(tag="default"),
        validator(tag="default"),
        injector("1-29", tag="stable"),
        service("1-29", tag="stable"),
        _namespaces("direct=rev=1-29", "tagged=rev=stable", "fine=injection=enabled", "istio-system="),
        running(deployment("web", "direct"), "1-29"),
        running(stateful_set("db", "tagged"), "1-29"),
        running(deployment("web", "fine"), "default"),
    ]


def no_default() -> Parts:
    """A revision-only installation, as Helm's documents suggest: nobody answers to istio-injection=enabled."""
    return [
        control_plane("1-31", version="1.31.0"),
        validator(),  # the base chart's, which points at a revision that is not there
        _namespaces("shop=injection=enabled", "moved=rev=1-31", "podwise=", "istio-system="),
        running(deployment("web"), None),
        running(deployment("web", "moved"), "1-31"),
        running(deployment("api", "podwise", "inject=true"), None),
        running(deployment("ui", "podwise", "rev=1-31"), "1-31"),
    ]


def conditions() -> Parts:
    """An injector that is not called for Jobs and one team, and a tag's that asks who creates a pod."""
    expressions = [
        "!has(object.metadata.labels) || !('job-name' in object.metadata.labels)",
        "object.metadata.?labels.team.orValue('') != 'payments'",
    ]
    return [
        control_plane(),
        validator(),
        [part for part in control_plane("canary", version="1.31.0") if part.name != "istio-sidecar-injector-canary"],
        injector("canary", match_conditions=expressions),
        injector("canary", tag="prod", match_conditions=["request.userInfo.username != 'system:admin'"]),
        _namespaces("shop=rev=canary", "blog=rev=prod", "calm=injection=enabled", "istio-system="),
        running(deployment("web"), "canary"),
        running(deployment("pay", "shop", "team=payments"), "canary"),
        cron_job("report"),
        running(deployment("blog", "blog"), "canary"),
        running(deployment("web", "calm"), "default"),
    ]


def old_validator() -> Parts:
    """1.6 beside 1.8: one validator for all, calling Service istiod, which went with the old control plane (#28880)."""
    canary = [each for each in control_plane("canary", version="1.8.6", layout="1.6") if "validator" not in each.name]
    ingress = deployment("ingress", ISTIO, "inject=false", proxy=proxy_container("default", role="router"))
    return [
        canary,
        injector(layout="1.6"),
        validator(name="istiod-istio-system", labelled=None),
        _namespaces("shop=rev=canary", "legacy=injection=enabled", "late=rev=default", "istio-system="),
        running(deployment("web"), "canary", "default", era="1.8"),
        running(deployment("web", "legacy"), "default", era="1.6"),
        running(deployment("web", "late"), None),
        running(ingress, None),
    ]


def argo_and_openshift() -> Parts:
    """Workloads that kubectl does not restart: in the middle of a move, and with labels in their templates."""
    lender = deployment("web", "shop", replicas=0)
    pinned_lender = deployment("quote", "pinned", "rev=default", replicas=0)
    rates = deployment_config("rates", "pinned", "rev=default")
    return [
        control_plane(),
        control_plane("canary", version="1.31.0"),
        validator(),
        _namespaces("shop=rev=canary", "pinned=", "istio-system="),
        lender,
        running(borrowing("web", lender, replicas=2), "default", "default", lender=lender),
        running(deployment_config("billing", "shop", replicas=1), "default"),
        pinned_lender,
        running(borrowing("quote", pinned_lender, replicas=1), "default", lender=pinned_lender),
        running(rates, "default"),
    ]


def half_migrated() -> Parts:
    """A mesh on its way from the unrevisioned 1.30.3 to revision canary, 1.31.0."""
    edge_named = "gateway.networking.k8s.io/gateway-name=edge gateway.networking.k8s.io/gateway-class-name=istio"
    edge = deployment(
        "edge-istio", "edge", f"{edge_named} inject=false", proxy=proxy_container("canary", role="router")
    )
    assert edge.template is not None
    edge.template.metadata.annotations = {well_known.REV: "canary"}
    ingress_note = {well_known.TEMPLATES: "gateway"}
    ingress = deployment("istio-ingressgateway", "ingress", "inject=true", annotations=ingress_note)
    egress = deployment("istio-egressgateway", ISTIO, "rev=default inject=false", proxy=proxy_container(role="router"))
    invoices = cron_job("invoices", "billing")
    return [
        control_plane(),
        control_plane("canary", version="1.31.0", ready=(True, True)),
        injector("canary", tag="prod"),
        service("canary", tag="prod"),
        validator(),
        _namespaces(
            "shop=rev=canary",
            "checkout=rev=prod",
            "catalog=injection=enabled",
            "billing=rev=canary",
            "both=injection=enabled rev=canary",
            "drifted=rev=canary",
            "ghost=rev=1-6-5",
            "ingress=rev=prod",
            "edge=rev=canary",
            "reviews=",
            "mesh-free=mode=ambient",
            "istio-system=",
            "kube-system=",
        ),
        running(deployment("web", "shop"), "default", "default", "canary"),
        running(deployment("cart", "shop"), "canary", "canary"),
        running(stateful_set("archive", "shop", replicas=0)),
        running(deployment("checkout", "checkout"), "canary", "canary", "canary"),
        running(deployment("payments", "checkout"), "canary"),
        running(deployment("catalog", "catalog"), "default", "default"),
        running(deployment("search", "catalog", "rev=canary"), "default"),
        invoices,
        running(job("invoices-29415600", "billing", owner=invoices), "canary"),
        running(deployment("ledger", "billing"), "canary", None),
        running(deployment("web", "both"), "default"),
        running(deployment("web", "drifted"), "canary"),
        running(stateful_set("db", "drifted"), "default", "default"),
        running(daemon_set("agent", "drifted"), "default"),
        running(deployment("web", "ghost"), "default"),
        running(ingress, "canary", "canary"),
        running(edge, None),
        gateway("edge", "edge"),
        running(egress, None),
        running(deployment("reviews-v2", "reviews", "rev=prod"), "canary"),
        pod("debug", "reviews", "inject=true", on="default"),
        running(deployment("notes", "mesh-free"), None),
        running(daemon_set("kube-proxy", "kube-system", host_network=True), None),
        running(deployment("coredns", "kube-system"), None, None),
    ]


def _namespaces(*texts: str) -> list[Object]:
    """`"shop=rev=canary"`: a name, and its labels after the first `=`."""
    found: list[Object] = []
    for text in texts:
        name, _, given = text.partition("=")
        made = ns(name, given)
        made.metadata.labels["kubernetes.io/metadata.name"] = name
        found.append(made)
    return found


STORIES: dict[str, Callable[[], Parts]] = {
    "calm": calm,
    "both-labels": both_labels,
    "ghost-and-orphaned-tag": ghost_and_orphaned_tag,
    "no-default": no_default,
    "old-validator": old_validator,
    "argo-and-openshift": argo_and_openshift,
    "conditions": conditions,
}


def real(parts: Parts) -> Snapshot:
    """The world of a story, its objects named and dated as in a cluster."""
    flat = [each for part in parts for each in ([part] if isinstance(part, Object) else part)]
    for each in flat:
        metadata = each.metadata
        metadata.creation_timestamp = _MOVED if _is_new(each) else _DEPLOYED
        for owner in metadata.owner_references:
            if owner.kind == "ReplicaSet":
                owner.name = _replica_set(metadata.namespace, owner.name)
        if isinstance(each, WorkloadObject) and each.kind == "ReplicaSet":
            metadata.name = _replica_set(metadata.namespace, metadata.name)
        if isinstance(each, Pod) and (controller := metadata.controller) and controller.kind != "StatefulSet":
            metadata.name = f"{controller.name}-{_hash(metadata.namespace + metadata.name, 5)}"
            if controller.kind == "ReplicaSet":
                metadata.labels["pod-template-hash"] = controller.name.rpartition("-")[2]
    return world(flat)


def _is_new(each: Object) -> bool:
    return "canary" in (each.labels.get(well_known.REV), each.metadata.annotations.get(well_known.REV))


def _replica_set(namespace: str, name: str) -> str:
    return f"{name.rpartition('-')[0]}-{_hash(namespace + name, 10)}"


def _hash(text: str, length: int) -> str:
    """Letters and digits as Kubernetes picks them (k8s.io/apimachinery/pkg/util/rand: no vowels)."""
    alphabet, number = "bcdfghjklmnpqrstvwxz2456789", int(hashlib.sha256(text.encode()).hexdigest(), 16)
    return "".join(alphabet[number // len(alphabet) ** n % len(alphabet)] for n in range(length))


def example() -> bytes:
    """The shipped dump: as a cluster is read, pods as metadata, istiods whole and asked for their versions."""
    found = real(half_migrated())
    found.pods = [metadata_only(each) if each.metadata.controller else each for each in found.pods]
    for each in found.istiods:
        found.versions[f"{each.namespace}/{each.name}"] = each.labels[well_known.VERSION_LABEL]
    found.taken = _READ
    return snapshot_file.encode(found, as_json=False)


def dump(parts: Parts) -> bytes:
    """A story as `kubectl get -A -o yaml` prints it, with things in it that nobody reads, and some that nobody may."""
    found = real(parts)
    items = msgspec.yaml.decode(snapshot_file.encode(found, as_json=False))["items"]
    for item in items:
        _as_kubectl_prints(item)
    secret = {"metadata": {"name": "cacerts", "namespace": ISTIO}, "data": {"key.pem": "bm90IGEgcmVhbCBzZWNyZXQ="}}
    items.append({"apiVersion": "v1", "kind": "Secret", **secret})
    return write_yaml({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})


def _as_kubectl_prints(item: dict[str, Any]) -> None:
    metadata = item["metadata"]
    metadata["uid"] = _hash(f"{item['kind']} {metadata.get('namespace')} {metadata['name']}", 32)
    metadata["resourceVersion"] = str(4000 + len(metadata["name"]))
    if item["kind"] == "Pod":
        secret = {"name": "app", "image": "registry.example/app:1", "env": [{"name": "PASSWORD", "value": "not-kept"}]}
        item["spec"].setdefault("containers", []).insert(0, secret)
        item["status"]["podIP"] = "10.244.0.7"


def story(name: str) -> bytes:
    """The dump of one story."""
    return dump(STORIES[name]())


if __name__ == "__main__":
    EXAMPLE.parent.mkdir(exist_ok=True)
    EXAMPLE.write_bytes(example())
    for name in STORIES:
        path = WORLDS / name / "cluster.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(story(name))
