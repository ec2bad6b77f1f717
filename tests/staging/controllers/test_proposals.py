from __future__ import annotations

import pytest

from gameday.staging.controllers.proposals import NoMeasurementError, PodCpu, Target, propose

HALF = Target(utilization=50)


def pods(*usages: float | None, request: float = 1.0, ready: bool = True) -> list[PodCpu]:
    return [PodCpu(request, usage, ready) for usage in usages]


@pytest.mark.parametrize(
    ("measured", "replicas"),
    [
        (pods(0.5, 0.5), 2),
        (pods(0.54, 0.54), 2),
        (pods(0.46, 0.46), 2),
        (pods(0.6, 0.6), 3),
        (pods(1.0, 1.0), 4),
        (pods(0.1, 0.1), 1),
        (pods(0.0, 0.0), 0),
        (pods(1.0, request=0.5), 4),
        ([*pods(1.0), *pods(1.0, ready=False)], 2),
        ([*pods(1.0), *pods(None)], 2),
        ([*pods(2.0), *pods(None)], 4),
        ([*pods(0.2), *pods(None)], 2),
    ],
)
def test_the_proposal_brings_the_pods_to_their_target(measured: list[PodCpu], replicas: int) -> None:
    assert propose(len(measured), measured, HALF).replicas == replicas


def test_an_amount_a_pod_is_a_target_too() -> None:
    found = propose(2, pods(0.3, 0.5, request=0.0), Target(average_cores=0.2))
    assert (found.replicas, found.utilization) == (4, None)
    assert found.average_cores == pytest.approx(0.4)


@pytest.mark.parametrize("measured", [[], pods(None, None), pods(0.5, ready=False), pods(0.5, request=0.0)])
def test_without_a_measurement_nothing_is_proposed(measured: list[PodCpu]) -> None:
    with pytest.raises(NoMeasurementError):
        propose(2, measured, HALF)
