"""A tabletop: the plan's rounds told to people at a table, without a cluster; this process writes the log itself.

The facilitator lets the fault happen (`mark fault`, or the plan's `fault_after` does), what the plan lets happen to people
comes so long after it, and the facilitator goes on to the next round. Whatever the process dies of, the log is the truth: it
can be reported on as it is, and the rehearsal taken up again from it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gameday.errors import ExitCode, RefusedError
from gameday.log import AnyEvent, Event, LogWriter, read
from gameday.log.events import AbortRequested, RoundEnded, RunEnded
from gameday.log.people import MomentMarked, PeopleDone
from gameday.rehearsal.board import Board
from gameday.rehearsal.clock import Clock, RealClock, VirtualClock
from gameday.rehearsal.rehearsed import Rehearsed, round_begun
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.session import Answer
from gameday.rehearsal.state import State, fold, time_of
from gameday.rehearsal.timeline import due, next_due_at


class TabletopSession:
    """One tabletop that is on; a `Session`."""

    def __init__(self, directory: Path, rehearsed: Rehearsed, *, source: str, clock: Clock | None = None) -> None:
        """Begin it in a run's folder, or take it up again where the folder has its log; RefusedError if it cannot be."""
        self._directory, self._rehearsed = directory, rehearsed
        self._clock = clock or RealClock()
        self._board = Board()
        self._lock = threading.RLock()
        self._round_began: dict[str, datetime] = {}
        self._log = LogWriter(directory, clock=self._clock.mono, now=self._clock.now)
        events = read(directory)
        try:
            if events:
                self._take_up(events)
            else:
                self._write(rehearsed.run_started(directory.name, source))
                self._write(rehearsed.started())
                self._begin_next_round()
        except BaseException:
            self._log.close()
            raise

    @property
    def directory(self) -> Path:
        """The run's folder."""
        return self._directory

    @property
    def state(self) -> State:
        """Where the rehearsal stands."""
        return self._board.state

    @property
    def is_over(self) -> bool:
        """Whether its log is closed."""
        return self.state.ended is not None

    def now(self) -> datetime:
        """Return the time by which it goes."""
        return self._clock.now()

    def submit(self, person: str, request: Mapping[str, Any]) -> Answer:
        """Have somebody's request written, after whatever was due before it."""
        with self._lock:
            self.tick()
            try:
                written = self._write(event_for(self.state, person, request, now=self.now()))
            except RefusedError as error:
                return Answer(refused=str(error))
            if isinstance(written, PeopleDone):
                self._go_on()
            return Answer(event=written)

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        """Return the events after `seq`."""
        return self._board.events_after(seq)

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until there is an event after `seq`; return whether there is."""
        return self._board.wait_beyond(seq, timeout_seconds=timeout_seconds)

    def stop(self, person: str, reason: str) -> None:
        """End it now; there is nothing to undo."""
        with self._lock:
            if self.is_over:
                return
            self._write(AbortRequested(by=person, reason=reason))
            self._abort(person, reason)

    def tick(self) -> None:
        """Let happen what is due by now: the fault, if the plan says when, and what happens to people after it."""
        with self._lock:
            state = self.state
            if state.ended is not None:
                return
            fault_at = self._fault_at(state)
            if fault_at is not None and fault_at <= self._clock.now():
                self._write(MomentMarked(moment="fault", detail="as the plan has it", round=state.round))
            for event in due(self.state, self._clock.now()):
                self._write(event)

    def next_due_at(self) -> datetime | None:
        """Return when something happens next by itself; None if nothing does."""
        state = self.state
        return None if state.ended else self._fault_at(state) or next_due_at(state)

    def close(self) -> None:
        """Give up the log; a rehearsal that is not over can be taken up again."""
        self._log.close()

    def _fault_at(self, state: State) -> datetime | None:
        """Return when the fault happens by itself; None where it has, or only the facilitator says when."""
        after = self._rehearsed.plan.fault_after_seconds
        incident = state.incident
        began = self._round_began.get(state.round)
        if after is None or incident is None or began is None or incident.people_done or "fault" in incident.moments:
            return None
        return began + timedelta(seconds=after)

    def _take_up(self, events: Sequence[AnyEvent]) -> None:
        state = fold(events)
        self._refuse_if_over(state)
        # Only of a tabletop anything may be written here: a live run whose log is ended is passed by by `gameday recover`.
        if state.started is None or state.run is None or state.started.level != "tabletop":
            level = state.started.level if state.started else "no rehearsal"
            raise RefusedError(
                f"only a tabletop can be taken up again, and {self._directory.name} is {level}; "
                "what a live one still owes is undone by: gameday recover"
            )
        if state.run.source_digest != self._rehearsed.programme.digest:
            raise RefusedError(
                f"{self._rehearsed.programme.path} is not the plan any more that {self._directory.name} began with"
            )
        self._board.take(events)
        stop = next((event for event in events if isinstance(event, AbortRequested)), None)
        if stop is not None:
            # It died between the stop and its end; stopped is stopped.
            self._abort(stop.by, stop.reason)
            self._refuse_if_over(self.state)
        for event in events:
            if event.round and event.round not in self._round_began:
                self._round_began[event.round] = time_of(event)
        # It may have died between the word that a round is over and the round's end.
        if state.incident is None or state.incident.people_done or state.incident.ended:
            self._go_on()

    def _refuse_if_over(self, state: State) -> None:
        if state.ended is not None:
            raise RefusedError(
                f"{self._directory.name} is over: {state.ended.summary}. Its report: gameday report {self._directory}"
            )

    def _abort(self, person: str, reason: str) -> None:
        self._end_round("aborted")
        self._end(ExitCode.ABORTED, f"stopped by {person}" + (f": {reason}" if reason else ""))

    def _go_on(self) -> None:
        self._end_round("completed")
        if self.state.is_last or not self._begin_next_round():
            self._end(ExitCode.EXPECTED, "the rehearsal is over")

    def _begin_next_round(self) -> bool:
        begun = self.state.incidents
        item = next((one for one in self._rehearsed.rounds if one.id not in begun), None)
        if item is None:
            return False
        for event in round_begun(item):
            self._round_began.setdefault(item.id, time_of(self._write(event)))
        return True

    def _end_round(self, outcome: str) -> None:
        incident = self.state.incident
        if incident is not None and not incident.ended:
            self._write(RoundEnded(outcome=outcome, round=incident.round))

    def _end(self, code: ExitCode, summary: str) -> None:
        self._write(RunEnded(exit_code=code, summary=summary))
        self._log.close()

    def _write(self, event: Event) -> AnyEvent:
        written = self._log.write(event, durable=True)
        self._board.take([written])
        return written


def play_to(session: TabletopSession, clock: VirtualClock, at: datetime) -> None:
    """Move a virtual clock on, stopping at every moment at which something happens by itself."""
    while (following := session.next_due_at()) is not None and following <= at:
        clock.move_to(following)
        session.tick()
    clock.move_to(at)
