"""Latency as counts in buckets: small, mergeable, and right to within one per cent.

Log-linear: each power of two of microseconds is cut into 64 equal buckets, and below 64 µs a bucket is one microsecond. A
bucket's middle is within 1/128 (0.8 %) of anything in it. A histogram is a mapping from bucket to count, which is also
how it is written as JSON; merging is adding. Nothing here keeps single samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_SUB_BITS = 6
_SUB = 1 << _SUB_BITS
LONGEST_SECONDS = 600.0
"""Anything longer counts as this long; no step of a journey may have such a time-out."""

Counts = Mapping[int, int]
"""How many samples fell into which bucket."""


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration; below zero counts as zero."""
    microseconds = int(min(max(seconds, 0.0), LONGEST_SECONDS) * 1e6)
    exponent = microseconds.bit_length() - _SUB_BITS - 1
    if exponent <= 0:
        return microseconds
    return (exponent << _SUB_BITS) + (microseconds >> exponent)


def bounds_of(bucket: int) -> tuple[float, float]:
    """Return the shortest duration of a bucket and the shortest of the next one, in seconds."""
    exponent = max((bucket >> _SUB_BITS) - 1, 0)
    lowest = (bucket - (exponent << _SUB_BITS)) << exponent
    return lowest / 1e6, (lowest + (1 << exponent)) / 1e6


def count(durations_seconds: Iterable[float]) -> dict[int, int]:
    """Return the histogram of these durations."""
    counts: dict[int, int] = {}
    for seconds in durations_seconds:
        bucket = bucket_of(seconds)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merged(histograms: Iterable[Counts]) -> dict[int, int]:
    """Return one histogram of everything in these."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for bucket, samples in histogram.items():
            total[bucket] = total.get(bucket, 0) + samples
    return total


def percentile(counts: Counts, percent: float) -> float | None:
    """Return the duration in seconds that `percent` of the samples (above 0, up to 100) do not exceed; None of none.

    The nearest-rank definition, answered with the middle of the bucket that the rank falls into.
    """
    if not 0 < percent <= 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"expected a percentile above 0 and up to 100, found {percent}")
    samples = sum(counts.values())
    if not samples:
        return None
    rank = max(1, math.ceil(samples * percent / 100))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            lowest, next_one = bounds_of(bucket)
            return lowest if next_one - lowest <= 1e-6 else (lowest + next_one) / 2  # noqa: PLR2004 - one microsecond
    raise AssertionError("unreachable: the ranks end with the samples")


def to_json(counts: Counts) -> dict[str, int]:
    """Return the histogram with its buckets as JSON's keys, in their order."""
    return {str(bucket): counts[bucket] for bucket in sorted(counts)}


def from_json(value: Mapping[str, int]) -> dict[int, int]:
    """Return the histogram that `to_json` wrote."""
    return {int(bucket): samples for bucket, samples in value.items()}
