from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gameday.log.events import LoadWindow
from gameday.report.series import Sample, cohort_totals, curve, sample_of, totals


def samples(count: int, *, each: int = 6) -> list[Sample]:
    return [Sample(index / 10, 0.1, each, 0, {100: each}) for index in range(count)]


@given(count=st.integers(1, 40_000), each=st.integers(0, 50))
def test_a_curve_loses_no_checkout_and_stays_small(count: int, each: int) -> None:
    step = max(1, count // 400)
    windows = samples(count, each=each)[::step]
    buckets = curve(windows, start_seconds=0, end_seconds=count / 10)
    assert sum(bucket.ok for bucket in buckets) == each * len(windows)
    assert len(buckets) <= 242


def test_a_short_run_is_drawn_finer_than_a_long_one() -> None:
    short = curve(samples(200), start_seconds=0, end_seconds=20)
    long = curve(samples(9000), start_seconds=0, end_seconds=900)
    assert short[0].seconds == 0.2
    assert long[0].seconds == 5.0


def test_few_samples_make_wide_buckets_so_that_a_rate_means_something() -> None:
    assert curve(samples(200, each=1), start_seconds=0, end_seconds=20)[0].seconds == 1.0


def test_a_gap_in_the_samples_is_a_bucket_without_a_rate() -> None:
    buckets = curve([*samples(10), Sample(5.0, 0.1, 6, 0)], start_seconds=0, end_seconds=6)
    middle = [bucket for bucket in buckets if 1.5 < bucket.start_seconds < 4.5]
    assert middle
    assert all(bucket.success is None and bucket.p50_ms is None for bucket in middle)


def test_no_samples_make_no_curve() -> None:
    assert curve([], start_seconds=0, end_seconds=9) == ()
    assert curve(samples(10), start_seconds=50, end_seconds=60) == ()


def test_counts_are_those_of_the_interval() -> None:
    assert totals(samples(100), start_seconds=2.0, end_seconds=4.0) == (120, 0)


def test_a_customer_who_fails_before_the_order_counts_as_failed() -> None:
    window = LoadWindow(
        start=1.0,
        seconds=0.1,
        offered=6,
        journeys={"ok": 2, "failed": 4},
        steps={"browse": {"ok": 2, "failed": 4}, "submit": {"ok": 2, "failed": 0, "latency": {"64": 2}}},
    )
    sample = sample_of(window, "submit", start_seconds=0.0)
    assert (sample.ok, sample.failed, sample.latency) == (2, 4, {64: 2})


def test_a_window_without_whole_journeys_counts_its_last_step() -> None:
    window = LoadWindow(start=1.0, seconds=0.1, offered=6, steps={"browse": {"ok": 9}, "submit": {"ok": 5, "failed": 1}})
    sample = sample_of(window, "", start_seconds=0.0)
    assert (sample.ok, sample.failed) == (5, 1)


def test_cohorts_are_counted_apart_and_only_within_the_round() -> None:
    def window(start: float, cohorts: dict[str, Any]) -> LoadWindow:
        return LoadWindow(start=start, seconds=0.1, offered=1, cohorts=cohorts)

    samples = [
        sample_of(window(at, {"app": {"ok": 1, "failed": 2}, "web": {"ok": 3, "failed": 0}}), "", start_seconds=at)
        for at in (0.0, 0.1, 0.2)
    ]
    assert cohort_totals(samples, start_seconds=0.1, end_seconds=9.0) == {"app": (2, 4), "web": (6, 0)}
    assert cohort_totals([sample_of(window(0.0, {}), "", start_seconds=0.0)], start_seconds=0.0, end_seconds=9.0) == {}
