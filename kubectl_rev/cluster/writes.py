"""Apply one step of a plan; with `dry_run` the server runs admission on it and stores nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.cluster.connection import JSON_PATCH, Connection
from kubectl_rev.cluster.retry import Retry
from kubectl_rev.core.writes import Step, holds
from kubectl_rev.errors import Changed, Forbidden, NotFound, Unreachable

FIELD_MANAGER = "kubectl-rev"
_DELETE_OPTIONS = {"apiVersion": "v1", "kind": "DeleteOptions"}
PATIENCE = 60.0  # seconds that a server may take to come back: kube-apiserver as a static pod needs half of it
# What the server sets; with some of it a create is refused.
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


def try_create(connection: Connection, resource: str, version: str, namespace: str, manifest: dict[str, Any]) -> bytes:
    """A dry run of one create: the object as it would be stored. `resource` is the plural with its group."""
    step = Step(
        action="create", resource=resource, version=version, namespace=namespace, name="", manifest=manifest, says=""
    )
    return apply(connection, step, dry_run=True)


def apply(connection: Connection, step: Step, *, dry_run: bool = False, field_manager: str = FIELD_MANAGER) -> bytes:
    """The object as the server answers it. Raises Changed when it is no longer what the plan read, Forbidden, …"""
    query = {"fieldManager": field_manager} | ({"dryRun": "All"} if dry_run else {})
    match step.action:
        case "patch":
            body = msgspec.json.encode(step.operations)
            return connection.send("PATCH", path_of(step), body, query, content_type=JSON_PATCH)
        case "create":
            body = msgspec.json.encode(step.manifest)
            return connection.send("POST", path_of(step).rpartition("/")[0], body, query)
        case "delete":
            # Where there is a body the server looks for options there, and not at the query: a dry run would be none.
            options = (step.manifest or _DELETE_OPTIONS) | ({"dryRun": ["All"]} if dry_run else {})
            return connection.send("DELETE", path_of(step), msgspec.json.encode(options))
    raise ValueError(step.action)


def apply_surely(connection: Connection, step: Step, *, field_manager: str = FIELD_MANAGER) -> None:
    """Apply a patch through a server that breaks off, is overloaded or restarts.

    When a request had no answer, nobody knows whether it was done. The object tells: if it is as the patch would make
    it, it was; else the patch is sent again, and its tests see to it that nothing is overwritten or done twice.
    Raises what `apply` raises, Unreachable only after PATIENCE.
    """
    retry, was_away = Retry(0.2, 4.0, PATIENCE), False
    while True:
        try:
            apply(connection, step, field_manager=field_manager)
            return
        except (Unreachable, Changed, Forbidden) as error:
            # Back from a restart, a server forbids everything until it has read its roles.
            if isinstance(error, Forbidden) and not was_away:
                raise
            was_away = was_away or isinstance(error, Unreachable)
            if _is_done(connection, step):
                return
            # A 409 says that writers raced inside the server; a failed test that the object is another by now.
            if (isinstance(error, Changed) and not _still_as_read(connection, step)) or not retry.pause():
                raise


def _still_as_read(connection: Connection, step: Step) -> bool:
    """Whether the server would take the patch now: asked with a dry run."""
    try:
        apply(connection, step, dry_run=True)
    except (Unreachable, Changed, Forbidden):
        return False
    return True


def _is_done(connection: Connection, step: Step) -> bool:
    try:
        return holds(step, current(connection, step))
    except (Unreachable, NotFound, Forbidden):
        return False


def current(connection: Connection, step: Step) -> Any:
    """The object that a step is about, as it is now. Raises NotFound if it is gone."""
    return msgspec.json.decode(connection.get(path_of(step)))


def backup(connection: Connection, step: Step) -> dict[str, Any]:
    """The manifest of what a delete is about, fit to be created again.

    Raises Changed if it is not the object that was read, NotFound if it is gone.
    """
    manifest: dict[str, Any] = current(connection, step)
    metadata = manifest.get("metadata", {})
    preconditions = (step.manifest or {}).get("preconditions", {})
    if any(metadata.get(key) != value for key, value in preconditions.items()):
        raise Changed(f"{step.name} has changed since it was read")
    manifest["metadata"] = {key: value for key, value in metadata.items() if key not in _SERVERS}
    manifest.pop("status", None)
    return manifest


def path_of(step: Step) -> str:
    """The object's path at the API server: core resources under /api, all others under /apis/GROUP."""
    plural, _, group = step.resource.partition(".")
    root = f"/apis/{group}/{step.version}" if group else f"/api/{step.version}"
    where = f"/namespaces/{step.namespace}" if step.namespace else ""
    return f"{root}{where}/{plural}/{step.name}"
