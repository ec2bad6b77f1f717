"""What shares of few samples say: intervals of a proportion, and of the difference of two. Pure arithmetic.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), pp. 209-212;
R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
Statistics in Medicine 17 (1998), pp. 873-890, method 10. Both stay within 0 to 1 and hold for small samples and for shares
near 0 or 1, where the usual ± 1.96 standard errors do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

Z95: Final = 1.959964
"""The quantile of the normal distribution that leaves 5 % outside, on both sides together."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    ok: int
    samples: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; of no sample at all 0."""
        return self.ok / self.samples if self.samples else 0.0

    def interval(self, z: float = Z95) -> tuple[float, float]:
        """Return Wilson's score interval, 0 to 1; of no sample the whole of it."""
        if not self.samples:
            return 0.0, 1.0
        n, p = self.samples, self.value
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Change:
    """How much a share changed, -1 to 1, and between which bounds."""

    value: float
    low: float
    high: float


def change(before: Share, after: Share, z: float = Z95) -> Change:
    """Return the change from one share to another, with Newcombe's hybrid score interval."""
    low_before, high_before = before.interval(z)
    low_after, high_after = after.interval(z)
    value = after.value - before.value
    below = math.hypot(after.value - low_after, high_before - before.value)
    above = math.hypot(high_after - after.value, before.value - low_before)
    return Change(value, max(-1.0, value - below), min(1.0, value + above))
