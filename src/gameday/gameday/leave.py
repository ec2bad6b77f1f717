"""By whose leave a plan runs: its windows, the calendars of freezes, and the approvals it needs, out of the plan's file.

Reading only. A calendar or a list of keys that is missing is a warning here and a refusal of the guard later, since a
calendar may be fetched just before a run; what the guard does with all of it is the guard's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from gameday.errors import Problem
from gameday.fields import Fields, did_you_mean
from gameday.gameday.model import ApprovalSpec, Window

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_END_OF_DAY: Final = 24 * 60


def read_windows(fields: Fields) -> tuple[Window, ...]:
    """Read `windows: [{days, from, to, timezone}]`; what is wrong is noted."""
    found = [_window(entry) for entry in fields.mappings("windows")]
    if fields.has("windows") and not found:
        fields.note("windows: expected at least one window; without the key, a plan may run at any time", "windows")
    return tuple(window for window in found if window is not None)


def read_freezes(fields: Fields, warnings: list[Problem]) -> tuple[Path, ...]:
    """Read `freezes`: the path of one iCalendar file, or a list of them, relative to the plan."""
    texts = fields.texts("freezes")
    for text in texts:
        if "://" in text:
            fields.note(f"freezes: expected the path of a file, but got {text!r}; fetch it before the run", "freezes")
    return tuple(_beside(fields, text, "freezes", "calendar", warnings) for text in texts)


def read_approvals(fields: Fields, warnings: list[Problem]) -> ApprovalSpec | None:
    """Read `approvals: {required, keys}`; None for a plan that needs no approval."""
    inner = fields.mapping("approvals")
    if inner is None:
        return None
    required = inner.raw("required", 1)
    if isinstance(required, bool) or not isinstance(required, int) or required < 1:
        inner.note(f"required: expected a whole number from 1 up, but got {required!r}", "required")
        required = 1
    keys = inner.text("keys", required=True)
    inner.done()
    return ApprovalSpec(required, _beside(inner, keys, "keys", "list of keys", warnings)) if keys else None


def _beside(fields: Fields, text: str, key: str, kind: str, warnings: list[Problem]) -> Path:
    path = Path(fields.document.file).absolute().parent / text
    if "://" not in text and not path.is_file():
        line = fields.document.line_of((*fields.path, key))
        warnings.append(Problem(fields.document.file, line, f"there is no {kind} at {text}; without it, a run is refused"))
    return path


def _window(entry: Fields) -> Window | None:
    known = len(entry.problems)
    days = _days(entry)
    opens, closes = _minute(entry, "from", 0), _minute(entry, "to", _END_OF_DAY)
    timezone = entry.text("timezone", required=True)
    if timezone and not is_zone(timezone):
        entry.note(f"timezone: expected a name such as Europe/Berlin or UTC, but got {timezone!r}", "timezone")
    if opens == closes:
        entry.note("from and to are the same; for a whole day leave both out", "to")
    entry.done()
    return Window(days, opens, closes, timezone) if len(entry.problems) == known else None


def _days(entry: Fields) -> tuple[int, ...]:
    """Return the days' numbers; `mon..fri` stands for all from the one to the other, and no days at all for every day."""
    found: set[int] = set()
    for text in entry.texts("days"):
        first, dots, last = text.lower().partition("..")
        ends = [day.strip()[:3] if day.strip() in _LONG else day.strip() for day in (first, last if dots else first)]
        wrong = next((day for day in ends if day not in DAYS), None)
        if wrong is not None:
            entry.note(f"days: expected {', '.join(DAYS)}, but got {text!r}{did_you_mean(wrong, DAYS)}", "days")
            continue
        start, end = (DAYS.index(day) for day in ends)
        found |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    if entry.has("days") and not found and entry.data["days"] == []:
        entry.note("days: expected at least one; for every day leave the key out", "days")
    return tuple(sorted(found)) if entry.has("days") else tuple(range(7))


def _minute(entry: Fields, key: str, default: int) -> int:
    value: Any = entry.raw(key)
    if value is None and not entry.has(key):
        return default
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    minute = int(match[1]) * 60 + int(match[2]) if match else _END_OF_DAY + 1
    if minute > (_END_OF_DAY if key == "to" else _END_OF_DAY - 1):
        # YAML reads 16:00 without quotes as sixteen sixties.
        hint = "; put it in quotes, since YAML takes it for a number" if isinstance(value, int) else ""
        entry.note(f'{key}: expected a time of day such as "09:00", but got {value!r}{hint}', key)
        return default
    return minute


def is_zone(name: str) -> bool:
    """Say whether this is the name of a time zone that this machine knows."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415  # only for plans that name one

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
