"""Apply one step of a plan; with `dry_run` the server runs admission on it and stores nothing."""

from __future__ import annotations

import msgspec

from kubectl_rev.cluster.connection import JSON, JSON_PATCH, Connection
from kubectl_rev.core.plan import Step

FIELD_MANAGER = "kubectl-rev"


def apply(connection: Connection, step: Step, *, dry_run: bool = False, field_manager: str = FIELD_MANAGER) -> bytes:
    """The object as the server answers it. Raises Changed when it is no longer what the plan read, Forbidden, …"""
    query = {"fieldManager": field_manager} | ({"dryRun": "All"} if dry_run else {})
    match step.action:
        case "patch":
            body = msgspec.json.encode(step.operations)
            return connection.send("PATCH", path_of(step), body, query, content_type=JSON_PATCH)
        case "create":
            body = msgspec.json.encode(step.manifest)
            return connection.send("POST", path_of(step).rpartition("/")[0], body, query, content_type=JSON)
        case "delete":
            options = msgspec.json.encode(step.manifest) if step.manifest else b""
            return connection.send("DELETE", path_of(step), options, {"dryRun": "All"} if dry_run else {})
    raise ValueError(step.action)


def path_of(step: Step) -> str:
    """The object's path at the API server: core resources under /api, all others under /apis/GROUP."""
    plural, _, group = step.resource.partition(".")
    root = f"/apis/{group}/{step.version}" if group else f"/api/{step.version}"
    where = f"/namespaces/{step.namespace}" if step.namespace else ""
    return f"{root}{where}/{plural}/{step.name}"
