"""Times as a message states them: where they stand in a text, in which zone, and which moment each one is.

A time without a zone is no moment, and is kept as one without; a time without a date is the nearest such time to when the
message was written. Abbreviations of zones mean what they mean where they are most used (IST and CST are several zones, and
are read as the reader's own if the reader has one of that name). English only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS: Final = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905  # as read
)
_HOURS: Final[dict[str, float]] = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "IST": 5.5,
    "SGT": 8,
    "HKT": 8,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
_ZONE: Final = (
    r"UTC\s?[+-]\d{1,2}(?::?\d{2})?|\+(?:0\d|1[0-4])(?::?\d{2})?(?![\d:])"
    # "09:00-11:30 UTC" is a range.
    r"|-(?:0\d|1[0-2])(?::?\d{2})?(?![\d:])(?!\s?(?:UTC|GMT|[A-Z]{2,4}T)\b)"
    r"|(?:in |at )?(?:your )?local time|your time|your zone"
    r"|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+|[A-Z][a-z]+(?: [A-Z][a-z]+)? time|in [A-Z][a-z]+(?: [A-Z][a-z]+)?"
    rf"|(?:{'|'.join(sorted(_HOURS, key=len, reverse=True))})"
)
_TIME: Final = re.compile(
    r"(?<![\w:.])(?:(?P<date>\d{4}-\d{2}-\d{2})(?:T|,?\s))?"
    r"(?:(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?:\s?(?P<half>[ap]m))?|(?P<short>1[0-2]"
    r"|0?[1-9])\s?(?P<half2>[ap]m))"
    rf"(?!\d)(?:\s?\(?(?P<zone>{_ZONE})(?![A-Za-z]))?"
)
_RANGE: Final = re.compile(r"\s*(?:and|to|until|till|\u2013|-)\s*")
_SAME: Final = re.compile(r"[\s,;/()=]*(?:or|which is|that is|i\.e\.)?[\s(]*")
_APART: Final = 40
"""Two writings of one moment stand no more characters apart."""
_NAMED: Final = "|".join("(?-i:May)" if month == "may" else month for month in _MONTHS)
"""“1 in 20 may see it” names no day."""
_DAY: Final = re.compile(rf"\b(?:(\d{{1,2}})\.?\s+({_NAMED})|({_NAMED})\s+(\d{{1,2}}))\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A time in a text, as it is written there."""

    start: int
    end: int
    text: str
    zone: tzinfo | None
    """None: none is written, or it is one that is not known."""
    has_zone: bool
    at: datetime | None
    """Which moment it is, in UTC; None where the zone is not known."""


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of a name such as Europe/Berlin; None where there is none of that name."""
    return _zone_of(name)


@cache
def _zone_of(name: str) -> tzinfo | None:
    if not name or name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def times_in(sentence: str, *, zones: Sequence[str], near: datetime) -> list[Stated]:
    """Return the times that a sentence states, in order; `zones` are the readers', `near` is when it was written."""
    day = _day_in(sentence, near)
    found = [_stated(match, zones, near, day) for match in _TIME.finditer(sentence)]
    # The first of "between 14:05 and 14:40 UTC" has the zone of the second.
    for index in reversed(range(len(found) - 1)):
        one, other = found[index], found[index + 1]
        if not one.has_zone and other.has_zone and _RANGE.fullmatch(sentence, one.end, other.start):
            match = _TIME.match(sentence, one.start)
            if match is not None:
                found[index] = replace(one, zone=other.zone, has_zone=True, at=_moment(match, other.zone, near, day))
    return found


def chain(sentence: str, found: Sequence[Stated], start: int, *, within: int) -> tuple[Stated, ...]:
    """Return the one time that stands within some characters after `start`, in all the zones in which it is repeated."""
    following = [time for time in found if time.start >= start]
    if not following or following[0].start - start > within:
        return ()
    chained = [following[0]]
    for time in following[1:]:
        if time.start - chained[-1].end > _APART or not _SAME.fullmatch(sentence, chained[-1].end, time.start):
            break
        chained.append(time)
    return tuple(chained)


def clock_text(at: datetime, zone: tzinfo, *, beside: datetime) -> str:
    """Write a time of day in a zone without naming it, with its date where that is another than `beside` has there."""
    local, other = at.astimezone(zone), beside.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == other.date() else f"{local:%Y-%m-%d %H:%M}"


def local_text(at: datetime, zone: tzinfo, *, beside: datetime) -> str:
    """Write a time of day in a zone and name the zone."""
    name = at.astimezone(zone).tzname() or "UTC"
    return f"{clock_text(at, zone, beside=beside)} {name}"


def _stated(match: re.Match[str], zones: Sequence[str], near: datetime, day: date | None) -> Stated:
    written = match["zone"]
    zone = _zone(written, zones, near) if written else None
    at = _moment(match, zone, near, day)
    return Stated(match.start(), match.end(), match.group().strip(" ("), zone, bool(written), at)


def _zone(written: str, zones: Sequence[str], near: datetime) -> tzinfo | None:
    text = re.sub(r"^(?:in|at) ", "", written)
    own = [(name, zone) for name in zones if (zone := zone_of(name)) is not None]
    if text in {"local time", "your local time", "your time", "your zone"}:
        return own[0][1] if own else None
    for name, zone in own:
        if text in {near.astimezone(zone).tzname(), name}:
            return zone
        if text.removesuffix(" time").replace(" ", "_") == name.rpartition("/")[2]:
            return zone
    if text in _HOURS:
        return timezone(timedelta(hours=_HOURS[text]))
    offset = re.fullmatch(r"(?:UTC\s?)?([+-])(\d{1,2})(?::?(\d{2}))?", text)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes)) if minutes < 24 * 60 else None
    return zone_of(text) if "/" in text else None


def _moment(match: re.Match[str], zone: tzinfo | None, near: datetime, day: date | None) -> datetime | None:
    if zone is None:
        return None
    half = match["half"] or match["half2"]
    hour, minute = int(match["hour"] or match["short"]), int(match["minute"] or 0)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        explicit = date.fromisoformat(match["date"]) if match["date"] else day
        return min(_candidates(hour, minute, zone, near, explicit), key=lambda at: abs(at - near))
    except (ValueError, OverflowError):
        return None


def _candidates(hour: int, minute: int, zone: tzinfo, near: datetime, day: date | None) -> Iterator[datetime]:
    today = near.astimezone(zone).date()
    for chosen in [day] if day else [today + timedelta(days=shift) for shift in (-1, 0, 1)]:
        yield datetime(chosen.year, chosen.month, chosen.day, hour, minute, tzinfo=zone).astimezone(UTC)


def _day_in(sentence: str, near: datetime) -> date | None:
    """Return the one day that a sentence names in words, in the year nearest to `near`; None for none, or several."""
    if re.search(r"\btomorrow\b", sentence, re.IGNORECASE):
        return (near + timedelta(days=1)).date()
    found = {
        (int(one or other), _MONTHS.index((month or first).lower()) + 1) for one, month, first, other in _DAY.findall(sentence)
    }
    if len(found) != 1:
        return None
    number, month = found.pop()
    days = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            days.append(date(year, month, number))
        except ValueError:
            continue
    return min(days, key=lambda day: abs(day - near.date()), default=None)
