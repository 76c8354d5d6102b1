"""Try again, after longer and longer pauses: what all loops around a request that may succeed later have in common."""

from __future__ import annotations

import random
import time
from collections.abc import Callable


class Retry:
    """The pauses between attempts at one thing, in seconds: `first`, doubled each time up to `longest`."""

    def __init__(
        self,
        first: float,
        longest: float,
        patience: float = float("inf"),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._first, self._longest, self._patience, self._sleep = first, longest, patience, sleep
        self.reset()

    def reset(self) -> None:
        """Begin again: with the first pause, and all the patience."""
        self._next, self._until = self._first, time.monotonic() + self._patience

    def pause(self) -> bool:
        """Sleep, and True; False at once where `patience` would be over by then."""
        if time.monotonic() + self._next > self._until:
            return False
        self._sleep(self._next * random.uniform(0.8, 1.2))  # clients of one server do not come back all at once
        self._next = min(self._next * 2, self._longest)
        return True
