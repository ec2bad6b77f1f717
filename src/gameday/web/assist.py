"""Help with messages: what a template says for an audience, and what a check finds in a text that is about to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gameday.rehearsal.messages import check, fill, templates_for
from gameday.rehearsal.state import Incident, State


def templates(state: State, audiences: Sequence[str], now: datetime, *, hidden: bool) -> list[dict[str, str]]:
    """Return the templates of messages for these audiences, filled in: id, audience, title and text.

    Those of the round's runbook are among them, unless it is still `hidden` from whoever asks.
    """
    incident = state.incident
    if incident is None:
        return []
    runbook = None if hidden else incident.runbook
    found = {(audience, one.name): one for audience in audiences for one in templates_for(audience, runbook)}
    return [
        {
            "id": one.name,
            "audience": audience,
            "title": one.name if one.source == "shipped" else f"{one.name} (runbook)",
            "text": fill(one, incident, _readers(state), now, audience=audience, allowed=_allowed(state)),
        }
        for (audience, _), one in found.items()
    ]


def findings(state: State, message: Mapping[str, Any], now: datetime) -> list[dict[str, str]]:
    """Return what is wrong with a message as it stands: code, message, and what to add, of each finding."""
    incident = state.incident
    if incident is None:
        return []
    return [finding.as_dict() for finding in _checked(incident, state, message, now)]


def _checked(incident: Incident, state: State, message: Mapping[str, Any], now: datetime) -> Sequence[Any]:
    audience, channel, text, next_at = (str(message.get(name) or "") for name in ("audience", "channel", "text", "next_at"))
    return check(text, audience=audience, channel=channel, incident=incident, readers=_readers(state), now=now, next_at=next_at)


def _allowed(state: State) -> Mapping[str, float]:
    return state.started.clocks if state.started else {}


def _readers(state: State) -> list[dict[str, Any]]:
    return state.started.readers if state.started else []
