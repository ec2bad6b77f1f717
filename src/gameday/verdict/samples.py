"""From a log's samples to when the service was itself again: the bridge between events and the folds of `traffic`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from gameday.log.events import BY_STEP, ChangeApplied, ChangeLanded, ChangeOwed, LoadWindow
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


def repointed_again(events: Sequence[AnyEvent], round_id: str) -> tuple[float, float] | None:
    """Return from when to when a runbook's step set once more what the round's fault had set; None if none did.

    It begins when the change was acknowledged and ends when it was seen to have landed. Where several did, the last one counts.
    """
    own = [event for event in events if event.round == round_id]
    owed = [event for event in own if isinstance(event, ChangeOwed)]
    of_fault = {(event.object, field["path"]) for event in owed if event.is_fault for field in event.fields}
    again = {
        event.change_id
        for event in owed
        if event.by.startswith(BY_STEP) and any((event.object, field["path"]) in of_fault for field in event.fields)
    }
    applied = [event for event in own if isinstance(event, ChangeApplied) and event.change_id in again]
    if not applied:
        return None
    last = max(applied, key=lambda event: event.applied_mono)
    landed = [
        event.mono for event in own if isinstance(event, ChangeLanded) and event.landed and last.change_id in event.change_ids
    ]
    return last.applied_mono, max([last.applied_mono, *landed])


def recovery_of(
    events: Sequence[AnyEvent], round_id: str, *, until: float = float("inf"), success: float = STEADY_SUCCESS
) -> Recovery | None:
    """Return the round's time to recover, counted from its first fault; None where it was not seen, or nothing was done."""
    fault_at = fault_applied_at(events, round_id)
    if fault_at is None:
        return None
    return time_to_recover(windows_of(events), fault_at, success_at_least(success), until=until)
