"""One write to the cluster as a value: shown by --dry-run, confirmed by a person, executed as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from kubectl_rev.core.mesh.objects import Metadata


class Op(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation of a JSON patch (RFC 6902). A `test` makes the server refuse when the object has changed."""

    op: str
    path: str
    value: Any = msgspec.UNSET


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One request: `patch` (with `operations`), `create` (with `manifest`) or `delete` (`manifest`: its DeleteOptions).

    `resource` is the plural with its group (`deployments.apps`), `version` the API version (`v1`); `says` is what is
    printed when it is done, in kubectl's words: `namespace/shop labeled`.
    """

    action: str
    resource: str
    version: str = "v1"
    namespace: str = ""
    name: str
    operations: tuple[Op, ...] = ()
    manifest: dict[str, Any] | None = None
    says: str


def patch(resource: str, metadata: Metadata, ops: Iterable[Op], done: str = "patched", version: str = "v1") -> Step:
    """A patch of the object of this `resource` (plural, with its group), told as `service/web patched`."""
    return Step(
        action="patch",
        resource=resource,
        version=version,
        namespace=metadata.namespace,
        name=metadata.name,
        operations=tuple(ops),
        says=f"{singular(resource)}/{metadata.name} {done}",
    )


def singular(resource: str) -> str:
    """As kubectl tells what it did: `validatingwebhookconfiguration.admissionregistration.k8s.io`."""
    plural, dot, group = resource.partition(".")
    return f"{plural.removesuffix('s')}{dot}{group}"


def pointer(*parts: str) -> str:
    """A JSON pointer to these keys (RFC 6901): `pointer("metadata", "labels", "istio.io/rev")`."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def holds(step: Step, there: dict[str, Any]) -> bool:
    """Whether an object is already as a patch would make it: what a request without an answer may have done."""
    for op in step.operations:
        value = _at(there, op.path)
        if (op.op in ("add", "replace") and not _equal(value, op.value)) or (op.op == "remove" and value is not None):
            return False
    return True


def _equal(there: Any, wanted: Any) -> bool:
    """A map that was added may have got more entries by the next operation."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        return all(there.get(key) == value for key, value in wanted.items())
    return bool(there == wanted)


def _at(value: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        if isinstance(value, dict):
            value = value.get(part.replace("~1", "/").replace("~0", "~"))
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
