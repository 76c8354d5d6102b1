"""Installs and removes Istio revisions, in the two ways that leave different objects behind.

istioctl    what `istioctl install` leaves: the operator's labels, a default tag, and an unrevisioned injector that
            the tag has replaced and that matches nothing.
helm        what `helm install` of the charts base and istiod leaves: no tag, the unrevisioned injector live, the
            base chart's default validator, Helm's ownership annotations, nothing for istioctl to uninstall.
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tests.testcluster import versions
from tests.testcluster.api import Object
from tests.testcluster.errors import ClusterError

if TYPE_CHECKING:
    from tests.testcluster.cluster import Cluster

_BASE = ("istiod-default-validator", "istio-reader-service-account")  # with the CRDs, what the chart base makes
_CHART_KINDS = (
    "deployments,services,serviceaccounts,configmaps,horizontalpodautoscalers,poddisruptionbudgets,roles,rolebindings,"
    "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations"
)


def install(
    cluster: "Cluster",
    revision: str,
    version: str,
    layout: str,
    namespace: str = "istio-system",
    sets: Iterable[str] = (),
    gateway: bool = False,
) -> None:
    """Install one revision. `version` must be one of the builds there are."""
    if version not in versions.ISTIO_VERSIONS:
        raise ClusterError(f"there is no istiod {version}; there are {', '.join(versions.ISTIO_VERSIONS)}")
    settings = ["profile=minimal", "hub=docker.io/istio", f"tag={version}", *sets]
    if revision != "default":
        settings.append(f"revision={revision}")
    if namespace != "istio-system":
        settings.append(f"values.global.istioNamespace={namespace}")
    if gateway:
        settings += [
            "components.ingressGateways[0].name=istio-ingressgateway",
            "components.ingressGateways[0].enabled=true",
        ]
    if layout == "istioctl":
        cluster.istioctl("install", "--skip-confirmation", f"--istioNamespace={namespace}", *_flags(settings))
    else:
        _helm_install(cluster, revision, namespace, settings)


def _flags(settings: Iterable[str]) -> Iterator[str]:
    return (f"--set={setting}" for setting in settings)


def _helm_install(cluster: "Cluster", revision: str, namespace: str, settings: list[str]) -> None:
    has_base = bool(cluster.kubectl("get", "crd", "virtualservices.networking.istio.io", "--ignore-not-found"))
    settings = [*settings, "values.defaultRevision=default"]  # the base chart's own default, which istioctl unsets
    manifest = cluster.istioctl("manifest", "generate", f"--istioNamespace={namespace}", *_flags(settings))
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    for item in _parse(cluster, manifest):
        base = item["kind"] == "CustomResourceDefinition" or item["metadata"]["name"] in _BASE
        if not (base and has_base):
            objects.append(_owned_by_helm(item, "istio-base" if base else _release(revision), namespace))
    cluster.apply(*objects)


def _parse(cluster: "Cluster", manifest: str) -> Iterator[Object]:
    """Read YAML with kubectl, since this package has only the standard library."""
    shown = cluster.kubectl("annotate", "--local", "-f", "-", "-o", "json", "kubectl-rev.test/parsed-", input=manifest)
    decoder, position = json.JSONDecoder(), 0
    while position < len(shown):
        item, position = decoder.raw_decode(shown, position)
        yield item
        while shown[position : position + 1].isspace():
            position += 1


def _owned_by_helm(item: Object, release: str, namespace: str) -> Object:
    """What Helm adds to what a chart renders, and the release's name, which `manifest generate` calls istio."""
    meta = item["metadata"]
    labels = meta.get("labels") or {}
    named = {name: release for name in ("release", "app.kubernetes.io/instance") if name in labels}
    owner = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    meta["labels"] = {**labels, **named, "app.kubernetes.io/managed-by": "Helm"}
    meta["annotations"] = {**(meta.get("annotations") or {}), **owner}
    return item


def _release(revision: str) -> str:
    return "istiod" if revision == "default" else f"istiod-{revision}"


def uninstall(cluster: "Cluster", revision: str, namespace: str) -> None:
    """Remove one revision with what it was installed with."""
    release = _owned(cluster, _release(revision), namespace)
    if release:
        bundle = {"apiVersion": "v1", "kind": "List", "items": release}
        cluster.kubectl("delete", "-f", "-", input=json.dumps(bundle))
        return
    # `uninstall` finds the namespace in the settings, not in --istioNamespace.
    setting = f"--set=values.global.istioNamespace={namespace}"
    done = cluster.run("istioctl", "uninstall", f"--revision={revision}", setting, "--skip-confirmation")
    if "No resources will be pruned" in done.stdout + done.stderr:
        raise ClusterError(f"istioctl found nothing of revision {revision} in {namespace}")


def _owned(cluster: "Cluster", release: str, namespace: str) -> list[Object]:
    """The objects of a Helm release."""
    owner = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    found = cluster.items(_CHART_KINDS, "-A", "-l", "app.kubernetes.io/managed-by=Helm")
    return [item for item in found if owner.items() <= (item["metadata"].get("annotations") or {}).items()]
