"""How many replicas an autoscaler proposes: Kubernetes' formula over what each pod uses and asks for. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class PodCpu:
    """One pod's CPU, in cores: what it asks for, and what it used lately; None while that is not known."""

    request: float
    usage: float | None
    ready: bool = True
    """Ready for as long as its usage was measured: what a start costs says nothing about the load."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an autoscaler aims at: a percentage of the requests, or an amount of CPU a pod."""

    utilization: int | None = None
    average_cores: float | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """How many replicas, and what was measured over the pods that count."""

    replicas: int
    utilization: int | None
    average_cores: float


class NoMeasurementError(Exception):
    """There is nothing to reckon with; the text is what the autoscaler's condition says."""


def propose(current: int, pods: Sequence[PodCpu], target: Target) -> Proposal:
    """Return the replicas that bring the pods to the target; NoMeasurementError if none of them was measured."""
    if target.utilization is not None and not all(pod.request for pod in pods):
        raise NoMeasurementError("missing request for cpu in a container of the pods")
    measured = [(pod.usage, pod.request) for pod in pods if pod.ready and pod.usage is not None]
    if not measured:
        raise NoMeasurementError("did not receive metrics for targeted pods (pods might be unready)")
    ratio = _ratio(measured, target)
    unready = [(0.0, pod.request) for pod in pods if not pod.ready]
    missing = [pod for pod in pods if pod.ready and pod.usage is None]
    utilization = _utilization(measured) if all(request for _, request in measured) else None
    average = sum(usage for usage, _ in measured) / len(measured)
    if ratio <= 1:
        unready = []
    everything = [*measured, *unready, *_assumed(missing, ratio, target)]
    after = _ratio(everything, target)
    replicas = math.ceil(after * len(everything))
    turned = (ratio < 1 < after) or (after < 1 < ratio)
    contradicts = (after < 1 and replicas > current) or (after > 1 and replicas < current)
    if abs(after - 1) <= TOLERANCE or turned or contradicts:
        replicas = current
    return Proposal(replicas, utilization, average)


def _assumed(missing: Sequence[PodCpu], ratio: float, target: Target) -> list[tuple[float, float]]:
    """Return usages for pods that were not measured: nothing before scaling up, all that is planned for before scaling down."""
    if ratio > 1:
        return [(0.0, pod.request) for pod in missing]
    if target.average_cores is not None:
        return [(target.average_cores, pod.request) for pod in missing]
    return [(pod.request * max(100, target.utilization or 0) / 100, pod.request) for pod in missing]


def _ratio(pods: Sequence[tuple[float, float]], target: Target) -> float:
    if target.average_cores is not None:
        return sum(usage for usage, _ in pods) / len(pods) / target.average_cores
    return _utilization(pods) / (target.utilization or 1)


def _utilization(pods: Sequence[tuple[float, float]]) -> int:
    return int(sum(usage for usage, _ in pods) * 100 / sum(request for _, request in pods))
