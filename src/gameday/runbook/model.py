"""A runbook as the engine sees it: steps in phases, some of which can be executed and checked.

Values only; `reading` makes them out of a Markdown file that people read as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.errors import Problem
from gameday.experiment import Objectives

PHASES = ("Detect", "Classify", "Diagnose", "Resolve", "Communicate", "Close", "Review")


@dataclass(frozen=True, slots=True)
class StepAction:
    """A registered action or probe, by its dotted name, that carries the step out."""

    target: str
    arguments: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class StepShell:
    """Commands for a person, or for the engine where their program is there."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Check:
    """How one sees that the step worked: a probe's value within bounds, within a time."""

    probe: str
    arguments: Mapping[str, Any]
    within: tuple[float | None, float | None]
    """Both ends included; None is open."""
    wait_seconds: float
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Its id never changes, so that histories and deep links stay true."""

    id: str
    title: str
    phase: str
    role: str
    expected_seconds: float | None
    prose: str
    """Markdown, without the role line and without the blocks that are read."""
    action: StepAction | None
    shell: StepShell | None
    check: Check | None
    line: int


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to do when one failure happens, in the order in which it is done."""

    path: Path
    digest: str
    """sha256 of the file's bytes, as hex."""
    id: str
    title: str
    owner: str
    services: tuple[str, ...]
    phases: tuple[str, ...]
    steps: tuple[Step, ...]
    objectives: Objectives
    experiments: tuple[str, ...]
    updates_every_seconds: float | None = None
    """How often the customer liaison owes an update."""
    severity: str = ""
    alerts: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    last_proven: str = ""
    proven_with: str = ""
    """The experiment that proves it, where that is not the first of `experiments` that expects to deviate."""
    warnings: tuple[Problem, ...] = ()
