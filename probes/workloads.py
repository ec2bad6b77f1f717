"""Probes of workloads: how much of what should run, runs."""

from __future__ import annotations

from gameday.change import Measurement, Observations, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError


@probe
def ready(observations: Observations, *, namespace: str, name: str, kind: str = "Deployment") -> Measurement:
    """Measure how many of the replicas that a workload wants are Ready, in percent; 100 if it wants none.

    namespace, name, kind: which workload; kind is Deployment, StatefulSet or ReplicaSet. NoMeasurementError if it is
    not there, or its controller has not yet looked at its newest specification.
    """
    ref = ObjectRef("apps/v1", kind, namespace, name)
    workload = observations.view.get(ref)
    if workload is None:
        raise NoMeasurementError(f"cannot say how many replicas are Ready: there is no {ref} in this cluster")
    status = workload.get("status", {})
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        raise NoMeasurementError(f"the status of {ref} is older than its specification; its controller may be down")
    wanted, have = workload["spec"].get("replicas", 1), status.get("readyReplicas", 0)
    percent = 100.0 if wanted == 0 else 100.0 * min(have, wanted) / wanted
    return Measurement(percent, "%", f"{have} of {wanted} replicas of {ref} are Ready", samples=1)
