"""Which namespaces a call of rev-migrate names, and whether its flags go together."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kubectl_rev.commands.names_file import NAMESPACES
from kubectl_rev.core.mesh.revision_names import Kind, split
from kubectl_rev.core.migration.choosing import Request as Migration
from kubectl_rev.dumps import snapshot_file, yaml_reader
from kubectl_rev.errors import UsageError


def named(arguments: Sequence[str], namespace: str, filename: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The namespaces that were named in any way, and the texts of a dump, by path, if the file or directory is one.

    Neither where the file is an empty list: what made it found nothing to move.
    """
    names = [_namespace(word) for word in arguments]
    if namespace and names not in ([], [namespace]):
        raise UsageError("name namespaces as arguments or with --namespace, not both")
    names += [namespace] if namespace else []
    if not filename:
        return tuple(names), {}
    texts = snapshot_file.texts(filename, sys.stdin.buffer)
    whole = "".join(texts.values())
    listed = yaml_reader.names(whole) if list(texts) == [filename] else None
    if listed is None and whole.strip():
        return tuple(names), texts
    names += [_namespace(f"{one.type}/{one.name}") for one in listed or ()]
    return tuple(names), {}


def _namespace(word: str) -> str:
    kind, slash, name = word.rpartition("/")
    if slash and kind not in NAMESPACES:
        raise UsageError(f'"{word}" is no namespace: a migration moves whole namespaces')
    return name


def tag_of_flag(text: str) -> str:
    """The name of the tag that --tag moves: `tag/prod` is prod. Raises UsageError for `revision/prod`."""
    kind, name = split(text)
    if kind is Kind.REVISION:
        raise UsageError(f"{text} is a revision: a tag is wanted")
    return name


def check(migration: Migration) -> None:
    """Raises UsageError for flags that contradict each other. A file of names chooses, if only none at all."""
    chosen = [bool(migration.names) or migration.listed, migration.selector is not None, migration.everything]
    if sum(chosen) > 1:
        raise UsageError("names, --selector and --all-namespaces exclude each other")
    if migration.undo and (migration.to or migration.came_from or migration.enroll):
        raise UsageError("--undo goes back to what was recorded: it takes no --to, --from or --enroll")
    if migration.force_owned and migration.skip_owned:
        raise UsageError("--force-owned and --skip-owned exclude each other")
    if migration.tag and (migration.exclude or migration.skip_owned):
        raise UsageError("--tag moves a tag with all that follows it: it takes no --exclude or --skip-owned")
    if not migration.undo and not migration.to:
        raise UsageError("where to? say --to REVISION or --to TAG, or --undo")
    if migration.tag and (any(chosen) or migration.came_from):
        raise UsageError("--tag moves a tag with all that follows it: it takes no namespaces")
    if not any(chosen) and not migration.came_from and not migration.tag:
        raise UsageError("which namespaces? name them, or say --from REVISION, --selector or --all-namespaces")
    if migration.to and migration.to == migration.came_from:
        raise UsageError("--from and --to are the same")
