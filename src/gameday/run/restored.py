"""Measuring once more, after a runbook's steps, the part of the steady state that customers see.

Only probes of `checkout` that look at a stretch of samples: what they measure can be as before again, while others (how old the
newest recovered order was, how soon the first message went out) say for good what the fault did.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from gameday.change import ProbeSpec
from gameday.change.registry import registered
from gameday.errors import GamedayError
from gameday.experiment import Activity
from gameday.log.events import ActivityEnded, PhaseEnded, PhaseStarted
from gameday.run.engine import WorkerEngine

PHASE: Final = "restored"
_SEEN_BY_CUSTOMERS: Final = "gameday.probes.checkout"
_OF_THE_PAST: Final = frozenset({"time_to_recover"})
_LOOK_SECONDS: Final = 0.2


def measure_again(engine: WorkerEngine, hypothesis: Sequence[Activity], *, seconds: float) -> None:
    """Measure each such probe until it is within its tolerance or the time is over; the last measurement is logged."""
    again = [item for item in hypothesis if item.module == _SEEN_BY_CUSTOMERS and item.func not in _OF_THE_PAST]
    if not again:
        return
    engine.log(PhaseStarted(phase=PHASE))
    deadline = time.monotonic() + seconds
    out = [item.name for item in again if not _is_within(engine, item, deadline)]
    engine.log(PhaseEnded(phase=PHASE, outcome="red" if out else "ok", detail=", ".join(out)))


def _is_within(engine: WorkerEngine, item: Activity, deadline: float) -> bool:
    from chaoslib.hypothesis import within_tolerance  # noqa: PLC0415  # costs start-up, which rounds are timed by

    began = time.monotonic()
    while True:
        value, error = _measured(engine, item)
        met = value is not None and bool(within_tolerance(item.tolerance, value))
        if met or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    engine.log(
        ActivityEnded(
            name=item.name,
            kind="probe",
            phase=PHASE,
            status="failed" if value is None else "succeeded",
            output=value,
            error=error,
            duration_seconds=round(time.monotonic() - began, 3),
            tolerance=item.tolerance,
            tolerance_met=None if value is None else met,
        )
    )
    return met


def _measured(engine: WorkerEngine, item: Activity) -> tuple[float | None, str]:
    try:
        spec = registered(f"{item.module}.{item.func}")
        if not isinstance(spec, ProbeSpec):
            return None, f"{item.func} measures nothing"
        return engine.observe(spec, item.arguments), ""
    except GamedayError as error:
        return None, str(error)
