"""A few threads that wait for the network side by side, and never keep the process from ending.

Unlike concurrent.futures' pool the threads are daemons: after Ctrl-C nobody waits for a list that hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """`start` work, then `result` of what it returned; leaving the block forgets what has not begun."""

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._over = threading.Event()
        for _ in range(count):
            threading.Thread(target=self._work, daemon=True, name="kubectl-rev").start()

    def start(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return future

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._jobs.put((Future(), lambda: None))

    def _work(self) -> None:
        while True:
            future, work = self._jobs.get()
            if self._over.is_set():
                self._jobs.put((future, work))  # for the next thread to see
                return
            try:
                future.set_result(work())
            except BaseException as error:  # it is raised again where the result is asked for
                future.set_exception(error)


def result(future: Future[T]) -> T:
    """What the work returned, or its exception. Waits in slices: on Windows a plain wait cannot be interrupted."""
    while not wait([future], timeout=1.0).done:
        pass
    return future.result()
