"""What a probe may look at: the cluster, read-only, and the run's own samples, read from its log while it grows.

The log is the only source: a probe under `gameday run` and a verdict given years later see the same windows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from gameday.cluster import View
from gameday.errors import NoMeasurementError
from gameday.log import EVENTS_FILE, AnyEvent
from gameday.log.events import ChangeApplied, LoadEnded, LoadStarted, LoadWindow, PhaseEnded
from gameday.log.reading import decode
from gameday.run.load import look_up_orders
from gameday.traffic.journey_file import load_journey
from gameday.traffic.ledger import LedgerResult
from gameday.traffic.windows import Window, from_json
from gameday.verdict.samples import fault_applied_at

_LATE_SECONDS: Final = 20.0
"""How much longer than its own length a stretch of samples may take to come: a journey's time-outs, and some patience."""


class LogTail:
    """Reads what has been added to a log since the last look."""

    def __init__(self, directory: Path) -> None:
        """Take the run's folder; nothing is opened yet."""
        self._path = directory / EVENTS_FILE
        self._offset = 0

    def new(self) -> Iterator[AnyEvent]:
        """Yield the events that have been written since the last call."""
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            event = decode(line)
            if event is not None:
                yield event


class RunObservations:
    """Implements `gameday.change.Observations` over a run's log."""

    def __init__(
        self,
        directory: Path,
        view: Callable[[], View],
        *,
        round_id: str,
        since: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the run's folder, how to reach the cluster, the round, and the monotonic time at which it began."""
        self._directory = directory
        self._tail = LogTail(directory)
        self._view = view
        self._round = round_id
        self._since = since
        self._clock, self._sleep = clock, sleep
        self._windows: list[Window] = []
        self._events: list[AnyEvent] = []

    @property
    def view(self) -> View:
        """The cluster, read-only."""
        return self._view()

    @property
    def order_step(self) -> str:
        """The step that places the order, as the load generator's first event says."""
        self._look()
        return self._load().order_step

    def windows(self, *, seconds: float) -> Sequence[Window]:
        """Return a stretch of that many seconds of samples, the latest there is, all of it after the last change."""
        begin = max(self._earliest(), self._clock() - seconds)
        return self.between(begin, begin + seconds)

    def between(self, begin: float, end: float) -> Sequence[Window]:
        """Return the windows of an interval, waiting until they are all there; NoMeasurementError if they never come."""
        deadline = max(self._clock(), end) + _LATE_SECONDS
        while not self._windows or self._windows[-1].end < end:
            if self._clock() > deadline:
                raise NoMeasurementError(f"no samples came for {_LATE_SECONDS:g} s; the load generator may be stuck")
            self._sleep(0.05)
            self._look()
            self._load()
        # A window that the interval cuts is left out, so that nothing from before a change is counted after it.
        return [window for window in self._windows if window.start >= begin and window.end <= end + 0.1]

    def fault_at(self) -> float | None:
        """Return when the round's first fault was applied; None before that."""
        self._look()
        return fault_applied_at(self._events, self._round)

    def since_fault(self) -> tuple[float, Sequence[Window]]:
        """Return when the round's first fault was applied, and all windows so far."""
        fault_at = self.fault_at()
        if fault_at is None:
            raise NoMeasurementError("nothing has been changed yet, so there is nothing to recover from")
        return fault_at, self._windows

    def ledger(self, *, failed_before_seconds: float = 0.0) -> LedgerResult:
        """Look up every submit so far in the shop, of the failed ones those of this round, that old or older."""
        self._look()
        load = self._load()
        if not load.journey_file:
            raise NoMeasurementError("this run's log does not say which journey was played, so its orders cannot be looked up")
        journey = load_journey(Path(load.journey_file))
        until = self._clock() - failed_before_seconds
        return look_up_orders(self._directory, journey, load.url.partition(", ")[0], failed_between=(self._since, until))

    def _earliest(self) -> float:
        self._look()
        applied = [event.applied_mono for event in self._events if isinstance(event, ChangeApplied)]
        # What prepares a round may take its time to stand: a rollout is no part of the baseline.
        prepared = [event.mono for event in self._events if isinstance(event, PhaseEnded) and event.phase == "prepare"]
        started = self._windows[0].start if self._windows else self._load().mono
        return max([self._since, started, *applied, *prepared])

    def _load(self) -> LoadStarted:
        ended = next((event for event in self._events if isinstance(event, LoadEnded)), None)
        if ended is not None:
            raise NoMeasurementError(f"the load generator has ended: {ended.error or 'it was stopped'}")
        started = next((event for event in self._events if isinstance(event, LoadStarted)), None)
        if started is None:
            raise NoMeasurementError("no traffic runs: the experiment needs `traffic` in its gameday block")
        return started

    def _look(self) -> None:
        for event in self._tail.new():
            if isinstance(event, LoadWindow):
                self._windows.append(from_json(msgspec.structs.asdict(event)))
            else:
                self._events.append(event)
