"""How customers fared, as counts: the windows of a log reduced to when they began and how many succeeded and failed in them.

What people did is held against this. Rates come with their Wilson interval, differences with Newcombe's, both at 95 %, since a
share of few customers says little. Times are CLOCK_MONOTONIC, as in the log.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from gameday.log import AnyEvent
from gameday.log.events import LoadWindow

_Z: Final = 1.959964
"""The normal quantile of a two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of all, 0 to 1, and between which two it is with a probability of 95 %."""

    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A share less another, and its interval at 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Customers of one kind: how many succeeded and failed, summed up to each window."""

    starts: tuple[float, ...]
    ok: tuple[int, ...]
    failed: tuple[int, ...]

    def between(self, since: float, until: float) -> tuple[int, int]:
        """Return how many succeeded and failed who were due in an interval, its end not included."""
        first, last = bisect.bisect_left(self.starts, since - 1e-9), bisect.bisect_left(self.starts, until - 1e-9)
        if last <= first:
            return 0, 0
        return self.ok[last] - self.ok[first], self.failed[last] - self.failed[first]


@dataclass(slots=True)
class _Collected:
    starts: list[float] = field(default_factory=list)
    ok: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def counts(self) -> Counts:
        order = sorted(range(len(self.starts)), key=self.starts.__getitem__)
        ok = accumulate((self.ok[index] for index in order), initial=0)
        failed = accumulate((self.failed[index] for index in order), initial=0)
        return Counts(tuple(self.starts[index] for index in order), tuple(ok), tuple(failed))


@dataclass(frozen=True, slots=True)
class Traffic:
    """All customers of a log, and those of each cohort."""

    everybody: Counts
    cohorts: Mapping[str, Counts]


def traffic_of(events: Iterable[AnyEvent]) -> Traffic:
    """Reduce a log's windows to whole journeys that succeeded and failed."""
    everybody, cohorts = _Collected(), dict[str, _Collected]()
    for event in events:
        if isinstance(event, LoadWindow):
            _take(everybody, event.start, event.journeys)
            for name, counts in event.cohorts.items():
                _take(cohorts.setdefault(name, _Collected()), event.start, counts)
    return Traffic(everybody.counts(), {name: collected.counts() for name, collected in cohorts.items()})


def _take(collected: _Collected, start: float, counts: Mapping[str, Any]) -> None:
    collected.starts.append(start)
    collected.ok.append(int(counts.get("ok", 0)))
    collected.failed.append(int(counts.get("failed", 0)))


def share(part: int, rest: int) -> Share | None:
    """Return the share that `part` is of both, with Wilson's score interval (1927); None where there is nobody."""
    number = part + rest
    if number == 0:
        return None
    value = part / number
    middle = value + _Z**2 / (2 * number)
    spread = _Z * math.sqrt(value * (1 - value) / number + _Z**2 / (4 * number**2))
    scale = 1 + _Z**2 / number
    # At the ends the bound is the end itself, which arithmetic misses by a hair.
    low = (middle - spread) / scale if part else 0.0
    high = (middle + spread) / scale if rest else 1.0
    return Share(value, low, high, number)


def difference(after: Share, before: Share) -> Difference:
    """Return after less before, with Newcombe's hybrid score interval (1998, method 10)."""
    value = after.value - before.value
    low = value - math.hypot(after.value - after.low, before.high - before.value)
    high = value + math.hypot(after.high - after.value, before.value - before.low)
    return Difference(value, max(-1.0, low), min(1.0, high))
