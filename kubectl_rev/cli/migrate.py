"""kubectl rev-migrate"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.carry_out import answer
from kubectl_rev.cli.options import Output
from kubectl_rev.cli.prepare import Run
from kubectl_rev.cli.run import app_of, leave
from kubectl_rev.cli.run import main as run
from kubectl_rev.cli.source import Source
from kubectl_rev.core import selectors
from kubectl_rev.core.choosing import Request
from kubectl_rev.core.pace import Pace
from kubectl_rev.errors import UsageError

PROG = "kubectl rev-migrate"
HELP = """Move namespaces to another Istio revision, and back, and lose nothing.

Labels are changed in one write, a pod is tried before the first restart, only what runs on another revision is
restarted, and each workload is waited for until its pods say that the new revision injected them. The same command
again goes on where one was cut off.

Examples:
  # See what would happen, with every patch
  kubectl rev-migrate shop cart --to canary --dry-run=client -o wide

  # Move two namespaces; everything that default injects; what a list names
  kubectl rev-migrate shop cart --to canary
  kubectl rev-migrate --from default --to canary --max-parallel 5
  kubectl get ns -l team=a -o name | kubectl rev-migrate -f - --to canary --yes

  # Move a tag itself, with all that follows it
  kubectl rev-migrate --tag prod --to canary --dry-run=client

  # Back to exactly what it was
  kubectl rev-migrate --undo shop
"""


class DryRun(StrEnum):
    """--dry-run"""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


@options.with_connection
def command(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[NAMESPACE...]", show_default=False)] = None,
    to: Annotated[str, typer.Option("--to", help="The revision or tag to move to.")] = "",
    came_from: Annotated[
        str, typer.Option("--from", help="Only what this revision injects now, by any label; or what a tag does.")
    ] = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All that are injected now.")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector of namespaces.")] = "",
    filename: Annotated[
        str, typer.Option("--filename", "-f", help="Names of namespaces, or for --dry-run=client a dump; - is stdin.")
    ] = "",
    enroll: Annotated[bool, typer.Option("--enroll", help="Also named namespaces that nobody injects now.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Back to the labels from before the first migration.")] = False,
    tag: Annotated[str, typer.Option("--tag", help="Move this tag itself, and what follows it.")] = "",
    no_restart: Annotated[bool, typer.Option("--no-restart", help="Change labels only.")] = False,
    include_gateways: Annotated[
        bool, typer.Option("--include-gateways", help="Gateways too, last: their traffic moves with them.")
    ] = False,
    force_owned: Annotated[
        bool, typer.Option("--force-owned", help="Change labels that Git, Helm or Sail owns, and may put back.")
    ] = False,
    max_parallel: Annotated[
        str, typer.Option("--max-parallel", help="Workloads at a time: in one namespace, or in one namespace,in all.")
    ] = "1,10",
    pause: Annotated[str, typer.Option("--pause", help="Between two workloads of a namespace: 30s, 1m.")] = "0",
    max_failures: Annotated[int, typer.Option("--max-failures", min=1, help="Begin nothing more after so many.")] = 1,
    timeout: Annotated[str, typer.Option("--timeout", help="For one workload: 90s, 5m; 0 does not wait.")] = "5m",
    rollback_on_failure: Annotated[
        bool, typer.Option("--rollback-on-failure", help="Undo what this run began when something fails.")
    ] = False,
    dry_run: Annotated[
        DryRun, typer.Option("--dry-run", help="client prints the plan, server has it checked.")
    ] = DryRun.NONE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    field_manager: Annotated[
        str, typer.Option("--field-manager", help="Name under which fields are written.")
    ] = "kubectl-rev",
    output: Annotated[Output, typer.Option("--output", "-o", help="Output format.")] = Output.TABLE,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    *,
    connection: options.Connection,
) -> None:
    names, dump = _names(arguments or [], connection.namespace, filename)
    if dump and dry_run is not DryRun.CLIENT:
        raise UsageError("a dump can only be planned with: say --dry-run=client")
    request = Request(
        to=to,
        names=names,
        selector=_selector(selector),
        everything=all_namespaces,
        came_from=came_from,
        enroll=enroll,
        restart=not no_restart,
        include_gateways=include_gateways,
        force_owned=force_owned,
    )
    _check(request, undo, tag)
    per_namespace, overall = _parallel(max_parallel)
    asked = Run(
        request=request,
        undo=undo,
        tag=tag,
        selector=selector,
        dry_run="" if dry_run is DryRun.NONE else dry_run.value,
        pace=Pace(
            per_namespace=per_namespace,
            overall=overall,
            pause=options.seconds(pause, "--pause"),
            timeout=options.seconds(timeout, "--timeout"),
            max_failures=max_failures,
        ),
        yes=yes,
        rollback=rollback_on_failure,
        field_manager=field_manager,
        output=output,
        headers=not no_headers,
        dump=dump,
    )
    leave(answer(asked, Source(connection, filename if dump else "", all_namespaces)))


def _names(arguments: list[str], namespace: str, filename: str) -> tuple[tuple[str, ...], str]:
    """The namespaces that were named in any way, and the text of a dump if the file is one."""
    from kubectl_rev import documents

    names = [_namespace(word) for word in arguments] + ([namespace] if namespace else [])
    if not filename:
        return tuple(names), ""
    text = documents.read(filename, sys.stdin.buffer)
    listed = documents.names(text)
    if listed is None and text.strip():
        return tuple(names), text
    for each in listed or ():
        if each.type not in ("namespace", "namespaces", "ns"):
            raise UsageError(f'"{each.type}/{each.name}" is no namespace: a migration moves whole namespaces')
        names.append(each.name)
    if not names:
        raise UsageError(f"{filename}: no names in it")
    return tuple(names), ""


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


def _selector(text: str) -> selectors.LabelSelector | None:
    try:
        return selectors.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--selector: {error}") from error


def _parallel(text: str) -> tuple[int, int]:
    first, comma, second = text.partition(",")
    if not first.isdecimal() or (comma and not second.isdecimal()) or "0" in (first, second):
        raise UsageError(f"--max-parallel takes one number or two, as in 1,10; not {text!r}")
    return int(first), int(second) if comma else max(10, int(first))


command.__doc__ = HELP
app = app_of(command)


def main() -> None:
    run(app, PROG)
