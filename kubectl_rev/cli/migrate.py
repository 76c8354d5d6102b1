"""kubectl rev-migrate: its flags and its help; what it does is imported when it is done."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.options import DryRun, Output
from kubectl_rev.cli.run import main as run

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
    from kubectl_rev.cli.migrate_request import Call, carry_out

    carry_out(
        Call(
            arguments=tuple(arguments or ()),
            to=to,
            came_from=came_from,
            all_namespaces=all_namespaces,
            selector=selector,
            filename=filename,
            enroll=enroll,
            undo=undo,
            tag=tag,
            restart=not no_restart,
            include_gateways=include_gateways,
            force_owned=force_owned,
            max_parallel=max_parallel,
            pause=pause,
            max_failures=max_failures,
            timeout=timeout,
            rollback_on_failure=rollback_on_failure,
            dry_run=dry_run,
            yes=yes,
            field_manager=field_manager,
            output=output,
            headers=not no_headers,
            connection=connection,
        )
    )


command.__doc__ = HELP


def main() -> None:
    run(command, PROG)
