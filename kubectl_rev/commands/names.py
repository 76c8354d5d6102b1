"""Lists of names: what `-o name` prints, what `-f` is (such a list, or a dump), which namespaces a call is about."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

from kubectl_rev.commands.terminal import err
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.dumps import yaml_reader
from kubectl_rev.dumps.yaml_reader import Name
from kubectl_rev.errors import UsageError
from kubectl_rev.render import text as render

_LARGE = 1 << 24  # bytes: a list of more names than a cluster has; such a dump is not to be read twice
NAMESPACES = ("namespace", "namespaces", "ns")  # what a namespace is called in TYPE/NAME
_OURS = ("revision", "tag")  # what our own lists have and no namespace is
NOTE = "note: names in several namespaces; give kubectl one line at a time: … -o name | xargs -L1 kubectl get"


class File(NamedTuple):
    """What was given with `-f`: `names` if it is a list of them, else the dump's path.

    `stdin` is what standard input still has: a pipe can be read once only.
    """

    names: list[Name]
    dump: str
    stdin: IO[bytes]


def opened(filename: str) -> File:
    """Look what a file is. Raises UsageError for one that cannot be read, or is a broken list of names."""
    if not filename or (filename != "-" and os.path.isdir(filename)):
        return File([], filename, sys.stdin.buffer)
    if filename == "-" and sys.stdin.isatty():
        raise UsageError("-f - reads standard input, which is a terminal: pipe a dump or names into it")
    if os.path.isfile(filename) and os.path.getsize(filename) > _LARGE:
        return File([], filename, sys.stdin.buffer)
    text = yaml_reader.read(filename, sys.stdin.buffer)
    listed = yaml_reader.names(text)
    if listed:
        return File(listed, "", sys.stdin.buffer)
    again = os.path.isfile(filename)  # a pipe, such as `-f <(kubectl get …)`, is not
    return File([], filename if again else "-", io.BytesIO(text.encode()))


def named(arguments: Sequence[str], file: File, namespace: str) -> list[str]:
    """The namespaces that were named, as arguments or in a file: of what is in one, the one that it is in.

    `namespace` is that of a name without one of its own, empty if none was given.
    """
    words = [word.partition("/")[2] if word.startswith(("namespace/", "ns/")) else word for word in arguments]
    for name in file.names:
        space = name.name if name.type in NAMESPACES else name.namespace or namespace
        if not space or name.type in _OURS:
            raise UsageError(f"{name.type}/{name.name} has no namespace: use namespace/NAME, or add -n NAMESPACE")
        words.append(space)
    return words


def lines(refs: Iterable[Ref], within: str = "") -> str:
    """`-o name`: a line for each object, for `-f -` of the next command and for kubectl.

    What is in the one namespace that was asked for (`within`) is named alone, as kubectl does. Else each line has its
    `-n`; of several such lines in one kubectl command the last `-n` would count for all, which a note says on stderr.
    """
    refs = list(refs)
    if len({ref.namespace for ref in refs if ref.namespace}) > 1:
        err(NOTE)
    return "\n".join(render.name(ref.kind, "" if ref.namespace == within else ref.namespace, ref.name) for ref in refs)
