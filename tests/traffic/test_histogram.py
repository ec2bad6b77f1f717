"""The histogram is right to within one per cent, whatever is put in, and merging is the same as counting together."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.histogram import bounds_of, bucket_of, count, from_json, merged, percentile, to_json

durations = st.floats(0, 500)


@given(durations)
def test_a_duration_lies_in_its_bucket(seconds: float) -> None:
    lowest, following = bounds_of(bucket_of(seconds))
    assert lowest <= seconds + 1e-9
    assert seconds < following + 1e-9


@given(st.integers(0, 1500))
def test_buckets_follow_each_other_without_a_gap(bucket: int) -> None:
    assert bounds_of(bucket)[1] == bounds_of(bucket + 1)[0]
    assert bucket_of(bounds_of(bucket)[0] + 1e-7) == bucket


@given(st.lists(durations, min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_within_one_per_cent_of_the_sorted_samples(samples: list[float], percent: float) -> None:
    exact = sorted(samples)[max(1, math.ceil(len(samples) * percent / 100)) - 1]
    found = percentile(count(samples), percent)
    assert found is not None
    assert abs(found - exact) <= max(exact * 0.01, 1e-6)


@given(st.lists(st.lists(durations)))
def test_merging_is_counting_together(parts: list[list[float]]) -> None:
    together = count(sample for part in parts for sample in part)
    assert merged(count(part) for part in parts) == together
    assert from_json(json.loads(json.dumps(to_json(together)))) == together


def test_nothing_has_no_percentile_and_no_percentile_is_beyond_the_whole() -> None:
    assert percentile({}, 50) is None
    with pytest.raises(ValueError, match="above 0 and up to 100"):
        percentile({1: 1}, 101)


@pytest.mark.parametrize("seconds", [-1.0, 0.0])
def test_an_answer_before_its_time_counts_as_at_once(seconds: float) -> None:
    assert bucket_of(seconds) == 0
