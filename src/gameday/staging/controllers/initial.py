"""The status that an object has before its controller first looks: the counts that Kubernetes' schema requires, at zero.

Clients that validate answers refuse an object without them, and one can be read in that first moment.
"""

from __future__ import annotations

from typing import Any, Final

from gameday.staging import resources as kinds
from gameday.staging.resources import Resource

Object = dict[str, Any]
_REQUIRED: Final = {
    kinds.DAEMON_SETS: ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"),
    kinds.REPLICA_SETS: ("replicas",),
    kinds.STATEFUL_SETS: ("replicas", "availableReplicas"),
    kinds.HORIZONTAL_POD_AUTOSCALERS: ("desiredReplicas",),
    kinds.POD_DISRUPTION_BUDGETS: ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"),
}


def with_initial_status(resource: Resource, obj: Object) -> Object:
    """Fill in what a new object's status lacks; a hook of the store."""
    for name in _REQUIRED.get(resource, ()):
        obj.setdefault("status", {}).setdefault(name, 0)
    return obj
