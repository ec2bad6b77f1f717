"""From a log's samples to when the service was itself again: the bridge between events and the folds of `traffic`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gameday.log.events import ChangeApplied, ChangeOwed, LoadWindow
from gameday.log.every import AnyEvent
from gameday.traffic.windows import Recovery, Window, from_json, success_at_least, time_to_recover

STEADY_SUCCESS = 0.99
"""The share of whole journeys that must succeed for a window to count as steady."""


def windows_of(events: Iterable[AnyEvent]) -> list[Window]:
    """Return the traffic windows of a log, in the order of time."""
    found = [from_json(msgspec.structs.asdict(event)) for event in events if isinstance(event, LoadWindow)]
    return sorted(found, key=lambda window: window.start)


def fault_applied_at(events: Sequence[AnyEvent], round_id: str) -> float | None:
    """Return the monotonic time at which the round's first change by an action was acknowledged; None if none was."""
    injected = {
        event.change_id for event in events if isinstance(event, ChangeOwed) and event.round == round_id and event.is_fault
    }
    times = [event.applied_mono for event in events if isinstance(event, ChangeApplied) and event.change_id in injected]
    return min(times, default=None)


def recovery_of(
    events: Sequence[AnyEvent], round_id: str, *, until: float = float("inf"), success: float = STEADY_SUCCESS
) -> Recovery | None:
    """Return the round's time to recover, counted from its first fault; None where it was not seen, or nothing was done."""
    fault_at = fault_applied_at(events, round_id)
    if fault_at is None:
        return None
    return time_to_recover(windows_of(events), fault_at, success_at_least(success), until=until)
