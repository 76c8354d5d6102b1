"""Run commands in turns and compare their medians: whatever else the machine does, it does to all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Medians over the rounds: seconds by the clock, seconds of CPU (its own and its children's), peak MB."""

    wall: float
    cpu: float
    peak: float


def run_once(command: Sequence[str], env: Mapping[str, str]) -> Cost:
    """One run with its output thrown away. A command that fails ends the bench: its time would mean nothing."""
    started = time.perf_counter()
    child = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed with {child.returncode}:\n{said.decode()}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def at_rest(seconds: float = 120) -> None:
    """Wait until the machine has been idle for a few seconds: a server that was just filled is busy for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _busy(5) > 0.1:
        pass


def _busy(seconds: float) -> float:
    """The share of all processors' time that was used in so many seconds from now."""

    def used_and_all() -> tuple[int, int]:
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(each) for each in stat.readline().split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and iowait

    used, total = used_and_all()
    time.sleep(seconds)
    used_then, total_then = used_and_all()
    return (used_then - used) / (total_then - total)


def compare(
    commands: Mapping[str, Sequence[str]], env: Mapping[str, str], rounds: int, rest: float = 0
) -> dict[str, Cost]:
    """The costs of each command, after one round that warms up, in `rounds` interleaved rounds.

    `rest` is for a server that goes on collecting garbage when it has answered: the next command is not to pay for it.
    """
    taken: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            time.sleep(rest)
            cost = run_once(command, env)
            if number:
                taken[name].append(cost)
    return {name: Cost(*map(statistics.median, zip(*costs, strict=True))) for name, costs in taken.items()}


def show(title: str, costs: Mapping[str, Cost], goals: Mapping[str, float]) -> None:
    """A table; `goals` maps a peer to the ratio of our time to its time that we want to stay below."""
    print(f"\n{title}\n{'':34}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}")
    for name, cost in costs.items():
        print(f"{name:34}{cost.wall:8.3f}{cost.cpu:8.3f}{cost.peak:9.1f}")
    ours = next(iter(costs.values()))
    for peer, goal in goals.items():
        ratio = ours.wall / costs[peer].wall
        print(f"{'ratio to ' + peer:34}{ratio:8.2f}   goal {goal:g}: {'met' if ratio <= goal else 'MISSED'}")
