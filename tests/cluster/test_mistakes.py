"""Mistakes made on a real cluster: the command that rev-status prints is run as it stands, and the mistake is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster


class Mistake(NamedTuple):
    """`made` are shell lines after which `asked` reports `code` about `about`, and says that `mends` helps.

    `control` is true where they change Istio itself, and not only what is in the namespace.
    """

    code: str
    about: str
    made: str
    mends: str
    asked: str = "kubectl rev-status"
    control: bool = False


LABEL = "kubectl label namespace shop"
DEPLOYED = """
kubectl create deployment web --image=nginx -n shop
kubectl rollout status deployment/web -n shop --timeout=60s
"""
GONE = """[
  {"op": "replace", "path": "/metadata/labels/istio.io~1rev", "value": "gone"},
  {"op": "replace", "path": "/webhooks/0/clientConfig/service/name", "value": "istiod-gone"},
  {"op": "replace", "path": "/webhooks/1/clientConfig/service/name", "value": "istiod-gone"}
]"""
VALIDATOR = """[
  {"op": "replace", "path": "/metadata/labels/istio.io~1rev", "value": "canary"},
  {"op": "replace", "path": "/webhooks/0/clientConfig/service/name", "value": "istiod-canary"}
]"""
SERVICE_ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: out, namespace: shop, labels: {istio.io/rev: prod}}
spec: {hosts: [out.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
"""
MISTAKES = {
    "the old label left": Mistake(
        "REV201", "shop", f"{LABEL} istio-injection=enabled istio.io/rev=canary", f"{LABEL} istio-injection-"
    ),
    "switched off, and a revision": Mistake(
        "REV201", "shop", f"{LABEL} istio-injection=disabled istio.io/rev=canary", f"{LABEL} istio.io/rev-"
    ),
    "a revision typed wrong": Mistake(
        "REV104", "shop", f"{LABEL} istio.io/rev=canry", f"{LABEL} istio.io/rev=canary --overwrite"
    ),
    "a value typed wrong": Mistake(
        "REV211", "shop", f"{LABEL} istio-injection=true", f"{LABEL} istio-injection=enabled --overwrite"
    ),
    "a key typed wrong": Mistake(
        "REV212", "shop", f"{LABEL} istio.io/revision=canary",
        f"{LABEL} istio.io/revision- istio.io/rev=canary --overwrite",
    ),
    "a pod's label on a namespace": Mistake(
        "REV212", "shop", f"{LABEL} sidecar.istio.io/inject=true",
        f"{LABEL} sidecar.istio.io/inject- istio-injection=enabled --overwrite",
    ),
    "ambient and injected": Mistake(
        "REV208", "shop", f"{LABEL} istio.io/rev=canary istio.io/dataplane-mode=ambient",
        f"{LABEL} istio.io/dataplane-mode-",
    ),
    "relabelled, not restarted": Mistake(
        "REV202", "web", f"{LABEL} istio-injection=enabled\n{DEPLOYED}{LABEL} istio-injection- istio.io/rev=canary",
        "kubectl rollout restart deployment/web -n shop",
    ),
    "the label taken off": Mistake(
        "REV203", "web", f"{LABEL} istio.io/rev=canary\n{DEPLOYED}{LABEL} istio.io/rev-",
        f"{LABEL} istio.io/rev=canary --overwrite",
    ),
    "a template's label typed wrong": Mistake(
        "REV104", "web", f"""{DEPLOYED}kubectl patch deployment/web -n shop --type=merge -p \\
            '{{"spec":{{"template":{{"metadata":{{"labels":{{"istio.io/rev":"canry"}}}}}}}}}}'""",
        "kubectl patch deployment/web -n shop --type=merge -p "
        """'{"spec":{"template":{"metadata":{"labels":{"istio.io/rev":"canary"}}}}}'""",
    ),
    "a tag to nowhere": Mistake(
        "REV102", "prod",
        "istioctl tag set prod --revision canary\nkubectl delete service -n istio-system -l istio.io/tag=prod\n"
        f"kubectl patch mutatingwebhookconfiguration istio-revision-tag-prod --type=json -p '{GONE}'",
        "kubectl rev-migrate --tag prod --to default",
        control=True,
    ),
    "nobody holds the default": Mistake(
        "REV109", "shop", f"istioctl tag remove default -y\n{LABEL} istio-injection=enabled",
        "istioctl tag set default --revision default --overwrite",
        control=True,
    ),
    "one injects, the other validates": Mistake(
        "REV105", "default",
        f"kubectl patch validatingwebhookconfiguration istiod-default-validator --type=json -p '{VALIDATOR}'",
        "istioctl tag set default --revision default --overwrite",
        control=True,
    ),
    "scaled to zero": Mistake(
        "REV103", "canary", "kubectl scale deployment/istiod-canary -n istio-system --replicas=0",
        "kubectl scale deployment/istiod-canary -n istio-system --replicas=1",
        control=True,
    ),
    "config labelled with a tag": Mistake(
        "REV229", "out",
        f"istioctl tag set prod --revision canary\nkubectl apply -f - <<'END'{SERVICE_ENTRY}END",
        "kubectl label serviceentries.networking.istio.io out -n shop istio.io/rev-",
        "kubectl rev-verify",
        control=True,
    ),
}  # fmt: skip


def found(cluster: Cluster, mistake: Mistake) -> list[dict[str, Any]]:
    """The findings of the mistake's code about its subject."""
    done = cluster.run(*mistake.asked.split(), "-o", "json", check=False)
    assert done.stdout, done.stderr
    findings = json.loads(done.stdout)["findings"]
    return [each for each in findings if (each["code"], each["subject"]["name"]) == (mistake.code, mistake.about)]


def shell(cluster: Cluster, script: str) -> None:
    done = cluster.run("bash", "-ec", script, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def calm(cluster: Cluster) -> Iterator[Cluster]:
    cluster.reset("istioctl")
    yield cluster
    cluster.reset("istioctl")


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_the_printed_command_mends_it(calm: Cluster, mistake: Mistake) -> None:
    calm.kubectl("create", "namespace", "shop")
    try:
        assert not found(calm, mistake)
        shell(calm, mistake.made)
        calm.wait_until("the mistake to be seen", lambda: bool(found(calm, mistake)))
        (finding,) = found(calm, mistake)
        assert finding["hint"] == mistake.mends
        yes = " --yes" if "rev-migrate" in mistake.mends else ""
        shell(calm, finding["hint"] + yes)
        calm.wait_until("the mistake to be gone", lambda: not found(calm, mistake))
    finally:
        if mistake.control:
            calm.reset("istioctl")
        else:
            calm.kubectl("delete", "namespace", "shop", "--wait", "--timeout=60s")


def test_two_injectors_for_the_default(calm: Cluster) -> None:
    """Helm's unrevisioned injector, and somebody applied a tag default beside it."""
    calm.reset("helm")
    calm.kubectl("create", "namespace", "shop")
    calm.kubectl("label", "namespace", "shop", "istio-injection=enabled")
    mistake = Mistake("REV106", "shop", "", "istioctl tag set default --revision canary --overwrite")
    shell(calm, "istioctl tag generate default --revision canary --overwrite | kubectl apply -f -")
    calm.wait_until("both to be seen", lambda: bool(found(calm, mistake)))
    (finding,) = found(calm, mistake)
    assert finding["hint"] == mistake.mends
    shell(calm, finding["hint"])
    calm.wait_until("one to be left", lambda: not found(calm, mistake))
