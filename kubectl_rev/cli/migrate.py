"""kubectl rev-migrate: its flags and its help. What it does is imported when it is done: help does not wait for it."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.options import Format
from kubectl_rev.cli.run import leave
from kubectl_rev.cli.run import main as run
from kubectl_rev.commands.flags import ConnectionFlags, DryRun, Output
from kubectl_rev.errors import UsageError

PROG = "kubectl rev-migrate"


@options.with_connection
def command(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[NAMESPACE...]", show_default=False)] = None,
    to: Annotated[str, typer.Option("--to", help="The revision or tag to move to.")] = "",
    came_from: Annotated[
        str, typer.Option("--from", help="Only what this revision or tag injects, or still runs on the revision.")
    ] = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="All that are injected now.")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector of namespaces.")] = "",
    filename: Annotated[
        str, typer.Option("--filename", "-f", help="Names of namespaces, or for --dry-run=client a dump; - is stdin.")
    ] = "",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Not this namespace, whatever chooses it; may be repeated.")
    ] = None,
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
    skip_owned: Annotated[
        bool, typer.Option("--skip-owned", help="Leave what Git, Helm or Sail owns as it is, and move the rest.")
    ] = False,
    require_all: Annotated[
        bool,
        typer.Option(
            "--require-all", help="Exit code 4, not 0, while anything but an --exclude stays on the old revision."
        ),
    ] = False,
    max_parallel: Annotated[
        str, typer.Option("--max-parallel", help="Workloads at a time in a namespace; N,M: also in all namespaces.")
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
    output: Annotated[Format, typer.Option("--output", "-o", help="Output format.")] = "table",
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    *,
    connection: ConnectionFlags,
) -> None:
    """Move namespaces to another Istio revision, and back, and lose nothing.

    Labels are changed in one write, a pod is tried before the first restart, only what runs on another revision is
    restarted, and each workload is waited for until its pods say that the new revision injected them. The same
    command again goes on where one was cut off.

    Exit code 0 means that all that it can move is moved; what stays (a Job, a bare pod, OnDelete, a gateway) is
    listed with its reason and its next step, and makes the code 4 with --require-all.

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
    again = options.as_given(command, locals())
    from kubectl_rev.commands import migrate

    per_namespace, overall = _parallel(max_parallel)
    request = migrate.Request(
        arguments=tuple(arguments or ()),
        filename=filename,
        migration=migrate.Migration(
            to=to,
            undo=undo,
            tag=tag,
            selector=options.label_selector(selector),
            everything=all_namespaces,
            came_from=came_from,
            exclude=tuple(exclude or ()),
            enroll=enroll,
            restart=not no_restart,
            include_gateways=include_gateways,
            force_owned=force_owned,
            skip_owned=skip_owned,
        ),
        throttle=migrate.Throttle(
            per_namespace=per_namespace,
            overall=overall,
            pause=options.seconds(pause, "--pause"),
            timeout=options.seconds(timeout, "--timeout"),
            max_failures=max_failures,
        ),
        dry_run=dry_run,
        yes=yes,
        rollback_on_failure=rollback_on_failure,
        require_all=require_all,
        field_manager=field_manager,
        output=Output(output),
        headers=not no_headers,
        again=tuple(again),
        connection=connection,
    )
    leave(migrate.run(request))


def _parallel(text: str) -> tuple[int, int]:
    first, comma, second = text.partition(",")
    if not first.isdecimal() or (comma and not second.isdecimal()) or "0" in (first, second):
        raise UsageError(f"--max-parallel takes one number or two, as in 1,10; not {text!r}")
    return int(first), int(second) if comma else max(10, int(first))


def main() -> None:
    run(command, PROG)
