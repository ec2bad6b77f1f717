"""When windows are open: pure arithmetic on the clocks of their time zones, daylight saving included.

Reads no clock; the moment is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gameday.gameday.model import Window

_DAYS_AHEAD = 9


def closes_at(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return until when a window is open without a gap, at most a week ahead; None if none is open now."""
    spans = _spans(windows, now)
    end, moved = now, True
    while moved:
        reached = max((closes for opens, closes in spans if opens <= end < closes), default=end)
        end, moved = reached, reached > end
    return end if end > now else None


def opens_at(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when the next window opens, within a week or so."""
    return min((opens for opens, _ in _spans(windows, now) if opens > now), default=None)


def in_zone(moment: datetime, timezone: str) -> str:
    """Return a moment as people of that zone write it."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M} {timezone}"


def _spans(windows: Sequence[Window], now: datetime) -> list[tuple[datetime, datetime]]:
    return [span for window in windows for span in _spans_of(window, now)]


def _spans_of(window: Window, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(window.timezone)
    today = now.astimezone(zone).date()
    overnight = window.to_minute <= window.from_minute
    for offset in range(-1, _DAYS_AHEAD):
        day = today + timedelta(days=offset)
        if day.weekday() in window.days:
            yield _at(day, window.from_minute, zone), _at(day + timedelta(days=overnight), window.to_minute, zone)


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    day, minute = day + timedelta(days=minute // 1440), minute % 1440
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
