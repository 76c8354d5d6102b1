"""The manifest of an object as it stands, fit to be created again after it was deleted."""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.writes import path_of
from kubectl_rev.core.writes import Step
from kubectl_rev.errors import Changed

# What the server sets; with some of it a create is refused.
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


def manifest(connection: Connection, step: Step) -> dict[str, Any]:
    """Of what a delete is about. Raises Changed if it is not the one that was read, NotFound if it is gone."""
    found: dict[str, Any] = msgspec.json.decode(connection.get(path_of(step)))
    metadata = found.get("metadata", {})
    wanted = (step.manifest or {}).get("preconditions", {})
    if any(metadata.get(key) != value for key, value in wanted.items()):
        raise Changed(f"{step.name} has changed since it was read")
    found["metadata"] = {key: value for key, value in metadata.items() if key not in _SERVERS}
    found.pop("status", None)
    return found
