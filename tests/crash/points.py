"""Where a run can be killed, learnt from one that nobody disturbed: at its events, and around its writes to the cluster."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.log import AnyEvent
from gameday.log.events import ProbeMeasured, ProcessEnded, ProcessStarted, RunEnded, StepEnded, StepStarted, UndoStarted
from tests.crash.scripts import Script
from tests.crash.traps import AFTER, AMID, BEFORE, LATE, Call

WORKER, GUARDIAN, EVERYTHING = "worker", "guardian", "everything"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """An event of a log, by what stays the same from run to run."""

    type: str
    round: str
    nth: int

    def __str__(self) -> str:
        return f"{self.type} #{self.nth}" + (f" of {self.round}" if self.round else "")


@dataclass(frozen=True, slots=True)
class Point:
    """One death: in which run, when, who, and whether killed or frozen."""

    script: Script
    victim: str
    moment: Moment | None = None
    call: Call | None = None
    mode: str = ""
    caller_dies: bool = False
    frozen: bool = False

    def __str__(self) -> str:
        when = f"at {self.moment}" if self.moment else f"{self.mode} {self.call}"
        return f"{self.script.name}: {self.victim} {'frozen' if self.frozen else 'killed'} {when}"


@dataclass(frozen=True, slots=True)
class Learnt:
    """An undisturbed run: its events, its writes, and how it ended."""

    script: Script
    events: Sequence[AnyEvent]
    calls: Sequence[tuple[float, Call]]
    code: int

    def points(self) -> Iterator[Point]:
        """Yield every death of this run."""
        yield from self._at_events()
        yield from self._around_calls()

    def _at_events(self) -> Iterator[Point]:
        moments = Moments()
        worker_lives = is_over = in_step = False
        for event in self.events:
            moment = moments.of(event)
            worker_lives = _goes_on(event, worker_lives)
            in_step = isinstance(event, StepStarted) or (in_step and not isinstance(event, StepEnded))
            # A runbook's check measures until it is met, now and then once more or less.
            if moment is None or is_over or (in_step and isinstance(event, ProbeMeasured)):
                continue
            is_over = isinstance(event, RunEnded)
            for victim in (WORKER, GUARDIAN, EVERYTHING):
                if victim != WORKER or worker_lives:
                    yield Point(self.script, victim, moment=moment)

    def _around_calls(self) -> Iterator[Point]:
        for when, call in self.calls:
            caller = self._caller(when, call)
            for mode in (BEFORE, AFTER, AMID, LATE):
                for victim in (caller, EVERYTHING):
                    yield Point(self.script, victim, call=call, mode=mode, caller_dies=True)
            if caller == WORKER:
                yield Point(self.script, GUARDIAN, call=call, mode=BEFORE)

    def _caller(self, when: float, call: Call) -> str:
        """Only the worker injects, and only before the undo of its round."""
        ours = [event for event in self.events if event.mono <= when]
        undoing = ours and any(isinstance(event, UndoStarted) for event in _since_last_worker(ours))
        return GUARDIAN if call.is_of_ours or undoing else WORKER


class Moments:
    """Counts a log's events as they come."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def of(self, event: AnyEvent) -> Moment | None:
        """Return which one this is; None for a sample."""
        if event.is_sample:
            return None
        key = (str(event.__struct_config__.tag), event.round)
        self._counts[key] += 1
        return Moment(*key, self._counts[key])


def frozen(points: Sequence[Point], *, number: int, rng: random.Random) -> list[Point]:
    """Return some of the deaths with a process that is stopped instead of killed."""
    found = []
    for victim in (WORKER, GUARDIAN):
        eligible = [point for point in points if point.victim == victim and point.moment]
        found += [
            Point(point.script, point.victim, moment=point.moment, frozen=True)
            for point in rng.sample(eligible, min(number, len(eligible)))
        ]
    return found


def _goes_on(event: AnyEvent, lives: bool) -> bool:  # noqa: FBT001  # a fold
    if isinstance(event, ProcessStarted | ProcessEnded) and event.role == WORKER:
        return isinstance(event, ProcessStarted)
    return lives


def _since_last_worker(events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
    starts = [number for number, event in enumerate(events) if isinstance(event, ProcessStarted) and event.role == WORKER]
    return events[starts[-1] :] if starts else events
