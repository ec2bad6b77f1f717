"""Waiting, inside the server, until the workloads that are on a cluster are Ready. From outside it is `readiness`."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gameday.staging.resources import DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS
from gameday.staging.store import Store

Object = dict[str, Any]
_WORKLOADS: Final = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
_LOOK_SECONDS: Final = 0.25
_CALM_SECONDS: Final = 0.5
"""Whoever waits for the same from outside has seen it by then."""


async def when_ready(store: Store, *, timeout_seconds: float) -> bool:
    """Return when all workloads have been Ready for a moment; False if time is over before."""
    end = asyncio.get_running_loop().time() + timeout_seconds
    while not all(_is_ready(item.body) for resource in _WORKLOADS for item in store.listed(resource)):
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    await asyncio.sleep(_CALM_SECONDS)
    return True


def _is_ready(workload: Object) -> bool:
    status = workload.get("status") or {}
    if status.get("observedGeneration") != workload["metadata"].get("generation"):
        return False
    if "numberReady" in status:
        return bool(status["numberReady"] >= status["desiredNumberScheduled"])
    return bool(status.get("readyReplicas", 0) >= workload["spec"].get("replicas", 1))
