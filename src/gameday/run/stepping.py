"""Noticing that the server's clock was stepped, by which deadlines are set and others judge whether this guardian lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_STEP_SECONDS: Final = 3.0
"""A Date has whole seconds, and an answer takes a while: less than this is no step."""


class SteppedClock:
    """Watches one clock by another that is never set."""

    def __init__(self, read: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        """Take the clock to watch, as of now, and the steady one."""
        self._read, self._steady = read, steady
        self._offset = read() - steady()

    def stepped_seconds(self) -> float:
        """Return by how much it was stepped since the last look; 0 for less than can be told from delay."""
        offset = self._read() - self._steady()
        step, self._offset = offset - self._offset, offset
        return step if abs(step) > _STEP_SECONDS else 0.0
