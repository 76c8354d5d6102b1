"""A revision that Sail owns, on a real API server that serves Sail's kinds, without its operator: live and in dumps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster

GROUP = "sailoperator.io"
KINDS = ("Istio", "IstioRevision", "IstioRevisionTag")
IN_USE = {"type": "InUse", "status": "True", "reason": "ReferencedByWorkloads", "message": "2 namespaces"}
DUMPED = (
    "namespaces,pods,deployments,replicasets,services,mutatingwebhookconfigurations,validatingwebhookconfigurations"
)


def definition(kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def sail(cluster: Cluster) -> Iterator[Cluster]:
    """Revision canary is an IstioRevision's, which Sail counts in use."""
    cluster.reset("istioctl")
    names = [f"customresourcedefinition/{definition(kind)['metadata']['name']}" for kind in KINDS]
    for kind in KINDS:
        cluster.kubectl("apply", "-f", "-", input=json.dumps(definition(kind)))
    cluster.kubectl("wait", "--for=condition=Established", *names)
    revision = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "IstioRevision",
        "metadata": {"name": "canary"},
        "spec": {"version": "v1.31.0", "namespace": "istio-system"},
        "status": {"conditions": [IN_USE]},
    }
    cluster.wait_until("the kind to be served", lambda: created(cluster, revision))
    uid = json.loads(cluster.kubectl("get", "istiorevision", "canary", "-o", "json"))["metadata"]["uid"]
    owner = {"apiVersion": f"{GROUP}/v1", "kind": "IstioRevision", "name": "canary", "uid": uid}
    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    cluster.kubectl("patch", "deployment", "istiod-canary", "-n", "istio-system", "--type=merge", "-p", patch)
    yield cluster
    # Before its owner goes, or the garbage collector takes it along.
    patch = json.dumps({"metadata": {"ownerReferences": None}})
    cluster.kubectl("patch", "deployment", "istiod-canary", "-n", "istio-system", "--type=merge", "-p", patch)
    cluster.kubectl("delete", *names)
    cluster.reset("istioctl")


def created(cluster: Cluster, each: dict[str, Any]) -> bool:
    return cluster.run("kubectl", "apply", "-f", "-", input=json.dumps(each), check=False).returncode == 0


def sails_part(cluster: Cluster, *arguments: str) -> tuple[str, str, list[str]]:
    """The method, the status of REV316, and Sail's gaps."""
    done = cluster.run("kubectl", "rev-verify", "--uninstall", "canary", "-o", "json", *arguments, check=False)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    status = {check["code"]: check["status"] for check in said["checks"]}["REV316"]
    return said["method"], status, [gap["resource"] for gap in said["gaps"] if GROUP in gap["resource"]]


def test_live(sail: Cluster) -> None:
    assert sails_part(sail) == ("sail", "error", [])


@pytest.mark.parametrize("saving", [("rev-status",), ("rev-verify",)])
def test_saved(sail: Cluster, tmp_path: Path, saving: tuple[str, ...]) -> None:
    path = tmp_path / "mesh.yaml"
    sail.run("kubectl", *saving, "--save", str(path), check=False)
    assert sails_part(sail, "-f", str(path)) == ("sail", "error", [])


def test_dumped_by_kubectl(sail: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "dump.yaml"
    path.write_text(sail.kubectl("get", DUMPED, "-A", "-o", "yaml"))
    assert sails_part(sail, "-f", str(path)) == ("sail", "unknown", [f"istiorevisions.{GROUP}"])
    path.write_text(sail.kubectl("get", f"{DUMPED},istiorevisions", "-A", "-o", "yaml"))
    assert sails_part(sail, "-f", str(path)) == ("sail", "error", [])
