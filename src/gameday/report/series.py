"""From windows of samples to a curve: success and latency of checkout in buckets as fine as the picture can show.

Counts and histograms are merged, so that a bucket's percentile is that of all its samples and never a mean of means. What
a window is and how a histogram counts is `traffic`'s; nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gameday.log.events import LoadWindow
from gameday.report.facts import Bucket
from gameday.traffic import histogram

_WIDTHS_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0)
_MOST_BUCKETS = 240
_FEWEST_SAMPLES = 10


@dataclass(slots=True)
class Sample:
    """One window, reduced to the step that is a checkout; times count from the run's start."""

    start_seconds: float
    seconds: float
    ok: int
    failed: int
    latency: histogram.Counts = field(default_factory=dict)
    cohorts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many succeeded and failed of each cohort of customers."""


def curve(samples: Sequence[Sample], *, start_seconds: float, end_seconds: float) -> tuple[Bucket, ...]:
    """Return the buckets between two times, finest first choice; a stretch in which nobody tried is a bucket without rates."""
    inside = [sample for sample in samples if start_seconds - sample.seconds < sample.start_seconds < end_seconds]
    if not inside:
        return ()
    first = inside[0].start_seconds
    span = inside[-1].start_seconds + inside[-1].seconds - first
    width = _width(span, sum(sample.ok + sample.failed for sample in inside))
    buckets: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in inside:
        # Half a window's tolerance: window starts are measured, and must not fall out of step with round numbers.
        buckets[int((sample.start_seconds - first + sample.seconds / 2) / width)].append(sample)
    return tuple(_bucket(buckets.get(index, ()), first + index * width, width) for index in range(max(buckets) + 1))


def totals(samples: Iterable[Sample], *, start_seconds: float, end_seconds: float) -> tuple[int, int]:
    """Return how many checkouts succeeded and failed between two times."""
    inside = [sample for sample in samples if start_seconds <= sample.start_seconds < end_seconds]
    return sum(sample.ok for sample in inside), sum(sample.failed for sample in inside)


def cohort_totals(samples: Iterable[Sample], *, start_seconds: float, end_seconds: float) -> dict[str, tuple[int, int]]:
    """Return the same for each cohort of customers; nothing where the journey has none."""
    found: dict[str, tuple[int, int]] = {}
    for sample in samples:
        if start_seconds <= sample.start_seconds < end_seconds:
            for name, (ok, failed) in sample.cohorts.items():
                before = found.get(name, (0, 0))
                found[name] = before[0] + ok, before[1] + failed
    return found


def sample_of(window: LoadWindow, order_step: str, *, start_seconds: float) -> Sample:
    """Reduce a window to checkouts: whole journeys decide success, the step that orders gives the latency.

    A window without whole journeys counts the step; without a step's name, the last one of the journey.
    """
    step = window.steps.get(order_step or next(reversed(window.steps), ""), {})
    counts = window.journeys or step
    latency = histogram.from_json(step.get("latency", {}))
    cohorts = {name: _ok_and_failed(found) for name, found in window.cohorts.items()}
    return Sample(start_seconds, window.seconds, *_ok_and_failed(counts), latency, cohorts)


def _ok_and_failed(counts: Mapping[str, Any]) -> tuple[int, int]:
    return int(counts.get("ok", 0)), int(counts.get("failed", 0))


def _width(span_seconds: float, count: int) -> float:
    rate = count / span_seconds if span_seconds > 0 else 0.0
    for width in _WIDTHS_SECONDS:
        if span_seconds / width <= _MOST_BUCKETS and (rate * width >= _FEWEST_SAMPLES or width >= 1):
            return width
    return span_seconds / _MOST_BUCKETS


def _bucket(samples: Sequence[Sample], start_seconds: float, seconds: float) -> Bucket:
    ok, failed = sum(sample.ok for sample in samples), sum(sample.failed for sample in samples)
    latency = histogram.merged(sample.latency for sample in samples)
    return Bucket(
        start_seconds=round(start_seconds, 3),
        seconds=seconds,
        ok=ok,
        failed=failed,
        success=ok / (ok + failed) if ok + failed else None,
        p50_ms=_percentile_ms(latency, 50),
        p95_ms=_percentile_ms(latency, 95),
    )


def _percentile_ms(latency: histogram.Counts, percent: float) -> float | None:
    seconds = histogram.percentile(latency, percent)
    return None if seconds is None else round(seconds * 1000, 3)
