"""What a load is: the one line of JSON with which a generator is started.

Whoever starts a generator builds a `LoadSpec` and writes `to_line`; the generator reads it with `from_line`, strictly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gameday.errors import BadParameterError
from gameday.traffic.journey import Journey
from gameday.traffic.journey_file import load_journey, parse_journey
from gameday.traffic.pacing import Arrivals
from gameday.traffic.wire import Target

DEFAULT_RATE_PER_SECOND = 40.0
HIGHEST_RATE_PER_SECOND = 10_000.0
LONGEST_RAMP_SECONDS = 3600.0
MOST_OPEN_JOURNEYS = 500
"""Each open journey is a connection; a thousand descriptors are what a process usually may have."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load: which journey, where, how often, and where acknowledged orders are written down."""

    journey: str | Mapping[str, Any]
    """The path of a journey file, or the journey itself."""
    targets: tuple[str, ...]
    """Base addresses; journeys go to them in turn."""
    ledger: str
    """The path of the file to append to."""
    rate_per_second: float = DEFAULT_RATE_PER_SECOND
    arrivals: Arrivals = "constant"
    seed: int = 0
    run: str = "run"
    """A label that every customer and key of this load carries."""
    drill_marks: tuple[str, ...] = ()
    """What the references of orders begin with that are taken into the copy of a database, in a drill."""
    most_open_journeys: int = MOST_OPEN_JOURNEYS
    """More than this wait for their turn, which counts as the generator being behind."""

    def to_line(self) -> str:
        """Return the spec as the one line that a generator reads."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"

    def load_journey(self) -> Journey:
        """Return the journey; raise `InvalidFileError` with everything that is wrong with it."""
        if isinstance(self.journey, str):
            return load_journey(Path(self.journey))
        return parse_journey(json.dumps(self.journey), "the journey in the spec")


def from_line(line: str) -> LoadSpec:
    """Return the spec in a line; raise `BadParameterError` with everything that is wrong with it."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise BadParameterError(f"expected a load's spec as one line of JSON, found something else ({error})") from None
    if not isinstance(value, dict):
        raise BadParameterError(f"expected a load's spec as a JSON object, found {type(value).__name__}")
    known = [field.name for field in fields(LoadSpec)]
    problems = [f"unknown key {name!r}; known are {', '.join(known)}" for name in value if name not in known]
    problems += [f"expected {name!r}" for name in ("journey", "targets", "ledger") if not value.get(name)]
    if problems:
        raise BadParameterError("; ".join(problems))
    spec = LoadSpec(**{**value, "targets": tuple(value["targets"]), "drill_marks": tuple(value.get("drill_marks", ()))})
    _check(spec)
    return spec


def _check(spec: LoadSpec) -> None:
    for target in spec.targets:
        Target.of(target)
    problems = []
    if not valid_rate(spec.rate_per_second):
        problems.append(f"expected a rate above 0 and up to {HIGHEST_RATE_PER_SECOND:g} a second, found {spec.rate_per_second!r}")
    if spec.arrivals not in ("constant", "poisson"):
        problems.append(f"expected arrivals to be constant or poisson, found {spec.arrivals!r}")
    if not isinstance(spec.run, str) or not _LABEL.fullmatch(spec.run):
        problems.append(f"expected a run's label of letters, digits, dots and dashes, found {spec.run!r}")
    if type(spec.most_open_journeys) is not int or spec.most_open_journeys < 1:
        problems.append(f"expected most_open_journeys as a number from 1 up, found {spec.most_open_journeys!r}")
    if problems:
        raise BadParameterError("; ".join(problems))


def valid_rate(value: object) -> bool:
    """Say whether a number can be a load's rate."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= HIGHEST_RATE_PER_SECOND


def valid_ramp(value: object) -> bool:
    """Say whether a number can be how long the way to another rate takes, in seconds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST_RAMP_SECONDS
