"""How long what took: durations between an incident's moments, and whether the cadence of messages was kept.

A duration of which an end is missing is unknown (None), never 0, and whether it was in time is unknown, too, unless the time
that was allowed has passed already. One whose end lies before its beginning is unknown as well, and says so (`Clock.why`). What
customers were told before the declaration is no such case: a first message that was there already took no time.

Names are the field's: MTTA is alert to acknowledged, MTTM fault to mitigated, MTTR fault to resolved, each of one incident (the
mean of one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gameday.rehearsal.state import CUSTOMERS, Incident, time_of

DEFAULT_SECONDS: Final[Mapping[str, float]] = {
    "first_message": 300.0,
    "scope": 300.0,
    "updates_every": 1200.0,
    "follow_up": 172800.0,
}
"""The first message within 5 minutes of the declaration, its scope 5 later, then at least every 20, a follow-up within 48 h."""


_KINDS: Final = (("first", "first_message"), ("scope", "scope"), ("update", "updates_every"))
"""What a message is by its place in the order, and the time within which it is owed after the one before."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A duration that is told of every incident: from one moment to another."""

    name: str
    title: str
    begin: str
    end: str


INTERVALS: Final = (
    Interval("detection", "Detection gap", "fault", "alert"),
    Interval("acknowledge", "Time to acknowledge (MTTA)", "alert", "acknowledged"),
    Interval("declare", "Time to declare", "acknowledged", "declared"),
    Interval("classify", "Time to classify", "declared", "classified"),
    Interval("first_message", "First message to customers", "declared", "first_message"),
    Interval("mitigate", "Time to mitigate (MTTM)", "fault", "mitigated"),
    Interval("resolve", "Time to resolve (MTTR)", "fault", "resolved"),
    Interval("close", "Time to close", "resolved", "closed"),
    Interval("review", "Review held", "closed", "review_held"),
    Interval("follow_up", "Follow-up", "resolved", "follow_up"),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """One interval of one incident, measured."""

    interval: Interval
    seconds: float | None
    """None: unknown, since one of the two moments is, or since they are in the wrong order (`why`)."""
    allowed_seconds: float | None
    """None: nothing was agreed."""
    kept: bool | None
    """None: unknown, or nothing was agreed."""
    why: str = ""
    """Why it is unknown although both moments are known: the end lies before the beginning."""

    @property
    def is_running(self) -> bool:
        """Whether it may still end: only its end is missing."""
        return self.seconds is None and not self.why


@dataclass(frozen=True, slots=True)
class Update:
    """A message that was owed to customers, when, and when it came."""

    what: str
    """first, scope or update."""
    due_at: datetime
    sent_at: datetime | None

    def kept(self, now: datetime) -> bool | None:
        """Say whether it came in time; None while it still may."""
        if self.sent_at is not None:
            return self.sent_at <= self.due_at
        return False if now > self.due_at else None


def clocks_of(incident: Incident, allowed: Mapping[str, float], *, now: datetime) -> list[Clock]:
    """Measure every interval of an incident; `allowed` is in seconds, by the interval's name, as the plan has it."""
    agreed = agreed_of(incident, allowed)
    return [_clock(incident, interval, agreed.get(interval.name), now) for interval in INTERVALS]


def agreed_of(incident: Incident | None, allowed: Mapping[str, float]) -> dict[str, float]:
    """Return what is allowed, in seconds: what the plan says, else the cadence of the round's runbook, else DEFAULT_SECONDS."""
    opened = incident.runbook if incident else None
    cadence = opened.updates_every_seconds if opened else None
    return {**DEFAULT_SECONDS, **({} if cadence is None else {"updates_every": cadence}), **allowed}


def _clock(incident: Incident, interval: Interval, allowed_seconds: float | None, now: datetime) -> Clock:
    begin, end = incident.moments.get(interval.begin), incident.moments.get(interval.end)
    seconds = (end.at - begin.at).total_seconds() if begin and end else None
    kept: bool | None = None
    if seconds is not None and seconds < 0:
        if interval.end != "first_message":
            return Clock(interval, None, allowed_seconds, None, f"{_words(interval.end)} lies before {_words(interval.begin)}")
        # Whoever was told before it was declared waited for nothing.
        seconds = 0.0
    if allowed_seconds is not None and begin is not None:
        if seconds is not None:
            kept = seconds <= allowed_seconds
        elif (now - begin.at).total_seconds() > allowed_seconds:
            kept = False
    return Clock(interval, seconds, allowed_seconds, kept)


def _words(moment: str) -> str:
    return moment.replace("_", " ")


def updates_of(incident: Incident, allowed: Mapping[str, float], *, now: datetime) -> list[Update]:
    """Return every message that customers were owed from the declaration to the resolution, or to `now`; the last may be open.

    What they were told before the declaration counts as told with it.
    """
    declared = incident.moments.get("declared")
    if declared is None:
        return []
    resolved = incident.moments.get("resolved")
    until = resolved.at if resolved else now
    sent = sorted(time_of(message) for message in incident.messages if message.audience == CUSTOMERS)
    heard = [at for at in sent if at <= until]
    return list(_owed(declared.at, heard, agreed_of(incident, allowed), resolved.at if resolved else None))


def next_after(incident: Incident, allowed: Mapping[str, float], *, audience: str, now: datetime) -> datetime:
    """Return when the message is due that follows one which is sent now; others than customers are owed updates only."""
    sent = sum(message.audience == CUSTOMERS for message in incident.messages)
    kind = min(sent + 1, len(_KINDS) - 1) if audience == CUSTOMERS else len(_KINDS) - 1
    return now + timedelta(seconds=agreed_of(incident, allowed)[_KINDS[kind][1]])


def _owed(begin: datetime, sent: Sequence[datetime], owed: Mapping[str, float], over_at: datetime | None) -> Iterator[Update]:
    last = begin
    for number, sent_at in enumerate([*sent, None]):
        what, name = _KINDS[min(number, len(_KINDS) - 1)]
        due_at = last + timedelta(seconds=owed[name])
        # What would have been due only when it was over is not owed.
        if sent_at is None and over_at is not None and due_at >= over_at:
            return
        yield Update(what, due_at, sent_at)
        last = max(sent_at or last, begin)


def cadence_kept(updates: Sequence[Update], *, now: datetime) -> bool | None:
    """Say whether every message came in time; None where none was owed yet, or one may still come."""
    outcomes = [update.kept(now) for update in updates]
    if False in outcomes:
        return False
    return True if outcomes and None not in outcomes else None
