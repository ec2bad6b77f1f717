"""The waits between restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gameday.staging.node.backoff import BackOff
from gameday.staging.node.runtime import Exit

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _end_after(seconds: float) -> Exit:
    return Exit(1, out_of_memory=False, started_at=NOW, finished_at=NOW + timedelta(seconds=seconds))


def test_the_first_restart_is_at_once_and_the_others_wait_longer_and_longer() -> None:
    back_off = BackOff()
    assert [back_off.after(_end_after(1)) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_container_that_ran_for_ten_minutes_begins_anew() -> None:
    back_off = BackOff()
    for _ in range(4):
        back_off.after(_end_after(1))
    assert [back_off.after(_end_after(601)), back_off.after(_end_after(1))] == [0, 10]
