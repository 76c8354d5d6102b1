"""Is a pod that is created here now injected by whom it should be? Asked of the server with a dry run, for real.

A server takes a moment to see new labels of a namespace (its webhooks' selectors look into a cache), so an answer that
is wrong is asked for again; only one that stays wrong counts. One that is away, as while it restarts, is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from kubectl_rev.cluster import writes
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Rejected, ServerFault
from kubectl_rev.cluster.json_decoders import from_json
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
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0
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
        answer = _create(connection, namespace, PLAIN)
        proxy = proxy_of(mesh, from_json(answer, Pod), None)
        return proxy.revision if proxy is not None else None

    with Workers(_SIDE_BY_SIDE) as workers:
        tasks = {namespace: workers.start(partial(work, namespace)) for namespace in namespaces}
        found = {}
        for namespace, task in tasks.items():
            with suppress(ServerFault, Rejected, Forbidden, NotFound):
                found[namespace] = result(task)
        return found


def _create(connection: Connection, namespace: str, manifest: dict[str, Any]) -> bytes:
    query = {"dryRun": "All", "fieldManager": writes.FIELD_MANAGER}
    return connection.send("POST", f"/api/v1/namespaces/{namespace}/pods", msgspec.json.encode(manifest), query)


def _one(connection: Connection, proof: Proof, revision_of: Callable[[Pod], str | None]) -> str:
    wait = _FIRST_WAIT
    until = time.monotonic() + _PATIENCE
    away_until = time.monotonic() + writes.PATIENCE
    while True:
        try:
            wrong = _try(connection, proof, revision_of)
        except Unreachable as error:
            wrong = f"{_subject(proof)} could not be tried: {error}"
            until = min(time.monotonic() + _PATIENCE, away_until)
        if not wrong or time.monotonic() + wait > until:
            return wrong
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


def _subject(proof: Proof) -> str:
    return f"a pod of {spoken(proof.kind, proof.name)}" if proof.name else "a new pod"


def _try(connection: Connection, proof: Proof, revision_of: Callable[[Pod], str | None]) -> str:
    """What is wrong, empty if nothing is. Raises Unreachable where the server does not answer at all."""
    subject = _subject(proof)
    try:
        answer = _create(connection, proof.namespace, proof.manifest)
    except ServerFault as error:  # also of a webhook that cannot be called
        return f"{subject} would not be admitted: {error}"
    except Unreachable:
        raise
    except RevError as error:
        return f"{subject} would not be admitted: {error}"
    found = revision_of(from_json(answer, Pod))
    if found == proof.revision:
        return ""
    if found is None:
        return f"{subject} would start without a sidecar, not with one of {proof.revision}"
    return f"{subject} would be injected by {found}, not by {proof.revision}"
