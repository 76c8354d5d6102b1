"""Installs and removes Istio revisions, in the two ways that leave different objects behind.

istioctl    what `istioctl install` leaves: the operator's labels, a default tag, and an unrevisioned injector that
            the tag has replaced and that matches nothing.
helm        what `helm install` of the charts base and istiod leaves: no tag, the unrevisioned injector live, the
            base chart's default validator, Helm's ownership annotations, nothing for istioctl to uninstall.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tests.testcluster import places, versions
from tests.testcluster.errors import ClusterError

if TYPE_CHECKING:
    from tests.testcluster.cluster import Cluster

BASE = "istio-base"  # the release of the chart base
_HUB = "docker.io/istio"


def install(
    cluster: "Cluster",
    revision: str,
    version: str,
    layout: str,
    namespace: str = "istio-system",
    sets: Iterable[str] = (),
    gateway: bool = False,
) -> None:
    """Install one revision. `version` must be one of the builds there are; `sets` are settings of istioctl's API."""
    if version not in versions.ISTIO_VERSIONS:
        raise ClusterError(f"there is no istiod {version}; there are {', '.join(versions.ISTIO_VERSIONS)}")
    named = [] if revision == "default" else [f"revision={revision}"]
    if layout == "helm":
        if gateway:
            raise ClusterError("a gateway is a release of its own: see chart()")
        _helm_install(cluster, revision, version, namespace, [*named, *(item.removeprefix("values.") for item in sets)])
        return
    settings = ["profile=minimal", f"hub={_HUB}", f"tag={version}", *named, *sets]
    if namespace != "istio-system":
        settings.append(f"values.global.istioNamespace={namespace}")
    if gateway:
        settings += [
            "components.ingressGateways[0].name=istio-ingressgateway",
            "components.ingressGateways[0].enabled=true",
        ]
    cluster.istioctl("install", "--skip-confirmation", f"--istioNamespace={namespace}", *_flags(settings))


def _flags(settings: Iterable[str]) -> Iterator[str]:
    return (f"--set={setting}" for setting in settings)


def _helm_install(cluster: "Cluster", revision: str, version: str, namespace: str, values: list[str]) -> None:
    where = [] if namespace == "istio-system" else [f"global.istioNamespace={namespace}"]
    if not cluster.kubectl("get", "crd", "virtualservices.networking.istio.io", "--ignore-not-found"):
        chart(cluster, BASE, "base", namespace, where)
    values = [f"global.hub={_HUB}", f"global.tag={version}", *where, *values]
    chart(cluster, release(revision), "istio-control/istio-discovery", namespace, values)


def chart(cluster: "Cluster", name: str, path: str, namespace: str, values: Iterable[str] = ()) -> None:
    """Install one of Istio's charts, or that of an absolute path, as a release, or upgrade it to just these values."""
    source = str(places.charts() / path)
    cluster.run("helm", "upgrade", "--install", name, source, "-n", namespace, "--create-namespace", *_flags(values))


def release(revision: str) -> str:
    """What the release of a revision's istiod is called here."""
    return "istiod" if revision == "default" else f"istiod-{revision}"


def uninstall(cluster: "Cluster", revision: str, namespace: str) -> str:
    """Remove one revision with what it was installed with, and say with what: helm or istioctl."""
    if cluster.run("helm", "status", release(revision), "-n", namespace, check=False).returncode == 0:
        cluster.run("helm", "uninstall", release(revision), "-n", namespace)
        return "helm"
    # `uninstall` finds the namespace in the settings, not in --istioNamespace.
    setting = f"--set=values.global.istioNamespace={namespace}"
    done = cluster.run("istioctl", "uninstall", f"--revision={revision}", setting, "--skip-confirmation")
    if "No resources will be pruned" in done.stdout + done.stderr:
        raise ClusterError(f"istioctl found nothing of revision {revision} in {namespace}")
    return "istioctl"
