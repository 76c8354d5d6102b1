"""Which istiod is each proxy connected to: what every istiod pod answered, joined with the pods by name.

An istiod says which proxies hold an XDS stream with it and not who it is itself, so every pod of every revision is
asked, and one that does not answer leaves the answer partial: never "0 proxies".
Source: pilot/pkg/xds/debug.go, SyncStatus and Syncz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import msgspec
from msgspec.structs import replace

from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Gap

CLUSTER_ID = "Kubernetes"  # what istiod calls its own cluster unless told otherwise: pkg/config/constants
CONNECTIONS = "connections"  # the kind of such a gap


class Stream(msgspec.Struct, frozen=True, order=True):
    """One proxy's XDS stream. `cluster` is empty where istiod does not tell (1.12 and before), `kind` too (1.12)."""

    namespace: str
    pod: str
    cluster: str = ""
    kind: str = ""
    version: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What one istiod pod said; `streams` is None when it did not answer, and `gaps` are then the reasons."""

    namespace: str
    istiod: str
    revision: str
    streams: tuple[Stream, ...] | None
    gaps: tuple[Gap, ...] = ()


class Seen(msgspec.Struct, frozen=True, order=True):
    """A stream and the istiod that holds it."""

    stream: Stream
    revision: str
    namespace: str
    istiod: str


class Asked(msgspec.Struct, frozen=True):
    """How many istiods were asked who is connected to them, and how many answered."""

    asked: int
    answered: int
    proxies: int


class Unreadable(ValueError):
    """An istiod's answer is not what /debug/syncz answers in any release."""


class _Syncz(msgspec.Struct):
    proxy: str = ""
    cluster_id: str = ""
    proxy_type: str = ""
    istio_version: str = ""
    proxy_version: str = ""


_DECODER = msgspec.json.Decoder(list[_Syncz] | None)  # made once: several threads use it


def streams_in(body: bytes) -> tuple[Stream, ...]:
    """The streams in the body of /debug/syncz; Go's nil slice is `null`. Raises Unreadable.

    An entry without a proxy is a stream whose node is not known yet; a list of nothing else is something else.
    """
    try:
        answer = _DECODER.decode(body) or []
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from error
    if answer and not any(status.proxy for status in answer):
        raise Unreadable("no entry names a proxy")
    return tuple(sorted({_stream(status) for status in answer if status.proxy}))


def _stream(status: _Syncz) -> Stream:
    pod, _, namespace = status.proxy.rpartition(".")  # namespaces have no dots, names of pods and VMs may
    version = status.istio_version or status.proxy_version
    return Stream(namespace, pod, status.cluster_id, status.proxy_type, version)


class Connections:
    """All answers. `asked` is False where there is no cluster to ask (a dump)."""

    def __init__(self, answers: Iterable[Answer] = (), *, asked: bool = True) -> None:
        self.answers = sorted(answers, key=lambda a: (a.revision, a.namespace, a.istiod))
        self.asked = asked

    def named(self, mesh: Mesh) -> Connections:
        """The same, with the revisions of istiods called as this mesh calls them."""
        answers = [replace(answer, revision=mesh.called(answer.revision, answer.namespace)) for answer in self.answers]
        return Connections(answers, asked=self.asked) if mesh.namesakes else self

    @cached_property
    def seen(self) -> list[Seen]:
        """Every stream with its istiod; a proxy that is on two istiods is there twice."""
        return sorted(
            Seen(stream, answer.revision, answer.namespace, answer.istiod)
            for answer in self.answers
            for stream in answer.streams or ()
        )

    @cached_property
    def _by_pod(self) -> dict[tuple[str, str], list[Seen]]:
        by_pod: dict[tuple[str, str], list[Seen]] = defaultdict(list)
        for seen in self.seen:
            by_pod[seen.stream.namespace, seen.stream.pod].append(seen)
        return by_pod

    def of(self, pod: Pod, cluster: str) -> list[Seen]:
        """Where a pod of this cluster is connected: one istiod, none, or several for a moment while it moves."""
        seen = self._by_pod.get((pod.namespace, pod.name), [])
        return [one for one in seen if one.stream.cluster in ("", cluster)]

    def on(self, revision: str) -> list[Seen]:
        """The streams that istiods of this revision hold."""
        return [seen for seen in self.seen if seen.revision == revision]

    def gaps(self, mesh: Mesh) -> list[Gap]:
        """Why the answer is partial: istiods that were not asked, or did not answer."""
        if not self.asked:
            return [Gap("ask", CONNECTIONS, "", "a dump says nothing about which istiod each proxy is connected to")]
        gaps = {gap for answer in self.answers if answer.streams is None for gap in answer.gaps}
        asked = {(answer.namespace, answer.istiod) for answer in self.answers}
        for pod in mesh.snapshot.istiods:
            if running(pod) and (pod.namespace, pod.name) not in asked:
                reason = f"istiod {pod.name} appeared meanwhile and was not asked"
                gaps.add(Gap("ask", CONNECTIONS, pod.namespace, reason))
        for plane in mesh.control_planes:
            if plane.kind in ("remote", "external"):
                reason = f"the istiods of revision {plane.revision} run elsewhere"
                gaps.add(Gap("ask", CONNECTIONS, plane.namespace, reason))
        return sorted(gaps)

    def tally(self, revision: str = "") -> Asked:
        """Of the istiods of a revision, or of all."""
        answers = [answer for answer in self.answers if revision in ("", answer.revision)]
        streams = [answer.streams for answer in answers if answer.streams is not None]
        return Asked(len(answers), len(streams), sum(map(len, streams)))


def running(pod: Pod) -> bool:
    """Whether an istiod pod can hold streams: one that is going away, or not ready, still can."""
    return pod.status is None or pod.status.phase not in ("Pending", "Succeeded", "Failed")


def local_cluster(mesh: Mesh) -> str:
    """What the istiods call the cluster they run in: env CLUSTER_ID (istio-discovery/templates/deployment.yaml)."""
    specs = (pod.spec for pod in mesh.snapshot.istiods if pod.spec)
    variables = (variable for spec in specs for container in spec.containers for variable in container.env)
    return next((env.value for env in variables if env.name == "CLUSTER_ID" and env.value), CLUSTER_ID)
