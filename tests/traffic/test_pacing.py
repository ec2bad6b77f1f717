"""Schedules do not depend on answers; the alarm rings when it was set to."""

from __future__ import annotations

import select
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gameday.traffic.pacing import Alarm, Schedule


def moments(schedule: Schedule, number: int) -> list[float]:
    found = []
    for _ in range(number):
        found.append(schedule.next_due)
        schedule.advance()
    return found


@given(st.floats(0.5, 5000), st.integers(1, 500))
def test_even_arrivals_stay_on_their_grid(rate: float, number: int) -> None:
    found = moments(Schedule(1000.0, rate), number + 1)
    assert abs(found[-1] - (1000.0 + number / rate)) < 1e-6


def test_poisson_arrivals_follow_their_seed_and_their_rate() -> None:
    one, same, other = (moments(Schedule(0.0, 50, "poisson", seed), 5000) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert abs(one[-1] - 100) < 10
    gaps = [later - earlier for earlier, later in pairwise(one)]
    assert min(gaps) < 0.002
    assert max(gaps) > 0.06


def test_a_new_rate_holds_from_its_moment_on() -> None:
    schedule = Schedule(0.0, 10)
    schedule.change_rate(100, 2.0)
    assert [round(moment, 6) for moment in moments(schedule, 3)] == [2.0, 2.01, 2.02]


def test_the_alarm_rings_at_its_moment_and_not_before() -> None:
    alarm = Alarm()
    moment = time.monotonic() + 0.05
    alarm.set(moment)
    assert select.select([alarm.descriptor], [], [], 5)[0]
    assert time.monotonic() >= moment
    alarm.hear()
    assert not select.select([alarm.descriptor], [], [], 0)[0]
    alarm.set(time.monotonic() - 1)
    assert select.select([alarm.descriptor], [], [], 5)[0], "a moment that has passed rings at once"
    alarm.close()
