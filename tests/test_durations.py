from __future__ import annotations

from typing import Any

import pytest

from gameday.durations import per_second, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("15m", 900.0),
        ("30s", 30.0),
        ("500ms", 0.5),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        ("2d", 172800.0),
        (5, 5.0),
        (0.25, 0.25),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_in_the_units_that_people_write(value: Any, expected: float) -> None:
    assert seconds(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    "value", ["15", "15 m", "m", "", "-5s", -1, True, None, [], "1h garbage", float("nan"), float("inf"), "5x"]
)
def test_anything_else_is_no_duration(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        seconds(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("40/s", 40.0), ("600/m", 10.0), ("40 / sec", 40.0), (2.5, 2.5), ("3600/h", 1.0)]
)
def test_a_rate_is_read_per_second(value: Any, expected: float) -> None:
    assert per_second(value) == pytest.approx(expected)


@pytest.mark.parametrize("value", ["40", "40/d", "/s", -3, None, False])
def test_anything_else_is_no_rate(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        per_second(value)
