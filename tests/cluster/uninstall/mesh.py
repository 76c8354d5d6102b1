"""What a scenario may do to the cluster before the question is asked: namespaces, workloads, tags, configuration."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.cluster import migrating
from tests.testcluster import ISTIO_CANARY, Cluster, istio, places
from tests.testcluster.xds import FakeProxy

Object = dict[str, Any]
_TAG_TEMPLATES = ("_helpers.tpl", "revision-tags-mwc.yaml", "revision-tags-svc.yaml", "zzz_profile.yaml")


class Mesh:
    """The cluster of one scenario; what must stay open (proxies) is closed with `stack`."""

    def __init__(self, cluster: Cluster, stack: ExitStack) -> None:
        self.cluster, self._stack = cluster, stack
        self.namespaces: list[str] = []
        self.pods: dict[tuple[str, str, str], Object] = {}  # template by kind, namespace, name
        self.proxies: list[FakeProxy] = []
        self.tags: list[str] = []
        self.configs: list[tuple[str, str]] = []
        self.gateways: list[tuple[str, str]] = []

    def item(self, *arguments: str) -> Object:
        found: Object = json.loads(self.cluster.kubectl("get", *arguments, "-o", "json"))
        return found

    def namespace(self, name: str, **labels: str) -> str:
        given = {key.replace("_", "-").replace("istio-io-", "istio.io/"): value for key, value in labels.items()}
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": given}})
        self.namespaces.append(name)
        return name

    def label(self, namespace: str, *labels: str) -> None:
        self.cluster.kubectl("label", "namespace", namespace, "--overwrite", *labels)

    def deployment(
        self, namespace: str, name: str = "web", replicas: int = 1, kind: str = "Deployment", **labels: str
    ) -> None:
        """A workload, and its pods running; keys of labels are written with `_` for `/` and `.`: see `_label`."""
        given = {"app": name} | {_label(key): value for key, value in labels.items()}
        template = {"metadata": {"labels": given}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
        spec: Object = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        if kind == "StatefulSet":
            spec["serviceName"] = name
        self._make({"apiVersion": "apps/v1", "kind": kind, "spec": spec}, namespace, name, template)
        if replicas:
            self.cluster.wait_until(f"{name}'s pods", lambda: len(self._running(namespace, name)) == replicas)

    def job(self, namespace: str, name: str = "import", **labels: str) -> None:
        """A Job whose pod runs, and does not end."""
        given = {"app": name} | {_label(key): value for key, value in labels.items()}
        containers = [{"name": "app", "image": "app"}]
        template = {"metadata": {"labels": given}, "spec": {"containers": containers, "restartPolicy": "Never"}}
        self._make({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template}}, namespace, name, template)
        self.cluster.wait_until(f"{name}'s pod", lambda: len(self._running(namespace, name)) == 1)

    def finish(self, namespace: str, name: str) -> None:
        """Have the pods of a Job end well; what it was is nobody's dependency then."""
        done = "kubectl-rev.test/complete=true"
        self.cluster.kubectl("annotate", "pods", "-n", namespace, "-l", f"app={name}", done)
        self.cluster.kubectl("wait", "--for=condition=Complete", f"job/{name}", "-n", namespace, "--timeout=60s")
        del self.pods["Job", namespace, name]

    def bare_pod(self, namespace: str, name: str = "alone", **labels: str) -> None:
        template = {
            "metadata": {"labels": {"app": name} | {_label(key): value for key, value in labels.items()}},
            "spec": {"containers": [{"name": "app", "image": "app"}]},
        }
        metadata = {**template["metadata"], "name": name, "namespace": namespace}
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
        self.pods["Pod", namespace, name] = template
        self.cluster.wait_until(f"pod {name}", lambda: len(self._running(namespace, name)) == 1)

    def cron_job(self, namespace: str, name: str = "nightly", **labels: str) -> None:
        given = {"app": name} | {_label(key): value for key, value in labels.items()}
        containers = [{"name": "app", "image": "app"}]
        template = {"metadata": {"labels": given}, "spec": {"containers": containers, "restartPolicy": "Never"}}
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        self._make({"apiVersion": "batch/v1", "kind": "CronJob", "spec": spec}, namespace, name, template)

    def _make(self, body: Object, namespace: str, name: str, template: Object) -> None:
        self.cluster.apply({**body, "metadata": {"name": name, "namespace": namespace}})
        self.pods[body["kind"], namespace, name] = template

    def read_templates(self) -> None:
        """What somebody may have changed since they were made."""
        for (kind, namespace, name), known in self.pods.items():
            if kind not in ("Pod", "Job"):
                made = json.loads(self.cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json"))["spec"]
                template = (made["jobTemplate"]["spec"] if kind == "CronJob" else made)["template"]
                known["metadata"] = known["metadata"] | {"labels": template["metadata"].get("labels", {})}

    def _running(self, namespace: str, name: str) -> list[Object]:
        pods = self.cluster.items("pods", "-n", namespace, "-l", f"app={name}")
        return [pod for pod in pods if pod["status"].get("phase") == "Running"]

    def chart(self, release: str, path: str, namespace: str = "istio-system", *values: str) -> None:
        """One of Istio's charts as a release, or its upgrade; its control plane, if it has one, is ready then."""
        istio.chart(self.cluster, release, path, namespace, values)
        self.cluster.sync_istiods()

    def istiod(self, revision: str, *values: str, namespace: str = "istio-system", version: str = ISTIO_CANARY) -> None:
        """The release of a revision's istiod, installed or upgraded to these values."""
        sets = [f"values.{value}" for value in values]
        self.cluster.install(revision, version, layout="helm", namespace=namespace, sets=sets)

    def tag_release(self, release: str, revision: str, *tags: str, namespace: str = "istio-system") -> None:
        """A release of tags alone: the tag templates of the chart istiod in a chart of their own, as Sail's is."""
        source = places.charts() / "istio-control/istio-discovery"
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(folder, "revisiontags")
            for name in ("Chart.yaml", "values.yaml", *(f"templates/{name}" for name in _TAG_TEMPLATES)):
                (chart / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, chart / name)
            named = [] if revision == "default" else [f"revision={revision}"]
            values = [*named, *(f"revisionTags[{number}]={tag}" for number, tag in enumerate(tags))]
            istio.chart(self.cluster, release, str(chart), namespace, values)
        self.tags += [tag for tag in tags if tag != "default"]
        self.cluster.sync_istiods()

    def gateway_chart(self, namespace: str, *values: str, name: str = "ingress") -> None:
        """A release of the chart gateway, with its pods running unless it is scaled to zero."""
        istio.chart(self.cluster, name, "gateway", namespace, values)
        if namespace not in self.namespaces:
            self.namespaces.append(namespace)
        made = self.item("deployment", name, "-n", namespace)
        self.pods["Deployment", namespace, name] = made["spec"]["template"]
        self.settled(namespace)

    def gateway(self, namespace: str, name: str, rev: str = "", kind: str = "istio") -> None:
        """A Gateway of the Gateway API (its CRDs must be there), as some istiod renders it."""
        self.cluster.apply(migrating.gateway(namespace, name, rev, kind))
        self.gateways.append((namespace, name))
        self.cluster.wait_until(f"{name}'s pod", lambda: bool(self.cluster.items("pods", "-n", namespace)))

    def settled(self, namespace: str) -> None:
        migrating.settled(self.cluster, namespace)

    def restart(self, namespace: str) -> None:
        """As a person does after relabelling; the old pods are gone then."""
        self.cluster.kubectl("rollout", "restart", "deployments,statefulsets", "-n", namespace)
        self.settled(namespace)

    def pointing(self, namespace: str, address: str, name: str = "stubborn") -> None:
        """A Deployment whose proxies call this address, whoever injects them."""
        made = migrating.workload(
            "Deployment", namespace, name, annotations={"proxy.istio.io/config": f"discoveryAddress: {address}"}
        )
        self.cluster.apply(made)
        self.pods["Deployment", namespace, name] = made["spec"]["template"]
        self.settled(namespace)

    def tag(self, name: str, revision: str) -> None:
        self.cluster.istioctl("tag", "set", name, "--revision", revision, "--overwrite", "--skip-confirmation")
        if name != "default":
            self.tags.append(name)
        self.cluster.sync_istiods()

    def connect(self, pod: str, namespace: str, revision: str, **more: str) -> None:
        """A proxy, of a pod that there is or of a VM, holds a stream to this revision's first istiod."""
        self._connect(pod, namespace, self.cluster.istiods(revision)[0].address, more)

    def connect_through(self, service: str, pod: str, namespace: str, **more: str) -> None:
        """The same to whoever stands behind a Service of istiod, as a real proxy would."""
        selects = f"kubernetes.io/service-name={service}"
        slices = self.cluster.items("endpointslices", "-n", "istio-system", "-l", selects)
        self._connect(pod, namespace, slices[0]["endpoints"][0]["addresses"][0], more)

    def _connect(self, pod: str, namespace: str, address: str, more: dict[str, str]) -> None:
        self.proxies.append(self._stack.enter_context(FakeProxy(pod, namespace, "10.244.9.9", address, **more)))

    def virtual_service(self, namespace: str, name: str, **labels: str) -> None:
        spec = {"hosts": ["a.example"], "http": [{"route": [{"destination": {"host": "a"}}]}]}
        metadata = {"name": name, "namespace": namespace, "labels": {_label(k): v for k, v in labels.items()}}
        kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
        self.cluster.apply({**kind, "metadata": metadata, "spec": spec})
        self.configs.append((namespace, name))

    def validating_webhook(self, name: str, service: str, policy: str = "Fail") -> None:
        """Somebody else's webhook for ConfigMaps, which calls an istiod."""
        client = {"service": {"name": service, "namespace": "istio-system", "path": "/validate"}}
        rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        only = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace(f"{name}-ns")}}
        webhook = {
            "name": f"{name}.example.com",
            "clientConfig": client,
            "rules": [rule],
            "namespaceSelector": only,
            "failurePolicy": policy,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        self.cluster.apply({**kind, "metadata": {"name": name}, "webhooks": [webhook]})

    def workload_entry(self, namespace: str, name: str) -> None:
        kind = {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry"}
        self.cluster.apply(
            {**kind, "metadata": {"name": name, "namespace": namespace}, "spec": {"address": "10.9.9.9"}}
        )


def _label(key: str) -> str:
    return {"rev": "istio.io/rev", "inject": "sidecar.istio.io/inject"}.get(key, key)
