"""Probes of node agents: how many nodes a bad content update has hit."""

from __future__ import annotations

from gameday.change import Measurement, Observations, probe
from gameday.cluster import ObjectRef
from gameday.errors import NoMeasurementError


@probe
def unhealthy(observations: Observations, *, namespace: str, name: str = "agent") -> Measurement:
    """Measure on how many nodes the agent is not Ready, or not there; the shop's is Ready again when its node is back, too.

    namespace, name: the agents' DaemonSet. NoMeasurementError if there is none, or its controller has not looked at it yet.
    """
    ref = ObjectRef("apps/v1", "DaemonSet", namespace, name)
    agents = observations.view.get(ref)
    if agents is None:
        raise NoMeasurementError(f"cannot say how many agents are unhealthy: there is no {ref} in this cluster")
    status = agents.get("status", {})
    if status.get("observedGeneration", 0) < agents["metadata"].get("generation", 0):
        raise NoMeasurementError(f"the status of {ref} is older than its specification; its controller may be down")
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    return Measurement(float(wanted - ready), "nodes", f"{ready} of {wanted} agents are Ready", samples=wanted)
