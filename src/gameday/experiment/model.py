"""An experiment as the engine sees it: what Chaos Toolkit is given, untouched, and what our block adds, typed.

Values only. `reading` makes them out of a file, having checked everything that can be checked without running anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from gameday.errors import Problem
from gameday.experiment.stops import Stop

Verdict: TypeAlias = Literal["held", "deviated", "inconclusive"]

DEFAULT_CAPS: Mapping[str, int] = MappingProxyType({"pods": 1, "objects": 3})
DEFAULT_BASELINE_SECONDS = 5.0
DEFAULT_RECOVERY_TIMEOUT_SECONDS = 60.0
DEFAULT_LANDING_TIMEOUT_SECONDS = 15.0
DEFAULT_RATE_PER_SECOND = 40.0


@dataclass(frozen=True, slots=True)
class TrafficSpec:
    """Which customers' journey goes on while the experiment runs, how often, and against what."""

    journey: str
    rate_per_second: float
    url: str = ""
    """Empty: the engine finds the Service in the namespace."""
    service: str = "storefront"
    namespace: str = ""
    journey_path: Path | None = None


@dataclass(frozen=True, slots=True)
class Objectives:
    """What recovery is promised; None where nothing is."""

    rto_seconds: float | None = None
    rpo_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One action or probe. `${x}` in the arguments is replaced, except where it stands for a secret."""

    name: str
    type: str
    provider_type: str
    module: str
    func: str
    arguments: Mapping[str, Any]
    line: int
    ours: bool
    """The module is one of gameday.actions or gameday.probes, or of the project's own."""
    tolerance: Any = None
    background: bool = False


@dataclass(frozen=True, slots=True)
class Experiment:
    """One failure, what should nevertheless hold, and what may be touched."""

    path: Path
    digest: str
    """sha256 of the file's bytes, as hex."""
    title: str
    hypothesis_title: str
    activities: tuple[Activity, ...]
    """The method."""
    prepare: tuple[Activity, ...]
    """Actions of ours that are carried out before the baseline, and undone after the verdict."""
    hypothesis: tuple[Activity, ...]
    rollbacks: tuple[Activity, ...]
    document: Mapping[str, Any]
    """What Chaos Toolkit is given."""
    ours: bool
    """Whether the file has our extension block, and was therefore read strictly."""
    runbook: str
    runbook_path: Path | None
    traffic: TrafficSpec | None
    objectives: Objectives
    expect: Verdict = "held"
    caps: Mapping[str, int] = field(default_factory=lambda: DEFAULT_CAPS)
    namespaces: tuple[str, ...] = ()
    """The namespaces that it may touch."""
    baseline_seconds: float = DEFAULT_BASELINE_SECONDS
    recovery_timeout_seconds: float = DEFAULT_RECOVERY_TIMEOUT_SECONDS
    landing_timeout_seconds: float = DEFAULT_LANDING_TIMEOUT_SECONDS
    """How long is waited for a fault to be seen: a pod's termination, a scale-up's readiness."""
    drill_orders: str = ""
    """What references of orders begin with that are taken into a copy of their database; empty if the method repoints to none."""
    owners: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    """What ends the run before its end."""
    description: str = ""
    warnings: tuple[Problem, ...] = ()
    """What looks wrong in a file that is not ours, but may be meant."""
