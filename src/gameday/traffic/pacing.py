"""When journeys are due, and an alarm that rings then to within a fraction of a millisecond.

The schedule knows nothing of answers: that is what makes the load open-loop. The alarm is a timerfd, because an event
loop's own timers wait in whole milliseconds, which would be read as latency of the service. Python 3.11 has no
`os.timerfd_create`, so libc is called directly.
"""

from __future__ import annotations

import ctypes
import math
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


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that goes to another one in a straight line, and stays there."""

    former_per_second: float
    rate_per_second: float
    over_seconds: float

    def rate_after(self, seconds: float) -> float:
        """Return the rate so long after the start."""
        if seconds >= self.over_seconds:
            return self.rate_per_second
        return self.former_per_second + (self.rate_per_second - self.former_per_second) * seconds / self.over_seconds

    def seconds_until(self, arrivals: float) -> float:
        """Return when so many arrivals are due, counted from the start: the inverse of the area under the rate."""
        on_the_way = (self.former_per_second + self.rate_per_second) / 2 * self.over_seconds
        if arrivals >= on_the_way:
            return self.over_seconds + (arrivals - on_the_way) / self.rate_per_second
        slope = (self.rate_per_second - self.former_per_second) / self.over_seconds
        # The root of slope/2·t² + former·t = arrivals, in the form that also holds for a slope of zero.
        root = math.sqrt(max(0.0, self.former_per_second**2 + 2 * slope * arrivals))
        return 2 * arrivals / (self.former_per_second + root)


@dataclass(slots=True)
class Schedule:
    """The moments at which journeys are due: evenly spaced, or a Poisson process drawn from the seed."""

    start: float
    rate_per_second: float
    arrivals: Arrivals = "constant"
    seed: int = 0
    next_due: float = 0.0
    _dice: random.Random = field(default_factory=random.Random)
    _steps: float = 0.0
    _ramp: Ramp = Ramp(1.0, 1.0, 0.0)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - arrivals that can be repeated, not secrets
        self.change_rate(self.rate_per_second, self.start)

    def change_rate(self, rate_per_second: float, now: float, *, over_seconds: float = 0.0) -> None:
        """Go on at another rate from now, or go to it in a straight line; what was due before stays due."""
        former = self._ramp.rate_after(now - self.start) if over_seconds else rate_per_second
        self._ramp = Ramp(former, rate_per_second, over_seconds)
        self.rate_per_second = rate_per_second
        self.start = now
        self._steps = 0.0
        self.next_due = now
        if self.arrivals == "poisson":
            self.advance()

    def advance(self) -> None:
        """Move on to the next moment; moments are counted from the start, so that no error adds up."""
        self._steps += self._dice.expovariate(1.0) if self.arrivals == "poisson" else 1.0
        self.next_due = self.start + self._ramp.seconds_until(self._steps)
