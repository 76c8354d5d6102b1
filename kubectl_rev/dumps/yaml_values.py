"""YAML as plain values, as kubectl takes it.

It is built from libyaml's events without recursion, for three reasons: nesting cannot overflow the C stack; aliases (of
which a few lines can stand for gigabytes) and tags are refused where they stand; and plain scalars mean what they mean
to kubectl: a timestamp is text, `on` is a boolean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

MAX_DEPTH = 200  # a CustomResourceDefinition's schema comes to about 60
TOO_DEEP = "nested too deeply for a Kubernetes object"

# sigs.k8s.io/yaml (goyaml.v2/resolve.go): what a plain scalar means.
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def values(text: str | bytes, *, by_hand: bool = False) -> Iterator[object]:
    """Each document of a YAML text, None where it is empty. What is wrong is a ValueError of one line.

    What people write `by_hand` may have anchors, merge keys (`<<`) and tags: a kubeconfig.
    """
    import yaml  # 20 ms that a JSON dump need not pay

    try:
        yield from _build(getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text), by_hand)
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # libyaml's own limit
            raise ValueError(TOO_DEEP) from None
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"not YAML: {error.problem}{line}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {str(error).splitlines()[0]}") from None


_NO_KEY = object()


def _build(parser: Any, by_hand: bool = False) -> Iterator[object]:
    """Documents as plain values; `path` holds the open collections, `keys` what each is waiting to fill."""
    import yaml

    path: list[Any] = []
    keys: list[Any] = []
    anchors: dict[str, object] = {}
    document: object = None

    def place(value: object) -> None:
        nonlocal document
        if not path:
            document = value
        elif isinstance(path[-1], list):
            path[-1].append(value)
        else:
            path[-1][keys[-1]] = value
            keys[-1] = _NO_KEY

    while (event := parser.get_event()) is not None:
        what = type(event)
        is_key = bool(path) and isinstance(path[-1], dict) and keys[-1] is _NO_KEY
        if what is yaml.ScalarEvent:
            _refuse_tag(event, by_hand)
            bare = not event.style and event.tag is None
            value = plain(event.value) if bare and (by_hand or not is_key) else event.value
            if is_key:
                keys[-1] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            else:
                place(value)
            anchors |= {event.anchor: value} if event.anchor else {}
        elif what in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            _refuse_tag(event, by_hand)
            if is_key:
                raise ValueError(f"line {event.start_mark.line + 1}: a key that is no text")
            if len(path) == MAX_DEPTH:
                raise ValueError(TOO_DEEP)
            collection: Any = {} if what is yaml.MappingStartEvent else []
            place(collection)
            path.append(collection)
            keys.append(_NO_KEY)
            anchors |= {event.anchor: collection} if event.anchor else {}
        elif what in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            keys.pop()
            if by_hand and isinstance(path[-1], dict) and "<<" in path[-1]:
                _merge(path[-1])
            path.pop()
        elif what is yaml.AliasEvent:
            meant = anchors.get(event.anchor)
            if by_hand and not any(meant is one for one in path) and not (is_key and not isinstance(meant, str)):
                if is_key:
                    keys[-1] = meant
                else:
                    place(meant)
                continue
            raise ValueError(f"line {event.start_mark.line + 1}: a YAML alias, which kubectl never writes")
        elif what is yaml.DocumentEndEvent:
            yield document
            document = None
        elif what is yaml.StreamEndEvent:
            return


def _merge(mapping: dict[str, Any]) -> None:
    """Carry out a merge key: what stands in the mapping itself wins, then the first of several."""
    merged = mapping.pop("<<")
    for other in merged if isinstance(merged, list) else [merged]:
        if not isinstance(other, dict):
            raise ValueError("a merge key (<<) of something that is no mapping")
        for key, value in other.items():
            mapping.setdefault(key, value)


def _refuse_tag(event: Any, by_hand: bool) -> None:
    if event.tag is not None and not (by_hand and event.tag != "tag:yaml.org,2002:binary"):
        raise ValueError(f"line {event.start_mark.line + 1}: a YAML tag ({event.tag}), which kubectl never writes")


def plain(scalar: str) -> object:
    """What an unquoted YAML scalar means."""
    if scalar in _CONSTANTS:
        return _CONSTANTS[scalar]
    if scalar[0] not in "-+.0123456789" or len(scalar) > 40:
        return scalar
    if _INTEGER.fullmatch(scalar):
        digits = scalar.replace("_", "")
        old_octal = re.fullmatch(r"[-+]?0[0-7]+", digits)
        try:
            number = int(digits, 8 if old_octal else 0)
        except ValueError:  # only underscores after the prefix
            return scalar
        return number if -(2**63) <= number < 2**63 else float(number)
    if _FLOAT.fullmatch(scalar):
        return float(scalar)
    return None if _NOT_FINITE.fullmatch(scalar) else scalar
