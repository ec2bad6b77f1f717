"""Telling a clock that was set from an answer that was slow."""

from __future__ import annotations

import pytest

from gameday.run.stepping import SteppedClock


class Clocks:
    """A server's clock and a steady one."""

    server = 1_700_000_000.0
    steady = 50.0

    def pass_by(self, seconds: float, *, set_by: float = 0.0) -> None:
        self.steady += seconds
        self.server += seconds + set_by


@pytest.mark.parametrize("set_by", [3600.0, -3600.0, 10.0])
def test_a_clock_that_is_set_is_noticed_once(set_by: float) -> None:
    clocks = Clocks()
    watched = SteppedClock(lambda: clocks.server, lambda: clocks.steady)
    clocks.pass_by(2)
    assert watched.stepped_seconds() == 0
    clocks.pass_by(2, set_by=set_by)
    assert watched.stepped_seconds() == pytest.approx(set_by)
    clocks.pass_by(2)
    assert watched.stepped_seconds() == 0


def test_whole_seconds_and_delay_are_no_step() -> None:
    clocks = Clocks()
    watched = SteppedClock(lambda: clocks.server, lambda: clocks.steady)
    for off in (-1.9, 1.9, -0.9):
        clocks.pass_by(2, set_by=off)
        assert watched.stepped_seconds() == 0
