"""Cron schedules: are they understood, and when are they due? The rules of cron are the library's; the macros are Kubernetes'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = 5
_LOOK_BACK: Final = (timedelta(hours=1), timedelta(days=2), timedelta(days=62))


def schedule_error(text: str) -> str:
    """Return why a schedule cannot be read; empty if it can."""
    expression = _MACROS.get(text, text)
    if expression.startswith("@"):
        return f"unrecognized descriptor: {text}"
    if len(expression.split()) != _FIELDS:
        return f"expected exactly 5 fields, found {len(expression.split())}: [{' '.join(expression.split())}]"
    try:
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        return f"failed to parse {text}: {error}"
    return ""


def is_time_zone(name: str) -> bool:
    """Say whether a time zone of that name is known here."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError, of which older files are none
        return False
    except KeyError:
        return False
    return True


def due_after(schedule: str, zone: str | None, moment: datetime) -> Iterator[datetime]:
    """Return, one after the other, when a schedule is due after a moment."""
    start = moment.astimezone(ZoneInfo(zone) if zone else UTC)
    for due in CronSim(_MACROS.get(schedule, schedule), start):
        yield due.astimezone(UTC)


def last_due(schedule: str, zone: str | None, after: datetime, until: datetime) -> datetime | None:
    """Return when a schedule was due last within a span; None if it was not."""
    for back in (*_LOOK_BACK, until - after):
        start = max(after, until - back)
        found = list(takewhile(lambda due: due <= until, due_after(schedule, zone, start)))
        if found or start == after:
            return found[-1] if found else None
    return None
