"""Is a pod that is created here now injected by whom it should be? Asked of the server with a dry run, for real.

A server takes a moment to see new labels of a namespace (its webhooks' selectors look into a cache), so an answer that
is wrong is asked for again; only one that stays wrong counts. One that is away, as while it restarts, is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from kubectl_rev.cluster import writes
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Rejected, ServerFault
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.retry import Retry
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh.objects import Pod
from kubectl_rev.core.mesh.proxies import proxy_of
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.core.mesh.snapshot import Snapshot
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Proof
from kubectl_rev.core.migration.proofs import PLAIN
from kubectl_rev.errors import Forbidden, NotFound, RevError, Unreachable

_PATIENCE = 8.0  # seconds
_SIDE_BY_SIDE = 4


def prove(connection: Connection, proofs: Sequence[Proof], revision_of: Callable[[Pod], str | None]) -> Iterator[str]:
    """What is wrong, in words, one line for each pod that did not come back as it should."""
    with Workers(min(_SIDE_BY_SIDE, len(proofs))) as workers:
        tasks = [workers.start(partial(_one, connection, proof, revision_of)) for proof in proofs]
        yield from filter(None, [result(task) for task in tasks])


def injectors_of(connection: Connection, namespaces: Iterable[str]) -> dict[str, str | None]:
    """The revision that injects a pod of nothing in each of these namespaces now, None for nobody.

    A namespace where it is not admitted, or that nobody may try one in, is left out.
    """
    mesh = Mesh(Snapshot())  # the pod itself says it

    def work(namespace: str) -> str | None:
        proxy = proxy_of(mesh, _create(connection, namespace, PLAIN), None)
        return proxy.revision if proxy is not None else None

    with Workers(_SIDE_BY_SIDE) as workers:
        tasks = {namespace: workers.start(partial(work, namespace)) for namespace in namespaces}
        found = {}
        for namespace, task in tasks.items():
            with suppress(ServerFault, Rejected, Forbidden, NotFound):
                found[namespace] = result(task)
        return found


def _create(connection: Connection, namespace: str, manifest: dict[str, Any]) -> Pod:
    return from_json(writes.try_create(connection, "pods", "v1", namespace, manifest), Pod)


def _one(connection: Connection, proof: Proof, revision_of: Callable[[Pod], str | None]) -> str:
    subject = f"a pod of {spoken(proof.kind, proof.name)}" if proof.name else "a new pod"
    away, retry = Retry(0.05, 2.0, writes.PATIENCE), Retry(0.05, 2.0, _PATIENCE)
    while True:
        try:
            wrong = _wrong(_create(connection, proof.namespace, proof.manifest), proof, revision_of)
        except ServerFault as error:  # also of a webhook that cannot be called
            wrong = f"would not be admitted: {error}"
        except Unreachable as error:
            if not away.pause():
                return f"{subject} could not be tried: {error}"
            retry.reset()
            continue
        except RevError as error:
            wrong = f"would not be admitted: {error}"
        if not wrong or not retry.pause():
            return f"{subject} {wrong}" if wrong else ""


def _wrong(pod: Pod, proof: Proof, revision_of: Callable[[Pod], str | None]) -> str:
    """What is wrong with the pod that would start, empty if nothing is."""
    revision = revision_of(pod)
    if revision == proof.revision:
        return ""
    if revision is None:
        return f"would start without a sidecar, not with one of {proof.revision}"
    return f"would be injected by {revision}, not by {proof.revision}"
