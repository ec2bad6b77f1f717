"""What everybody in a rehearsal looks at: the state so far, the events behind it, and a bell for whoever waits for more."""

from __future__ import annotations

import bisect
import copy
import threading
from collections.abc import Iterable, Sequence

from gameday.log import AnyEvent
from gameday.rehearsal.state import State


class Board:
    """Takes events in their order; may be read from any thread."""

    def __init__(self) -> None:
        """Begin empty."""
        self._state = State()
        self._shown = self._state
        self._events: list[AnyEvent] = []
        self._changed = threading.Condition()

    def take(self, events: Iterable[AnyEvent]) -> None:
        """Take the next events of the log; samples of traffic count, and are not kept."""
        with self._changed:
            for event in events:
                self._state.apply(event)
                if not event.is_sample:
                    self._events.append(event)
            self._changed.notify_all()

    @property
    def state(self) -> State:
        """Where the rehearsal stands: a copy that nothing changes any more."""
        with self._changed:
            if self._shown is self._state or self._shown.seq != self._state.seq:
                self._shown = copy.deepcopy(self._state)
            return self._shown

    @property
    def peek(self) -> State:
        """The state itself, for whoever feeds the board: it changes with the next event."""
        return self._state

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        """Return what was kept of the events after this one."""
        with self._changed:
            return self._events[self._index_after(seq) :]

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until there is an event after `seq`; return whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._index_after(seq) < len(self._events), timeout_seconds)

    def _index_after(self, seq: int) -> int:
        return bisect.bisect_right(self._events, seq, key=lambda event: event.seq)
