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
from kubectl_rev.core.mesh.control_plane import (
    ControlPlane,
    Istiod,
    Namesakes,
    claimed_version,
    label_of,
    namesakes,
    revision_of,
    runs_istiod,
)
from kubectl_rev.core.mesh.istiod_veto import InjectorConfig
from kubectl_rev.core.mesh.objects import Pod, Webhook, WebhookConfiguration, WorkloadObject
from kubectl_rev.core.mesh.ownership import Owner, owner_of
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.mesh.webhook_targets import Problem, Reach, Target


class Injector(msgspec.Struct, frozen=True):
    """A MutatingWebhookConfiguration that injects sidecars; `webhooks` are the entries that do, with their targets."""

    name: str
    revision: str
    tag: str | None
    labelled: str | None
    deactivated: bool
    owner: Owner | None
    webhooks: tuple[tuple[Webhook, Target], ...]

    @property
    def target(self) -> Target:
        """Where the first entry goes; the charts give all entries of an injector the same target."""
        return self.webhooks[0][1]


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
    """A snapshot's revisions, tags and injectors, resolved. Built once, then only read.

    `known` are the namesakes of the same mesh at another time: what is compared is called the same at both.
    """

    def __init__(self, snapshot: Snapshot, known: Namesakes | None = None) -> None:
        self.snapshot = snapshot
        self.namesakes = namesakes(snapshot) if known is None else known
        self.target = Reach(snapshot, self.called).target
        self.gateway_controllers = {c.name: c.spec.controller_name for c in snapshot.gateway_classes}
        self.injectors = sorted(filter(None, map(self._injector, snapshot.injectors)), key=lambda i: i.name)

    def called(self, name: str, namespace: str) -> str:
        """What the revision of this name is called whose control plane is in this namespace."""
        return f"{namespace}/{name}" if namespace in self.namesakes.get(name, ()) else name

    def all_called(self, name: str) -> set[str]:
        """The revisions of this name: one, or several control planes'."""
        return {f"{namespace}/{name}" for namespace in self.namesakes.get(name, ())} or {name}

    def runs(self, workload: WorkloadObject) -> str | None:
        """The revision whose istiod this Deployment runs, None of any other workload."""
        name = runs_istiod(workload)
        return self.called(name, workload.namespace) if name else None

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
        istiods: dict[tuple[str, str], list[Pod]] = {}
        for workload in self.snapshot.workloads:
            if name := runs_istiod(workload):
                istiods[name, workload.namespace] = []
        for pod in self.snapshot.istiods:
            istiods.setdefault((revision_of(pod.labels), pod.namespace), []).append(pod)
        planes = []
        for (name, namespace), pods in istiods.items():
            unread = not pods and self.snapshot.has_gap("pods", namespace)
            # those that a rollout replaces are no part of it any more
            staying = [pod for pod in pods if not pod.terminating] or pods
            shown = tuple(sorted(map(self._istiod, staying), key=lambda i: i.name))
            planes.append(
                ControlPlane(self.called(name, namespace), namespace, "unknown" if unread else "local", shown)
            )
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
                name, revision = service.labels[labels.TAG], self.called(revision_of(service.labels), service.namespace)
                tag = tags.get((name, revision)) or Tag(name, revision, namespace=service.namespace)
                tags[name, revision] = msgspec.structs.replace(tag, service=service.name)
        return sorted(tags.values(), key=lambda tag: (tag.name, tag.revision))

    @cached_property
    def tag_revisions(self) -> dict[str, str]:
        """The tags and the revisions that they point to; of a tag with two (REV113) its injector's."""
        best_last = sorted(self.tags, key=lambda tag: (tag.injector is None, tag.revision), reverse=True)
        return {tag.name: tag.revision for tag in best_last}

    @cached_property
    def labelled_tags(self) -> set[tuple[str, str]]:
        """Tags and their revisions by label alone, as istiod itself reads them; two of a tag whose objects disagree."""
        by_injector = {(i.tag, i.labelled) for i in self.injectors if i.tag is not None and i.labelled}
        by_label = by_injector | {(t.name, label_of(t.revision)) for t in self.tags if t.service is not None}
        return {(tag, revision) for tag, name in by_label for revision in self.all_called(name)}

    @cached_property
    def names(self) -> list[str]:
        """Everything that a label `istio.io/rev` may usefully say, sorted: revisions and tags."""
        return sorted(self.revisions | {tag.name for tag in self.tags})

    @cached_property
    def revisions(self) -> set[str]:
        """The revisions with a control plane, or with an injector that is left of one."""
        return {plane.revision for plane in self.control_planes}

    @cached_property
    def existing(self) -> set[str]:
        """The revisions of which more than an injector is there."""
        return {plane.revision for plane in self.control_planes if plane.kind != "missing"}

    @cached_property
    def ready(self) -> set[str]:
        """The revisions with a ready istiod."""
        return {plane.revision for plane in self.control_planes if plane.ready}

    def planes_of(self, revision: str) -> list[ControlPlane]:
        """The control planes of a revision, by namespace; none of a name that is no revision's."""
        return [plane for plane in self.control_planes if plane.revision == revision]

    def control_plane(self, revision: str) -> ControlPlane | None:
        """The control plane of a revision."""
        return next(iter(self.planes_of(revision)), None)

    def versions_of(self, revision: str) -> tuple[str, ...]:
        """The known versions of that control plane."""
        plane = self.control_plane(revision)
        return plane.versions if plane else ()

    def resolve(self, name: str) -> str | None:
        """The revision that `istio.io/rev=NAME` stands for, None for a ghost; a tag comes first.

        Of namesakes it is the one whose own injector calls it.
        """
        if name in self.namesakes and name not in self.tag_revisions:
            own = [i.revision for i in self.injectors if i.tag is None and label_of(i.revision) == name]
            return own[0] if own else min(self.all_called(name))
        return self.tag_revisions.get(name, name if name in self.revisions else None)

    @cached_property
    def injector_configs(self) -> dict[tuple[str, str], InjectorConfig]:
        """What istiods inject by, by namespace and revision: pilot/pkg/bootstrap/sidecarinjector.go has the names.

        Without those that were not read. One that is not YAML, or not of this shape, is no config either.
        """
        configs = {}
        for config_map in self.snapshot.config_maps:
            base, _, revision = config_map.name.partition("istio-sidecar-injector")
            if not base and "config" in config_map.data:
                key = (config_map.namespace, revision.removeprefix("-") or labels.DEFAULT)
                with suppress(msgspec.MsgspecError):
                    configs[key] = msgspec.yaml.decode(config_map.data["config"], type=InjectorConfig)
        return configs

    def _injector(self, config: WebhookConfiguration) -> Injector | None:
        """None of one that does not inject Istio's sidecar."""
        webhooks = tuple(
            (webhook, self._call(webhook))
            for webhook in config.webhooks
            if is_injection(webhook, config)
            or (calls_injection(webhook) and self.target(webhook.client_config).revisions)
        )
        if not webhooks:
            return None
        labelled = config.labels.get(labels.REV)
        return Injector(
            name=config.name,
            revision=self.served_by(webhooks[0][1], labelled) or labels.DEFAULT,
            tag=config.labels.get(labels.TAG),
            labelled=labelled,
            deactivated=all(labels.DEACTIVATED in w.namespace_selector.match_labels for w, _ in webhooks),
            owner=owner_of(config.metadata),
            webhooks=webhooks,
        )

    def _call(self, webhook: Webhook) -> Target:
        """Where the webhook's calls go, and whether the API server trusts who answers them there."""
        client = webhook.client_config
        target = self.target(client)
        if target.alive is False or not target.revisions or client.service is None:
            return target
        if not client.ca_bundle:
            return msgspec.structs.replace(target, alive=False, cause=Problem.NO_CA)
        written = self._bundles.get((target.namespace, target.service))
        if written and client.ca_bundle not in written:
            return msgspec.structs.replace(target, alive=False, cause=Problem.OTHER_CA)
        return target

    @cached_property
    def _bundles(self) -> dict[tuple[str, str], set[str]]:
        """The caBundles that the istiods behind a Service keep right: of entries by Istio's names, in configurations
        that are labelled with their revision (pkg/webhooks/webhookpatch.go and validation/controller).
        """
        found: dict[tuple[str, str], set[str]] = {}
        for config in self.snapshot.injectors + self.snapshot.validators:
            for webhook in config.webhooks:
                target, bundle = self.target(webhook.client_config), webhook.client_config.ca_bundle
                kept = webhook.name.endswith((labels.INJECTION_WEBHOOK_SUFFIX, labels.VALIDATION_WEBHOOK_SUFFIX))
                if bundle and kept and revision_of(config.labels) in map(label_of, target.revisions):
                    found.setdefault((target.namespace, target.service), set()).add(bundle)
        return found

    def served_by(self, target: Target, labelled: str | None) -> str | None:
        """Whoever stands behind the Service injects, whatever the label says; the label decides between several."""
        named = self.called(labelled, target.namespace) if labelled else labelled
        return named if not target.revisions or named in target.revisions else target.revisions[0]

    def _elsewhere(self, injector: Injector) -> Literal["remote", "external", "missing", "unknown"]:
        """What to call the control plane of an injector whose istiods were not seen."""
        if injector.target.kind != "local":
            return injector.target.kind
        return "unknown" if self.snapshot.has_gap("pods", injector.target.namespace) else "missing"

    def _istiod(self, pod: Pod) -> Istiod:
        version = self.snapshot.versions.get(f"{pod.namespace}/{pod.name}", "") or claimed_version(pod)
        return Istiod(pod.name, pod.ready and not pod.terminating, version)


def is_injection(webhook: Webhook, config: WebhookConfiguration) -> bool:
    """By its name, as the charts give it, or by the injection path and Istio's labels (else by whom it calls)."""
    if webhook.name.endswith(labels.INJECTION_WEBHOOK_SUFFIX):
        return True
    ours = config.labels.get(labels.APP) == labels.INJECTOR_APP or labels.REV in config.labels
    return ours and calls_injection(webhook)


def calls_injection(webhook: Webhook) -> bool:
    """Whether a webhook calls a path as istiod's injection has it: `/inject…`."""
    client = webhook.client_config
    path = client.service.path if client.service else (client.url or "").partition("://")[2].partition("/")[2]
    return path.lstrip("/").startswith("inject")
