"""The events of a run, each a frozen struct; together they are the run, and every report and verdict is a fold over them.

An event says what happened, in the past tense, with the values that were true then. What a reader needs to explain a
verdict stands in it in clear; what is secret stands in it as a digest (`change.fields.shown`). Fields are added, never
renamed: logs outlive versions, and a reader skips fields and types that it does not know.

Times: `at` is the wall clock (ISO 8601, UTC), `mono` CLOCK_MONOTONIC in seconds, which all processes of one host share and
which alone is used to measure. Durations are seconds, rates per second, ratios 0 to 1 unless a unit is named.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What all events share; the writer fills in `seq`, `at` and `mono`."""

    seq: int = 0
    at: str = ""
    mono: float = 0.0
    round: str = ""
    """The id of the round it belongs to; empty for the run as a whole."""

    is_sample: ClassVar[bool] = False


# ------------------------------------------------------------------------------------------------ the run and its processes


class RunStarted(Event, frozen=True, kw_only=True, tag="run.started"):
    """A run began; the first event of every log."""

    run_id: str
    kind: str
    """experiment, gameday, foreign, or runbook (a proof: gameday runbook verify)."""
    title: str
    source: str
    """The file as the user named it."""
    source_digest: str
    version: str
    host: str
    cluster: dict[str, Any] | None = None
    """uid, name, server; None for experiments that touch no cluster."""
    namespaces: list[str] = []
    traffic: dict[str, Any] | None = None
    """journey, rate_per_second, url."""
    switched_off: list[str] = []
    """Guard rules that the plan switched off by name."""
    roles: dict[str, str] = {}
    unguarded: bool = False


class ProcessStarted(Event, frozen=True, kw_only=True, tag="process.started"):
    """A process of ours began; enough to end it later and nobody else's."""

    role: str
    """command, guardian, worker, load or rollback."""
    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: a pid with another start is another process."""
    boot: str = ""
    """Of a guardian: which start of which machine it belongs to, and with it whose `mono` its events carry."""


class ProcessEnded(Event, frozen=True, kw_only=True, tag="process.ended"):
    """A process of ours ended, or was ended by us (`reason` says why)."""

    role: str
    pid: int
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""


class LeaseAcquired(Event, frozen=True, kw_only=True, tag="lease.acquired"):
    """This run holds the cluster's one Lease."""

    holder: str


class LeaseReleased(Event, frozen=True, kw_only=True, tag="lease.released"):
    """This run gave the Lease back."""

    holder: str


class AbortRequested(Event, frozen=True, kw_only=True, tag="abort.requested"):
    """The run is to end now and undo; `by` is a signal's name, a process of ours, a deadline or a stop condition."""

    by: str
    reason: str


class RecoveryStarted(Event, frozen=True, kw_only=True, tag="recovery.started"):
    """Another guardian took over this log to undo what a dead one still owed."""

    holder: str
    reason: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run.ended"):
    """The run is over; the last event of a log that nobody has to recover."""

    exit_code: int
    summary: str
    residue: list[str] = []


class Noted(Event, frozen=True, kw_only=True, tag="note"):
    """A sentence that a reader of the report should know; level is info, warning or error."""

    level: str
    text: str
    silent_seconds: float = 0.0
    """How long the cluster was asked in vain, up to this moment; 0 where it answered, if only to refuse."""


# ------------------------------------------------------------------------------------------------ rounds and their phases


class RoundStarted(Event, frozen=True, kw_only=True, tag="round.started"):
    """A round (one experiment) began."""

    title: str
    experiment: str
    """The file as the user named it."""
    experiment_digest: str
    hypothesis: str = ""
    runbook: str = ""
    """The runbook's id; empty if the experiment names none."""
    runbook_mode: str = "show"
    """show (its steps stand in the report), execute (they are carried out and measured) or people (people carry them out)."""
    runbook_steps: list[dict[str, Any]] = []
    """What the runbook says to do: id, phase, title, role, expected_seconds of each step, carried out or not; does (action,
    probe, shell or nothing), acts_unseen (its block does what no look at the cluster shows) and checked."""
    runbook_file: str = ""
    runbook_digest: str = ""
    """Of its text without its last proof (`runbook.proof.digest_without_proof`)."""
    runbook_objectives: dict[str, float] = {}
    """What the runbook promises itself: rto_seconds, rpo_seconds; the round's own where it says nothing."""
    runbook_warnings: list[dict[str, Any]] = []
    """What nobody may do until it is mended: id, text, step, forbids (a list of do, kind, namespace, name, field)."""
    runbook_without: list[str] = []
    """Steps that are left out, to show whether they are needed."""
    verifies: bool = False
    """The round is about its runbook: whether that is proven is what the run comes to."""
    expected: str = "held"
    objectives: dict[str, float] = {}
    """rto_seconds, rpo_seconds."""
    drill_orders: str = ""
    """What the references of orders begin with that are taken into the copy of a database which the round repoints to."""
    owners: list[str] = []
    foreign: list[str] = []
    """Actions of other extensions in the method; that what they changed has landed, only they themselves say."""
    rollbacks: list[str] = []
    """Rollbacks of the experiment's own: owed once its method has begun, and left behind where they did not succeed."""


class PhaseStarted(Event, frozen=True, kw_only=True, tag="phase.started"):
    """A phase of a round began: prepare, traffic, baseline, method, hypothesis, rollbacks, runbook, undo, recovery, ledger.

    In a rehearsal, people stands for runbook. After the verdict comes restore, in which what prepared the round is undone, and
    in a rehearsal closing, until people have closed the incident.
    """

    phase: str
    detail: str = ""


class PhaseEnded(Event, frozen=True, kw_only=True, tag="phase.ended"):
    """A phase ended; `outcome` is ok, red, failed, skipped or aborted."""

    phase: str
    outcome: str
    detail: str = ""


class RoundEnded(Event, frozen=True, kw_only=True, tag="round.ended"):
    """A round is over, its verdict given and what it owed undone or named."""

    outcome: str = "completed"


class ActivityEnded(Event, frozen=True, kw_only=True, tag="activity.ended"):
    """An activity of the experiment (Chaos Toolkit's word) ran; `status` is Chaos Toolkit's succeeded or failed."""

    name: str
    kind: str
    """action or probe."""
    phase: str
    """before, method, after or rollbacks."""
    status: str
    output: Any = None
    error: str = ""
    duration_seconds: float = 0.0
    tolerance: Any = None
    tolerance_met: bool | None = None


class ProbeMeasured(Event, frozen=True, kw_only=True, tag="probe.measured"):
    """A probe of ours measured something: the number, its unit, and how exact it is."""

    probe: str
    arguments: dict[str, Any]
    value: float
    unit: str
    seen: str = ""
    samples: int = 0
    low: float | None = None
    high: float | None = None


# ------------------------------------------------------------------------------------------------ the guard, changes and undo


class GuardJudged(Event, frozen=True, kw_only=True, tag="guard.judged"):
    """The guard looked at planned changes; `findings` is empty when it allows them."""

    allowed: bool
    changes: list[str]
    findings: list[dict[str, str]] = []
    """rule, object, message."""


BY_STEP: Final = "step "
"""What the changes of a runbook's steps are told to be by, before the step's id."""


class ChangeOwed(Event, frozen=True, kw_only=True, tag="change.owed"):
    """What the change will need undone stands in the undo record; it may be applied from here on."""

    change_id: str
    by: str
    """The action or runbook step it belongs to."""
    kind: str
    """patch, create, delete or evict."""
    object: str
    """As people write it: `deployment shop/payment`."""
    summary: str
    fields: list[dict[str, Any]] = []
    """path, before, after; a Secret's and sensitive ones as digests; MISSING as the JSON null with `missing: true`."""
    undoers: str = "any"
    """any, or the one host that can undo it."""
    entry: str = ""
    """The entry of the undo record that it is owed under; `undo.ended` names the same."""
    prepares: bool = False
    """It was made before the baseline, and is undone after the verdict: part of what the fault meets, not of the fault."""
    by_shell: bool = False
    """A step's shell block did it, which was seen only afterwards; a pod that it took away may have been deleted or evicted."""
    lasts_seconds: float | None = None
    """How long after being applied the change is over by itself, as a fault proxy's is; None for one that stays."""

    @property
    def is_fault(self) -> bool:
        """Whether it is of the experiment's method, and not of what prepared it or of a runbook's step."""
        return not self.prepares and not self.by.startswith(BY_STEP)


class ChangeApplied(Event, frozen=True, kw_only=True, tag="change.applied"):
    """The API acknowledged the change. `applied_mono` is when the acknowledgement came."""

    change_id: str
    applied_mono: float
    resource_version: str = ""


class ChangeFailed(Event, frozen=True, kw_only=True, tag="change.failed"):
    """The API did not acknowledge the change; if `definite`, it certainly did not happen, otherwise it may have."""

    change_id: str
    error: str
    definite: bool


class ChangeLanded(Event, frozen=True, kw_only=True, tag="change.landed"):
    """What another read path than the one that injected says of an action's changes."""

    change_ids: list[str]
    by: str
    landed: bool | None
    seen: str


class UndoStarted(Event, frozen=True, kw_only=True, tag="undo.started"):
    """An undoer took what is owed in hand."""

    reason: str
    holder: str
    owed: int


class UndoEnded(Event, frozen=True, kw_only=True, tag="undo.ended"):
    """One owed entry is settled: undone (set back by us), already (as before), left_alone (others wrote since) or residue."""

    entry: str
    object: str
    outcome: str
    detail: str
    fields: list[dict[str, Any]] = []
    """path, before, found, after."""


# ------------------------------------------------------------------------------------------------ traffic and orders


class LoadStarted(Event, frozen=True, kw_only=True, tag="load.started"):
    """The load generator sends its first journeys."""

    journey: str
    rate_per_second: float
    url: str
    steps: list[str] = []
    order_step: str = ""
    """The step whose success is a checkout."""
    journey_file: str = ""
    """Where the journey was read from, which says how its orders are looked up."""


class LoadWindow(Event, frozen=True, kw_only=True, tag="load.window"):
    """The samples of 100 ms, folded (`traffic.windows`); the only event there are many of."""

    start: float
    seconds: float
    offered: int
    behind_seconds: float = 0.0
    journeys: dict[str, Any] = {}
    """Whole journeys, in the same form as a step; a customer who fails at an earlier step never reaches the order."""
    steps: dict[str, dict[str, Any]] = {}
    """Per step of the journey: ok, failed, errors {reason: n}, latency {bucket: n} (`traffic.histogram`)."""
    cohorts: dict[str, dict[str, Any]] = {}
    """Whole journeys by the cohort of their customers, without latencies; empty where the journey has none."""

    is_sample: ClassVar[bool] = True


class LoadEnded(Event, frozen=True, kw_only=True, tag="load.ended"):
    """The load generator ended."""

    totals: dict[str, Any] = {}
    error: str = ""


class LedgerChecked(Event, frozen=True, kw_only=True, tag="ledger.checked"):
    """Every submit was looked up in the shop; orders that are not as they were promised are named."""

    acknowledged: int
    found: int
    lost: list[str] = []
    doubled: list[str] = []
    altered: list[str] = []
    """Found, with another amount than the customer was told."""
    unrecorded: list[str] = []
    """Keys of submits that failed, for which money was taken and no order is there."""
    untracked: list[str] = []
    """Keys of submits of the round that the shop answered with an error, and that are neither an order nor on its list."""
    failed: int = 0
    """How many submits of the round the shop answered with an error."""
    error: str = ""
    """Why it could not be checked, if it could not."""
    of_copy: bool = False
    """They were looked up in the copy that a drill had repointed to, before its undo."""
    drill: int = 0
    """Orders that were taken into that copy: among those acknowledged before the undo, and not looked for after it."""
    forgotten: int = 0
    """Acknowledged before the loss, and not in the copy, which has none as new."""
    recovery_point_seconds: float | None = None
    """How old the newest order in the copy was at the loss; 0 if none is forgotten."""
    recovery_point_is_least: bool = False
    """The run's own orders only show that it was at least so old."""


# ------------------------------------------------------------------------------------------------ runbooks and verdicts


class StepStarted(Event, frozen=True, kw_only=True, tag="step.started"):
    """A runbook's step is being carried out."""

    runbook: str
    step: str
    title: str
    phase: str
    role: str = ""
    expected_seconds: float | None = None


class StepEnded(Event, frozen=True, kw_only=True, tag="step.ended"):
    """A runbook's step ended. `result` is done, failed, check_failed, or skipped (with the reason in `detail`)."""

    runbook: str
    step: str
    result: str
    how: str
    """executed, or prose for a person."""
    duration_seconds: float
    detail: str = ""
    output: str = ""
    """What a shell block printed, its last 4,000 characters."""
    check: dict[str, Any] = {}
    """probe, value, unit, within, met."""
    effect: dict[str, Any] = {}
    """What it did to checkout: before, during and after (success in percent, samples, ok, and low and high, the bounds of its
    95 % interval), and change (from before to after, in points: points, low, high)."""
    check_before: dict[str, Any] = {}
    """The same as `check`, measured once before the step; empty where it was not."""
    wrote: list[str] = []
    """What it changed in the cluster, a sentence each."""
    missing: list[str] = []
    """Programs that its shell block needs and that are not on this machine, so that it was not executed."""
    left_out: bool = False
    """It was not carried out because it was to be shown whether it is needed."""
    began_mono: float | None = None
    """When its shell block began, by the clock of `mono`. The event itself comes later than the block's end by however long its
    effect was measured. None where there was no block, and in logs from before this was told."""


class RunbookJudged(Event, frozen=True, kw_only=True, tag="runbook.judged"):
    """What a round in which a runbook was executed says of it, with the reasons."""

    runbook: str
    outcome: str
    """proven, refuted, or void (the round shows neither)."""
    reasons: list[str]
    steps: list[dict[str, Any]] = []
    """Of each step: step, title, phase, judgement (helped, did_nothing, worse, wrong, skipped or unknown), why, and noted:
    whether it is worth a reader's attention, as a step of Resolve that did nothing is, and a look of Diagnose is not."""
    broken: list[dict[str, Any]] = []
    """Warnings that were broken: id, text, step (that broke it), change, forbidden."""
    recovery_seconds: float | None = None
    """From the fault to when checkout was itself again; None where that was not seen before the undo."""
    objective_seconds: float | None = None
    """The recovery time that was promised."""
    without: list[str] = []
    """Steps that were left out."""
    worked_around: bool = False
    """The fault was still in place when checkout was itself again."""
    digest: str = ""
    """Of the text that was executed, without its last proof."""


class VerdictGiven(Event, frozen=True, kw_only=True, tag="verdict.given"):
    """The judgement of a round, with the reasons it rests on."""

    verdict: str
    """held, deviated or inconclusive."""
    expected: str
    reasons: list[str]
    recovery: dict[str, Any] | None = None
    """seconds, low_seconds, high_seconds, or None where it was not seen to recover."""
    within_objective: bool | None = None
    recovery_point_seconds: float | None = None
    """In a drill that restores a database: how old the newest recovered order was at the loss."""
    runbook: str = ""
    """What the round says of the runbook: proven, refuted, void, or empty where it was not executed."""


RunEvent = (
    RunStarted
    | ProcessStarted
    | ProcessEnded
    | LeaseAcquired
    | LeaseReleased
    | AbortRequested
    | RecoveryStarted
    | RunEnded
    | Noted
    | RoundStarted
    | PhaseStarted
    | PhaseEnded
    | RoundEnded
    | ActivityEnded
    | ProbeMeasured
    | GuardJudged
    | ChangeOwed
    | ChangeApplied
    | ChangeFailed
    | ChangeLanded
    | UndoStarted
    | UndoEnded
    | LoadStarted
    | LoadWindow
    | LoadEnded
    | LedgerChecked
    | StepStarted
    | StepEnded
    | VerdictGiven
    | RunbookJudged
)
