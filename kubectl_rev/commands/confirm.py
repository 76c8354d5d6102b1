"""The one question before a change: asked on a terminal, answered by --yes elsewhere, never waited for in a pipe."""

from __future__ import annotations

import sys

from kubectl_rev.cli.run import tell
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.errors import Declined
from kubectl_rev.render.text import clean


def confirm(question: str, connection: Connection, *, yes: bool) -> None:
    """Return if the person agrees. Raises Declined, with nothing changed, if not or if nobody can be asked."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Declined("this changes the cluster: say --yes where nobody can be asked")
    tell(f"Context {clean(connection.context)}, cluster {clean(connection.server)}.")
    sys.stderr.write(f"{clean(question)} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        raise Declined("nothing was changed")
