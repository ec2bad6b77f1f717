"""Freezes out of an iCalendar file: its events, repeated ones and their exceptions, as stretches of time.

Whatever cannot be understood is an error, never left out: a freeze that is overlooked does harm. The library reads the
format; what repeats is expanded here on the wall clock of the event's own time zone, since a freeze from nine to five stays one
through daylight saving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Final

from gameday.errors import RefusedError
from gameday.guard.model import Freeze

_MOST_OFTEN: Final = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
_EARLIEST, _LATEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
"""A day without a time zone begins first and ends last in these."""


@dataclass(frozen=True, slots=True)
class _Event:
    """One event: its first occurrence on a wall clock, how long it lasts, which zones that clock may be in, what repeats it."""

    summary: str
    first: datetime
    lasts: timedelta
    starts_in: tzinfo
    ends_in: tzinfo
    rules: Sequence[str]
    more: Sequence[datetime]
    but: Sequence[datetime]

    def span(self, start: datetime) -> tuple[datetime, datetime]:
        """Return an occurrence in UTC."""
        return start.replace(tzinfo=self.starts_in).astimezone(UTC), (start + self.lasts).replace(tzinfo=self.ends_in).astimezone(
            UTC
        )


def freezes_in(path: Path, now: datetime, until: datetime) -> tuple[Freeze, ...]:
    """Return the freezes that are on now or begin before `until`.

    RefusedError if the file cannot be read as a calendar, or says nothing about today: it is empty, or its last event is over.
    """
    events = _read(path)
    ahead = [(event, span) for event in events if (span := _next(event, now, path)) is not None]
    if not ahead:
        ended = f"the last of its {len(events)} event(s) is over" if events else "it has no event"
        raise RefusedError(
            f"{path} says nothing about today: {ended}. Fetch the current calendar, or enter the next freeze, however far away"
        )
    on = [(event, span) for event, span in ahead if span[0] < until]
    return tuple(Freeze(event.summary, *span, path.name) for event, span in on)


def _read(path: Path) -> list[_Event]:
    try:
        from icalendar import Calendar  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise RefusedError(
            f"reading {path.name} needs the library icalendar, which is not installed: pip install 'chaos-gameday[calendar]'"
        ) from error
    try:
        calendars = Calendar.from_ical(path.read_bytes(), multiple=True)
    except OSError as error:
        raise RefusedError(f"expected a calendar at {path}, but: {error.strerror}") from error
    except Exception as error:
        # The library names no set of errors for what is not a calendar.
        raise RefusedError(f"{path} cannot be read as a calendar: {error}") from error
    if not calendars or any(calendar.name != "VCALENDAR" for calendar in calendars):
        raise RefusedError(f"expected a calendar (BEGIN:VCALENDAR) in {path}, but found none")
    events: list[_Event] = []
    for calendar in calendars:
        zone = str(calendar.get("X-WR-TIMEZONE", ""))
        components = [item for item in calendar.walk("VEVENT") if str(item.get("STATUS", "")).upper() != "CANCELLED"]
        moved = _moved(calendar, path)
        events += [_event(item, zone, moved, path) for item in components]
    return events


def _moved(calendar: Any, path: Path) -> dict[str, list[datetime]]:
    """Return, per event, the occurrences that an event of their own replaces or cancels."""
    found: dict[str, list[datetime]] = {}
    for item in calendar.walk("VEVENT"):
        instead_of = item.get("RECURRENCE-ID")
        if instead_of is not None:
            if "RANGE" in instead_of.params:
                raise _misread(item, path, "RECURRENCE-ID with RANGE")
            found.setdefault(str(item.get("UID", "")), []).append(instead_of.dt)
    return found


def _event(item: Any, zone_name: str, moved: dict[str, list[datetime]], path: Path) -> _Event:
    start = item.get("DTSTART")
    if start is None or item.errors:
        raise _misread(item, path, "; ".join(f"{name}: {why}" for name, why in item.errors) or "no DTSTART")
    starts_in, ends_in = _zones(item, start, zone_name, path)
    rules = [rule.to_ical().decode() for rule in _listed(item.get("RRULE"))]
    for rule in rules:
        if not any(f"FREQ={often}" in rule.upper() for often in _MOST_OFTEN):
            raise _misread(item, path, f"RRULE:{rule}")
    replaced = [] if "RECURRENCE-ID" in item else moved.get(str(item.get("UID", "")), [])
    return _Event(
        summary=str(item.get("SUMMARY", "")) or "no title",
        first=_wall(start.dt, starts_in),
        lasts=_lasts(item, start.dt, path),
        starts_in=starts_in,
        ends_in=ends_in,
        rules=rules,
        more=[_wall(moment, starts_in) for moment in _dates(item, "RDATE", path)],
        but=[_wall(moment, starts_in) for moment in [*_dates(item, "EXDATE", path), *replaced]],
    )


def _zones(item: Any, start: Any, zone_name: str, path: Path) -> tuple[tzinfo, tzinfo]:
    """Return the zones of the wall clock on which the event starts and ends; for one without a zone, the widest."""
    zone = getattr(start.dt, "tzinfo", None)
    if zone is not None:
        return zone, zone
    if "TZID" in start.params:
        raise _misread(item, path, f"its time zone {start.params['TZID']!r} is not known and not described (VTIMEZONE)")
    if not zone_name:
        return _EARLIEST, _LATEST
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415

    try:
        return ZoneInfo(zone_name), ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _misread(item, path, f"X-WR-TIMEZONE {zone_name!r} is not known") from error


def _lasts(item: Any, start: Any, path: Path) -> timedelta:
    if "DURATION" in item:
        return timedelta(seconds=item["DURATION"].dt.total_seconds())
    if "DTEND" not in item:
        return timedelta(0) if isinstance(start, datetime) else timedelta(days=1)
    end = item["DTEND"].dt
    if isinstance(start, datetime) != isinstance(end, datetime):
        raise _misread(item, path, "of DTSTART and DTEND one is a day and the other a time")
    if isinstance(start, datetime):
        # On the wall clock of the start: both may be given in different zones.
        end = end.astimezone(start.tzinfo) if start.tzinfo and end.tzinfo else end
        lasts = end.replace(tzinfo=None) - start.replace(tzinfo=None)
    else:
        lasts = end - start
    if lasts < timedelta(0):
        raise _misread(item, path, "it ends before it starts")
    return timedelta(seconds=lasts.total_seconds())


def _dates(item: Any, name: str, path: Path) -> Iterator[Any]:
    for listed in _listed(item.get(name)):
        for entry in listed.dts:
            if isinstance(entry.dt, tuple):
                raise _misread(item, path, f"{name} with periods")
            yield entry.dt


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _wall(moment: date, zone: tzinfo) -> datetime:
    """Return a moment as that zone's wall clock shows it, without its zone."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    return moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


def _next(event: _Event, now: datetime, path: Path) -> tuple[datetime, datetime] | None:
    """Return the first occurrence that is not over."""
    from dateutil.rrule import rruleset, rrulestr  # noqa: PLC0415  # only for calendars

    occurrences = rruleset()
    occurrences.rdate(event.first)
    try:
        for rule in event.rules:
            occurrences.rrule(rrulestr(_without_zone(rule, event), dtstart=event.first))
    except (ValueError, TypeError) as error:
        raise RefusedError(f"the event {event.summary!r} of {path} repeats in a way that cannot be read: {error}") from error
    for moment in event.more:
        occurrences.rdate(moment)
    for moment in event.but:
        occurrences.exdate(moment)
    # A day early, since the wall clock may be set while it lasts; what is over by then is passed over below.
    early = now.astimezone(event.ends_in).replace(tzinfo=None) - event.lasts - timedelta(days=2)
    for start in occurrences.xafter(early, inc=True):
        span = event.span(start)
        if span[1] > now:
            return span
    return None


def _without_zone(rule: str, event: _Event) -> str:
    """Return the rule with its UNTIL on the wall clock of the event, as an expansion without zones needs it."""
    parts = []
    for part in rule.split(";"):
        key, _, value = part.partition("=")
        if key.upper() == "UNTIL" and value.upper().endswith("Z"):
            until = datetime.strptime(value.upper(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            value = f"{_wall(until, event.starts_in):%Y%m%dT%H%M%S}"
        elif key.upper() == "UNTIL" and "T" not in value.upper():
            # A day as the end includes that whole day.
            value = f"{value}T235959"
        parts.append(f"{key}={value}" if value else part)
    return ";".join(parts)


def _misread(item: Any, path: Path, why: str) -> RefusedError:
    name = str(item.get("SUMMARY", "")) or str(item.get("UID", "")) or "without a title"
    return RefusedError(f"the event {name!r} of {path} cannot be understood, and is not left out: {why}")
