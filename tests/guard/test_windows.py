"""When windows are open, by given clocks; 2026-11-23 is a Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.gameday.model import Window
from gameday.guard.windows import closes_at, opens_at

BERLIN = "Europe/Berlin"
WORKDAYS = Window((0, 1, 2, 3, 4), 9 * 60, 16 * 60, BERLIN)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


@pytest.mark.parametrize(
    ("now", "closes"),
    [
        ("2026-11-23T08:59:59", None),
        ("2026-11-23T09:00", "2026-11-23T16:00"),
        ("2026-11-23T15:59:59", "2026-11-23T16:00"),
        ("2026-11-23T16:00", None),
        ("2026-11-21T12:00", None),
    ],
)
def test_a_window_is_open_from_its_start_until_just_before_its_end(now: str, closes: str | None) -> None:
    assert closes_at([WORKDAYS], berlin(now)) == (berlin(closes) if closes else None)


def test_the_day_is_that_of_the_windows_own_time_zone() -> None:
    tokyo = Window((0,), 0, 24 * 60, "Asia/Tokyo")
    assert closes_at([tokyo], datetime(2026, 11, 22, 15, 30, tzinfo=UTC)) == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert closes_at([tokyo], datetime(2026, 11, 23, 15, 30, tzinfo=UTC)) is None


def test_a_window_through_the_night_belongs_to_the_day_on_which_it_opens() -> None:
    night = Window((4,), 22 * 60, 6 * 60, BERLIN)
    assert closes_at([night], berlin("2026-11-28T05:00")) == berlin("2026-11-28T06:00")
    assert closes_at([night], berlin("2026-11-27T05:00")) is None


def test_windows_that_touch_count_as_one() -> None:
    days = [Window((day,), 0, 24 * 60, BERLIN) for day in (0, 1, 2)]
    assert closes_at(days, berlin("2026-11-23T12:00")) == berlin("2026-11-26T00:00")


def test_a_window_keeps_its_hours_through_daylight_saving() -> None:
    every_day = Window(tuple(range(7)), 9 * 60, 16 * 60, BERLIN)
    assert closes_at([every_day], datetime(2026, 10, 24, 13, tzinfo=UTC)) == datetime(2026, 10, 24, 14, tzinfo=UTC)
    assert closes_at([every_day], datetime(2026, 10, 25, 14, tzinfo=UTC)) == datetime(2026, 10, 25, 15, tzinfo=UTC)


def test_the_next_opening_is_told() -> None:
    assert opens_at([WORKDAYS], berlin("2026-11-20T17:00")) == berlin("2026-11-23T09:00")


@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    start=st.integers(0, 1439),
    end=st.integers(1, 1440),
    zone=st.sampled_from([BERLIN, "UTC", "America/New_York", "Pacific/Kiritimati"]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001  # put into UTC below
)
def test_a_window_that_is_open_closes_later_and_one_that_is_not_opens_within_eight_days(
    *, days: set[int], start: int, end: int, zone: str, now: datetime
) -> None:
    windows = [Window(tuple(sorted(days)), start, end, zone)]
    moment = now.replace(tzinfo=UTC)
    closes = closes_at(windows, moment)
    if closes is None:
        opens = opens_at(windows, moment)
        assert opens is not None
        assert moment < opens <= moment + timedelta(days=8)
        assert closes_at(windows, opens) is not None
    else:
        assert closes > moment
