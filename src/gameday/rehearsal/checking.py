"""The check of a message to an audience: what a reader needs and does not find in it, and what contradicts another message.

`check` reads English, by words (`claims`, `wording`), and knows nothing that is not in the incident. Each finding has a code
that stays, says what was found or missing, and what to add; docs/messages.md has a paragraph for each. It never stops a
message: people decide what they send, and the report says what the check had said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from gameday.log.people import MessageSent
from gameday.rehearsal import contradicting, lacking
from gameday.rehearsal.claims import claims_of
from gameday.rehearsal.looks import Finding, Look, claims_in, latest, zones_of
from gameday.rehearsal.state import Incident, time_of

Rule = Callable[[Look], Iterator[Finding]]
_RULES: Final[Mapping[Rule, tuple[str, ...]]] = {
    lacking.placeholders: ("placeholder",),
    lacking.affected: ("affected",),
    lacking.since: ("since",),
    lacking.zones: ("zone",),
    lacking.local_times: ("local-time", "local-time-wrong"),
    lacking.meanwhile: ("meanwhile",),
    lacking.reference: ("reference",),
    lacking.contact: ("contact",),
    lacking.next_one: ("next", "next-past", "next-differs"),
    lacking.promise: ("promise-broken",),
    contradicting.severity: ("contradiction-severity",),
    contradicting.affected: ("contradiction-affected",),
    contradicting.start: ("contradiction-start",),
    contradicting.state: ("contradiction-state",),
    contradicting.next_elsewhere: ("contradiction-next",),
    contradicting.harm: ("contradiction-harm",),
    lacking.estimate: ("estimate",),
    lacking.blame: ("blame",),
    lacking.jargon: ("jargon",),
}
CODES: Final = tuple(code for codes in _RULES.values() for code in codes)
"""Every code, in the order in which findings come."""


def check(
    text: str,
    *,
    audience: str,
    channel: str,
    incident: Incident,
    readers: Sequence[Mapping[str, Any]],
    now: datetime,
    next_at: str = "",
) -> tuple[Finding, ...]:
    """Return what is wrong with a message that is about to be sent; the incident is as it stands before it.

    `readers` are those of RehearsalStarted; `next_at` (ISO 8601) is when the sender promises the next message.
    """
    zones = zones_of(audience, readers)
    look = Look(text, claims_of(text, zones, now), audience, channel, incident, zones, tuple(readers), now, next_at)
    return tuple(finding for rule in _RULES for finding in rule(look))


def checked(message: MessageSent, incident: Incident, readers: Sequence[Mapping[str, Any]], now: datetime) -> MessageSent:
    """Return the message with what the check says of it, ready for the log; the incident is as it stands before it."""
    return structs.replace(message, findings=[finding.as_dict() for finding in _of(message, incident, readers, now)])


def review(incident: Incident, readers: Sequence[Mapping[str, Any]]) -> list[tuple[MessageSent, tuple[Finding, ...]]]:
    """Check every message of an incident as it stood when the message was sent."""
    found = []
    for index, message in enumerate(incident.messages):
        at = time_of(message)
        before = replace(
            incident,
            messages=incident.messages[:index],
            classifications=[item for item in incident.classifications if time_of(item) <= at],
            moments={name: moment for name, moment in incident.moments.items() if moment.at <= at},
        )
        found.append((message, _of(message, before, readers, at)))
    return found


def left_untold(incident: Incident, readers: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return the audiences and channels whose last message says that it goes on, though the incident is resolved."""
    if "resolved" not in incident.moments:
        return ()
    return tuple(key for key, message in latest(incident.messages).items() if claims_in(message, readers).state == "ongoing")


def _of(message: MessageSent, incident: Incident, readers: Sequence[Mapping[str, Any]], now: datetime) -> tuple[Finding, ...]:
    return check(
        message.text,
        audience=message.audience,
        channel=message.channel,
        incident=incident,
        readers=readers,
        now=now,
        next_at=message.next_at,
    )
