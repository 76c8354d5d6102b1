"""kubectl rev-verify: its flags and its help; what it does (verify_answers) is imported when it is done."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_rev.cli import options
from kubectl_rev.cli.run import leave
from kubectl_rev.cli.run import main as run
from kubectl_rev.commands.flags import ConnectionFlags, FailOn, Output

PROG = "kubectl rev-verify"


@options.with_connection
def command(
    namespaces: Annotated[list[str] | None, typer.Argument(metavar="[NAMESPACE...]", show_default=False)] = None,
    uninstall: Annotated[str, typer.Option("--uninstall", help="What would break without this revision?")] = "",
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="METHOD[@RELEASE]",
            help="How it will be removed, if its marks do not say: istioctl, operator, helm, sail or aks; with the "
            "release of the tool if it is not the control plane's: istioctl@1.23.",
        ),
    ] = "",
    revision: Annotated[str, typer.Option("--revision", help="All should be on this revision or tag.")] = "",
    check: Annotated[list[str] | None, typer.Option("--check", help="Only this check, repeatable.")] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", help="Not this check, repeatable.")] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept-gap", help="Decide without knowing this: a kind of gap, such as vms; repeatable."),
    ] = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="The mildest finding that fails.")] = FailOn.ERROR,
    wait: Annotated[bool, typer.Option("--wait", help="Until it holds, or --timeout.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait; 0 means not at all.")] = "10m",
    output: Annotated[Output, typer.Option("--output", "-o", help="Output format.")] = Output.TABLE,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Tables without headers.")] = False,
    filename: Annotated[
        str, typer.Option("--filename", "-f", help="A dump instead of a cluster, or a list of names; - is stdin.")
    ] = "",
    save: Annotated[str, typer.Option("--save", help="Write what was read to this file.")] = "",
    since: Annotated[str, typer.Option("--since", help="What changed since this saved file.")] = "",
    list_checks: Annotated[bool, typer.Option("--list-checks", help="All checks, and no cluster.")] = False,
    explain: Annotated[str, typer.Option("--explain", help="What a code means, and how to fix it.")] = "",
    rbac: Annotated[bool, typer.Option("--rbac", help="The RBAC objects that this needs, to apply.")] = False,
    *,
    connection: ConnectionFlags,
) -> None:
    """Is the move complete, and is it safe to uninstall the old control plane?

    Examples:
      # Does everything run on what its labels select, and is it connected there?
      kubectl rev-verify
      kubectl rev-verify shop pay --revision canary

      # What would break without revision default? Nothing is ever uninstalled
      kubectl rev-verify --uninstall default

      # In a pipeline: wait until it is safe, and say why it is not
      kubectl rev-verify --uninstall default --wait --timeout 10m -o junit > verify.xml

      # What is checked, and what a code means
      kubectl rev-verify --list-checks
      kubectl rev-verify --explain REV304
    """
    from kubectl_rev.commands import verify

    request = verify.Request(
        arguments=tuple(namespaces or ()),
        uninstall=uninstall,
        by=by,
        revision=revision,
        check=tuple(check or ()),
        skip=tuple(skip or ()),
        accept=tuple(accept or ()),
        fail_on=fail_on,
        wait=options.seconds(timeout, "--timeout") if wait else None,
        output=output,
        headers=not no_headers,
        filename=filename,
        save=save,
        since=since,
        list_checks=list_checks,
        explain=explain,
        rbac=rbac,
        connection=connection,
    )
    leave(verify.run(request))


def main() -> None:
    run(command, PROG)
