"""Protobuf as the API server writes it, encoded by hand: an oracle that shares nothing with the decoder."""

from __future__ import annotations

from collections.abc import Mapping


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, payload: bytes | str) -> bytes:
    """A length-delimited field."""
    data = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(data)) + data


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def pairs(tag: int, values: Mapping[str, str]) -> bytes:
    return b"".join(field(tag, field(1, key) + field(2, value)) for key, value in values.items())


def meta(
    name: str,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: tuple[str, str] | None = None,
    created: int = 0,
    controlled: bool = True,
) -> bytes:
    """metav1.ObjectMeta, with managedFields that nobody wants."""
    body = field(1, name) + field(3, namespace) + field(5, "uid") + field(8, number(1, created))
    body += pairs(11, labels or {}) + pairs(12, annotations or {})
    if owner:
        kind, owner_name = owner
        body += field(
            13, field(1, kind) + field(3, owner_name) + field(4, "u") + field(5, "apps/v1") + number(6, controlled)
        )
    return body + field(17, field(1, "kubectl") + field(7, b'{"f:metadata":{}}'))


def items(*bodies: bytes, next_page: str = "") -> bytes:
    """A list, as the API server's whole answer."""
    body = field(1, field(2, "4711") + field(3, next_page)) + b"".join(field(2, item) for item in bodies)
    return b"k8s\0" + field(1, field(1, "v1") + field(2, "List")) + field(2, body) + field(3, "") + field(4, "")
