from __future__ import annotations

import pytest

from gameday.report.words import UNKNOWN, count, duration, interval, milliseconds, number, offset, percent


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, UNKNOWN), (0, "0 s"), (0.4, "0.40 s"), (9.1, "9.1 s"), (30, "30 s"), (59.96, "1 min"), (125, "2 min 5 s"),
     (900, "15 min"), (3599.7, "1 h"), (3780, "1 h 3 min")],
)  # fmt: skip
def test_a_duration_is_said_as_people_say_it(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, UNKNOWN), (0, "+0.0 s"), (-0.2, "\u22120.2 s"), (59.97, "+1:00.0"), (125.3, "+2:05.3"), (3725, "+1:02:05")],
)
def test_an_offset_counts_from_the_start(seconds: float | None, text: str) -> None:
    assert offset(seconds) == text


def test_both_ends_of_an_interval_have_the_same_digits() -> None:
    assert interval(9, 9.2) == "9.0 to 9.2 s"
    assert interval(0.3, 0.46) == "0.30 to 0.46 s"
    assert interval(55, 65) == "55 s to 1 min 5 s"


@pytest.mark.parametrize(
    ("ratio", "text"), [(None, UNKNOWN), (0, "0 %"), (1, "100 %"), (0.997, "99.7 %"), (0.99999, "> 99.9 %"), (0.00001, "< 0.1 %")]
)
def test_a_percentage_never_rounds_up_to_all_or_down_to_nothing(ratio: float | None, text: str) -> None:
    assert percent(ratio) == text


def test_latencies_numbers_and_counts_have_the_digits_they_deserve() -> None:
    assert [milliseconds(value) for value in (None, 8.44, 120.4, 2100)] == [UNKNOWN, "8.4 ms", "120 ms", "2.1 s"]
    assert [number(99.7, "percent"), number(2, "replicas"), number(0.4, "s")] == ["99.7 %", "2 replicas", "0.40 s"]
    assert [count(1, "round"), count(2, "round"), count(2, "entry", "entries")] == ["1 round", "2 rounds", "2 entries"]
