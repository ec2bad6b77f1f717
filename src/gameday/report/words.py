"""Numbers and times as people read them; the same in every format. No sentence about a run is made here."""

from __future__ import annotations

import json
import re
from typing import Any, Final

MINUTE, HOUR = 60.0, 3600.0
UNKNOWN = "\u2013"
"""A dash, for what the log does not say."""
_MINUS = "\u2212"
_OBEYED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Leave out what a terminal would obey and what turns the direction of writing; line feeds and tabs stay."""
    return _OBEYED.sub("", text)


def duration(seconds: float | None) -> str:
    """Say how long: `0.42 s`, `9.8 s`, `2 min 5 s`, `1 h 3 min`; a dash where it is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return "0 s" if seconds == 0 else f"{seconds:.2f} s"
    if round(seconds, 1) < MINUTE:
        return f"{_short(seconds, 1)} s"
    if round(seconds) < HOUR:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def interval(low_seconds: float, high_seconds: float) -> str:
    """Say between which two durations the true one lies: `0.36 to 0.46 s`, `55 s to 1 min 5 s`."""
    if round(high_seconds, 1) >= MINUTE:
        return f"{duration(low_seconds)} to {duration(high_seconds)}"
    digits = 2 if high_seconds < 1 else 1
    return f"{low_seconds:.{digits}f} to {high_seconds:.{digits}f} s"


def recovery_text(seconds: float, low_seconds: float, high_seconds: float, *, ever_out: bool) -> str:
    """Say a time to recover with its interval, in a table's words."""
    if not ever_out:
        return f"no outage seen (< {duration(high_seconds)})"
    return f"{duration(seconds)} ({interval(low_seconds, high_seconds)})"


def offset(seconds: float | None) -> str:
    """Say when, counted from the run's start: `+6.0 s`, `+2:05.3`, `+1:02:05`."""
    if seconds is None:
        return UNKNOWN
    sign, seconds = (_MINUS if seconds < 0 else "+"), abs(seconds)
    if round(seconds, 1) < MINUTE:
        return f"{sign}{seconds:.1f} s"
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    if minutes < 60:  # noqa: PLR2004  # minutes of an hour
        return f"{sign}{minutes}:{rest / 10:04.1f}"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{rest // 10:02d}"


def percent(ratio: float | None) -> str:
    """Say a ratio in percent, never rounding something short of all up to all."""
    if ratio is None:
        return UNKNOWN
    value = ratio * 100
    rounded = round(value, 1)
    if (rounded >= 100 > value) or (rounded <= 0 < value):  # noqa: PLR2004  # percent
        return "> 99.9 %" if value > 50 else "< 0.1 %"  # noqa: PLR2004  # half
    return f"{_short(value, 1)} %"


def milliseconds(value: float | None) -> str:
    """Say a latency: `8.4 ms`, `120 ms`, `2.1 s`."""
    if value is None:
        return UNKNOWN
    if value >= 1000:  # noqa: PLR2004  # a second
        return f"{_short(value / 1000, 2)} s"
    return f"{_short(value, 1) if value < 10 else round(value)} ms"  # noqa: PLR2004  # two digits are enough


def clock(at: str) -> str:
    """Say an event's wall clock time without its fractions: `2026-11-22 14:03:05 UTC`."""
    return f"{at[:10]} {at[11:19]} UTC" if len(at) >= 19 else at  # noqa: PLR2004  # date, T and time


def count(number: int, one: str, many: str = "") -> str:
    """Say how many of a thing: `1 round`, `2 rounds`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: tuple[str, ...] | list[str], *, at_most: int = 6) -> str:
    """Join words with commas; of many, the first ones and how many more."""
    rest = len(words) - at_most
    return ", ".join(words[:at_most]) + (f" and {rest} more" if rest > 0 else "")


def value_text(value: Any) -> str:
    """Show a value of an object: text as it stands, everything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def number(value: float | None, unit: str = "") -> str:
    """Show a measured number with its unit, in as many digits as it deserves."""
    if value is None:
        return UNKNOWN
    if unit in {"s", "seconds"}:
        return duration(value)
    text = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}".replace(",", " ")  # noqa: PLR2004  # then digits group
    return f"{text} {'%' if unit == 'percent' else unit}".rstrip()


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
