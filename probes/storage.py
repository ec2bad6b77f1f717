"""Probes of an object store: whether it answers, and how soon, asked without its keys.

A stranger is refused by a store that is well (403) and told nothing by one that is not, which is all that is looked at here.
"""

from __future__ import annotations

import statistics
import time

from gameday.change import Measurement, Observations, between, bounded, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError, ServerError

_SERVER_ERROR = 500
_MOST_ASKED = 100


@probe
@bounded(asked=between(1, _MOST_ASKED))
def available(
    observations: Observations, *, namespace: str, name: str = "objects", port: int | str = 9000, bucket: str = "", asked: int = 5
) -> Measurement:
    """Measure how many requests to an object store are answered otherwise than with an error of its own (5xx), in percent.

    namespace, name, port: its Service, asked through the API server. bucket: asked for; empty for the store itself. asked: how
    often, one after the other, 1 to 100. A request that nobody answers counts as one that failed; where the cluster could not be
    asked, that is a ClusterError.
    """
    answers = [_status(observations, ObjectRef("v1", "Service", namespace, name), port, bucket) for _ in range(asked)]
    fine = [status for status, _ in answers if status is not None and status < _SERVER_ERROR]
    said = ", ".join(sorted({"no answer" if status is None else str(status) for status, _ in answers}))
    return Measurement(100.0 * len(fine) / len(answers), "%", f"{len(fine)} of {len(answers)} answered: {said}", len(answers))


@probe
@bounded(asked=between(1, _MOST_ASKED))
def latency(
    observations: Observations, *, namespace: str, name: str = "objects", port: int | str = 9000, bucket: str = "", asked: int = 5
) -> Measurement:
    """Measure the median time that an object store takes to answer, in milliseconds, the way through the API server included.

    namespace, name, port, bucket, asked: as for available. NoMeasurementError where no request is answered without an error.
    """
    answers = [_status(observations, ObjectRef("v1", "Service", namespace, name), port, bucket) for _ in range(asked)]
    fine = [seconds for status, seconds in answers if status is not None and status < _SERVER_ERROR]
    if not fine:
        raise NoMeasurementError(
            f"none of {len(answers)} requests to the Service {namespace}/{name} was answered without an error"
        )
    return Measurement(round(statistics.median(fine) * 1000, 3), "ms", f"the median of {len(fine)} answers", len(fine))


def _status(observations: Observations, ref: ObjectRef, port: int | str, bucket: str) -> tuple[int | None, float]:
    began = time.monotonic()
    try:
        status: int | None = observations.view.ask(ref, port, f"/{bucket}").status
    except ServerError:  # the API server reached nobody there; what it refuses itself is raised
        status = None
    return status, time.monotonic() - began
