"""Which namespaces a call is about, and which dump: arguments, `-f` with names, `-f` with a dump."""

from __future__ import annotations

import atexit
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kubectl_rev import documents
from kubectl_rev.errors import UsageError


def named(arguments: Sequence[str], filename: str) -> tuple[list[str], str]:
    """The namespaces that were named, and the dump if `--filename` is one and not a list of names."""
    words = [word.partition("/")[2] if word.startswith(("namespace/", "ns/")) else word for word in arguments]
    if not filename or (filename != "-" and Path(filename).is_dir()):
        return words, filename
    if filename == "-" and sys.stdin.isatty():
        raise UsageError("-f - reads standard input, which is a terminal: pipe a dump or names into it")
    text = documents.read(filename, sys.stdin.buffer)
    listed = documents.names(text)
    if listed is None:
        return words, filename if filename != "-" else _kept(text)
    spaces = [each.namespace or (each.name if each.type in ("namespace", "ns") else "") for each in listed]
    if "" in spaces:
        raise UsageError(f"{filename}: a name without -n NAMESPACE")
    return [*words, *spaces], ""


def _kept(text: str) -> str:
    """Standard input can be read once only: what was read, in a file that goes with the process."""
    with tempfile.NamedTemporaryFile("w", prefix="kubectl-rev-", suffix=".yaml", delete=False) as file:
        file.write(text)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name
