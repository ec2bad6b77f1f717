"""What the guard is told: the policy of the plan, and the facts of the cluster and the run; and what it says: findings.

Values only; `gathering` reads the facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from gameday.cluster import Identity, Json, ObjectRef, Permission
from gameday.gameday.model import ApprovalSpec, Window

REPLICAS_OWNER = "gameday.dev/replicas-owner"
"""The annotation by which a workload names what sets its replicas, where no HorizontalPodAutoscaler does."""
PROTECTED_LABEL: Final = "gameday.dev/protected"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plan allows."""

    cluster: str = ""
    """Name or uid of the only cluster that it may run in; empty for whichever was named on the command line."""
    namespaces: tuple[str, ...] = ()
    caps: Mapping[str, int] = field(default_factory=dict)
    """pods: how many may be lost; percent: how much of one workload; objects: how many may be patched or created."""
    switched_off: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Path, ...] = ()
    approvals: ApprovalSpec | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """What the rounds that are on have taken away of one workload, and how many pods it wanted before that."""

    pods: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget as it stands now."""

    name: str
    allowed: int
    """How many healthy pods may go; below zero where there are too few already."""
    healthy: int
    desired: int
    selects: frozenset[ObjectRef]
    """Which of the changes' objects, and of the pods that go with a node, are healthy pods of it, or workloads of such."""
    expected: int = 0
    """How many pods it counts on; where all of them are desired, it never lets one go."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A stretch of time in which nothing may run, as a calendar has it."""

    summary: str
    start: datetime
    end: datetime
    calendar: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who has signed this very plan for this very cluster, and whose signature does not count, with the reason."""

    runners: tuple[str, ...] = ()
    """The names that whoever runs it goes by."""
    given: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    """(file of the signature, why it does not count)."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the run knows of itself, and no cluster could tell."""

    now: datetime | None = None
    """By the server's clock."""
    needs_seconds: float = 0.0
    """How long the plan may still take."""
    lost: Mapping[ObjectRef, Lost] = field(default_factory=dict)
    """Per workload, by the rounds that are on."""
    approvals: Approvals | None = None
    starting: bool = False
    """Nothing has run yet, so that what the engine itself needs is asked too."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of the cluster before judging."""

    identity: Identity
    namespace_labels: Mapping[str, Mapping[str, str] | None]
    """Per namespace named by a change or the policy; None where there is no such namespace."""
    autoscalers: Mapping[ObjectRef, Sequence[Json]] = field(default_factory=dict)
    nodes: Sequence[Json] = ()
    """All nodes, where a change closes one."""
    pods_lost_before: int = 0
    """Pods already taken away by the rounds that are on."""
    objects_changed_before: int = 0
    budgets: Sequence[Budget] = ()
    freezes: Sequence[Freeze] = ()
    permissions: Sequence[Permission] = ()
    run: RunFacts = RunFacts()
    unread: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Per rule, where what it needs could not be looked at, and why; that refuses too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a change may not happen: the rule, the object, and a sentence with the next step."""

    rule: str
    object: str
    message: str

    def __str__(self) -> str:
        return f"[{self.rule}] {self.object}: {self.message}"

    def as_dict(self) -> dict[str, str]:
        """Return it as the log has it."""
        return {"rule": self.rule, "object": self.object, "message": self.message}
