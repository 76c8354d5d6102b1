"""Wait until istiod has taken a validator over: caBundle filled in, failurePolicy turned to Fail."""

from __future__ import annotations

import time

from kubectl_rev.cluster import lists
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.writes import path_of
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.core.writes import Step

_FIRST, _MOST = 0.2, 2.0  # seconds between two looks at one object


def settled(connection: Connection, name: str, timeout: float) -> bool:
    """Whether it happened within `timeout` seconds; it is looked at once in any case. Raises NotFound if it goes."""
    where = path_of(Step(action="get", resource=labels.VALIDATORS, name=name, says=""))
    until, pause = time.monotonic() + timeout, _FIRST
    while True:
        found = lists.one(connection, where, WebhookConfiguration)
        if all(w.failure_policy == "Fail" and w.client_config.ca_bundle for w in found.webhooks):
            return True
        if time.monotonic() + pause > until:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _MOST)
