"""One call of rev-status, from what was typed to the snapshot that answers it."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import msgspec

from kubectl_rev.cli import options
from kubectl_rev.cli.options import Output
from kubectl_rev.cli.run import leave, say, tell
from kubectl_rev.commands import names_file, query
from kubectl_rev.commands.query import Ask, Why
from kubectl_rev.commands.source import Source
from kubectl_rev.core.mesh.selectors import LabelSelector
from kubectl_rev.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from kubectl_rev.core.mesh.snapshot import Snapshot


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of rev-status, as typed."""

    arguments: tuple[str, ...]
    all_namespaces: bool
    selector: str
    revision: str
    drifted: bool
    output: Output
    headers: bool
    watch: bool
    filename: str
    save: str
    connection: options.Connection


class Request(msgspec.Struct, frozen=True):
    """One call of rev-status, parsed."""

    asked: Ask | Why
    selector: LabelSelector
    revision: str
    drifted: bool
    output: Output
    headers: bool

    @property
    def narrows(self) -> bool:
        """Whether a filter leaves something out."""
        return bool(self.selector.requirements or self.revision or self.drifted)


def carry_out(call: Call) -> None:
    """Answer it, and leave with its exit code."""
    file = names_file.opened(call.filename)
    if file.names and call.arguments:
        raise UsageError("a list of names with -f says what is asked for: it does not go with arguments")
    asked = query.of_names(file.names) if file.names else query.parse(call.arguments)
    if isinstance(asked, Why) and (call.selector or call.revision or call.drifted):
        raise UsageError("--selector, --revision and --drifted narrow lists: they do not go with TYPE/NAME")
    request = Request(
        asked,
        options.label_selector(call.selector) or LabelSelector(),
        call.revision,
        call.drifted,
        call.output,
        call.headers,
    )
    source = Source(call.connection, file.dump, call.all_namespaces, file.stdin)
    if asked == Ask() and call.connection.namespace:
        one = source.repeated(shlex.join(("kubectl", "rev-status", f"ns/{call.connection.namespace}")))
        tell(f"note: this is the whole mesh; one namespace: {one}")
    if call.watch:
        if file.dump or call.save:
            raise UsageError("--watch needs a cluster: it does not go with --filename or --save")
        from kubectl_rev.commands.watch import follow

        follow(source, source.scope(asked), lambda: _answer(request, source.read(asked), source)[0])
    snapshot = source.read(asked, each_pod=bool(call.save))
    if call.save:
        from kubectl_rev.dumps import snapshot_file

        snapshot_file.save(snapshot, call.save, sys.stdout.buffer)
        tell(f"saved to {call.save}")
    text, code = _answer(request, snapshot, source)
    if text and call.save != "-":  # then stdout is the dump's alone
        say(text)
    leave(code)


def _answer(request: Request, snapshot: Snapshot, source: Source) -> tuple[str, ExitCode]:
    from kubectl_rev.commands.status import answer

    return answer(request, snapshot, source)
