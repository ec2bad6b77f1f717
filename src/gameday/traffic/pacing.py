"""When journeys are due, and an alarm that rings then to within a fraction of a millisecond.

The schedule knows nothing of answers: that is what makes the load open-loop. The alarm is a timerfd, because an event
loop's own timers wait in whole milliseconds, which would be read as latency of the service. Python 3.11 has no
`os.timerfd_create`, so libc is called directly.
"""

from __future__ import annotations

import ctypes
import os
import random
from dataclasses import dataclass, field
from typing import Literal

Arrivals = Literal["constant", "poisson"]

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_NANOSECONDS = 1_000_000_000


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class Alarm:
    """A file descriptor that becomes readable at a moment of CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")

    def set(self, moment: float) -> None:
        """Ring at this moment, or at once where it has passed; forget any earlier setting."""
        nanoseconds = max(1, int(moment * _NANOSECONDS))
        setting = _Setting(_Time(0, 0), _Time(*divmod(nanoseconds, _NANOSECONDS)))
        if self._libc.timerfd_settime(self.descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(setting), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")

    def hear(self) -> None:
        """Take notice of a ring, so that the descriptor is not readable any more."""
        try:
            os.read(self.descriptor, 8)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


@dataclass(slots=True)
class Schedule:
    """The moments at which journeys are due: evenly spaced, or a Poisson process drawn from the seed."""

    start: float
    rate_per_second: float
    arrivals: Arrivals = "constant"
    seed: int = 0
    next_due: float = 0.0
    _dice: random.Random = field(default_factory=random.Random)
    _steps: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - arrivals that can be repeated, not secrets
        self.change_rate(self.rate_per_second, self.start)

    def change_rate(self, rate_per_second: float, now: float) -> None:
        """Go on at another rate from now; what was due before stays due."""
        self.rate_per_second = rate_per_second
        self.start = now
        self._steps = 0
        self.next_due = now
        if self.arrivals == "poisson":
            self.advance()

    def advance(self) -> None:
        """Move on to the next moment; evenly spaced ones are counted from the start, so that no error adds up."""
        if self.arrivals == "poisson":
            self.next_due += self._dice.expovariate(self.rate_per_second)
            return
        self._steps += 1
        self.next_due = self.start + self._steps / self.rate_per_second
