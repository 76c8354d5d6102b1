"""The live display of a migration on a terminal: a bar per namespace under way, and how much is done and left.

Lines about what happened scroll by above it. Elsewhere than on a terminal there are those lines and nothing else.
"""

from __future__ import annotations

import os
import shutil
import sys

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.terminal import err
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Restart
from kubectl_rev.core.migration.reasons import What
from kubectl_rev.render.text import clean

_BAR = 20
_SHOWN = 8


class Live:
    """`line` prints above the display, `draw` brings it up to date, `end` removes it."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn: list[str] = []

    def line(self, text: str) -> None:
        self._erase()
        err(text)
        self.draw()

    def draw(self) -> None:
        if not self._on:
            return
        lines = self._lines()
        if lines == self._drawn:
            return
        self._erase()
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
        self._drawn = lines

    def end(self) -> None:
        self._erase()

    def _erase(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\x1b[{len(self._drawn)}F\x1b[J")
            sys.stderr.flush()
        self._drawn = []

    def _lines(self) -> list[str]:
        width = shutil.get_terminal_size().columns - 1
        execution = self._execution
        rolling = execution.rolling
        done = sum(each.what is What.ROLLED_OUT for each in execution.done)
        lines = []
        names = list(dict.fromkeys(each.namespace for each in rolling))
        widest = max(map(len, names[:_SHOWN]), default=0)
        for name in names[:_SHOWN]:
            of = [restart for restart in execution.plan.restarts if restart.namespace == name]
            over = sum(each.what is What.ROLLED_OUT and each.namespace == name for each in execution.done)
            full = _BAR * over // max(len(of), 1)
            now = ", ".join(self._state(each) for each in rolling if each.namespace == name)
            lines.append(f"{name:{widest}}   {'█' * full}{'░' * (_BAR - full)}   {over}/{len(of)}   {now}")
        more = f" ({len(names) - _SHOWN} more namespaces are under way)" if len(names) > _SHOWN else ""
        lines.append(f"{done} rolled out, {len(rolling)} under way, {len(execution.left)} left{more}")
        return [clean(line)[:width] for line in lines]

    def _state(self, restart: Restart) -> str:
        state = self._execution.progress_of(restart)
        return f"{spoken(restart.kind, restart.name)} {state.ready}/{restart.pods}"
