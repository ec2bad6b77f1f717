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


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0.1, 60))
def test_a_ramp_offers_what_lies_under_its_line_and_then_the_new_rate(former: float, rate: float, over: float) -> None:
    schedule = Schedule(0.0, former)
    schedule.change_rate(rate, 10.0, over_seconds=over)
    number = int((former + rate) / 2 * over)
    found = moments(schedule, number + 20)
    assert found == sorted(found)
    assert found[0] == 10.0
    due_on_the_way = sum(moment < 10.0 + over for moment in found)
    assert abs(due_on_the_way - (former + rate) / 2 * over) <= 1.001
    gaps = [later - earlier for earlier, later in pairwise(found[-10:])]
    assert all(abs(gap - 1 / rate) < 1e-6 for gap in gaps)


def test_a_ramp_that_is_cut_short_goes_on_from_where_it_was() -> None:
    schedule = Schedule(0.0, 10)
    schedule.change_rate(110, 0.0, over_seconds=10)
    schedule.change_rate(60, 5.0, over_seconds=2)
    gaps = [later - earlier for earlier, later in pairwise(moments(schedule, 60))]
    assert all(abs(gap - 1 / 60) < 1e-6 for gap in gaps), "halfway there, the rate was 60 already"


def test_a_ramp_of_poisson_arrivals_has_the_same_number_of_them() -> None:
    schedule = Schedule(0.0, 100, "poisson", seed=3)
    schedule.change_rate(500, 0.0, over_seconds=10)
    found = moments(schedule, 4000)
    assert abs(sum(moment < 10 for moment in found) - 3000) < 200
    assert abs(sum(moment < 5 for moment in found) - 1000) < 120
