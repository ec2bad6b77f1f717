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

DOES = ("create", "patch", "delete", "evict")
PHASES = ("Detect", "Classify", "Diagnose", "Resolve", "Communicate", "Close", "Review")


@dataclass(frozen=True, slots=True)
class StepAction:
    """A registered action or probe, by its dotted name, that carries the step out."""

    target: str
    arguments: Mapping[str, Any]
    line: int
    is_action: bool = True
    """False for a probe, which changes nothing."""


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
class Forbidden:
    """Changes that a warning forbids: of one sort, to objects of one kind, narrowed as far as it says."""

    do: str
    """create, patch, delete or evict."""
    kind: str
    """As Kubernetes writes it: Node, Pod, Deployment."""
    namespace: str = ""
    """Empty: any, or none."""
    name: str = ""
    """A glob (`fulfilment-*`); empty: any."""
    field: str = ""
    """A JSON pointer; itself and what lies below it. Empty: any."""
    line: int = 0

    def as_dict(self) -> dict[str, str]:
        """Return it as logs have it, without its line and without what it does not narrow."""
        named = {"do": self.do, "kind": self.kind, "namespace": self.namespace, "name": self.name, "field": self.field}
        return {key: value for key, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning of the runbook: what nobody may do from the fault to the recovery, whatever step they are at."""

    id: str
    text: str
    forbids: tuple[Forbidden, ...]
    step: str
    """The step that it stands in; empty at the top and in a phase. It forbids for the whole runbook all the same."""
    line: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as logs have it."""
        return {"id": self.id, "text": self.text, "step": self.step, "forbids": [item.as_dict() for item in self.forbids]}


@dataclass(frozen=True, slots=True)
class Proof:
    """The last proof, which `gameday runbook verify` writes into the file, and nobody else."""

    run: str
    date: str
    """The day, as 2026-11-25, in UTC."""
    digest: str
    """Of the text that was proven, without this line (`proof.digest_without_proof`)."""


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
    """How often the communicator owes an update."""
    severity: str = ""
    alerts: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    last_proven: Proof | None = None
    proven_with: str = ""
    """The experiment that is injected to prove it; empty: the first of `experiments` that expects `deviated`, else the first."""
    cautions: tuple[Caution, ...] = ()
    """Its warnings to people; `warnings` are problems of the file."""
    warnings: tuple[Problem, ...] = ()
