"""--watch: draw, wait until something that matters changes, draw again."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from kubectl_rev.commands.source import Source
from kubectl_rev.commands.terminal import err, out
from kubectl_rev.core.mesh.resources import RESOURCES
from kubectl_rev.errors import ClusterError
from kubectl_rev.render.text import clean

if TYPE_CHECKING:
    from kubectl_rev.cluster.watch import Event

_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_AGAIN = 3.0  # seconds until a read that failed is tried again, unless a watch tells something before

_SCOPED = ("pods", "workloads", "gateways")  # fields of a Snapshot that are read of one namespace where that is asked


def paths(namespace: str) -> Sequence[str]:
    """The collections to watch for a question about one namespace, or about all."""
    from kubectl_rev.cluster import lists

    return [
        lists.path(resource.path, namespace if resource.field in _SCOPED else "")
        for resource in RESOURCES
        if resource.watched
    ]


def follow(source: Source, namespace: str, draw: Callable[[], str]) -> None:
    """Until Ctrl-C. On a terminal the screen is redrawn; elsewhere each new state is printed once."""
    from kubectl_rev.cluster.watch import changes

    told: SimpleQueue[Event] = SimpleQueue()
    connection, stop = source.connection, threading.Event()

    def listen() -> None:
        for event in changes(connection, paths(namespace), stop):
            told.put(event)

    threading.Thread(target=listen, daemon=True, name="listen").start()
    shown, trouble = "", ""
    try:
        while True:
            failed = ""
            try:
                text = draw()
            except ClusterError as error:
                if not shown:
                    raise
                text, failed = shown, clean(str(error))
            _show(text, shown, failed or trouble)
            shown = text
            trouble = _wait(told, _AGAIN if failed else None, trouble)
    finally:
        stop.set()


def _wait(told: SimpleQueue[Event], timeout: float | None, before: str) -> str:
    """Sleep until something is told; the trouble that it tells of, or the old one when nothing came."""
    try:
        event = told.get(timeout=timeout)
        while not told.empty():
            event = told.get()
    except Empty:
        return before
    return clean(event.trouble)


def _show(text: str, shown: str, trouble: str) -> None:
    if not sys.stdout.isatty():
        if trouble:
            err(trouble)
        if text != shown:
            out(text)
        return
    size = shutil.get_terminal_size()
    lines = cut(text.split("\n"), size.lines - (2 if trouble else 1))
    if trouble:
        lines.append(trouble[: size.columns])
    sys.stdout.write(_HOME_AND_CLEAR + "\n".join(lines) + "\n")
    sys.stdout.flush()


def cut(lines: list[str], room: int) -> list[str]:
    """As many lines as fit, the last one saying how many do not."""
    if len(lines) <= room:
        return lines
    shown = lines[: max(room - 1, 0)]
    return [*shown, f"… {len(lines) - len(shown)} more lines: all of them without -w"]
