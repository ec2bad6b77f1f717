"""What a page or a terminal has of a rehearsal that is on: its log, what people ask of it, and the stop.

Two things implement it: a tabletop writes its own log (`tabletop`), a live rehearsal has the guardian of a run write it (`live`).
A simulation is over as soon as it is begun, so nobody looks at it: `simulated` only writes its log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gameday.log import AnyEvent
from gameday.rehearsal.state import State


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: the event that it is now, or why it is none."""

    event: AnyEvent | None = None
    refused: str = ""


class Session(Protocol):
    """One rehearsal that is on. Its methods may be called from any thread."""

    @property
    def directory(self) -> Path:
        """The run's folder."""

    @property
    def state(self) -> State:
        """Where the rehearsal stands; not to be changed by whoever looks."""

    def submit(self, person: str, request: Mapping[str, Any]) -> Answer:
        """Have somebody's request (`requests.event_for`) written into the log, unless it contradicts it."""

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        """Return the events of people and of rounds that come after `seq`, without the samples of traffic."""

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        """Wait until there is an event after `seq`; return whether there is."""

    def stop(self, person: str, reason: str) -> None:
        """End it now: a live one is aborted and undone; nothing that only measures delays that."""
