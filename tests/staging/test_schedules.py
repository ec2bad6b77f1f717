"""When a schedule is due, with and without a time zone, and what is no schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from gameday.staging.schedules import due_after, is_time_zone, last_due, schedule_error

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_schedule_is_due_after_a_moment_not_at_it() -> None:
    assert list(islice(due_after("0 * * * *", None, NOON), 2)) == [NOON.replace(hour=13), NOON.replace(hour=14)]


def test_a_time_zone_moves_the_hours() -> None:
    assert next(due_after("30 8 * * *", "Europe/Berlin", NOON)) == datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "after", "found"),
    [
        ("*/5 * * * *", NOON.replace(hour=11), NOON),
        ("*/5 * * * *", NOON.replace(day=1, month=1), NOON),
        ("0 0 1 1 *", NOON.replace(year=2025), datetime(2026, 1, 1, tzinfo=UTC)),
        ("@daily", NOON.replace(hour=1), None),
        ("@hourly", NOON.replace(minute=0, hour=12), None),
    ],
)
def test_the_last_time_that_a_schedule_was_due(schedule: str, after: datetime, found: datetime | None) -> None:
    assert last_due(schedule, None, after, NOON) == found


@pytest.mark.parametrize("text", ["* * * *", "61 * * * *", "@every 5m", "* * * * * *", "now"])
def test_what_is_no_schedule_is_told(text: str) -> None:
    assert schedule_error(text)


def test_known_and_unknown_time_zones() -> None:
    assert is_time_zone("Etc/UTC")
    assert not is_time_zone("Mars/Olympus")
    assert not is_time_zone("../etc/passwd")
