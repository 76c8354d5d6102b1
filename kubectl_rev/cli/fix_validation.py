"""kubectl rev-fix-validation: its flags and its help; what it does (validating) is imported when it is done."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.options import Format
from kubectl_rev.cli.run import leave
from kubectl_rev.cli.run import main as run
from kubectl_rev.commands.flags import ConnectionFlags, DryRun, Output
from kubectl_rev.errors import UsageError

PROG = "kubectl rev-fix-validation"


@options.with_connection
def command(
    to: Annotated[
        str, typer.Option("--to", help="Revision or tag that is to validate unlabelled config.", show_default=False)
    ] = "",
    check_only: Annotated[bool, typer.Option("--check", help="Diagnose only: 0 healthy, 1 not, 3 unknown.")] = False,
    take_back: Annotated[bool, typer.Option("--undo", help="Take back what earlier repairs did.")] = False,
    dry_run: Annotated[
        DryRun, typer.Option("--dry-run", help="Show the writes; server: let it try them.")
    ] = DryRun.NONE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force_owned: Annotated[bool, typer.Option("--force-owned", help="Change what Helm or Git owns, too.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait for istiod; 0 does not wait.")] = "60s",
    backups: Annotated[str, typer.Option("--backup-dir", help="Where manifests of deleted objects go.")] = ".",
    output: Annotated[Format, typer.Option("--output", "-o", help="Output format.")] = "table",
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    filename: Annotated[str, typer.Option("--filename", "-f", help="A dump instead of a cluster; - is stdin.")] = "",
    *,
    connection: ConnectionFlags,
) -> None:
    """Find out whether Istio's config is validated, repair it, and prove it.

    A validator that calls a Service that is gone rejects every write of Istio's
    config; one that fails open lets broken config in. Dry runs of an invalid and
    of a valid Gateway tell which, and nothing is ever stored by them.

    Examples:
      # Is config validated? 0 yes, 1 no, 3 unknown
      kubectl rev-fix-validation --check

      # What would be changed?
      kubectl rev-fix-validation --dry-run=client -o wide

      # Repair it; unlabelled config is validated by canary afterwards
      kubectl rev-fix-validation --to canary

      # Take it back
      kubectl rev-fix-validation --undo
    """
    if check_only and (take_back or dry_run is not DryRun.NONE):
        raise UsageError("--check cannot be used with --undo or --dry-run")
    if take_back and to:
        raise UsageError("--undo cannot be used with --to")
    if filename and not (check_only or dry_run is DryRun.CLIENT):
        raise UsageError("a dump cannot be changed: use --check or --dry-run=client")
    from kubectl_rev.commands import fix_validation

    request = fix_validation.Request(
        to=to,
        check=check_only,
        undo=take_back,
        dry_run=dry_run,
        yes=yes,
        force_owned=force_owned,
        timeout=options.seconds(timeout, "--timeout"),
        backups=backups,
        output=Output(output),
        headers=not no_headers,
        filename=filename,
        connection=connection,
    )
    leave(fix_validation.run(request))


def main() -> None:
    run(command, PROG)
