"""What a control plane is, and what its revision is called.

A revision is called by its name, as `istio.io/rev` has it. Where control planes of one name are in several namespaces,
each is called NAMESPACE/NAME (no name has a slash), so that nothing takes one for the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.istiod_veto import release
from kubectl_rev.core.mesh.objects import Pod, WorkloadObject
from kubectl_rev.core.mesh.snapshot import Snapshot

Namesakes = Mapping[str, frozenset[str]]  # the names that several control planes have, with the namespaces of those


class Istiod(msgspec.Struct, frozen=True):
    """One istiod pod. `version` is what it answered, else what its image or labels claim, else empty."""

    name: str
    ready: bool
    version: str


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


def revision_of(metadata_labels: dict[str, str]) -> str:
    """The revision that labels of Istio's own objects name; the unrevisioned one is called "default"."""
    return metadata_labels.get(labels.REV) or labels.DEFAULT


def own_service(revision: str) -> str:
    """What the charts call a revision's Service: istio-discovery/templates/service.yaml."""
    name = label_of(revision)
    return labels.ISTIOD if name == labels.DEFAULT else f"{labels.ISTIOD}-{name}"


def label_of(revision: str) -> str:
    """The name alone: the value of `istio.io/rev` on what belongs to a revision."""
    return revision.rpartition("/")[2]


def namesakes(snapshot: Snapshot) -> Namesakes:
    """Of the istiods that were read, their Deployments, and injectors of these names whose Service leads elsewhere: it
    selects no pods (an external control plane), or they could not be read.
    """
    homes: dict[str, set[str]] = defaultdict(set)
    for pod in snapshot.istiods:
        homes[revision_of(pod.labels)].add(pod.namespace)
    for workload in snapshot.workloads:
        if revision := runs_istiod(workload):
            homes[revision].add(workload.namespace)
    bare = [s for s in snapshot.services if not s.spec.selector and s.spec.type != "ExternalName"]
    elsewhere = {(service.namespace, service.name) for service in bare}
    for config in snapshot.injectors:
        for webhook in config.webhooks if config.labels.get(labels.REV) in homes else ():
            called = webhook.client_config.service
            if called and ((called.namespace, called.name) in elsewhere or snapshot.has_gap("pods", called.namespace)):
                homes[revision_of(config.labels)].add(called.namespace)
    return {name: frozenset(spaces) for name, spaces in homes.items() if len(spaces) > 1}


def runs_istiod(workload: WorkloadObject) -> str | None:
    """The revision whose istiod this Deployment runs, None of any other workload."""
    given = workload.template.metadata.labels if workload.kind == "Deployment" and workload.template else {}
    return revision_of(given) if given.get(labels.APP) == labels.ISTIOD else None


def claimed_version(pod: Pod) -> str:
    """Second best: the tag of the `discovery` image, the label of the chart (1.24 and later), that of istioctl.

    The first that is a release: charts that were never released say 1.0.0, an istioctl writes its own version on what
    it installs, and a tag may be a build's name, which is better than nothing.
    """
    image = next((c.image for c in pod.spec.containers if c.name == "discovery"), "") if pod.spec else ""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    tag = tag.removesuffix("-distroless").removesuffix("-debug")  # the variants of one release
    claims = (tag, pod.labels.get(labels.VERSION_LABEL, ""), pod.labels.get(labels.OPERATOR_VERSION, ""))
    return next((claim for claim in claims if release(claim)), tag)
