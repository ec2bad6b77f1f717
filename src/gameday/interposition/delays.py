"""How long a latency is, from an action's own parameters to the distribution that the proxies draw from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from gameday.errors import BadParameterError


@dataclass(frozen=True, slots=True)
class Delay:
    """The parameters of a latency; those that are None were not given."""

    seconds: float
    distribution: str = ""
    """Empty: constant, or uniform where there is a jitter."""
    jitter_seconds: float | None = None
    deviation_seconds: float | None = None
    shape: float | None = None
    most_seconds: float | None = None


_TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "constant": (),
    "uniform": ("jitter_seconds",),
    "normal": ("deviation_seconds", "most_seconds"),
    "pareto": ("shape", "most_seconds"),
}
"""What each distribution takes beside `seconds`."""
_OPTIONAL: Final = "most_seconds"
_SECONDS: Final[Mapping[str, str]] = {"normal": "mean_seconds", "pareto": "least_seconds"}
"""What `seconds` is to a distribution, where its settings have another word for it."""


def drawn(delay: Delay, *, by: str) -> Mapping[str, Any]:
    """Return the delay as the settings have it; BadParameterError for a parameter that its distribution has not, or lacks."""
    name = delay.distribution or ("uniform" if delay.jitter_seconds else "constant")
    if name not in _TAKES:
        raise BadParameterError(f"{by}: expected distribution to be one of {', '.join(_TAKES)}, but got {name!r}")
    given = {one.name: getattr(delay, one.name) for one in fields(delay)[2:] if getattr(delay, one.name) is not None}
    if name == "constant" and given.get("jitter_seconds") == 0:
        del given["jitter_seconds"]
    for one in given:
        if one not in _TAKES[name]:
            takes = " and ".join(_TAKES[name]) or "nothing else"
            raise BadParameterError(f"{by}: expected {takes} with distribution {name}, but got {one}")
    for one in _TAKES[name]:
        if one not in given and one != _OPTIONAL:
            raise BadParameterError(f"{by}: expected {one} with distribution {name}, but got none")
    return {"distribution": name, _SECONDS.get(name, "seconds"): delay.seconds, **given}
