"""Stop conditions, `stop: […]` in our block and in a game day: what ends a run before its end, and has it undone.

Two kinds: the stream of samples (`{success_below: 90, for: 5s}`), and any probe (`{probe: …, with: {…}, within: [50, 100],
every: 1s}`). This room only reads them; the guardian watches them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gameday.fields import Fields
from gameday.providers import faults_of_target


@dataclass(frozen=True, slots=True)
class StopOnSamples:
    """Stop when, over the last `for_seconds` since the first fault, less than this percentage of journeys succeeded."""

    success_below: float
    for_seconds: float

    def __str__(self) -> str:
        return f"success below {self.success_below:g} % for {self.for_seconds:g} s"


@dataclass(frozen=True, slots=True)
class StopOnProbe:
    """Stop when a probe's value is out of bounds, or when it could not look several times in a row."""

    probe: str
    arguments: Mapping[str, Any]
    within: tuple[float, float]
    every_seconds: float

    def __str__(self) -> str:
        return f"{self.probe} outside {self.within[0]:g} to {self.within[1]:g}"


Stop: TypeAlias = StopOnSamples | StopOnProbe


def read_stops(fields: Fields) -> tuple[Stop, ...]:
    """Read the list under `stop`; what is wrong is noted in the fields' problems."""
    found = [_stop(entry) for entry in fields.mappings("stop")]
    return tuple(stop for stop in found if stop is not None)


def _stop(fields: Fields) -> Stop | None:
    if fields.has("probe"):
        return _on_probe(fields)
    if not fields.has("success_below"):
        fields.note("expected success_below: PERCENT with for: DURATION, or probe: NAME with within: [LOW, HIGH]")
        return None
    percent = fields.number("success_below") or 0.0
    seconds = fields.seconds("for", 5.0)
    fields.done()
    if not 0 < percent <= 100:  # noqa: PLR2004  # per cent
        fields.note(f"success_below: expected a percentage above 0 and up to 100, but got {percent:g}", "success_below")
    if seconds <= 0:
        fields.note("for: expected more than zero", "for")
    return StopOnSamples(percent, seconds)


def _on_probe(fields: Fields) -> Stop:
    target = fields.text("probe", required=True)
    arguments = fields.raw("with", {})
    if not isinstance(arguments, Mapping):
        fields.note("with: expected a mapping of parameters", "with")
        arguments = {}
    for fault in faults_of_target(target, arguments, role="probe"):
        fields.note(fault, "probe")
    within = _within(fields)
    every = fields.seconds("every", 1.0)
    fields.done()
    return StopOnProbe(target, dict(arguments), within, max(0.1, every))


def _within(fields: Fields) -> tuple[float, float]:
    match fields.raw("within"):
        case [low, high] if all(bound is None or _is_number(bound) for bound in (low, high)):
            return (-math.inf if low is None else float(low), math.inf if high is None else float(high))
        case other:
            fields.note(f"within: expected [LOW, HIGH], either of which may be null, but got {other!r}", "within")
            return (-math.inf, math.inf)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
