"""Is an object already as a patch would make it?"""

import pytest

from kubectl_rev.core.mesh.objects import Metadata
from kubectl_rev.core.migration import patches
from kubectl_rev.core.migration.patch_targets import PatchTarget
from kubectl_rev.core.writes import Op, Step, holds


@pytest.mark.parametrize(
    ("value", "is_so"), [("istiod", True), ("istiod-canary", False)], ids=["as the patch makes it", "otherwise"]
)
def test_a_patch_is_recognized_in_a_list(value, is_so):
    ops = (Op("test", "/webhooks/0/name", "v"), Op("add", "/webhooks/0/clientConfig/service/name", "istiod"))
    step = Step(action="patch", resource="x", name="x", operations=ops, says="")
    assert holds(step, {"webhooks": [{"name": "v", "clientConfig": {"service": {"name": value}}}]}) is is_so
    assert not holds(step, {"webhooks": []})


def namespace(**given):
    metadata = Metadata(name="shop", uid="u", labels={key.replace("_", "-"): value for key, value in given.items()})
    return PatchTarget(kind="Namespace", metadata=metadata)


def changes(step):
    return [(op.op, op.path.rpartition("/")[2]) for op in step.operations if op.op != "test"]


def test_a_label_that_is_right_is_not_written_again():
    both = namespace(istio_injection="enabled")
    both.metadata.labels["istio.io/rev"] = "canary"
    assert changes(patches.relabel(both, {"istio.io/rev": "canary"}, note=False)) == [("remove", "istio-injection")]
    assert changes(patches.relabel(both, {"istio.io/rev": "next"}, note=False)) == [
        ("remove", "istio-injection"),
        ("add", "istio.io~1rev"),
    ]


@pytest.mark.parametrize(
    ("kind", "resource", "version"),
    [
        ("Deployment", "deployments.apps", "v1"),
        ("StatefulSet", "statefulsets.apps", "v1"),
        ("DaemonSet", "daemonsets.apps", "v1"),
        ("Rollout", "rollouts.argoproj.io", "v1alpha1"),
    ],
)
def test_a_restart_is_a_patch_of_the_kinds_own_resource(kind, resource, version):
    original = PatchTarget(kind=kind, metadata=Metadata(name="web", namespace="shop", uid="u"))
    step = patches.restart(original, "now")
    assert (step.resource, step.version, step.namespace, step.name) == (resource, version, "shop", "web")
    assert (patches.relabel(namespace(), {}, note=False).resource, step.action) == ("namespaces", "patch")
