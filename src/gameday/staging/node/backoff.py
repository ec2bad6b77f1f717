"""How long a container waits before it is started again: Kubernetes' CrashLoopBackOff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gameday.staging.node.runtime import Exit

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 300.0
STEADY_SECONDS: Final = 600.0
"""A container that ran this long starts anew without waiting."""


@dataclass(slots=True)
class BackOff:
    """Counts one container's ends: nothing to wait for after the first one, then 10 s, doubling to 300 s."""

    _has_ended: bool = False
    _seconds: float = 0.0

    def after(self, end: Exit) -> float:
        """Return how long to wait after this end."""
        if (end.finished_at - end.started_at).total_seconds() > STEADY_SECONDS:
            self._has_ended, self._seconds = False, 0.0
        if not self._has_ended:
            self._has_ended = True
            return 0.0
        return self.longer()

    def longer(self) -> float:
        """Return the next wait of the row."""
        self._seconds = min(self._seconds * 2 or FIRST_SECONDS, LONGEST_SECONDS)
        return self._seconds
