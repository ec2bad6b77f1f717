"""What a report tells of people, as values: who took part, what they did and told, and what is to be made of it.

Times are wall clock: an ISO 8601 text, and seconds since the run's first event. What the log does not say is None or empty.
Text is what people typed; every format escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who took part, and every role that they ever held."""

    name: str
    roles: tuple[str, ...]
    joined_seconds: float
    left_seconds: float | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """A role that went from one person to another, or to nobody."""

    at: str
    at_seconds: float
    role: str
    person: str
    to: str
    note: str
    taken: bool
    """An inject took it away."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """People took part in this run."""

    level: str
    """tabletop, simulated or live."""
    seed: int
    surprise: bool
    participants: tuple[Participant, ...]
    hand_overs: tuple[HandOver, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the people's timeline."""

    at: str
    at_seconds: float
    who: str
    """Empty: nobody did it, it happened."""
    kind: str
    """fault, undo, recovered, inject, moment, classified, message, step, note, decision, role or revealed."""
    text: str


@dataclass(frozen=True, slots=True)
class ClockFact:
    """A duration that is told of every incident; `seconds` None is unknown, `kept` None unknown or not agreed."""

    name: str
    title: str
    seconds: float | None
    allowed_seconds: float | None
    kept: bool | None
    why: str = ""
    """Why it is unknown although both moments are known."""


@dataclass(frozen=True, slots=True)
class UpdateFact:
    """A message that customers were owed."""

    what: str
    due_at: str
    due_seconds: float
    sent_at: str
    """Empty: it never came, or the log ended before it was due."""
    late_seconds: float | None
    """By how much it came too late; 0 if in time, None if it did not come."""
    kept: bool | None


@dataclass(frozen=True, slots=True)
class ImpactFact:
    """What was measured of customers at worst, in percent, with its interval at 95 %."""

    severity: str
    because: str
    failed_percent: float
    low_percent: float
    high_percent: float
    samples: int
    at_seconds: float
    cohort: str
    cohort_failed_percent: float | None
    charged: int
    lost: int


@dataclass(frozen=True, slots=True)
class ClassifiedFact:
    """What somebody said of how bad it was, and how that compares with what was measured."""

    at: str
    at_seconds: float
    person: str
    severity: str
    affected: str
    affected_percent: float | None
    judgement: str
    """right, under, over or unknown."""
    percent_judgement: str


@dataclass(frozen=True, slots=True)
class MessageFinding:
    """What the check of a message found."""

    code: str
    message: str
    add: str


@dataclass(frozen=True, slots=True)
class MessageFact:
    """What an audience was told."""

    at: str
    at_seconds: float
    person: str
    audience: str
    channel: str
    text: str
    template: str
    next_at: str
    findings: tuple[MessageFinding, ...]


@dataclass(frozen=True, slots=True)
class FollowedFact:
    """A step of the runbook, as people followed it."""

    step: str
    title: str
    phase: str
    role: str
    outcome: str
    """done, skipped or untouched."""
    reason: str
    by: str
    also_by: tuple[str, ...]
    by_role: bool | None
    order: str
    """early, late, or empty in its place."""
    beside: str
    expected_seconds: float | None
    taken_seconds: float | None
    taken_from: str
    in_time: bool | None
    effect: str
    """helped, did_nothing, worse or unknown; empty where it was not done."""
    before_percent: float | None
    after_percent: float | None
    low_points: float | None
    """The change in percentage points, its interval at 95 %."""
    high_points: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """A decision with its reason, or a note with the step that it is about."""

    at: str
    at_seconds: float
    person: str
    text: str
    beside: str
    missing_step: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change that the rehearsal proposes for the runbook."""

    step: str
    title: str
    kind: str
    """duration or new_step."""
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One round, as people lived it."""

    runbook: str
    timeline: tuple[Happening, ...]
    clocks: tuple[ClockFact, ...]
    updates: tuple[UpdateFact, ...]
    cadence_kept: bool | None
    impact: ImpactFact | None
    classified: tuple[ClassifiedFact, ...]
    messages: tuple[MessageFact, ...]
    untold: tuple[str, ...]
    """Audiences and channels that were never told that it is over."""
    steps: tuple[FollowedFact, ...]
    in_order: bool
    decisions: tuple[Said, ...]
    notes: tuple[Said, ...]
    proposal: tuple[Proposed, ...]

    def clock(self, name: str) -> ClockFact | None:
        """Return a duration by its name."""
        return next((clock for clock in self.clocks if clock.name == name), None)

    def count(self, outcome: str) -> int:
        """Return how many steps ended so."""
        return sum(step.outcome == outcome for step in self.steps)


@dataclass(frozen=True, slots=True)
class ProvenStep:
    """What a proof says of one step."""

    step: str
    title: str
    judgement: str
    why: str
    noted: bool
    """Whether it is worth a reader's attention."""


@dataclass(frozen=True, slots=True)
class BrokenWarning:
    """A warning of the runbook that was broken."""

    warning: str
    text: str
    by: str
    """The step that broke it."""
    change: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a round proved of its runbook."""

    runbook: str
    outcome: str
    """proven, refuted or void."""
    reasons: tuple[str, ...]
    steps: tuple[ProvenStep, ...]
    broken: tuple[BrokenWarning, ...]
    recovery_seconds: float | None
    objective_seconds: float | None
    without: tuple[str, ...]
    worked_around: bool
    """The fault was still in place when customers were served again."""
