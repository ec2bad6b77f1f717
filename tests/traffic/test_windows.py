"""Folds over windows; above all that the time to recover encloses the truth."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.histogram import count
from gameday.traffic.windows import (
    FEWEST_SAMPLES,
    MOST_BEHIND_SECONDS,
    NOTHING,
    Outcomes,
    Window,
    between,
    by_cohort,
    from_json,
    generator_kept_up,
    latency_percentile,
    merge,
    success_at_least,
    success_rate,
    time_to_recover,
    to_json,
    widened,
)


def window(index: int, ok: int = 5, failed: int = 0, *, behind: float = 0.0, latency: float = 0.01) -> Window:
    errors = {"timeout": failed} if failed else {}
    found = Outcomes(ok, failed, errors, 0, count([latency] * ok))
    return Window(index / 10, 0.1, ok + failed, behind, found, {"submit": found})


def stream(outages: list[tuple[int, int]], length: int, per_window: int = 5) -> list[Window]:
    """Build windows in which everything fails inside the outages and nothing elsewhere; bounds are window numbers."""
    bad = {index for start, end in outages for index in range(start, end)}
    return [window(i, 0, per_window) if i in bad else window(i, per_window) for i in range(length)]


def test_rates_and_percentiles_are_of_the_interval_alone() -> None:
    windows = [window(0, latency=9), window(1, 3, 1), window(2, 5, latency=0.2), window(3, 0, 9)]
    assert success_rate(windows, since=0.1, until=0.3) == 8 / 9
    assert success_rate(windows, since=0.1, until=0.3, step="submit") == 8 / 9
    slowest = latency_percentile(windows, 100, since=0.1, until=0.3)
    assert slowest is not None
    assert abs(slowest - 0.2) < 0.002


def test_without_samples_there_is_no_rate() -> None:
    assert success_rate([]) is None
    assert success_rate([window(0)], step="browse") is None
    assert latency_percentile([window(0, 0, 5)], 50) is None


def test_merging_adds_everything_up_and_keeps_the_worst_delay() -> None:
    whole = merge([window(1, 3, 1, behind=0.2), window(0, 5, behind=0.1)])
    assert (whole.start, round(whole.seconds, 6), whole.offered, whole.behind_seconds) == (0.0, 0.2, 9, 0.2)
    assert (whole.journeys.ok, whole.journeys.failed, whole.journeys.errors) == (8, 1, {"timeout": 1})
    assert whole.of("submit").samples == 9
    assert whole.of("nothing") == NOTHING


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 40))
def test_wide_windows_have_enough_samples_or_last_two_seconds_and_no_more_than_they_need(
    samples: list[int], minimum: int
) -> None:
    wide = widened([window(index, ok) for index, ok in enumerate(samples)], minimum_samples=minimum)
    for one in wide:
        assert one.journeys.samples >= minimum or (one.journeys.samples >= FEWEST_SAMPLES and one.seconds > 1.99)
        assert one.journeys.samples < minimum + 13
    assert sum(samples) - sum(one.journeys.samples for one in wide) < minimum


@given(
    fault=st.integers(0, 20),
    waits=st.integers(0, 5),
    lasts=st.integers(7, 40),
    per_window=st.integers(3, 12),
    within=st.floats(0, 0.099),
)
def test_the_interval_encloses_the_true_time_to_recover(
    fault: int, waits: int, lasts: int, per_window: int, within: float
) -> None:
    began, ended = fault + waits, fault + waits + lasts
    windows = stream([(began, ended)], ended + 80, per_window)
    fault_at = fault / 10 + within
    truth = max(0.0, ended / 10 - fault_at)
    found = time_to_recover(windows, fault_at, success_at_least(0.95))
    assert found is not None
    assert found.ever_out
    assert found.low_seconds - 1e-9 <= truth <= found.high_seconds + 1e-9
    assert found.low_seconds <= found.seconds <= found.high_seconds
    # No wider than two windows of 30 samples.
    assert found.high_seconds - found.low_seconds <= 2 * (30 / per_window + 1) / 10 + 0.1


@given(first=st.integers(2, 10), pause=st.integers(1, 29))
def test_it_has_not_recovered_before_it_stays_recovered(first: int, pause: int) -> None:
    # 30 samples are six windows; five of those in a row are needed, so a pause shorter than that is none.
    second = first + 10 + pause
    windows = stream([(first, first + 10), (second, second + 10)], second + 60)
    found = time_to_recover(windows, first / 10, success_at_least(0.95))
    assert found is not None
    assert found.high_seconds >= (second + 10 - first) / 10 - 1e-9


def test_an_outage_that_has_not_ended_has_no_time_to_recover() -> None:
    assert time_to_recover(stream([(5, 40)], 40), 0.5, success_at_least(0.95)) is None


def test_four_good_windows_are_not_five() -> None:
    # Six windows of five samples each make one of thirty.
    assert time_to_recover(stream([(0, 6)], 6 + 4 * 6 + 5), 0.0, success_at_least(0.95)) is None
    assert time_to_recover(stream([(0, 6)], 6 + 5 * 6), 0.0, success_at_least(0.95)) is not None


def test_what_was_never_out_of_tolerance_recovered_at_once_with_a_bound() -> None:
    found = time_to_recover(stream([], 60), 1.0, success_at_least(0.95))
    assert found is not None
    assert (found.seconds, found.low_seconds, found.ever_out) == (0.0, 0.0, False)
    assert round(found.high_seconds, 6) == 0.6


def test_no_samples_are_no_recovery() -> None:
    assert time_to_recover([], 0.0, success_at_least(0.95)) is None
    assert time_to_recover([window(index, 0) for index in range(100)], 0.0, success_at_least(0.95)) is None


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_a_generator_that_is_late_in_more_than_one_window_of_a_hundred_did_not_keep_up(late: list[bool]) -> None:
    windows = [window(index, behind=MOST_BEHIND_SECONDS * (2 if is_late else 1)) for index, is_late in enumerate(late)]
    assert generator_kept_up(windows) == (sum(late) <= max(1, len(late) / 100))


def test_a_generator_that_said_nothing_did_not_keep_up() -> None:
    assert not generator_kept_up([])


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 100))
def test_a_window_survives_being_written(ok: int, failed: int, latency: float) -> None:
    one = window(3, ok, failed, latency=latency)
    assert from_json(json.loads(json.dumps(to_json(one)))) == one


def test_windows_come_in_order_whatever_order_they_were_given_in() -> None:
    windows = stream([], 5)
    assert between(reversed(windows), 0.1, 0.4) == windows[1:4]


def test_cohorts_are_added_up_apart_and_survive_being_written() -> None:
    parts = [
        Window(0.0, 0.1, 4, 0.0, NOTHING, {}, {"app": Outcomes(1, 1, {"submit:status_500": 1}, 1), "web": Outcomes(2)}),
        Window(0.1, 0.1, 3, 0.0, NOTHING, {}, {"web": Outcomes(3)}),
        Window(0.2, 0.1, 0, 0.0, NOTHING, {}),
    ]
    assert [from_json(json.loads(json.dumps(to_json(one)))) for one in parts] == parts
    assert "cohorts" not in to_json(parts[2])
    whole = by_cohort(parts)
    assert (whole["app"].success, whole["web"].ok) == (0.5, 5)
    assert merge(parts).cohorts == whole
    assert parts[2].of_cohort("app") == NOTHING


def test_a_window_from_before_there_were_cohorts_is_read() -> None:
    old = to_json(window(1))
    assert "cohorts" not in old
    assert from_json(old).cohorts == {}


def test_a_small_load_shows_a_recovery_as_soon_as_a_large_one() -> None:
    """At three journeys a second, 150 samples would take most of a minute; five windows of two seconds say as much of time."""
    slow = [window(index, 0 if index % 10 else 3) for index in range(40, 150)]
    out = [window(index, 0, 0 if index % 10 else 3) for index in range(40)]
    found = time_to_recover([*out, *slow], 0.05, success_at_least(0.99))
    assert found is not None
    assert 2.9 <= found.low_seconds <= found.seconds <= 4.0
    assert time_to_recover([*out, *slow[:90]], 0.05, success_at_least(0.99)) is None


def test_those_on_the_waiting_page_were_turned_away_and_not_let_in() -> None:
    found = Outcomes(6, 4, {"browse:waiting": 3, "submit:timeout": 1}, 0, {})
    assert (found.turned_away, found.accepted_success, found.success) == (3, 6 / 7, 0.6)
    assert Outcomes(0, 2, {"waiting": 2}, 0, {}).accepted_success is None
    assert Outcomes(0, 1, {"browse:status_503": 1}, 0, {}).accepted_success == 0.0
