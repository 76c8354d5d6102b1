"""`-l` means what it means to kubectl: the same namespaces, and the same selectors refused, by the real API server."""

import pytest

from kubectl_rev.core.mesh.selectors import parse

pytestmark = pytest.mark.cluster
LABELS = ({}, {"x": ""}, {"x": "a"}, {"x": "1"}, {"x": "007"}, {"x": "12", "y": "b"}, {"y": "x1"})
SELECTORS = (
    "x in ()", "x notin ()", "x in (,)", "x in (a,,1)", "x in (a,,)", "x in (a b)", "x in (a", "x in a", "in in (in)",
    "x>1", "x > 6,x<8", "x<100", "x>-1", "x>=1", "x>a", "x>", "x>9223372036854775807", "x>9223372036854775808", "y>0",
    "x", "!x", "! x", "!!x", "x=", "x==a", "x!=a", "x!=", "x=a,y", "x=,y", "x,", ",", "", "x=!a", "!x=a", "x a",
    "x notin (a,1),y", "x in (in,notin)", "x\t=\na", "x/y/z", "x=a/b",
)  # fmt: skip


@pytest.fixture(scope="module")
def labelled(cluster):
    names = [f"selected-{number}" for number in range(len(LABELS))]
    for name, given in zip(names, LABELS, strict=True):
        metadata = {"name": name, "labels": given | {"of": "selectors"}}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield cluster
    cluster.kubectl("delete", "namespace", *names, "--wait=false")


@pytest.mark.parametrize("text", SELECTORS, ids=repr)
def test_a_selector_selects_what_kubectl_does(labelled, text):
    both = f"{text},of=selectors" if text else "of=selectors"
    server = labelled.run("kubectl", "get", "namespaces", "-l", both, "-o", "name", check=False)
    if server.returncode:
        with pytest.raises(ValueError, match="is no label selector"):
            parse(both)
        return
    ours = parse(both)
    chosen = [n for n, given in enumerate(LABELS) if ours.matches(given | {"of": "selectors"})]
    assert server.stdout.split() == [f"namespace/selected-{n}" for n in chosen]
