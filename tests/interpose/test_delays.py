"""What is drawn from each distribution of a latency: within its bounds, and of its shape."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean, median, stdev

import pytest

from gameday.interpose.faults import Constant, Delay, Normal, Pareto, Uniform

DRAWS = 20_000


@pytest.fixture
def draws() -> Callable[[Delay], list[float]]:
    """Return what draws many delays, the same ones each time."""

    def draw(delay: Delay) -> list[float]:
        random.seed(20261126)
        return [delay.draw() for _ in range(DRAWS)]

    return draw


def share(found: list[float], is_so: Callable[[float], bool]) -> float:
    return sum(map(is_so, found)) / len(found)


def test_a_constant_delay_is_always_the_same(draws: Callable[[Delay], list[float]]) -> None:
    assert set(draws(Constant(0.25))) == {0.25}


def test_jitter_is_even_on_both_sides(draws: Callable[[Delay], list[float]]) -> None:
    found = draws(Uniform(2.0, 1.5))
    assert 0.5 <= min(found) < 0.51
    assert 3.49 < max(found) <= 3.5
    for quarter in (1.25, 2.0, 2.75):
        assert share(found, lambda one, quarter=quarter: one < quarter) == pytest.approx((quarter - 0.5) / 3, abs=0.02)  # type: ignore[misc]


def test_a_normal_delay_is_a_bell_around_its_mean(draws: Callable[[Delay], list[float]]) -> None:
    found = draws(Normal(5.0, 0.5))
    assert fmean(found) == pytest.approx(5.0, abs=0.02)
    assert stdev(found) == pytest.approx(0.5, abs=0.02)
    assert share(found, lambda one: abs(one - 5.0) < 0.5) == pytest.approx(0.683, abs=0.02)
    assert share(found, lambda one: abs(one - 5.0) < 1.0) == pytest.approx(0.954, abs=0.02)


def test_a_normal_delay_is_never_below_zero_nor_above_its_most(draws: Callable[[Delay], list[float]]) -> None:
    found = draws(Normal(1.0, 1.0, 2.0))
    assert (min(found), max(found)) == (0.0, 2.0)
    assert share(found, lambda one: one == 0.0) == pytest.approx(0.159, abs=0.02)
    assert share(found, lambda one: one == 2.0) == pytest.approx(0.159, abs=0.02)


@pytest.mark.parametrize("shape", [0.5, 1.0, 3.0])
def test_the_tail_of_a_pareto_delay_is_the_longer_the_smaller_its_shape(
    draws: Callable[[Delay], list[float]], shape: float
) -> None:
    found = draws(Pareto(0.1, shape, 3600.0))
    assert 0.1 <= min(found) < 0.101
    assert median(found) == pytest.approx(0.1 * 2 ** (1 / shape), rel=0.05)
    assert share(found, lambda one: one > 1.0) == pytest.approx(10**-shape, abs=0.02)


def test_no_pareto_delay_is_above_its_most(draws: Callable[[Delay], list[float]]) -> None:
    found = draws(Pareto(0.1, 1.0, 1.0))
    assert max(found) == 1.0
    assert share(found, lambda one: one == 1.0) == pytest.approx(0.1, abs=0.02)
