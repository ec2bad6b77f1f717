"""The clocks of a rehearsal: the machine's own, and one that a script or a simulation moves on, exactly and without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells events their two times."""

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""

    def mono(self) -> float:
        """Return seconds that only go forward."""


class RealClock:
    """The machine's."""

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        return datetime.now(UTC)

    def mono(self) -> float:
        """Return CLOCK_MONOTONIC."""
        return time.monotonic()


class VirtualClock:
    """One that stands still until it is moved."""

    def __init__(self, begin: datetime) -> None:
        """Begin at a time; `mono` begins at 0."""
        self._begin = self._now = begin.astimezone(UTC)

    def now(self) -> datetime:
        """Return where it stands, in UTC."""
        return self._now

    def mono(self) -> float:
        """Return the seconds since it began."""
        return (self._now - self._begin).total_seconds()

    def move_to(self, at: datetime) -> None:
        """Move on to a time; one that has passed changes nothing."""
        self._now = max(self._now, at)

    def advance(self, seconds: float) -> None:
        """Move on by a duration."""
        self._now += timedelta(seconds=seconds)
