"""What rev-migrate is asked for, parsed and held against itself before anything is read."""

from __future__ import annotations

import sys

import msgspec

from kubectl_rev.cli import options
from kubectl_rev.cli.options import DryRun, Output
from kubectl_rev.cli.run import leave
from kubectl_rev.commands.migrate import answer
from kubectl_rev.commands.migrate_preflight import Run
from kubectl_rev.commands.source import Source
from kubectl_rev.core.migration.choosing import Request
from kubectl_rev.core.migration.throttle import Pace
from kubectl_rev.dumps import snapshot_file, yaml_reader
from kubectl_rev.errors import UsageError


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-migrate, as typed."""

    arguments: tuple[str, ...]
    to: str
    came_from: str
    all_namespaces: bool
    selector: str
    filename: str
    enroll: bool
    undo: bool
    tag: str
    restart: bool
    include_gateways: bool
    force_owned: bool
    max_parallel: str
    pause: str
    max_failures: int
    timeout: str
    rollback_on_failure: bool
    dry_run: DryRun
    yes: bool
    field_manager: str
    output: Output
    headers: bool
    connection: options.Connection


def carry_out(call: Call) -> None:
    """Do it, and leave with its exit code."""
    names, dump = _names(call.arguments, call.connection.namespace, call.filename)
    if dump and call.dry_run is not DryRun.CLIENT:
        raise UsageError("a dump can only be planned with: say --dry-run=client")
    request = Request(
        to=call.to,
        names=names,
        selector=options.label_selector(call.selector),
        everything=call.all_namespaces,
        came_from=call.came_from,
        enroll=call.enroll,
        restart=call.restart,
        include_gateways=call.include_gateways,
        force_owned=call.force_owned,
    )
    _check(request, call.undo, call.tag)
    per_namespace, overall = _parallel(call.max_parallel)
    asked = Run(
        request=request,
        undo=call.undo,
        tag=call.tag,
        selector=call.selector,
        dry_run="" if call.dry_run is DryRun.NONE else call.dry_run.value,
        pace=Pace(
            per_namespace=per_namespace,
            overall=overall,
            pause=options.seconds(call.pause, "--pause"),
            timeout=options.seconds(call.timeout, "--timeout"),
            max_failures=call.max_failures,
        ),
        yes=call.yes,
        rollback=call.rollback_on_failure,
        field_manager=call.field_manager,
        output=call.output,
        headers=call.headers,
        dump=dump,
    )
    leave(answer(asked, Source(call.connection, call.filename if dump else "", call.all_namespaces)))


def _names(arguments: tuple[str, ...], namespace: str, filename: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The namespaces that were named in any way, and the texts of a dump, by path, if the file or directory is one."""
    names = [_namespace(word) for word in arguments] + ([namespace] if namespace else [])
    if not filename:
        return tuple(names), {}
    texts = snapshot_file.texts(filename, sys.stdin.buffer)
    text = "".join(texts.values())
    listed = yaml_reader.names(text) if list(texts) == [filename] else None
    if listed is None and text.strip():
        return tuple(names), texts
    for each in listed or ():
        if each.type not in ("namespace", "namespaces", "ns"):
            raise UsageError(f'"{each.type}/{each.name}" is no namespace: a migration moves whole namespaces')
        names.append(each.name)
    if not names:
        raise UsageError(f"{filename}: no names in it")
    return tuple(names), {}


def _namespace(word: str) -> str:
    kind, slash, name = word.rpartition("/")
    if slash and kind not in ("namespace", "namespaces", "ns"):
        raise UsageError(f'"{word}" is no namespace: a migration moves whole namespaces')
    return name


def _check(request: Request, undo: bool, tag: str) -> None:
    chosen = [bool(request.names), request.selector is not None, request.everything]
    if sum(chosen) > 1:
        raise UsageError("names, --selector and --all-namespaces exclude each other")
    if undo and (request.to or request.came_from or request.enroll):
        raise UsageError("--undo goes back to what was recorded: it takes no --to, --from or --enroll")
    if not undo and not request.to:
        raise UsageError("where to? say --to REVISION or --to TAG, or --undo")
    if tag and (any(chosen) or request.came_from):
        raise UsageError("--tag moves a tag with all that follows it: it takes no namespaces")
    if not any(chosen) and not request.came_from and not tag:
        raise UsageError("which namespaces? name them, or say --from REVISION, --selector or --all-namespaces")
    if request.to and request.to == request.came_from:
        raise UsageError("--from and --to are the same")


def _parallel(text: str) -> tuple[int, int]:
    first, comma, second = text.partition(",")
    if not first.isdecimal() or (comma and not second.isdecimal()) or "0" in (first, second):
        raise UsageError(f"--max-parallel takes one number or two, as in 1,10; not {text!r}")
    return int(first), int(second) if comma else max(10, int(first))
