"""Durations and rates as people write them in files: `15m`, `500ms`, `1h30m`, `40/s`, or a plain number."""

from __future__ import annotations

import math
import re
from typing import Any, Final

_UNITS_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)(?:ec|in)?")


def seconds(value: Any) -> float:
    """Return a duration in seconds; ValueError says what was expected."""
    if _is_number(value):
        return _not_negative(float(value), value)
    text = str(value).strip()
    if isinstance(value, str) and _WHOLE.fullmatch(text):
        return sum(float(amount) * _UNITS_SECONDS[unit] for amount, unit in _PART.findall(text))
    raise ValueError(f"expected a duration such as 30s, 500ms, 15m or 1h30m, or a number of seconds, but got {value!r}")


def per_second(value: Any) -> float:
    """Return a rate per second; ValueError says what was expected."""
    if _is_number(value):
        return _not_negative(float(value), value)
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a rate such as 40/s or 600/m, or a number per second, but got {value!r}")
    return float(match[1]) / _UNITS_SECONDS[match[2]]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _not_negative(amount: float, value: Any) -> float:
    if amount < 0:
        raise ValueError(f"expected zero or more, but got {value!r}")
    return amount
