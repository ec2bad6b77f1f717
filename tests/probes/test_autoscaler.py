"""How long capacity took to follow, from windows and a workload's status alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gameday.change import ProbeSpec, bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError, NoMeasurementError
from gameday.traffic.windows import Outcomes, Window

FOLLOWED, REPLICAS, ACCEPTED, HONEST = (
    registered(f"gameday.probes.{name}")
    for name in ("autoscaler.capacity_followed", "autoscaler.replicas", "checkout.accepted", "checkout.honest_refusals")
)
SALE = {"namespace": "shop", "name": "sale"}


def window(index: int, ok: int = 3, waiting: int = 0, failed: int = 0) -> Window:
    kinds = {kind: number for kind, number in (("browse:waiting", waiting), ("submit:status_503", failed)) if number}
    return Window(index / 10, 0.1, ok + waiting + failed, 0.0, Outcomes(ok, waiting + failed, kinds), {})


class Seen:
    """A run's observations as they stand, with a workload's status."""

    def __init__(self, windows: Sequence[Window], *, fault_at: float | None = 1.0, ready: int = 5, wanted: int = 5) -> None:
        self._windows, self._fault_at = windows, fault_at
        self._workload = {"spec": {"replicas": wanted}, "status": {"readyReplicas": ready}}

    @property
    def view(self) -> Any:
        return self

    def get(self, ref: Any) -> Any:
        return self._workload if ref.name == "sale" else None

    def windows(self, *, seconds: float) -> Sequence[Window]:
        del seconds
        return self._windows

    def since_fault(self) -> tuple[float, Sequence[Window]]:
        if self._fault_at is None:
            raise NoMeasurementError("nothing has been changed yet")
        return self._fault_at, self._windows


def measure(probe: Any, seen: Seen, **arguments: Any) -> Any:
    assert isinstance(probe, ProbeSpec)
    return probe.measure(seen, **bind(probe.measure, probe.name, arguments))


def test_capacity_has_followed_at_the_end_of_the_last_moment_in_which_somebody_was_not_served() -> None:
    windows = [window(i, waiting=1 if i in (14, 22) else 0, failed=1 if i == 31 else 0) for i in range(60)]
    found = measure(FOLLOWED, Seen(windows), **SALE)
    assert found.unit == "s"
    assert found.value == pytest.approx(2.2)
    assert found.low <= 2.1 <= found.high


def test_before_anything_is_changed_there_is_nothing_to_follow() -> None:
    assert measure(FOLLOWED, Seen([window(0)], fault_at=None), **SALE).value == 0.0


def test_a_crowd_that_was_served_at_once_was_followed_at_once() -> None:
    assert measure(FOLLOWED, Seen([window(i) for i in range(60)]), **SALE).value == 0.0


@pytest.mark.parametrize(
    "seen",
    [
        Seen([window(i, waiting=i % 2) for i in range(60)]),
        Seen([window(i) for i in range(60)], ready=4),
        Seen([window(i, waiting=int(i < 50)) for i in range(60)]),
    ],
    ids=["still turned away", "a replica is missing", "not steady yet"],
)
def test_what_has_not_followed_by_then_is_measured_as_longer(seen: Seen) -> None:
    found = measure(FOLLOWED, seen, **SALE, within_seconds=0.001, steady_seconds=2.0)
    assert found.value > 0.001
    assert found.seen.startswith("not yet")


@pytest.mark.parametrize("bad", [{"within_seconds": 0}, {"within_seconds": -1}, {"steady_seconds": 0}])
def test_a_time_that_is_none_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadParameterError, match=f"expected {next(iter(bad))} to be above 0"):
        measure(FOLLOWED, Seen([]), **SALE, **bad)


def test_replicas_are_those_that_are_ready_and_a_workload_that_is_not_there_measures_nothing() -> None:
    found = measure(REPLICAS, Seen([], ready=3), **SALE)
    assert (found.value, found.unit) == (3, "replicas")
    for probe in (REPLICAS, FOLLOWED):
        with pytest.raises(NoMeasurementError, match="there is no deployment shop/none"):
            measure(probe, Seen([]), namespace="shop", name="none")


def test_the_waiting_page_counts_neither_for_nor_against_those_who_were_let_in() -> None:
    seen = Seen([window(0, ok=6, waiting=3), window(1, ok=3, failed=1)])
    accepted = measure(ACCEPTED, seen, window_seconds=1)
    assert (accepted.value, accepted.unit, accepted.samples) == (90.0, "%", 10)
    honest = measure(HONEST, seen, window_seconds=1)
    assert (honest.value, honest.unit) == (75.0, "%")


def test_nobody_let_in_is_no_measurement_of_them_and_all_served_is_all_honest() -> None:
    with pytest.raises(NoMeasurementError, match="none was let in"):
        measure(ACCEPTED, Seen([window(0, ok=0, waiting=5)]), window_seconds=1)
    assert measure(HONEST, Seen([window(0)]), window_seconds=1).value == 100.0
    with pytest.raises(NoMeasurementError, match="no journey was due"):
        measure(HONEST, Seen([window(0, ok=0)]), window_seconds=1)
