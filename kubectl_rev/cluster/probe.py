"""Ask the API server, by dry runs, whether Istio's config is validated; what is asked: `core/validation/probe.py`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Rejected, ServerFault
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.validation.probe import Answer, Probe, Reply, gateway, understood
from kubectl_rev.errors import Changed, Forbidden, NotFound, RevError

_GROUP = "/apis/networking.istio.io"
_THREADS = 8


class _Version(msgspec.Struct):
    version: str


class _Group(msgspec.Struct, rename="camel"):
    preferred_version: _Version


def probe(connection: Connection, scopes: Iterable[str], namespace: str) -> list[Probe]:
    """One Probe for each scope, asked side by side. Nothing is stored, and what fails is an answer too."""
    scopes = list(scopes)
    try:
        group = from_json(connection.get(_GROUP), _Group)
    except (Forbidden, NotFound) as error:
        unknown = Reply(Answer.UNKNOWN, message=f"networking.istio.io is not served: {error}")
        return [Probe(scope, unknown, unknown) for scope in scopes]
    version = group.preferred_version.version
    with Workers(_THREADS) as workers:
        ask = partial(_reply, connection, namespace, version)
        asked = [[workers.start(partial(ask, scope, valid)) for valid in (False, True)] for scope in scopes]
        return [Probe(scope, *map(result, replies)) for scope, replies in zip(scopes, asked, strict=True)]


def _reply(connection: Connection, namespace: str, version: str, scope: str, valid: bool) -> Reply:
    where = f"{_GROUP}/{version}/namespaces/{namespace}/gateways"
    body = msgspec.json.encode(gateway(scope, namespace, version, valid=valid))
    try:
        connection.send("POST", where, body, {"dryRun": "All", "fieldManager": "kubectl-rev"})
    except Forbidden as error:
        # A webhook may say 403 too; RBAC's sentence has been shortened by `faults`.
        said = understood(error.reason, answered=False)
        return said if said.answer is not Answer.UNKNOWN else Reply(Answer.UNKNOWN, message=str(error))
    except (Rejected, Changed) as error:
        return understood(str(error), answered=True)
    except ServerFault as error:
        return understood(str(error), answered=False)
    except RevError as error:
        return Reply(Answer.UNKNOWN, message=str(error))
    return Reply(Answer.ACCEPTED)
