"""This project's own probes of containers. A probe measures and never judges: the experiment's tolerance does."""

from __future__ import annotations

from gameday.change import Measurement, Observations, probe
from gameday.cluster import Selection
from gameday.errors import NoMeasurementError


@probe
def restarts(observations: Observations, *, namespace: str, selector: str) -> Measurement:
    """Measure how often the containers of running pods have been restarted, together.

    namespace, selector: where, and which, as kubectl's -n and -l take them. NoMeasurementError if no pod matches, which is not
    the same as none that was restarted.
    """
    pods = observations.view.list(Selection("v1", "Pod", namespace, selector))
    if not pods:
        raise NoMeasurementError(f"no pod matches {selector!r} in namespace {namespace!r}")
    containers = [status for pod in pods for status in pod.get("status", {}).get("containerStatuses", ())]
    count = sum(int(status.get("restartCount", 0)) for status in containers)
    return Measurement(count, "restarts", f"{count} restarts of {len(containers)} containers in {len(pods)} pods", samples=1)
