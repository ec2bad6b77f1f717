"""A game day as the engine sees it: which experiments, in which order, on which cluster, and who does what.

Values only; `reading` makes them out of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from gameday.errors import Problem
from gameday.experiment import Experiment, TrafficSpec
from gameday.experiment.model import Verdict
from gameday.experiment.stops import Stop
from gameday.gameday.people import RehearsalPlan

RunbookMode: TypeAlias = Literal["show", "execute", "people"]
"""What is done with a round's runbook; people, in a rehearsal only, whatever the plan says."""

DEFAULT_DEADLINE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Round:
    """One experiment of a game day, the verdict that is expected of it, and what is done with its runbook."""

    id: str
    experiment: Experiment
    expect: Verdict
    runbook_mode: RunbookMode
    line: int = 0
    another_runbook: Path | None = None
    """The runbook that is proven, where it is not the one that the experiment names."""
    without: tuple[str, ...] = ()
    """Steps of it that are left out, to show whether they are needed."""
    verifies: bool = False
    """The round is about its runbook (gameday runbook verify)."""

    @property
    def runbook_path(self) -> Path | None:
        """The runbook about this failure; None where there is none."""
        return self.another_runbook or self.experiment.runbook_path


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of each of some days in which a plan may run; one that ends at or before its start ends on the next day."""

    days: tuple[int, ...]
    """0 is Monday; the day on which the window opens."""
    from_minute: int
    """Minutes since midnight on that zone's clocks; 1440 is the end of the day."""
    to_minute: int
    timezone: str
    """A name such as Europe/Berlin."""


@dataclass(frozen=True, slots=True)
class ApprovalSpec:
    """How many people other than the runner must have signed, and the file (as `git` and ssh have it) of who may."""

    required: int
    keys: Path


@dataclass(frozen=True, slots=True)
class GameDay:
    """A plan: rounds of experiments, one after the other, under one traffic and one deadline."""

    path: Path
    digest: str
    """sha256 of the file's bytes, as hex."""
    title: str
    description: str
    cluster: str
    """The name or uid that the plan is pinned to; empty: whatever --context names."""
    namespaces: tuple[str, ...]
    traffic: TrafficSpec | None
    rounds: tuple[Round, ...]
    roles: Mapping[str, str]
    deadline_seconds: float
    """How long the run may take; past it, it is aborted and undone."""
    switched_off_rules: tuple[str, ...]
    windows: tuple[Window, ...] = ()
    """When it may run; none: at any time."""
    freezes: tuple[Path, ...] = ()
    """iCalendar files; while one of their events is on, it may not run."""
    approvals: ApprovalSpec | None = None
    stops: tuple[Stop, ...] = ()
    """What ends the run before its end, in every round."""
    warnings: tuple[Problem, ...] = ()
    rehearsal: RehearsalPlan = field(default_factory=RehearsalPlan)
    """How it is rehearsed with people; the defaults where the plan says nothing of it."""
