"""Collects what happens into windows, and knows when a window is final.

A window is final when it has passed, no journey that was due in it is still to be begun, and nothing that was due in it is
open. Then it is taken out, in order, and never touched again (why samples belong to the moment they were due is
told in `windows`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gameday.traffic.histogram import bucket_of
from gameday.traffic.windows import WINDOW_SECONDS, Outcomes, Window

MOST_KINDS = 24
"""Kinds of error kept apart in one window; further ones are counted as `other`, so that a line stays small."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How one attempt ended: `error` is empty where it succeeded."""

    due: float
    ended: float
    error: str = ""
    poor_error: bool = False


@dataclass(slots=True)
class _Tally:
    ok: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    poor_errors: int = 0
    latency: dict[int, int] = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        if not sample.error:
            self.ok += 1
            bucket = bucket_of(sample.ended - sample.due)
            self.latency[bucket] = self.latency.get(bucket, 0) + 1
            return
        self.failed += 1
        self.poor_errors += sample.poor_error
        kind = sample.error if sample.error in self.errors or len(self.errors) < MOST_KINDS else "other"
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def outcomes(self) -> Outcomes:
        return Outcomes(self.ok, self.failed, self.errors, self.poor_errors, self.latency)


@dataclass(slots=True)
class _Open:
    offered: int = 0
    pending: int = 0
    behind_seconds: float = 0.0
    journeys: _Tally = field(default_factory=_Tally)
    steps: dict[str, _Tally] = field(default_factory=dict)
    cohorts: dict[str, _Tally] = field(default_factory=dict)


@dataclass(slots=True)
class Recorder:
    """The windows that are not final yet, counted from `origin` (CLOCK_MONOTONIC)."""

    origin: float
    _next: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)

    def offer(self, due: float) -> None:
        """Count a journey that is due to begin."""
        self._at(due).offered += 1

    def begin(self, due: float) -> None:
        """Hold the window of this moment open: something that is due then has not ended."""
        self._at(due).pending += 1

    def sent(self, due: float, now: float) -> None:
        """Note when something that was due was really sent."""
        window = self._at(due)
        window.behind_seconds = max(window.behind_seconds, now - due)

    def end(self, step: str, sample: Sample) -> None:
        """Count how a step that was begun has ended."""
        window = self._at(sample.due)
        window.pending -= 1
        window.steps.setdefault(step, _Tally()).add(sample)

    def decide(self, decided_due: float, journey: Sample, cohort: str = "") -> None:
        """Count how a journey ended, and that of its customer's cohort, where the step was due that decided it.

        To be said before that step is ended.
        """
        window = self._at(decided_due)
        window.journeys.add(journey)
        if cohort:
            window.cohorts.setdefault(cohort, _Tally()).add(journey)

    def final(self, now: float, next_due: float) -> list[Window]:
        """Take out the windows that nothing can be added to any more, in order."""
        windows: list[Window] = []
        while self._end(self._next) <= min(now, next_due):
            found = self._open.get(self._next)
            if found is not None and found.pending:
                break
            windows.append(self._window(self._next, self._open.pop(self._next, _Open())))
            self._next += 1
        return windows

    def held_since(self, now: float) -> float | None:
        """Return the start of the oldest window that has passed and is still open; None where there is none."""
        return self._start(self._next) if self._end(self._next) <= now else None

    @property
    def pending(self) -> int:
        """How many steps are open."""
        return sum(window.pending for window in self._open.values())

    def _start(self, index: int) -> float:
        return self.origin + index * WINDOW_SECONDS

    def _end(self, index: int) -> float:
        return self.origin + (index + 1) * WINDOW_SECONDS

    def _at(self, due: float) -> _Open:
        # A nanosecond's slip of the floats must not put a sample into a window that is already gone.
        index = max(int((due - self.origin) / WINDOW_SECONDS), self._next)
        return self._open.setdefault(index, _Open())

    def _window(self, index: int, found: _Open) -> Window:
        steps = {name: tally.outcomes() for name, tally in found.steps.items()}
        # A log has some of these lines every second, and latencies are most of them; of a cohort it is success that is judged.
        cohorts = {name: replace(tally.outcomes(), latency={}) for name, tally in found.cohorts.items()}
        start = self._start(index)
        return Window(start, WINDOW_SECONDS, found.offered, found.behind_seconds, found.journeys.outcomes(), steps, cohorts)
