"""One program for all plugins: which one it is, its own name tells. The archive for krew has a single executable.

An unknown name runs nothing: a fall-through to some command would one day be a write that nobody asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import PurePath
from typing import NoReturn

from kubectl_rev.cli.run import complete
from kubectl_rev.commands.terminal import err
from kubectl_rev.errors import ExitCode

PLUGINS = {
    "rev-status": "kubectl_rev.cli.status",
    "rev-migrate": "kubectl_rev.cli.migrate",
    "rev-verify": "kubectl_rev.cli.verify",
    "rev-fix-validation": "kubectl_rev.cli.fix_validation",
}
_RUNS, _COMPLETES = "kubectl-", "kubectl_complete-"


def file_name(plugin: str, *, completes: bool = False) -> str:
    """How kubectl looks for a plugin on the PATH, or for what completes it: rev-status is kubectl-rev_status."""
    return (_COMPLETES if completes else _RUNS) + plugin.replace("-", "_")


def main() -> NoReturn:
    """Run what the name of this process asks for, and leave the process."""
    name = PurePath(sys.argv[0]).name.removesuffix(".exe")
    for plugin, module in PLUGINS.items():
        if name == file_name(plugin):
            import_module(module).main()
        if name == file_name(plugin, completes=True):
            found = import_module(module)
            complete(found.command, found.PROG, sys.argv[1:])
    names = "\n".join(f"  {file_name(plugin)}  {file_name(plugin, completes=True)}" for plugin in PLUGINS)
    err(f"error: this program does what its name says, and knows no {name!r}. Link it to one of:\n{names}")
    sys.exit(ExitCode.USAGE)
