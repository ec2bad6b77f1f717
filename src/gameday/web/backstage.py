"""What only the facilitator's page shows: which fault it is, what the run did, and what the plan lets happen next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gameday.log import AnyEvent
from gameday.log.events import ChangeApplied, ChangeOwed, RoundStarted
from gameday.rehearsal.state import Incident, State
from gameday.web.shown import iso


def backstage(state: State, events: Sequence[AnyEvent]) -> dict[str, Any]:
    """Return the round's experiment, its faults and its injects to come; `events` are those of people and of rounds."""
    incident = state.incident
    return {
        "fault": _fault(state, events) if incident else None,
        "upcoming": _upcoming(state, incident) if incident else [],
    }


def _fault(state: State, events: Sequence[AnyEvent]) -> dict[str, Any]:
    started = next((event for event in events if isinstance(event, RoundStarted) and event.round == state.round), None)
    owed = {event.change_id: event for event in events if isinstance(event, ChangeOwed) and event.round == state.round}
    applied = {event.change_id for event in events if isinstance(event, ChangeApplied)}
    return {
        "experiment": started.experiment if started else "",
        "hypothesis": started.hypothesis if started else "",
        "expected": started.expected if started else "",
        "changes": [
            {"object": change.object, "summary": change.summary, "applied": change_id in applied}
            for change_id, change in owed.items()
            if change.is_fault
        ],
    }


def _upcoming(state: State, incident: Incident) -> list[dict[str, Any]]:
    """Return the plan's injects that were not shown yet, soonest first, with when they are due once there is a fault."""
    done = {inject.inject for inject in incident.injects}
    planned = [inject for inject in (state.started.injects if state.started else []) if _belongs(inject, incident, done)]
    fault = incident.moments.get("fault")
    return [
        {
            "id": inject.get("id", ""),
            "what": inject.get("what", ""),
            "to": inject.get("to", []),
            "text": inject.get("text", ""),
            "absent": inject.get("absent", ""),
            "at_seconds": inject.get("at_seconds", 0.0),
            "due_at": iso(fault.at + timedelta(seconds=inject.get("at_seconds", 0.0))) if fault else None,
        }
        for inject in sorted(planned, key=lambda one: one.get("at_seconds", 0.0))
    ]


def _belongs(inject: Mapping[str, Any], incident: Incident, done: set[str]) -> bool:
    return inject.get("id") not in done and inject.get("round", incident.round) in {"", incident.round}
