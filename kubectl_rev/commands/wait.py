"""--wait: ask again until it holds; a line each time the answer changes, and every half minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from kubectl_rev.commands.terminal import err
from kubectl_rev.core.verification.evidence import Evidence
from kubectl_rev.core.verification.verify import Verdict, Verification
from kubectl_rev.errors import ClusterError
from kubectl_rev.render.text import clean
from kubectl_rev.render.verify import verdict_line

_PAUSE = 3.0  # seconds between two reads: connections cannot be watched, only asked for
_HEARTBEAT = 30.0  # seconds without a line, until the same one is said again
_HOLDS = (Verdict.SAFE, Verdict.COMPLETE)


def holds(
    answer: Callable[[], tuple[Evidence, Verification]],
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Evidence, Verification, bool]:
    """The last answer, and False if it did not hold in time. A cluster that is away for a while is waited for too.

    Raises what `answer` raises if there never was one, and what waiting cannot change (a usage error) at once.
    """
    deadline, last_state, silent_since = clock() + seconds, "", clock()
    last: tuple[Evidence, Verification] | None = None
    while True:
        try:
            last = answer()
            now = state(last[1])
        except ClusterError as error:
            if clock() >= deadline:
                raise
            now = str(error)
        else:
            if last[1].verdict in _HOLDS:
                return *last, True
        left = deadline - clock()
        if now != last_state or clock() - silent_since >= _HEARTBEAT:
            err(clean(now if now != last_state else f"still {now} ({max(left, 0):.0f}s left)"))
            last_state, silent_since = now, clock()
        if left <= 0 and last is not None:
            err(f"timed out: it did not hold within {seconds:.0f}s; run the same command again to go on waiting")
            return *last, False
        sleep(min(_PAUSE, max(left, 0)))


def state(report: Verification) -> str:
    """`NOT SAFE …: 3 reasons (REV301 2, REV306 1)`: what must change for a new line to be worth it."""
    codes = [f"{check.code} {check.findings}" for check in report.checks if check.findings]
    return f"{verdict_line(report)}{' (' + ', '.join(codes) + ')' if codes else ''}"
