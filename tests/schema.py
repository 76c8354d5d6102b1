"""The JSON Schema of what `-o json` prints, from the types it is encoded from: docs/schema.json."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import jsonschema
import msgspec

from kubectl_rev.core.checks.hints import Hint
from kubectl_rev.core.checks.model import Finding, Severity
from kubectl_rev.core.mesh import resources
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration import run
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.status.explain import Explanation
from kubectl_rev.core.status.items import ControlPlaneItem, NamespaceItem, Overview, PodItem, TagItem, WorkloadItem
from kubectl_rev.core.validation.validation_items import Validation
from kubectl_rev.core.verification.compare import Change
from kubectl_rev.core.verification.verify import Verification
from kubectl_rev.render.text import API_VERSION

WORKLOADS = ("Workload", "Gateway", *(each.kind for each in resources.WORKLOADS))
ITEMS: dict[str, Any] = {
    "Revision": ControlPlaneItem,
    "Tag": TagItem,
    "Namespace": NamespaceItem,
    "Pod": PodItem,
    **dict.fromkeys(WORKLOADS, WorkloadItem),
}


class MeshState(msgspec.Struct):
    """A row of `CheckList`."""

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    source: str


# kind: its type, and what stands beside that type's fields
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Overview": (Overview, {}),
    "Explanation": (Explanation, {}),
    "Plan": (Plan, {"findings": list[Finding], "gaps": list[Gap]}),
    "Result": (run.Result, {}),
    "Verification": (Verification, {"since": list[Change] | None}),
    "Validation": (Validation, {}),
}
LISTS: dict[str, dict[str, Any]] = {
    **{f"{name}List": {"items": list[item], "gaps": list[Gap]} for name, item in ITEMS.items()},
    "ExplanationList": {"items": list[Explanation]},
    "CheckList": {"items": list[MeshState]},
}
_OPTIONAL = {"since"}  # only with --since


def _text(kind: type) -> dict[str, Any]:
    """A hint is one line of text."""
    if kind is Hint:
        return {"type": "string"}
    raise NotImplementedError(kind)


def schema() -> dict[str, Any]:
    """One of the kinds, each with `apiVersion` and `kind`."""
    extra = [kind for _, more in KINDS.values() for kind in more.values()]
    types = [*(kind for kind, _ in KINDS.values()), *extra, *(t for fields in LISTS.values() for t in fields.values())]
    made, components = msgspec.json.schema_components(types, schema_hook=_text, ref_template="#/$defs/{name}")
    of = dict(zip(map(str, types), made, strict=True))
    for found in _structs(types):
        name = found.__name__
        # Every field is always there, save where a type leaves out what is at its default.
        if not found.__struct_config__.omit_defaults:
            components[name]["required"] = sorted(components[name]["properties"])
    for each in components.values():  # Python 3.13 takes the indentation off docstrings, 3.11 does not
        each |= {"description": inspect.cleandoc(each["description"])} if "description" in each else {}
    documents: dict[str, Any] = {}
    for kind, (base, more) in KINDS.items():
        inner = components.pop(base.__name__) if base is not Explanation else components[base.__name__]
        fields = inner["properties"] | {name: of[str(each)] for name, each in more.items()}
        documents[kind] = _document(kind, fields, inner.get("description", ""))
    for kind, given in LISTS.items():
        documents[kind] = _document(kind, {name: of[str(each)] for name, each in given.items()}, "")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{API_VERSION}: what the kubectl rev plugins print with -o json",
        "oneOf": [{"$ref": f"#/$defs/{kind}Document"} for kind in documents],
        "$defs": {f"{kind}Document": each for kind, each in documents.items()} | dict(sorted(components.items())),
    }


def _document(kind: str, fields: dict[str, Any], description: str) -> dict[str, Any]:
    properties = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}} | fields
    made = {
        "type": "object",
        "properties": properties,
        "required": sorted(set(properties) - _OPTIONAL),
    }
    return made | ({"description": description} if description else {})


def _structs(types: list[Any]) -> set[Any]:
    """Every Struct that these lead to."""
    found: set[Any] = set()

    def visit(info: Any) -> None:
        match info:
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls not in found:
                    found.add(cls)
                    for field in fields:
                        visit(field.type)
            case msgspec.inspect.UnionType(types=several):
                for each in several:
                    visit(each)
            case msgspec.inspect.DictType(value_type=value):
                visit(value)
            case _ if hasattr(info, "item_type"):
                visit(info.item_type)

    for each in types:
        visit(msgspec.inspect.type_info(each))
    return found


def hold(document: Any) -> None:
    """Raises jsonschema's ValidationError for what the schema does not say, a field that it does not name included."""
    closed = _strict() | {"$ref": f"#/$defs/{document['kind']}Document"}
    jsonschema.Draft202012Validator(closed).validate(document)


@cache
def _strict() -> dict[str, Any]:
    return {key: value for key, value in _closed(schema()).items() if key != "oneOf"}


def _closed(part: Any) -> Any:
    if isinstance(part, dict):
        found = {key: _closed(value) for key, value in part.items()}
        return found | ({"additionalProperties": False} if isinstance(part.get("properties"), dict) else {})
    return [_closed(each) for each in part] if isinstance(part, list) else part


def text() -> str:
    """As it stands in the file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"
