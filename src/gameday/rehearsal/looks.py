"""A message beside everything that it is held against, and what is found in it: the values that the rules of a check share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gameday.log.people import MessageSent
from gameday.rehearsal import wording
from gameday.rehearsal.claims import Claims, claims_of
from gameday.rehearsal.state import Incident, time_of
from gameday.rehearsal.stated_times import zone_of

SAME_MINUTE: Final = timedelta(seconds=61)
"""Times are written in minutes, so two that differ by less are the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a reader of the message will miss, or be misled by."""

    code: str
    message: str
    add: str
    """What to add or to change."""

    def as_dict(self) -> dict[str, str]:
        """Return it as `MessageSent.findings` keeps it."""
        return {"code": self.code, "message": self.message, "add": self.add}


@dataclass(frozen=True, slots=True)
class Look:
    """A message, and the incident as it stands before it is sent."""

    text: str
    claims: Claims
    audience: str
    channel: str
    incident: Incident
    zones: tuple[str, ...]
    readers: tuple[Mapping[str, Any], ...]
    now: datetime
    next_at: str

    @property
    def is_resolved(self) -> bool:
        """Whether it says that it is over."""
        return self.claims.state == "resolved" or self.is_follow_up

    @property
    def is_follow_up(self) -> bool:
        """Whether it tells afterwards what happened."""
        told = bool(wording.FOLLOW_UP.search(self.text))
        return told and ("resolved" in self.incident.moments or self.claims.state != "ongoing")

    def others(self) -> Iterator[tuple[MessageSent, Claims]]:
        """Yield the latest message of every audience and channel, and what it claims."""
        yield from ((message, claims_in(message, self.readers)) for message in latest(self.incident.messages).values())


def latest(messages: Sequence[MessageSent]) -> dict[tuple[str, str], MessageSent]:
    """Return the last message to each audience on each channel."""
    return {(message.audience, message.channel): message for message in messages}


def claims_in(message: MessageSent, readers: Sequence[Mapping[str, Any]]) -> Claims:
    """Return what a message that was sent claims."""
    return claims_of(message.text, zones_of(message.audience, readers), time_of(message))


def zones_of(audience: str, readers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the time zones of an audience's readers; of none that is known, UTC."""
    names = [str(reader.get("timezone") or "UTC") for reader in readers if reader.get("audience") == audience]
    return tuple(dict.fromkeys(name for name in names if zone_of(name) is not None)) or ("UTC",)


def moment_of(text: str) -> datetime | None:
    """Return the moment of an ISO 8601 text, in UTC; None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def started_at(incident: Incident) -> datetime | None:
    """Return since when it is, as far as people can know: the alert, else its declaration, else the fault itself."""
    for name in ("alert", "acknowledged", "declared", "classified", "fault"):
        if name in incident.moments:
            return incident.moments[name].at
    return None


def reference_of(incident: Incident) -> str:
    """Return the incident's reference: its date and minute, the same for everybody who folds its log."""
    start = started_at(incident)
    return f"INC-{start:%Y%m%d-%H%M}" if start else f"INC-{incident.round or '1'}"
