"""A round as it takes shape while the log is read: one event after the other goes in, a `facts.Round` comes out.

The draft keeps no more than what the events say. What the log leaves open, because it ends in the middle, stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gameday.log.events import (
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    GuardJudged,
    LedgerChecked,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    RoundStarted,
    StepEnded,
    StepStarted,
    VerdictGiven,
)
from gameday.report.convert import activity_of, change_of, judgement_of, measured_of, recovery_of, step_begun, step_done
from gameday.report.facts import (
    Activity,
    Change,
    Evidence,
    Judgement,
    Ledger,
    Measured,
    Phase,
    PrescribedStep,
    Round,
    Step,
    Undo,
    Verdict,
)
from gameday.report.sentences import recovery_sentence, verdict_sentence
from gameday.report.series import Sample, cohort_totals, curve, totals

UNSETTLED = ("residue", "left_alone", "owed")
"""The states of a change that leave something behind, the worst first."""
_RANK = ("residue", "left_alone", "undone", "already")


@dataclass(slots=True)
class Draft:
    """What is known of a round so far; `add` puts in what one event says."""

    id: str
    start_seconds: float
    started: RoundStarted | None = None
    end_seconds: float | None = None
    outcome: str = ""
    verdict: VerdictGiven | None = None
    verdict_seconds: float | None = None
    phases: list[Phase] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    ledger: Ledger | None = None

    def add(self, event: Any, at: float, applied_at: float | None = None) -> None:  # noqa: C901, PLR0912  # a row per type
        """Put in one event; `applied_at` is when a change was acknowledged, counted like `at`."""
        match event:
            case RoundStarted():
                self.started, self.start_seconds = event, at
            case PhaseStarted():
                self.phases.append(Phase(event.phase, at, None, "", event.detail))
            case PhaseEnded():
                self._end_phase(event, at)
            case ActivityEnded():
                self.activities.append(activity_of(event, at))
            case ProbeMeasured():
                self.measured.append(measured_of(event, at))
            case GuardJudged():
                self.judgements.append(judgement_of(event, at))
            case ChangeOwed():
                self.changes[event.change_id] = change_of(event, at, self._origin())
            case ChangeApplied(change_id=change_id) if change_id in self.changes:
                self.changes[change_id] = replace(self.changes[change_id], applied_seconds=applied_at)
            case ChangeFailed(change_id=change_id) if change_id in self.changes:
                self.changes[change_id] = replace(
                    self.changes[change_id], failed=event.error or "no answer", certainly_not_done=event.definite
                )
            case ChangeLanded():
                self._landed(event, at)
            case StepStarted():
                self.steps.append(step_begun(event, at))
            case StepEnded():
                self._end_step(event, at)
            case LedgerChecked():
                self.ledger = Ledger(
                    event.acknowledged,
                    event.found,
                    tuple(event.lost),
                    tuple(event.doubled),
                    tuple(event.altered),
                    event.error,
                    tuple(event.unrecorded),
                    tuple(event.untracked),
                    event.failed,
                )
            case VerdictGiven():
                self.verdict, self.verdict_seconds = event, at
            case _:
                pass

    def finish(self, samples: Sequence[Sample], *, log_end_seconds: float, owner: str) -> Round:
        """Return the round as it stands; a round that never ended reaches to the end of the log."""
        started = self.started or RoundStarted(title=self.id, experiment="", experiment_digest="")
        end = log_end_seconds if self.end_seconds is None else self.end_seconds
        ok, failed = totals(samples, start_seconds=self.start_seconds, end_seconds=end)
        return Round(
            id=self.id,
            title=started.title,
            experiment=started.experiment,
            experiment_digest=started.experiment_digest,
            hypothesis=started.hypothesis,
            runbook=started.runbook,
            runbook_mode=started.runbook_mode if started.runbook else "",
            runbook_steps=tuple(
                PrescribedStep(step.get("phase", ""), step.get("title", ""), step.get("role", ""), step.get("expected_seconds"))
                for step in started.runbook_steps
            ),
            objectives=dict(started.objectives),
            owners=tuple(started.owners) or (owner,),
            start_seconds=self.start_seconds,
            end_seconds=self.end_seconds,
            outcome=self.outcome,
            verdict=self._judged(started),
            checkouts_ok=ok,
            checkouts_failed=failed,
            cohorts=cohort_totals(samples, start_seconds=self.start_seconds, end_seconds=end),
            phases=tuple(self.phases),
            activities=tuple(self.activities),
            measured=tuple(self.measured),
            judgements=tuple(self.judgements),
            changes=tuple(self.changes.values()),
            steps=tuple(self.steps),
            ledger=self.ledger,
            series=curve(samples, start_seconds=self.start_seconds, end_seconds=end),
        )

    def settle(self, undos: Sequence[tuple[str, Undo]]) -> None:
        """Give each change the undo that settled it; `undos` are those of the whole run with the round they stand in."""
        for change in self.changes.values():
            undo = _undo_of(change, self.id, undos)
            self.changes[change.id] = replace(change, undo=undo, state=_state(change, undo))

    def _origin(self) -> str:
        if self.steps and self.steps[-1].end_seconds is None:
            return "runbook"
        running = [phase.name for phase in self.phases if phase.end_seconds is None]
        if running and running[-1] in {"people", "closing"}:
            return "runbook"
        return running[-1] if running and running[-1] in {"prepare", "runbook"} else "fault"

    def _end_phase(self, event: PhaseEnded, at: float) -> None:
        for index in reversed(range(len(self.phases))):
            phase = self.phases[index]
            if phase.name == event.phase and phase.end_seconds is None:
                detail = event.detail or phase.detail
                self.phases[index] = replace(phase, end_seconds=at, outcome=event.outcome, detail=detail)
                return
        self.phases.append(Phase(event.phase, at, at, event.outcome, event.detail))

    def _landed(self, event: ChangeLanded, at: float) -> None:
        evidence = Evidence(event.landed, event.seen, at)
        for change_id in event.change_ids:
            if change_id in self.changes:
                self.changes[change_id] = replace(self.changes[change_id], evidence=evidence)

    def _end_step(self, event: StepEnded, at: float) -> None:
        ended = step_done(event, at)
        for index in reversed(range(len(self.steps))):
            step = self.steps[index]
            if (step.runbook, step.step) == (event.runbook, event.step) and step.end_seconds is None:
                self.steps[index] = replace(
                    ended,
                    title=step.title,
                    phase=step.phase,
                    role=step.role,
                    start_seconds=step.start_seconds,
                    expected_seconds=step.expected_seconds,
                )
                return
        self.steps.append(ended)

    def _judged(self, started: RoundStarted) -> Verdict:
        given = self.verdict
        verdict, expected = (given.verdict, given.expected) if given else ("none", started.expected)
        reasons = tuple(given.reasons) if given else ()
        recovery = recovery_of(given.recovery) if given else None
        objective = started.objectives.get("rto_seconds")
        within = given.within_objective if given else None
        says_recovery = recovery is not None or (given is not None and verdict != "inconclusive" and objective is not None)
        return Verdict(
            verdict=verdict,
            expected=expected,
            as_expected=verdict == expected,
            reasons=reasons,
            recovery=recovery,
            within_objective=within,
            runbook=given.runbook if given else "",
            given_seconds=self.verdict_seconds,
            sentence=verdict_sentence(verdict=verdict, expected=expected, hypothesis=started.hypothesis, reasons=reasons),
            recovery_sentence=recovery_sentence(recovery, objective_seconds=objective, within=within) if says_recovery else "",
        )


def _undo_of(change: Change, round_id: str, undos: Sequence[tuple[str, Undo]]) -> Undo | None:
    """Return what settled the change: its own entry's undo, or one of its object's, of its own round where there is one."""
    later = [(where, undo) for where, undo in undos if undo.at_seconds >= change.owed_seconds]
    named = [undo for _, undo in later if undo.entry == change.entry]
    own = [undo for where, undo in later if undo.object == change.object and where == round_id]
    other = [undo for where, undo in later if undo.object == change.object and where == ""]
    found = named or own
    if not found or found[-1].outcome in {"residue", "left_alone"}:
        found = found + other
    last = {undo.entry: undo for undo in found}
    return min(last.values(), key=lambda undo: _RANK.index(undo.outcome) if undo.outcome in _RANK else 0, default=None)


def _state(change: Change, undo: Undo | None) -> str:
    if undo is not None:
        return undo.outcome
    return "not_done" if change.certainly_not_done else "owed"
