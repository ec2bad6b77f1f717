"""The status of an autoscaler: what was measured, what is wanted, and the three conditions that say why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gameday.staging.controllers.conditions import with_condition
from gameday.staging.controllers.proposals import Proposal
from gameday.staging.store import timestamp

Object = dict[str, Any]
_METRIC = "cpu resource utilization (percentage of request)"


class AutoscalerStatus:
    """Collects one look's findings over what stood there before."""

    def __init__(self, autoscaler: Object) -> None:
        before = autoscaler.get("status") or {}
        self._conditions: list[Object] = list(before.get("conditions") or ())
        self._made: Object = {
            **before,
            "observedGeneration": autoscaler["metadata"]["generation"],
            "desiredReplicas": before.get("desiredReplicas", 0),
        }

    def replicas(self, *, current: int, desired: int) -> None:
        """Say how many there are, and how many are wanted."""
        self._made |= {"currentReplicas": current, "desiredReplicas": desired}

    def measured(self, found: Proposal) -> None:
        """Say what was measured."""
        current: Object = {"averageValue": f"{round(found.average_cores * 1000)}m"}
        if found.utilization is not None:
            current["averageUtilization"] = found.utilization
        self._made["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
        why = f"the HPA was able to successfully calculate a replica count from {_METRIC}"
        self.say("ScalingActive", "True", "ValidMetricFound", why)

    def rescaled(self, desired: int) -> None:
        """Say that the target was given another number."""
        self._made |= {"desiredReplicas": desired, "lastScaleTime": timestamp(datetime.now(UTC))}
        why = f"the HPA controller was able to update the target scale to {desired}"
        self.say("AbleToScale", "True", "SucceededRescale", why)

    def say(self, kind: str, value: str, reason: str, message: str) -> None:
        """Set one condition; its time changes with its value alone."""
        said = {"type": kind, "status": value, "reason": reason, "message": message}
        self._conditions = with_condition(self._conditions, datetime.now(UTC), **said)

    def made(self) -> Object:
        """Return the status."""
        return {**self._made, "conditions": self._conditions}
