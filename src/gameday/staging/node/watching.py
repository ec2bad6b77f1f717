"""A container's startup, readiness and liveness probes over its life, with Kubernetes' timing and thresholds.

One difference, for speed: until a probe has succeeded once, it is repeated every 100 ms within its first period (a liveness
probe within the first second of it) instead of waiting for the second one; of those looks only the last counts as a failure.
Without it, a container that needs 0.2 s to listen would be Ready only after `periodSeconds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gameday.staging.node.probes import Outcome, Target, look

Object = dict[str, Any]
EAGER_SECONDS: Final = 0.1
EAGER_EXEC_SECONDS: Final = 0.25
EAGER_LIVENESS_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reactions:
    """What the probes of a container may cause."""

    started: Callable[[], None]
    ready: Callable[[bool], None]
    failed: Callable[[str, str], None]
    """A look that counts has failed: kind of probe, and its message."""
    kill: Callable[[str, Object], None]
    """The container must be restarted: kind of probe, and the probe."""


async def watch_container(container: Object, target: Target, reactions: Reactions) -> None:
    """Probe a running container until cancelled; startup first, then readiness and liveness together."""
    startup = container.get("startupProbe")
    if startup and not await _await_success("Startup", startup, target, reactions):
        return
    reactions.started()
    readiness, liveness = container.get("readinessProbe"), container.get("livenessProbe")
    if not readiness:
        reactions.ready(True)
    async with asyncio.TaskGroup() as probing:
        if readiness:
            probing.create_task(_keep_looking("Readiness", readiness, target, reactions))
        if liveness:
            probing.create_task(_keep_looking("Liveness", liveness, target, reactions))


async def _await_success(kind: str, probe: Object, target: Target, reactions: Reactions) -> bool:
    """Return whether the startup probe succeeded before its failures became too many."""
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    outcome = await _look_eagerly(probe, target, _period_seconds(probe))
    failures = 0
    while True:
        if outcome.success:
            return True
        failures += 1
        reactions.failed(kind, outcome.message)
        if failures >= (probe.get("failureThreshold") or 3):
            reactions.kill(kind, probe)
            return False
        await asyncio.sleep(_period_seconds(probe))
        outcome = await look(probe, target)


async def _keep_looking(kind: str, probe: Object, target: Target, reactions: Reactions) -> None:
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    eager_seconds = _period_seconds(probe) if kind == "Readiness" else min(_period_seconds(probe), EAGER_LIVENESS_SECONDS)
    outcome = await _look_eagerly(probe, target, eager_seconds)
    run_of: int = 0
    succeeded: bool | None = None
    while True:
        run_of = run_of + 1 if outcome.success == succeeded else 1
        succeeded = outcome.success
        if not succeeded:
            reactions.failed(kind, outcome.message)
        if _conclude(kind, probe, reactions, succeeded=succeeded, run_of=run_of):
            return
        await asyncio.sleep(_period_seconds(probe))
        outcome = await look(probe, target)


def _conclude(kind: str, probe: Object, reactions: Reactions, *, succeeded: bool, run_of: int) -> bool:
    """React to a row of equal outcomes; say whether looking is over."""
    threshold = (probe.get("successThreshold") or 1) if succeeded else (probe.get("failureThreshold") or 3)
    if run_of < threshold:
        return False
    if kind == "Readiness":
        reactions.ready(succeeded)
        return False
    if not succeeded:
        reactions.kill(kind, probe)
    return not succeeded


async def _look_eagerly(probe: Object, target: Target, within_seconds: float) -> Outcome:
    """Look again and again for a while, until a success; return the last outcome."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_seconds
    pause_seconds = EAGER_EXEC_SECONDS if "exec" in probe else EAGER_SECONDS
    while not (outcome := await look(probe, target)).success and loop.time() + pause_seconds < end:  # noqa: ASYNC110 - nothing tells when a foreign server will listen
        await asyncio.sleep(pause_seconds)
    return outcome


def _period_seconds(probe: Object) -> float:
    return float(probe.get("periodSeconds") or 10)
