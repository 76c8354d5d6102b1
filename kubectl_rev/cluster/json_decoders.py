"""JSON into our types, from any thread.

msgspec resolves a type when it is first used, and shows a half-resolved one to other threads meanwhile: two that decode
a new type at once crash the process (seen with 0.22: one read in twenty died of it). So a type is resolved
under a lock, and everything here decodes through this module.
"""

from __future__ import annotations

import threading
from typing import TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_decoders: dict[object, msgspec.json.Decoder[object]] = {}


def from_json(body: bytes | bytearray | str | msgspec.Raw, kind: type[T]) -> T:
    """The JSON document as `kind`. Raises msgspec.DecodeError, or ValidationError with the path of what is wrong."""
    try:
        return resolved(kind).decode(body)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError("nested too deeply, or not UTF-8") from error


def resolved(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder of this type; once it is returned, msgspec.convert to the type is safe in any thread too."""
    with _lock:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return _decoders[kind]  # type: ignore[return-value]
