"""Probes of releases: how far a rollout has come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from gameday.change import Measurement, Observations, between, bounded, probe
from gameday.cluster import Json, ObjectRef, Selection, View
from gameday.cluster.reading import controller_of, selector_text
from gameday.errors import NoMeasurementError

_REVISION: Final = "deployment.kubernetes.io/revision"
_BETWEEN_LOOKS_SECONDS: Final = 0.25
_LONGEST_WAIT_SECONDS: Final = 600


@probe
@bounded(wait_seconds=between(0, _LONGEST_WAIT_SECONDS))
def rolled_out(observations: Observations, *, namespace: str, name: str, wait_seconds: float = 0.0) -> Measurement:
    """Measure how many of the replicas that a Deployment wants are Ready pods of its newest template, in percent.

    namespace, name: which Deployment. wait_seconds: how long 100 is waited for; it is measured once that is there, or the
    time is over. 100 if no replicas are wanted. NoMeasurementError if there is no such Deployment, or if its controller has
    not looked at its newest template.
    """
    ref = ObjectRef("apps/v1", "Deployment", namespace, name)
    deadline = time.monotonic() + wait_seconds
    while True:
        late = time.monotonic() >= deadline
        try:
            found = _look(observations.view, ref)
        except NoMeasurementError:
            if late:
                raise
        else:
            if late or found.value >= 100:  # noqa: PLR2004  # per cent
                return found
        time.sleep(_BETWEEN_LOOKS_SECONDS)


def _look(view: View, ref: ObjectRef) -> Measurement:
    deployment = view.get(ref)
    if deployment is None:
        raise NoMeasurementError(f"cannot say how far its rollout is: there is no {ref} in this cluster")
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        raise NoMeasurementError(f"the status of {ref} is older than its specification; its controller may be down")
    newest = _newest_set(view, deployment)
    wanted, ready = deployment["spec"].get("replicas", 1), newest.get("status", {}).get("readyReplicas", 0)
    percent = 100.0 if wanted == 0 else 100.0 * min(ready, wanted) / wanted
    return Measurement(percent, "%", f"{ready} of {wanted} replicas of {ref} are Ready and of its newest template", samples=1)


def _newest_set(view: View, deployment: Mapping[str, Any]) -> Json:
    """Return the ReplicaSet of the Deployment's present revision."""
    ref = ObjectRef.of(deployment)
    revision = deployment["metadata"].get("annotations", {}).get(_REVISION)
    sets = view.list(Selection("apps/v1", "ReplicaSet", ref.namespace, selector_text(deployment["spec"]["selector"])))
    for item in sets:
        owner = controller_of(item)
        if owner and owner.uid == ref.uid and item["metadata"].get("annotations", {}).get(_REVISION) == revision:
            return item
    raise NoMeasurementError(f"there is no ReplicaSet of revision {revision} of {ref} yet")
