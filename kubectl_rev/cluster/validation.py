"""Is Istio's config validated, and has istiod taken a validator over? Asked of the API server; what is asked of it and
what it means is `core/validation/probe.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from kubectl_rev.cluster import lists, writes
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Rejected, ServerFault
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.retry import Retry
from kubectl_rev.cluster.workers import Workers, result
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.core.mesh.resources import BY_KIND
from kubectl_rev.core.validation.probe import Answer, Probe, Reply, gateway, understood
from kubectl_rev.errors import Changed, Forbidden, NotFound, RevError

_GROUP = "networking.istio.io"
_VALIDATORS = BY_KIND["ValidatingWebhookConfiguration"].path
_THREADS = 8


class _Version(msgspec.Struct):
    version: str


class _Group(msgspec.Struct, rename="camel"):
    preferred_version: _Version


def probe(connection: Connection, scopes: Iterable[str], namespace: str) -> list[Probe]:
    """One Probe for each scope, by dry runs side by side. Nothing is stored, and what fails is an answer too."""
    scopes = list(scopes)
    try:
        group = from_json(connection.get(f"/apis/{_GROUP}"), _Group)
    except (Forbidden, NotFound) as error:
        unknown = Reply(Answer.UNKNOWN, message=f"{_GROUP} is not served: {error}")
        return [Probe(scope, unknown, unknown) for scope in scopes]
    ask = partial(_reply, connection, namespace, group.preferred_version.version)
    with Workers(_THREADS) as workers:
        asked = [[workers.start(partial(ask, scope, valid)) for valid in (False, True)] for scope in scopes]
        return [Probe(scope, *map(result, replies)) for scope, replies in zip(scopes, asked, strict=True)]


def _reply(connection: Connection, namespace: str, version: str, scope: str, valid: bool) -> Reply:
    manifest = gateway(scope, namespace, version, valid=valid)
    try:
        writes.try_create(connection, f"gateways.{_GROUP}", version, namespace, manifest)
    except Forbidden as error:
        # A webhook may say 403 too; RBAC's sentence has been shortened by `error_mapping`.
        reply = understood(error.reason, answered=False)
        return reply if reply.answer is not Answer.UNKNOWN else Reply(Answer.UNKNOWN, message=str(error))
    except (Rejected, Changed) as error:
        return understood(str(error), answered=True)
    except ServerFault as error:
        return understood(str(error), answered=False)
    except RevError as error:
        return Reply(Answer.UNKNOWN, message=str(error))
    return Reply(Answer.ACCEPTED)


def closed(connection: Connection, name: str, timeout: float) -> bool:
    """Whether istiod has filled in a validator's caBundle and turned its failurePolicy to Fail within so many seconds.

    It is looked at once in any case. Raises NotFound if the validator goes.
    """
    retry = Retry(0.2, 2.0, timeout)
    while True:
        validator = lists.one(connection, lists.path(_VALIDATORS, name=name), WebhookConfiguration)
        if all(w.failure_policy == "Fail" and w.client_config.ca_bundle for w in validator.webhooks):
            return True
        if not retry.pause():
            return False
