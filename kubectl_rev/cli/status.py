"""kubectl rev-status: its flags and its help. What it does is imported when it is done: help does not wait for it."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.options import Format
from kubectl_rev.cli.run import leave
from kubectl_rev.cli.run import main as run
from kubectl_rev.commands.flags import ConnectionFlags, Output

PROG = "kubectl rev-status"


@options.with_connection
def command(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[TYPE [NAME...] | TYPE/NAME...]", hidden=True)
    ] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector of the listed objects.")] = "",
    revision: Annotated[
        str, typer.Option("--revision", help="Only what runs or is selected for this revision or tag.")
    ] = "",
    drifted: Annotated[bool, typer.Option("--drifted", help="Only what a restart would change.")] = False,
    output: Annotated[Format, typer.Option("--output", "-o", help="Output format.")] = "table",
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw on every change.")] = False,
    filename: Annotated[str, typer.Option("--filename", "-f", help="A dump instead of a cluster; - is stdin.")] = "",
    save: Annotated[str, typer.Option("--save", help="Write the whole mesh to this file, for -f.")] = "",
    *,
    connection: ConnectionFlags,
) -> None:
    """Which Istio revisions exist, what uses each, why, and what is wrong.

    Examples:
      # One screen: control planes, namespaces that need attention, findings
      kubectl rev-status

      # Lists: revisions, tags, namespaces, workloads, pods, gateways
      kubectl rev-status namespaces --revision canary
      kubectl rev-status pods -A --drifted

      # Why is this injected by that revision, and what would a restart do?
      kubectl rev-status deploy/web -n shop

      # Save what was read; ask it later, without a cluster
      kubectl rev-status --save before.yaml
      kubectl rev-status -f before.yaml
    """
    from kubectl_rev.commands import status
    from kubectl_rev.commands.query import Filter

    request = status.Request(
        arguments=tuple(arguments or ()),
        all_namespaces=all_namespaces,
        keep=Filter(options.label_selector(selector), revision, drifted),
        output=Output(output),
        headers=not no_headers,
        watch=watch,
        filename=filename,
        save=save,
        connection=connection,
    )
    leave(status.run(request))


def main() -> None:
    run(command, PROG)
