"""Is a pod that is created here now injected by whom it should be? Asked of the server with a dry run, for real.

A server takes a moment to see new labels of a namespace (its webhooks' selectors look into a cache), so an answer that
is wrong is asked for again; only one that stays wrong counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.faults import ServerFault
from kubectl_rev.cluster.typed import from_json
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.moves import Proof
from kubectl_rev.core.objects import Pod
from kubectl_rev.core.patches import spoken
from kubectl_rev.errors import RevError, Unreachable

_PATIENCE = 8.0  # seconds
_FIRST_WAIT = 0.05
_SIDE_BY_SIDE = 4


def prove(connection: Connection, proofs: Sequence[Proof], revision_of: Callable[[Pod], str | None]) -> Iterator[str]:
    """What is wrong, in words, one line for each pod that did not come back as it should."""
    until = time.monotonic() + _PATIENCE
    with Workers(min(_SIDE_BY_SIDE, len(proofs))) as workers:
        tasks = [workers.start(partial(_one, connection, proof, revision_of, until)) for proof in proofs]
        yield from filter(None, [result(task) for task in tasks])


def _one(connection: Connection, proof: Proof, revision_of: Callable[[Pod], str | None], until: float) -> str:
    wait = _FIRST_WAIT
    while True:
        wrong = _try(connection, proof, revision_of)
        if not wrong or time.monotonic() + wait > until:
            return wrong
        time.sleep(wait)
        wait *= 2


def _try(connection: Connection, proof: Proof, revision_of: Callable[[Pod], str | None]) -> str:
    subject = f"a pod of {spoken(proof.kind, proof.name)}" if proof.name else "a new pod"
    where = f"/api/v1/namespaces/{proof.namespace}/pods"
    body = msgspec.json.encode(proof.manifest)
    try:
        answer = connection.send("POST", where, body, {"dryRun": "All", "fieldManager": "kubectl-rev"})
    except ServerFault as error:
        return f"{subject} would not be admitted: {error}"
    except Unreachable:
        return f"{subject} could not be tried: the server does not answer"
    except RevError as error:
        return f"{subject} would not be admitted: {error}"
    found = revision_of(from_json(answer, Pod))
    if found == proof.revision:
        return ""
    if found is None:
        return f"{subject} would start without a sidecar, not with one of {proof.revision}"
    return f"{subject} would be injected by {found}, not by {proof.revision}"
