"""Runs a plan: labels, proof, restarts, waiting; yields what happened, one outcome per change.

It decides about order and pace only. What it does to a cluster it does through the functions it is given, so the same
run can be held against plain functions in a test. One thread; a KeyboardInterrupt may come at any time, and then
`doubtful` says which write had no answer yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from kubectl_rev.commands import migrate_outcomes as outcomes
from kubectl_rev.core.checks.model import namespace_ref
from kubectl_rev.core.mesh.resources import Key, Keyed
from kubectl_rev.core.migration.patches import spoken
from kubectl_rev.core.migration.plan import Move, Plan, Proof, Restart
from kubectl_rev.core.migration.run import Outcome, Progress, Seen, Throttle, What, progress
from kubectl_rev.core.writes import Step
from kubectl_rev.errors import Changed, RevError

Clock = Callable[[], float]

_LOOK = 0.5  # seconds between looks at the clock while nothing changes
_SHORT = 2.0  # how long fewer pods than wanted may be there before the workload is asked how many it wants


class Cluster(Protocol):
    """What the executor needs of a cluster."""

    def apply(self, step: Step) -> None:
        """One write. Raises RevError."""

    def prove(self, proofs: Sequence[Proof]) -> Iterable[str]:
        """What is wrong with the pods that were tried, nothing if all came back as they should."""

    def pods(self, restart: Restart) -> Iterable[Seen]:
        """The pods of a workload, as they are now."""

    def wait(self, seconds: float) -> None:
        """Return when pods may have changed, at the latest after so many seconds."""

    def wanted(self, restart: Restart) -> int | None:
        """How many pods the workload wants now, None if it cannot be told."""

    def last_event(self, restart: Restart, pods: Sequence[str]) -> str:
        """The last event of a workload or of these pods of it, in words; empty if there is none."""


class _Rolling(msgspec.Struct):
    restart: Restart
    deadline: float
    short_since: float | None = None


class _Space(msgspec.Struct):
    """A namespace that was begun: what is still to start in it, what rolls, and when the next may start."""

    move: Move
    todo: deque[Restart]
    rolling: list[_Rolling]
    not_before: float = 0.0


class Execution:
    """One run of a plan. `done` holds every outcome; `begun` are the namespaces that were touched."""

    def __init__(self, plan: Plan, pace: Throttle, cluster: Cluster, clock: Clock = time.monotonic) -> None:
        self.plan, self.pace = plan, pace
        self.done: list[Outcome] = []
        self.begun: list[Move] = []
        self.failures = 0
        self.doubtful: Step | None = None
        self.tick: Callable[[], None] = lambda: None  # called whenever there is nothing to do but wait
        self._cluster, self._clock = cluster, clock
        self._waiting = deque(plan.moves)
        self._open: list[_Space] = []
        self._started: set[tuple[str, str, str]] = set()

    def run(self) -> Iterator[Outcome]:
        """Every outcome as it happens. Raises RevError only where nothing at all can be done any more."""
        for outcome in self._run():
            self.done.append(outcome)
            yield outcome

    def _run(self) -> Iterator[Outcome]:
        yield from self._first(self.plan.first)
        while True:
            yield from self._advance()
            if not self._open and (not self._waiting or self.stopped):
                break
            if any(space.rolling or space.not_before > self._clock() for space in self._open):
                self.tick()
                self._cluster.wait(_LOOK)
        yield from self._last(self.plan.last)

    def _first(self, steps: Sequence[Step]) -> Iterator[Outcome]:
        """The writes that move a tag; when one fails, those before it are taken back and nothing else is begun."""
        for n, step in enumerate(steps):
            if (failed := self._write(step)) is not None:
                yield outcomes.of_tag(step, What.FAILED, failed)
                self.failures = self.pace.max_failures
                yield from self._take_back(self.plan.first_back[:n])
                return
            yield outcomes.of_tag(step, What.MOVED)

    def _take_back(self, steps: Sequence[Step]) -> Iterator[Outcome]:
        for step in reversed(steps):
            failed = self._write(step)
            yield outcomes.of_tag(step, What.PUT_BACK if failed is None else What.FAILED, failed)

    def _last(self, steps: Sequence[Step]) -> Iterator[Outcome]:
        """Remove the record of a tag's undo last, once nothing has failed: an undo that is cut off can be run again."""
        for step in steps if not self.failures and not self.left else ():
            if (failed := self._write(step)) is not None:
                self.failures += 1
                yield outcomes.of_tag(step, What.FAILED, failed)
                return
            yield outcomes.of_tag(step, What.UNDONE)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self.failures >= self.pace.max_failures

    @property
    def rolling(self) -> list[Restart]:
        """What is under way."""
        return [rolling.restart for space in self._open for rolling in space.rolling]

    @property
    def left(self) -> list[Restart]:
        """Restarts that were not begun."""
        return [restart for restart in self.plan.restarts if Key.of(restart) not in self._started]

    @property
    def namespaces_left(self) -> list[Move]:
        """Namespaces that were not begun."""
        return list(self._waiting)

    def progress_of(self, restart: Restart) -> Progress:
        return progress(restart, self._cluster.pods(restart))

    def _advance(self) -> Iterator[Outcome]:
        for space in self._open:
            yield from self._look(space)
        for space in self._open:
            yield from self._start(space)
        while self._waiting and not self.stopped and max(len(self._open), len(self.rolling)) < self.pace.overall:
            if self._gateways_wait():
                break
            yield from self._begin(self._waiting.popleft())
        for space in list(self._open):
            if not space.rolling and (not space.todo or self.stopped):
                if not space.todo:
                    yield from self._close(space.move)
                self._open.remove(space)

    def _gateways_wait(self) -> bool:
        """Gateways are last: nothing else may be under way when the first namespace that has one begins."""
        first = any(restart.gateway for restart in self._waiting[0].restarts)
        return first and any(not r.gateway for space in self._open for r in [*space.todo, *self.rolling])

    def _begin(self, move: Move) -> Iterator[Outcome]:
        """Labels and proof; then its restarts may start."""
        self.begun.append(move)
        if move.label is None:
            yield outcomes.of_namespace(move, What.UNCHANGED)
        elif (failed := self._write(move.label)) is not None:
            yield self._failed(namespace_ref(move.namespace), failed)
            return
        else:
            yield outcomes.of_namespace(move, What.LABELED, move.after)
        wrong = list(self._cluster.prove(move.proofs)) if move.proofs else []
        if wrong:
            yield self._failed(namespace_ref(move.namespace), wrong[0])
            if not self.plan.undo and not any(outcome.what is What.RESTARTED for outcome in self.done):
                yield from self._take_back(self.plan.first_back)
            if move.back is not None and not self.plan.undo:
                back = self._write(move.back)
                message = f"namespace/{move.namespace} labels put back" if back is None else f"not put back: {back}"
                what = What.PUT_BACK if back is None else What.FAILED
                yield outcomes.outcome(namespace_ref(move.namespace), what, message)
            return
        space = _Space(move, deque(move.restarts), [])
        self._open.append(space)
        yield from self._start(space)

    def _start(self, space: _Space) -> Iterator[Outcome]:
        while space.todo and not self.stopped and self._clock() >= space.not_before:
            waits = self.pace.timeout > 0
            full = len(space.rolling) >= self.pace.per_namespace or len(self.rolling) >= self.pace.overall
            if waits and full:
                return
            restart = space.todo.popleft()
            self._started.add(Key.of(restart))
            if restart.step is not None and (failed := self._write(restart.step)) is not None:
                yield self._failed(restart, failed)
                continue
            if waits:
                space.rolling.append(_Rolling(restart, self._clock() + self.pace.timeout))
            elif self.pace.pause:
                space.not_before = self._clock() + self.pace.pause
            if restart.step is not None:
                yield outcomes.outcome(restart, What.RESTARTED, restart.step.says)

    def _look(self, space: _Space) -> Iterator[Outcome]:
        for rolling in list(space.rolling):
            now = self._clock()
            state = self._recounted(rolling, self.progress_of(rolling.restart), now)
            restart = rolling.restart
            if state.done:
                outcome = outcomes.rolled_out(restart, state)
            elif state.wrong:
                outcome = self._failed(restart, outcomes.not_by_target(restart, state))
            elif now >= rolling.deadline:
                event = self._cluster.last_event(restart, [*state.waiting, *state.old])
                outcome = self._failed(restart, outcomes.late(restart, state, event, self.pace.timeout))
            else:
                continue
            space.rolling.remove(rolling)
            space.not_before = now + self.pace.pause
            yield outcome

    def _recounted(self, rolling: _Rolling, state: Progress, now: float) -> Progress:
        """An autoscaler may want fewer pods by now than when the plan was made."""
        if not state.short:
            rolling.short_since = None
            return state
        rolling.short_since = now if rolling.short_since is None else rolling.short_since
        if now - rolling.short_since < _SHORT:
            return state
        rolling.short_since, restart = now, rolling.restart
        wanted = self._cluster.wanted(restart)
        if wanted is None or wanted >= restart.pods:
            return state
        rolling.restart = msgspec.structs.replace(restart, pods=wanted, stays=min(restart.stays, wanted))
        return self.progress_of(rolling.restart)

    def _close(self, move: Move) -> Iterator[Outcome]:
        failures = (outcome for outcome in self.done if outcome.what is What.FAILED)
        if move.close is None or move.namespace in {failure.namespace or failure.name for failure in failures}:
            return
        if (failed := self._write(move.close)) is not None:
            yield self._failed(namespace_ref(move.namespace), failed)
        else:
            yield outcomes.of_namespace(move, What.UNDONE, move.after)

    def _write(self, step: Step) -> str | None:
        """Apply; the words of a failure, None if it is done."""
        self.doubtful = step  # stays if the person interrupts us here
        failed = None
        try:
            self._cluster.apply(step)
        except Changed as error:
            failed = f"nothing was overwritten: {error}"
        except RevError as error:
            failed = str(error)
        self.doubtful = None
        return failed

    def _failed(self, of: Keyed, message: str) -> Outcome:
        self.failures += 1
        return outcomes.outcome(of, What.FAILED, f"{spoken(of.kind, of.name)} failed: {message}", message)
