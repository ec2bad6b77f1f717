"""Probes of capacity: how many replicas there are, and how long they took to follow a crowd."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gameday.change import Measurement, Observations, above, bounded, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError
from gameday.traffic import windows as folds

_LOOK_SECONDS: Final = 0.25


@probe
def replicas(observations: Observations, *, namespace: str, name: str, kind: str = "Deployment") -> Measurement:
    """Measure how many replicas of a workload are Ready, as its status says.

    namespace, name, kind: which workload; kind is Deployment, StatefulSet or ReplicaSet. NoMeasurementError if it is not there.
    """
    have, wanted = _replicas(observations, ObjectRef("apps/v1", kind, namespace, name))
    return Measurement(have, "replicas", f"{have} of {wanted} wanted replicas of {kind.lower()} {name} are Ready", samples=1)


@probe
@bounded(within_seconds=above(0), steady_seconds=above(0))
def capacity_followed(
    observations: Observations,
    *,
    namespace: str,
    name: str,
    kind: str = "Deployment",
    within_seconds: float = 60.0,
    steady_seconds: float = 2.0,
) -> Measurement:
    """Measure how long after the round's first fault capacity had followed it, in seconds; 0 before there was one.

    Capacity has followed when all replicas that the workload wants are Ready, and for `steady_seconds` every customer was let
    in and served: what it counts to is the end of the last moment in which one was not. namespace, name, kind: which workload.
    within_seconds: how long is waited, counted from the fault; without an end by then, what has passed until now is the
    measurement, which is above it. Low and high bound it by the windows' width.
    """
    return _followed(
        observations, ObjectRef("apps/v1", kind, namespace, name), within_seconds=within_seconds, steady_seconds=steady_seconds
    )


def _followed(
    observations: Observations,
    ref: ObjectRef,
    *,
    within_seconds: float,
    steady_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Measurement:
    while True:
        have, wanted = _replicas(observations, ref)
        try:
            fault_at, windows = observations.since_fault()
        except NoMeasurementError:
            return Measurement(0.0, "s", f"nothing was changed yet; {have} of {wanted} replicas are Ready", samples=1)
        after = [window for window in windows if window.end > fault_at]
        unserved = [window for window in after if window.journeys.failed]
        served_since = unserved[-1].end if unserved else fault_at
        steady = bool(after) and after[-1].end - served_since >= steady_seconds
        told = f"{have} of {wanted} replicas of {ref} are Ready; {sum(window.journeys.failed for window in after)} not served"
        if steady and have >= wanted:
            seconds = max(0.0, served_since - fault_at)
            width = folds.WINDOW_SECONDS if unserved else 0.0
            return Measurement(
                round(seconds, 3), "s", told, samples=len(after), low=max(0.0, seconds - width), high=seconds + width
            )
        waited = clock() - fault_at
        if waited > within_seconds + steady_seconds:
            return Measurement(round(waited, 3), "s", f"not yet: {told}", samples=len(after), low=waited)
        sleep(_LOOK_SECONDS)


def _replicas(observations: Observations, ref: ObjectRef) -> tuple[int, int]:
    workload = observations.view.get(ref)
    if workload is None:
        raise NoMeasurementError(f"cannot say how many replicas are Ready: there is no {ref} in this cluster")
    return int(workload.get("status", {}).get("readyReplicas", 0)), int(workload["spec"].get("replicas", 1))
