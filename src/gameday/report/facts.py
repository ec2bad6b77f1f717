"""What a report tells, as values: a run, its rounds, and everything in them, with times counted from the run's start.

These are the shapes between the fold (`story`) and the four formats; the JSON format is these very names. A value that
the log does not carry is None or empty, never invented. Nothing here computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gameday.report.people_facts import IncidentFacts, Proof, Rehearsal


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took until customers could check out again, counted from the first fault, and how exact that is."""

    seconds: float
    low_seconds: float
    high_seconds: float
    ever_out: bool
    """False where no outage was seen; `high_seconds` then is the longest that could have hidden."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of a round as it was given, and the sentence that says it in plain words."""

    verdict: str
    """held, deviated, inconclusive, or none where the round did not get that far."""
    expected: str
    as_expected: bool
    reasons: tuple[str, ...]
    recovery: Recovery | None
    within_objective: bool | None
    runbook: str
    """proven, refuted, or empty."""
    given_seconds: float | None
    sentence: str
    recovery_sentence: str


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a round; `end_seconds` and `outcome` are missing where the log ends inside it."""

    name: str
    start_seconds: float
    end_seconds: float | None
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity of the experiment (Chaos Toolkit's word)."""

    name: str
    kind: str
    phase: str
    status: str
    ended_seconds: float
    duration_seconds: float
    output: str
    error: str
    tolerance: str
    tolerance_met: bool | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that a probe of ours saw."""

    probe: str
    arguments: str
    value: float
    unit: str
    seen: str
    samples: int
    low: float | None
    high: float | None
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object: what it was and what it became, as text; None where it was not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What another read path than the injecting one says of a fault; `landed` None means that it could not look."""

    landed: bool | None
    seen: str
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Undo:
    """How one owed entry was settled: undone, already, left_alone or residue."""

    entry: str
    object: str
    outcome: str
    detail: str
    fields: tuple[Field, ...]
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Change:
    """One change to the cluster: what was owed, whether it was applied, whether it landed, and how it was undone."""

    id: str
    by: str
    origin: str
    """fault, runbook, or prepare."""
    kind: str
    object: str
    summary: str
    fields: tuple[Field, ...]
    owed_seconds: float
    applied_seconds: float | None
    failed: str
    """The error, where the API did not acknowledge it."""
    certainly_not_done: bool
    evidence: Evidence | None
    entry: str
    """The entry of the undo record that it is owed under."""
    undo: Undo | None
    state: str
    """undone, already, left_alone, residue, not_done (never applied) or owed (the log says nothing of an undo)."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a runbook step's check measured."""

    probe: str
    value: float | None
    unit: str
    within: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a runbook step did to checkout: success in percent before and after, and how many samples that rests on."""

    before_percent: float | None
    after_percent: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class Step:
    """A runbook's step as it was carried out, or not."""

    runbook: str
    step: str
    title: str
    phase: str
    role: str
    start_seconds: float
    end_seconds: float | None
    expected_seconds: float | None
    duration_seconds: float | None
    result: str
    """done, failed, check_failed, skipped, or unfinished where the log ends inside it."""
    how: str
    detail: str
    output: str
    """What its shell block printed."""
    check: Check | None
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class PrescribedStep:
    """A step as the runbook has it, for a round in which nobody carried it out."""

    phase: str
    title: str
    role: str
    expected_seconds: float | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every submit, looked up in the shop."""

    acknowledged: int
    found: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    altered: tuple[str, ...]
    """Found, with another amount than the customer was told."""
    error: str
    unrecorded: tuple[str, ...] = ()
    """Keys of failed submits that were charged all the same, without an order."""
    untracked: tuple[str, ...] = ()
    """Keys of failed submits that the shop has no record of."""
    failed: int = 0
    """Submits that the shop answered with an error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the guard said of planned changes."""

    rule: str
    object: str
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One look of the guard at planned changes."""

    at_seconds: float
    allowed: bool
    changes: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Customers' experience in one stretch of time; rates and latencies are None where nobody tried to check out."""

    start_seconds: float
    seconds: float
    ok: int
    failed: int
    success: float | None
    """0 to 1."""
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """One round (one experiment), from its hypothesis to its verdict; a run's events outside any round fill one as well."""

    id: str
    title: str
    experiment: str
    experiment_digest: str
    hypothesis: str
    runbook: str
    runbook_mode: str
    runbook_steps: tuple[PrescribedStep, ...]
    """What the runbook says to do, whether it was carried out or not."""
    objectives: dict[str, float]
    owners: tuple[str, ...]
    start_seconds: float
    end_seconds: float | None
    outcome: str
    verdict: Verdict
    checkouts_ok: int
    checkouts_failed: int
    cohorts: dict[str, tuple[int, int]]
    """Of each cohort of customers, how many checkouts succeeded and failed."""
    phases: tuple[Phase, ...]
    activities: tuple[Activity, ...]
    measured: tuple[Measured, ...]
    judgements: tuple[Judgement, ...]
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    ledger: Ledger | None
    series: tuple[Bucket, ...]
    people: IncidentFacts | None = None
    """As people lived it; None where nobody took part."""
    proof: Proof | None = None
    """What it proved of its runbook."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours; `died` where it ended by a signal or an error and nobody of ours had ended it."""

    role: str
    pid: int
    start_seconds: float | None
    end_seconds: float | None
    exit_code: int | None
    signal: int | None
    reason: str
    died: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """Why the run was to end early."""

    at_seconds: float
    by: str
    reason: str
    round: str


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that a reader should know."""

    at_seconds: float
    level: str
    text: str
    round: str


@dataclass(frozen=True, slots=True)
class Followup:
    """One thing to do next, and who is to do it."""

    what: str
    why: str
    owner: str
    round: str
    command: str


@dataclass(frozen=True, slots=True)
class Row:
    """One event in one line, for the engineer's table."""

    seq: int
    at_seconds: float
    round: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """What the run as a whole was."""

    run_id: str
    kind: str
    title: str
    source: str
    source_digest: str
    version: str
    host: str
    cluster: dict[str, Any] | None
    namespaces: tuple[str, ...]
    traffic: dict[str, Any] | None
    switched_off: tuple[str, ...]
    roles: dict[str, str]
    unguarded: bool
    started_at: str
    ended_at: str
    """The wall clock of the last event."""
    duration_seconds: float
    exit_code: int | None
    """None where the log has no end."""
    summary: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a report says, in the order in which people want to read it."""

    run: Run
    ended: bool
    """False for a log without an end: the run is still on, or it was killed."""
    headline: str
    state: str
    """expected, differs, inconclusive, rehearsed, refused, aborted, residue, cut, empty or internal: the headline in one word."""
    rounds: tuple[Round, ...]
    outside: Round | None
    """What happened outside any round: preparations, changes and undo of the run as a whole. None where nothing did."""
    residue: tuple[str, ...]
    aborts: tuple[Abort, ...]
    recoveries: tuple[Note, ...]
    notes: tuple[Note, ...]
    processes: tuple[Process, ...]
    load_error: str
    load_behind_seconds: float
    """By how much the load generator fell behind its own schedule, at worst."""
    actions: tuple[Followup, ...]
    series: tuple[Bucket, ...]
    samples: int
    """How many events were windows of samples; they are in `series` and not in `rows`."""
    rows: tuple[Row, ...]
    rehearsal: Rehearsal | None = None
    """Who took part; None for a run without people."""
