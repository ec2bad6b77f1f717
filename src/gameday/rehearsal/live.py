"""A live rehearsal: a run with real faults in a real cluster, in which people carry the runbooks out themselves.

The guardian of the run owns the log. What people do is checked here against the log so far, sent to the guardian, and has
happened once it stands there; this process only reads. If it dies, the guardian aborts the run and undoes, as with any run.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from gameday.errors import RefusedError
from gameday.log import AnyEvent
from gameday.rehearsal.board import Board
from gameday.rehearsal.clock import Clock, RealClock
from gameday.rehearsal.rehearsed import Rehearsed
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.session import Answer
from gameday.rehearsal.state import State
from gameday.rehearsal.timeline import due
from gameday.run.launching import Launched
from gameday.run.observing import LogTail
from gameday.run.spec import PeopleSpec

_POLL_SECONDS: Final = 0.02
"""An event reaches whoever waits for it within this, of the 100 ms that it may take to a screen."""
_OPENING_SECONDS: Final = 60.0


class LiveSession:
    """One live rehearsal that is on; a `Session`."""

    def __init__(self, launched: Launched, *, clock: Clock | None = None) -> None:
        """Take the run, whose guardian is up; `start` begins to follow it."""
        self._launched = launched
        self._clock = clock or RealClock()
        self._board = Board()
        self._tail = LogTail(launched.directory)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="rehearsal", daemon=True)

    @property
    def directory(self) -> Path:
        """The run's folder."""
        return self._launched.directory

    @property
    def state(self) -> State:
        """Where the rehearsal stands."""
        return self._board.state

    @property
    def is_over(self) -> bool:
        """Whether nobody is at work on the run any more, and its log was read to its end."""
        return self._over.is_set()

    def now(self) -> datetime:
        """Return the time by which it goes."""
        return self._clock.now()

    def start(self) -> None:
        """Begin to follow the log, and to let happen to people what is due."""
        self._thread.start()

    def submit(self, person: str, request: Mapping[str, Any]) -> Answer:
        """Have the guardian write somebody's request, unless it contradicts the log."""
        if not self._opened():
            over = "the run is over, and had not begun" if self.is_over else "the run has not begun yet; try again in a moment"
            return Answer(refused=over)
        with self._lock:
            self._catch_up()
            try:
                event = event_for(self.state, person, request, now=self.now())
            except RefusedError as error:
                return Answer(refused=str(error))
            answer = self._launched.tell_of_people(event)
            self._catch_up()
        if "event" not in answer:
            return Answer(refused=str(answer.get("refused") or "the run is not on any more"))
        seq = int(answer["event"]["seq"])
        return Answer(event=next((one for one in self._board.events_after(seq - 1) if one.seq == seq), None))

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        """Return the events after `seq`, without samples."""
        return self._board.events_after(seq)

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until there is an event after `seq`; return whether there is."""
        return self._board.wait_beyond(seq, timeout_seconds=timeout_seconds)

    def stop(self, person: str, reason: str) -> None:
        """Abort the run, which undoes; waits for nobody."""
        self._launched.abort(person, reason or "stopped by people")

    def _opened(self) -> bool:
        """Wait for the run to begin for people: it looks at the cluster first."""
        waited = 0.0
        while self.state.started is None and not self.is_over and waited < _OPENING_SECONDS:
            self._board.wait_beyond(self.state.seq, timeout_seconds=0.5)
            waited += 0.5
        return self.state.started is not None

    def _follow(self) -> None:
        while True:
            over = self._launched.is_over
            with self._lock:
                self._catch_up()
                if not over:
                    self._let_happen()
            if over:
                self._over.set()
                return
            self._over.wait(_POLL_SECONDS)

    def _catch_up(self) -> None:
        events = list(self._tail.new())
        if events:
            self._board.take(events)

    def _let_happen(self) -> None:
        """Have written what the plan lets happen to people, once it is due."""
        for event in due(self._board.peek, self._clock.now()):
            self._launched.tell_of_people(event)
            self._catch_up()


def people_spec(rehearsed: Rehearsed) -> PeopleSpec:
    """Return what a guardian is told of the people who take part."""
    started = msgspec.to_builtins(rehearsed.started())
    fields = {name: started[name] for name in ("level", "seed", "surprise", "clocks", "roles", "injects", "readers")}
    return PeopleSpec(
        started=fields, order=[item.id for item in rehearsed.rounds], deadline_seconds=rehearsed.plan.deadline_seconds
    )
