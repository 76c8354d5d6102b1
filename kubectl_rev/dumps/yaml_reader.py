"""What stands in a text that somebody hands us: names, or documents in YAML or JSON. It is read without trusting it.

kubectl reads a text that starts with `{` as JSON and all else as YAML (k8s.io/apimachinery/pkg/util/yaml:
GuessJSONStream), and so do we.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, NamedTuple, TypeVar, cast

import msgspec

from kubectl_rev.dumps.yaml_values import TOO_DEEP, values
from kubectl_rev.errors import UsageError

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"  # RFC 1952
_CUT = "is the dump complete?"


def read(path: str, stdin: IO[bytes]) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        if path == "-":
            return _text("standard input", stdin)
        with open(path, "rb") as file:
            return _text(path, file)
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _text(where: str, file: IO[bytes]) -> str:
    """Decoded; read in blocks so that /dev/zero or a disk image is refused at its first."""
    blocks: list[bytes] = []
    try:
        for block in _blocks(file):
            blocks.append(block)
            if b"\0" in block and not blocks[0].startswith((b"\xff\xfe", b"\xfe\xff")):
                raise UsageError(f"{where}: a binary file, not a dump")
    except (EOFError, ValueError):
        raise UsageError(f"{where}: gzip that cannot be unpacked: {_CUT}") from None
    data = b"".join(blocks)
    try:  # PowerShell's `>` writes UTF-16
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 text (byte {error.start})") from None


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Its contents, unpacked where they are gzip's. Raises EOFError or ValueError where they are cut off or broken."""
    block = file.read(_BLOCK)
    if block.startswith(_GZIP):
        import gzip
        import zlib

        file = cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(block + file.read())))
        try:
            while block := file.read(_BLOCK):
                yield block
        except (zlib.error, gzip.BadGzipFile) as error:
            raise ValueError from error
    while block:
        yield block
        block = file.read(_BLOCK)


class Name(NamedTuple):
    """A line of `-o name`: `deployment.apps/web -n shop` is ("deployment.apps", "web", "shop")."""

    type: str
    name: str
    namespace: str | None


_NAME_LINE = re.compile(r"([a-z][a-z0-9.-]*)/([^\s/:]+)(?:\s+-n\s+([^\s/:]+))?")
_WORD = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def names(text: str) -> list[Name] | None:
    """The names in a text, None if its first line is none: then it is a dump. Blank lines and `#` lines are skipped.

    No dump begins with a word alone: that is meant as a name, and does not say of what. Raises UsageError.
    """
    lines = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
    found: list[Name] = []
    for number, line in lines:
        if not line or line.startswith("#"):
            continue
        match = _NAME_LINE.fullmatch(line)
        if match is None and not found and not _WORD.fullmatch(line):
            return None
        if match is None:
            raise UsageError(
                f"line {number} of the list is no name: want namespace/NAME or TYPE.GROUP/NAME -n NAMESPACE"
            )
        found.append(Name(*match.groups()))
    return found or None


def documents(text: str) -> Iterator[bytes]:
    """Each document of a text as JSON, in order; empty ones are left out. What is wrong is a ValueError of one line."""
    if re.match(r"\s*[{\[]", text):
        yield from _json(text)
    elif not text.isspace():
        yield from _yaml(text)


_SAYS = frozenset({"kind", "apiVersion", "metadata"})


def kubernetes(text: str) -> Iterator[bytes]:
    """The documents of one of several files that say they are Kubernetes objects: must-gather writes others, too."""
    for document in documents(text):
        with suppress(msgspec.ValidationError):  # a list, or a word
            if not _SAYS.isdisjoint(msgspec.json.decode(document, type=dict[str, msgspec.Raw])):
                yield document


def _json(text: str) -> Iterator[bytes]:
    try:
        whole = text.encode()
        msgspec.json.decode(whole, type=msgspec.Raw)
        yield whole
        return
    except msgspec.DecodeError:
        pass  # several documents, or none: the standard library finds where one ends, and says what is wrong by line
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)  # int() refuses very long numbers
    end, blank = 0, re.compile(r"\s*")
    while (start := _end(blank, text, end)) < len(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            cut = not text[error.pos :].strip() or not text.rstrip().endswith(("}", "]"))
            hint = f": {_CUT}" if cut else ""
            raise ValueError(f"not JSON: {error.msg.lower()} in line {error.lineno}{hint}") from None
        except RecursionError:
            raise ValueError(TOO_DEEP) from None
        yield text[start:end].encode()


def _end(blank: re.Pattern[str], text: str, start: int) -> int:
    found = blank.match(text, start)
    return found.end() if found else start


def _yaml(text: str) -> Iterator[bytes]:
    for document in values(text):
        if document is not None:
            yield msgspec.json.encode(document)


T = TypeVar("T")


def decode(raw: bytes | msgspec.Raw, into: type[T], also: dict[str, Any] | None = None) -> T:
    """A JSON object as one of our types, with some fields set. A null counts as absent, as for the API server.

    A field of another type is a ValueError that names its path.
    """
    with suppress(msgspec.ValidationError):
        return msgspec.json.decode(raw, type=into)
    value = without_nulls(msgspec.json.decode(raw))
    try:
        return msgspec.convert(value | (also or {}) if isinstance(value, dict) else value, into)
    except msgspec.ValidationError as error:
        raise ValueError(spoken(error)) from None


# Maps of strings, in which a null is no absent field but a wrong value.
_STRING_MAPS = frozenset({"labels", "annotations", "matchLabels", "selector", "data"})


def without_nulls(value: Any, key: str = "") -> Any:
    """JSON as the API server takes it: a null, which Go writes for an empty slice, counts as absent."""
    if isinstance(value, dict):
        return {k: without_nulls(v, k) for k, v in value.items() if v is not None or key in _STRING_MAPS}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def spoken(error: msgspec.ValidationError) -> str:
    """msgspec's "Expected `str`, got `int` - at `$.metadata.labels[...]`" in our words."""
    problem, _, path = str(error).partition(" - at ")
    where = path.strip("`").removeprefix("$.")
    return (f"{where}: " if where else "") + (problem[0].lower() + problem[1:]).replace("`", "")
