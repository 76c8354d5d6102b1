"""What says that proxies outside of the cluster use its istiods: VMs' resources, and VirtualServices that show them."""

from __future__ import annotations

import sys
from pathlib import Path

from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.verification.evidence import REMOTE_CLUSTERS, VMS, of_dump
from kubectl_rev.dumps import snapshot_file
from tests import stories

OUTSIDE = """
apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: WorkloadEntry
  metadata: {name: vm-1, namespace: shop}
  spec: {address: 10.9.0.7}
- apiVersion: networking.istio.io/v1beta1
  kind: WorkloadGroup
  metadata: {name: vms, namespace: shop}
- apiVersion: networking.istio.io/v1alpha3
  kind: VirtualService
  metadata: {name: istiod-vs, namespace: mesh}
  spec:
    gateways: [istiod-gateway]
    tls: [{route: [{destination: {host: istiod.istio-system.svc.cluster.local}}]}]
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: istiod, namespace: istio-system}
  spec: {tcp: [{route: [{destination: {host: istiod}}]}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: web, namespace: shop}
  spec: {http: [{route: [{destination: {host: istiod}}, {destination: {host: web.shop.svc}}]}]}
"""
BY_DUMP = "a dump says nothing about proxies outside the cluster"
SHOWN = "VirtualService istiod-vs shows istiod.istio-system.svc.cluster.local to"


def reasons(snapshot: Snapshot, kind: str) -> list[str]:
    return sorted(gap.reason for gap in of_dump(snapshot).gaps if gap.resource == kind)


def test_what_a_dump_has_of_the_outside_is_named_and_saved(tmp_path: Path) -> None:
    texts = {"mesh.yaml": stories.story("calm").decode(), "outside.yaml": OUTSIDE}
    snapshot = snapshot_file.parse(texts)
    snapshot_file.save(snapshot, str(tmp_path / "saved.yaml"))
    for found in (snapshot, snapshot_file.load(str(tmp_path / "saved.yaml"), sys.stdin.buffer)):
        assert [one.name for one in found.outside] == ["vm-1", "vms", "istiod-vs", "istiod"]
        assert reasons(found, VMS) == [
            "VirtualService istiod shows istiod to the outside: a VM's proxy may use it",
            f"{SHOWN} the outside through Gateway istiod-gateway: a VM's proxy may use it",
            "WorkloadEntry vm-1: a proxy outside the cluster may use it",
            "WorkloadGroup vms: a proxy outside the cluster may use it",
            BY_DUMP,
        ]
        assert f"{SHOWN} other clusters: only this one was checked" in reasons(found, REMOTE_CLUSTERS)


def test_without_evidence_a_dump_says_no_less() -> None:
    assert reasons(snapshot_file.parse({"mesh.yaml": stories.story("calm").decode()}), VMS) == [BY_DUMP]
