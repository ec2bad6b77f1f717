"""What happens to people, and when: the injects of the plan, each so long after the fault of the round that is on.

The plan is taken from the log (`RehearsalStarted`), and what has been shown is in it too: a rehearsal that is taken up again
goes on where it was, and shows what came due in the meantime.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from gameday.log import Event
from gameday.log.people import InjectShown, RoleHandedOver
from gameday.rehearsal.state import Incident, State


def due(state: State, now: datetime) -> list[Event]:
    """Return the events of every inject that is due and was not shown, in their order."""
    return [event for at, inject in _coming(state) if at <= now for event in _events(state, inject)]


def next_due_at(state: State) -> datetime | None:
    """Return when the next inject comes; None where none is to come in this round."""
    return next((at for at, _ in _coming(state)), None)


def _coming(state: State) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
    incident = state.incident
    if incident is None or state.started is None or state.is_aborted or not _is_on(incident) or "fault" not in incident.moments:
        return
    fault_at = incident.moments["fault"].at
    shown = {inject.inject for inject in incident.injects}
    for inject in state.started.injects:
        if inject["id"] not in shown and inject.get("round", "") in {"", incident.round}:
            yield fault_at + timedelta(seconds=inject["at_seconds"]), inject


def _is_on(incident: Incident) -> bool:
    """Whether anything may still happen to people: not once they have closed the incident."""
    return not (incident.ended or incident.people_done or "closed" in incident.moments)


def _events(state: State, inject: Mapping[str, Any]) -> Iterator[Event]:
    role = inject.get("absent", "")
    # What shows the inject comes last: whoever dies in between shows it again, and then the role is taken as well.
    if role:
        holder = state.holders.get(role, "")
        yield RoleHandedOver(role=role, person=holder, to="", note=inject["text"], taken=True, round=state.round)
    yield InjectShown(
        inject=inject["id"], what=inject["what"], to=list(inject.get("to", ())), text=inject["text"], round=state.round
    )
