"""Which revisions and tags exist, who serves them, and what "default" means here: Snapshot -> Mesh.

A revision is what its istiod pods say it is (`app=istiod`, label `istio.io/rev`, absent means "default"); a tag is what
its injector's Service leads to. Names of objects are never parsed: releases, Helm, Sail and AKS all name differently.
Rules: istio-discovery/templates/{deployment,service,mutatingwebhook,revision-tags-mwc}.yaml and
pkg/revisions/tag_watcher.go.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig, release
from kubectl_rev.core.mesh.objects import ClientConfig, Pod, Webhook, WebhookConfiguration, WorkloadObject
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.mesh.webhook_targets import Reach, Target, revision_of


class Injector(msgspec.Struct, frozen=True):
    """A MutatingWebhookConfiguration that injects sidecars; `webhooks` are the entries that do, with their targets."""

    name: str
    revision: str
    tag: str | None
    labelled: str | None
    deactivated: bool
    webhooks: tuple[tuple[Webhook, Target], ...]

    @property
    def target(self) -> Target:
        """Where the first entry goes; the charts give all entries of an injector the same target."""
        return self.webhooks[0][1]


class Istiod(msgspec.Struct, frozen=True):
    """One istiod pod. `version` is what it answered, else what its image or labels claim, else empty."""

    name: str
    ready: bool
    version: str
    answered: bool


class ControlPlane(msgspec.Struct, frozen=True):
    """All istiods of one revision in one namespace, or the trace in this cluster of one that runs elsewhere.

    `kind` missing: only an injector is left, its istiod is gone; unknown: the pods could not be read.
    """

    revision: str
    namespace: str
    kind: Literal["local", "remote", "external", "missing", "unknown"]
    istiods: tuple[Istiod, ...] = ()

    @property
    def ready(self) -> int:
        return sum(istiod.ready for istiod in self.istiods)

    @property
    def versions(self) -> tuple[str, ...]:
        """The distinct known versions; several while a rollout is under way."""
        return tuple(sorted({istiod.version for istiod in self.istiods if istiod.version}))


class Tag(msgspec.Struct, frozen=True):
    """An `istio.io/tag`; `injector` and `service` are the names of the objects that make it, where they exist.

    From 1.28 a tag also has a Service, and may have nothing else (ambient): templates/revision-tags-svc.yaml.
    """

    name: str
    revision: str
    injector: str | None = None
    service: str | None = None
    namespace: str = ""


class Mesh:
    """A snapshot's revisions, tags and injectors, resolved. Built once, then only read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._reach = Reach(snapshot)
        self.injectors = sorted((self._injector(c) for c in snapshot.injectors if injects(c)), key=lambda i: i.name)

    @property
    def blind(self) -> bool:
        """Whether the injectors could not be read: then nobody can say what is selected."""
        return self.snapshot.has_gap(labels.INJECTORS)

    @cached_property
    def served(self) -> dict[str, str]:
        """The revision that each injector leads to, by the injector's name."""
        return {injector.name: injector.revision for injector in self.injectors}

    @cached_property
    def control_planes(self) -> list[ControlPlane]:
        """By revision, then namespace; remote, external and missing ones included."""
        found: dict[tuple[str, str], list[Pod]] = {key: [] for key in self._istiod_deployments()}
        for pod in self.snapshot.istiods:
            found.setdefault((revision_of(pod.labels), pod.namespace), []).append(pod)
        planes = []
        for (revision, namespace), pods in found.items():
            unread = not pods and self.snapshot.has_gap("pods", namespace)
            staying = [
                pod for pod in pods if not pod.terminating
            ] or pods  # a rollout's old ones are none of it any more
            istiods = tuple(sorted(map(self._istiod, staying), key=lambda i: i.name))
            planes.append(ControlPlane(revision, namespace, "unknown" if unread else "local", istiods))
        seen = {plane.revision for plane in planes}
        for injector in self.injectors:
            if injector.revision not in seen and not (injector.deactivated and injector.target.alive is False):
                seen.add(injector.revision)
                planes.append(ControlPlane(injector.revision, injector.target.namespace, self._elsewhere(injector)))
        return sorted(planes, key=lambda plane: (plane.revision, plane.namespace))

    @cached_property
    def tags(self) -> list[Tag]:
        """By name; a tag that is both an injector and a Service is one Tag."""
        tags: dict[tuple[str, str], Tag] = {}
        for injector in self.injectors:
            if injector.tag is not None:
                tag = Tag(injector.tag, injector.revision, injector.name, None, injector.target.namespace)
                tags[tag.name, tag.revision] = tag
        for service in self.snapshot.services:
            if labels.TAG in service.labels and service.labels.get(labels.APP) == labels.ISTIOD:
                name, revision = service.labels[labels.TAG], revision_of(service.labels)
                tag = tags.get((name, revision)) or Tag(name, revision, namespace=service.namespace)
                tags[name, revision] = msgspec.structs.replace(tag, service=service.name)
        return sorted(tags.values(), key=lambda tag: (tag.name, tag.revision))

    @cached_property
    def labelled_tags(self) -> set[tuple[str, str]]:
        """Tags and their revisions by label alone, as istiod itself reads them; two of a tag whose objects disagree."""
        found = {(i.tag, i.labelled) for i in self.injectors if i.tag is not None and i.labelled}
        return found | {(tag.name, tag.revision) for tag in self.tags if tag.service is not None}

    @cached_property
    def names(self) -> list[str]:
        """Everything that a label `istio.io/rev` may usefully say, sorted: revisions and tags."""
        return sorted({plane.revision for plane in self.control_planes} | {tag.name for tag in self.tags})

    def control_plane(self, revision: str, namespace: str = "") -> ControlPlane | None:
        """The control plane of a revision; of several with one name, the one in `namespace`, else the first."""
        planes = [plane for plane in self.control_planes if plane.revision == revision]
        return next((plane for plane in planes if plane.namespace == namespace), planes[0] if planes else None)

    def resolve(self, name: str) -> str | None:
        """The revision that `istio.io/rev=NAME` stands for, None for a ghost; a tag first, by its injector first."""
        for tag in sorted(self.tags, key=lambda tag: tag.injector is None):
            if tag.name == name:
                return tag.revision
        return name if any(plane.revision == name for plane in self.control_planes) else None

    def target(self, client: ClientConfig) -> Target:
        """Follow a webhook's clientConfig to the istiods behind it."""
        return self._reach.target(client)

    def injector_config(self, revision: str, namespace: str) -> InjectorConfig | None:
        """What the istiod of a revision injects by: pilot/pkg/bootstrap/sidecarinjector.go names its ConfigMap.

        None when it was not read. One that is not YAML, or not of this shape, is no config either.
        """
        return self.injector_configs.get((namespace, revision))

    @cached_property
    def injector_configs(self) -> dict[tuple[str, str], InjectorConfig]:
        """By namespace and revision, those that could be read."""
        configs = {}
        for config_map in self.snapshot.config_maps:
            base, _, revision = config_map.name.partition("istio-sidecar-injector")
            if not base and "config" in config_map.data:
                key = (config_map.namespace, revision.removeprefix("-") or labels.DEFAULT)
                with suppress(msgspec.MsgspecError):
                    configs[key] = msgspec.yaml.decode(config_map.data["config"], type=InjectorConfig)
        return configs

    def _injector(self, config: WebhookConfiguration) -> Injector:
        webhooks = tuple((w, self.target(w.client_config)) for w in config.webhooks if is_injection(w, config))
        labelled = config.labels.get(labels.REV)
        never = [labels.DEACTIVATED in w.namespace_selector.match_labels for w, _ in webhooks]
        return Injector(
            name=config.name,
            revision=self.served_by(webhooks[0][1], labelled) or labels.DEFAULT,
            tag=config.labels.get(labels.TAG),
            labelled=labelled,
            deactivated=all(never),
            webhooks=webhooks,
        )

    @staticmethod
    def served_by(target: Target, labelled: str | None) -> str | None:
        """Whoever stands behind the Service injects, whatever the label says; the label decides between several."""
        if not target.revisions or labelled in target.revisions:
            return labelled
        return target.revisions[0]

    def _elsewhere(self, injector: Injector) -> Literal["remote", "external", "missing", "unknown"]:
        """What to call the control plane of an injector whose istiods were not seen."""
        if injector.target.kind != "local":
            return injector.target.kind
        return "unknown" if self.snapshot.has_gap("pods", injector.target.namespace) else "missing"

    def _istiod_deployments(self) -> list[tuple[str, str]]:
        found = ((runs_istiod(workload), workload.namespace) for workload in self.snapshot.workloads)
        return [(revision, namespace) for revision, namespace in found if revision]

    def _istiod(self, pod: Pod) -> Istiod:
        answered = self.snapshot.versions.get(f"{pod.namespace}/{pod.name}", "")
        return Istiod(pod.name, pod.ready and not pod.terminating, answered or _claimed_version(pod), bool(answered))


def injects(config: WebhookConfiguration) -> bool:
    """Whether a MutatingWebhookConfiguration has an entry that injects Istio's sidecar."""
    return any(is_injection(webhook, config) for webhook in config.webhooks)


def runs_istiod(workload: WorkloadObject) -> str | None:
    """The revision whose istiod this Deployment runs, None of any other workload."""
    given = workload.template.metadata.labels if workload.kind == "Deployment" and workload.template else {}
    return revision_of(given) if given.get(labels.APP) == labels.ISTIOD else None


def is_injection(webhook: Webhook, config: WebhookConfiguration) -> bool:
    """The charts' entry names, or a hand-made webhook on istiod's injection path (`/inject…`) with Istio's labels."""
    if webhook.name.endswith(labels.INJECTION_WEBHOOK_SUFFIX):
        return True
    client = webhook.client_config
    path = client.service.path if client.service else (client.url or "").partition("://")[2].partition("/")[2]
    ours = config.labels.get(labels.APP) == labels.INJECTOR_APP or labels.REV in config.labels
    return ours and path.lstrip("/").startswith("inject")


def _claimed_version(pod: Pod) -> str:
    """Second best: the tag of the `discovery` image, the label of the chart (1.24 and later), that of istioctl.

    The first that is a release: charts that were never released say 1.0.0, an istioctl writes its own version on what
    it installs, and a tag may be a build's name, which is better than nothing.
    """
    images = [c.image.partition("@")[0] for c in pod.spec.containers if c.name == "discovery"] if pod.spec else []
    tag = images[0].rpartition(":")[2] if images and ":" in images[0].rpartition("/")[2] else ""
    tag = tag.removesuffix("-distroless").removesuffix("-debug")  # the variants of one release
    claims = (tag, pod.labels.get(labels.VERSION_LABEL, ""), pod.labels.get(labels.OPERATOR_VERSION, ""))
    return next((claim for claim in claims if release(claim)), tag)
