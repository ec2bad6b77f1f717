"""The judgement of a runbook whose steps were executed against its fault: proven, refuted or void, and every step.

Proven is one by which alone the steady state came back within what it promises: each check passed, no warning was broken, no
order was lost. What makes the round say nothing of the runbook is looked for first (docs/proving.md has each rule, and why).
Of the log alone; the same log gives the same judgement years later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gameday.log.events import (
    BY_STEP,
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeOwed,
    LedgerChecked,
    LoadStarted,
    PhaseEnded,
    PhaseStarted,
    RoundEnded,
    RoundStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    UndoStarted,
    VerdictGiven,
)
from gameday.log.every import AnyEvent
from gameday.traffic.windows import Recovery
from gameday.verdict import drills
from gameday.verdict.judging import fault_doubts, lost_orders
from gameday.verdict.samples import fault_applied_at, recovery_of
from gameday.verdict.stepping import judge_step
from gameday.verdict.warnings import Broken, broken_by

PROVEN: Final = "proven"
REFUTED: Final = "refuted"
VOID: Final = "void"
_SUCCESS: Final = "gameday.probes.checkout.success_rate"
_WHOLE_SECONDS: Final = 1.0
"""A proxy's deadline counts from its switch's creation, told in whole seconds: it may come so much earlier."""


@dataclass(frozen=True, slots=True)
class RunbookVerdict:
    """What a round says of a runbook; its fields are those of the event `runbook.judged`."""

    runbook: str
    outcome: str
    reasons: list[str]
    steps: list[dict[str, Any]]
    broken: list[dict[str, Any]]
    recovery_seconds: float | None
    objective_seconds: float | None
    without: list[str]
    worked_around: bool
    digest: str


@dataclass(frozen=True, slots=True)
class _Proof:
    """A round's own events, and what was measured from them."""

    started: RoundStarted
    own: Sequence[AnyEvent]
    all: Sequence[AnyEvent]
    fault_at: float | None
    recovery: Recovery | None

    @property
    def steps(self) -> list[StepEnded]:
        """The steps that came to their end, in order."""
        return [event for event in self.own if isinstance(event, StepEnded)]

    @property
    def executed(self) -> list[StepEnded]:
        """Those that did or checked something."""
        return [step for step in self.steps if step.result != "skipped"]

    @property
    def recovered_at(self) -> float | None:
        """When checkout was itself again for good; None where that was not seen, or it never was anything else."""
        if self.fault_at is None or self.recovery is None or not self.recovery.ever_out:
            return None
        return self.fault_at + self.recovery.seconds

    @property
    def promised(self) -> RoundStarted:
        """The round as its runbook promises it: by the runbook's own objectives, and the experiment's where it says nothing."""
        return msgspec.structs.replace(self.started, objectives={**self.started.objectives, **self.started.runbook_objectives})

    @property
    def objective_seconds(self) -> float | None:
        """The recovery time that the runbook promises, or that its experiment does where it says nothing."""
        return self.promised.objectives.get("rto_seconds")

    def changes(self) -> Iterator[tuple[ChangeOwed, float]]:
        """Yield what was changed, and when that was acknowledged; what certainly did not happen is left out."""
        applied = {event.change_id: event.applied_mono for event in self.own if isinstance(event, ChangeApplied)}
        failed = {event.change_id for event in self.own if isinstance(event, ChangeFailed) and event.definite}
        for event in self.own:
            if isinstance(event, ChangeOwed) and event.change_id not in failed:
                yield event, applied.get(event.change_id, event.mono)

    def by_steps(self) -> list[tuple[ChangeOwed, float]]:
        """Return what the runbook's steps changed, without what was as they wanted it already."""
        return [(event, at) for event, at in self.changes() if event.by.startswith(BY_STEP) and _changes_something(event)]

    def acts(self) -> dict[str, float]:
        """Return which steps did something, and since when each may have.

        A step did something if it changed the cluster, or if it executed a shell block whose text does more than read where no
        look at the cluster shows it. What a block wrote is only told after it, so it counts from the block's beginning.
        """
        began = {step.step: _began(step) for step in self.executed if step.how == "executed"}
        unseen = {str(item.get("id")) for item in self.started.runbook_steps if item.get("acts_unseen")}
        found = {step: at for step, at in began.items() if step in unseen}
        for event, acknowledged_at in self.by_steps():
            step = event.by.removeprefix(BY_STEP)
            at = min(acknowledged_at, began.get(step, acknowledged_at)) if event.by_shell else acknowledged_at
            found[step] = min(at, found.get(step, at))
        return found

    @property
    def came_back_by_itself(self) -> bool:
        """Whether checkout was out, and itself again before a step had done anything."""
        return self.recovered_at is not None and self.recovered_at < min(self.acts().values(), default=float("inf"))


def judge_runbook(events: Sequence[AnyEvent], round_id: str) -> RunbookVerdict | None:
    """Judge the runbook of a round by its log; None for a round in which none was to be executed. ValueError without it."""
    proof = _proof(events, round_id)
    if proof.started.runbook_mode != "execute" or not proof.started.runbook:
        return None
    broken = [*_broken(proof)]
    steps = [judge_step(step, *_of_step(proof, step, broken)) for step in proof.steps]
    void = [*_void(proof, events)]
    against = [*_against(proof, events, broken)]
    if not void and not against and not proof.acts():
        void = ["no step changed anything, so whatever is as it should be again became so by itself"]
    if void:
        outcome, reasons = VOID, [*void, *against]
    elif against:
        outcome, reasons = REFUTED, against
    else:
        outcome, reasons = PROVEN, [*_for(proof)]
    return RunbookVerdict(
        runbook=proof.started.runbook,
        outcome=outcome,
        reasons=reasons,
        steps=[item.as_dict() for item in steps],
        broken=[item.as_dict() for item in broken],
        recovery_seconds=round(proof.recovery.seconds, 3) if proof.recovery is not None else None,
        objective_seconds=proof.objective_seconds,
        without=list(proof.started.runbook_without),
        worked_around=_is_worked_around(proof),
        digest=proof.started.runbook_digest,
    )


def _proof(events: Sequence[AnyEvent], round_id: str) -> _Proof:
    own = [event for event in events if event.round == round_id]
    started = next((event for event in own if isinstance(event, RoundStarted)), None)
    if started is None:
        raise ValueError(f"the log has no round {round_id!r}")
    last = next((event.seq for event in own if isinstance(event, VerdictGiven | RoundEnded)), float("inf"))
    own = [event for event in own if event.seq <= last]
    fault_at = fault_applied_at(events, round_id)
    # Whatever comes back from there on, the undo has brought back.
    until = next((event.mono for event in own if isinstance(event, UndoStarted) or _is_undo(event)), float("inf"))
    return _Proof(started, own, events, fault_at, recovery_of(events, round_id, until=until))


def _is_undo(event: AnyEvent) -> bool:
    return isinstance(event, PhaseStarted) and event.phase == "undo"


def _began(step: StepEnded) -> float:
    """Return when a step's block began; too late by how long its effect was measured, where the log does not tell."""
    return step.mono - step.duration_seconds if step.began_mono is None else step.began_mono


def _changes_something(event: ChangeOwed) -> bool:
    """Say whether a change was one; a patch may find what it wants."""
    return event.kind != "patch" or not event.fields or any(field["before"] != field["after"] for field in event.fields)


def _of_step(proof: _Proof, step: StepEnded, broken: Sequence[Broken]) -> tuple[str, str, list[str], list[str]]:
    """Return a step's title, its phase, what it wrote, and the warnings that it broke."""
    said = next((item for item in proof.started.runbook_steps if item.get("id") == step.step), None)
    began = next((event for event in proof.own if isinstance(event, StepStarted) and event.step == step.step), None)
    title = str((said or {}).get("title", "")) or (began.title if began is not None else step.step)
    phase = str((said or {}).get("phase", "")) or (began.phase if began is not None else "")
    wrote = [event.summary for event, _ in proof.by_steps() if event.by == f"{BY_STEP}{step.step}"]
    return title, phase, wrote, [item.text for item in broken if item.step == step.step]


# ------------------------------------------------------------------------------------------------ what makes it void


def _void(proof: _Proof, events: Sequence[AnyEvent]) -> Iterator[str]:
    yield from fault_doubts(events, proof.started.round)
    if not any(isinstance(event, LoadStarted) for event in events):
        yield "no customers came, so nothing shows what the steps did to checkout"
    for event in proof.own:
        if isinstance(event, LedgerChecked) and event.error:
            yield f"the orders could not be looked up: {event.error}"
    yield from drills.doubts(proof.promised, proof.own)
    yield from _not_executed(proof)
    yield from _ended_by_itself(proof)
    yield from _set_back_by_others(proof)
    if proof.fault_at is not None and proof.executed:
        yield from _nothing_to_mend(proof)


def _not_executed(proof: _Proof) -> Iterator[str]:
    if not proof.executed:
        yield "none of its steps was executed"
    ended = {step.step for step in proof.steps}
    never = [item["id"] for item in proof.started.runbook_steps if item.get("id") and item["id"] not in ended]
    if never and proof.executed:
        yield f"it was not carried out to its end: not reached were {', '.join(never)}"
    for step in proof.steps:
        if step.missing:
            programs = ", ".join(step.missing)
            where = f"{programs} is not on this machine; install it, or prove the runbook elsewhere"
            yield f"the step {step.step} could not be executed: {where}"


def _ended_by_itself(proof: _Proof) -> Iterator[str]:
    """Name faults whose own deadline came before checkout was itself again, or before the steps were over."""
    moment = proof.recovered_at or _end_of_steps(proof)
    taken = {(event.object, event.kind): at for event, at in proof.by_steps() if event.kind in {"delete", "patch"}}
    for event, at in proof.changes():
        if not event.is_fault or event.lasts_seconds is None or moment is None:
            continue
        over_at = at + event.lasts_seconds - _WHOLE_SECONDS
        by_a_step = [when for (name, _), when in taken.items() if name == event.object and when < over_at]
        if moment >= over_at and not by_a_step:
            told = f"{event.lasts_seconds:g} s after it was applied ({event.summary})"
            yield f"the fault was over by itself {told}: no step ended it"


def _end_of_steps(proof: _Proof) -> float | None:
    ends = [event.mono for event in proof.own if isinstance(event, PhaseEnded) and event.phase == "runbook"]
    return ends[-1] if ends else None


def _set_back_by_others(proof: _Proof) -> Iterator[str]:
    """Name what the fault had changed and what was as before at the undo, although no step had touched it."""
    faults = [event for event, _ in proof.changes() if event.is_fault and event.kind in {"patch", "create"} and event.entry]
    touched = {event.object for event, _ in proof.by_steps()}
    created = {event.entry for event in faults if event.kind == "create"}
    wrote = {(event.entry, field["path"]): field["after"] for event in faults for field in event.fields}
    known = {event.entry for event in faults}
    for event in proof.own:
        if not isinstance(event, UndoEnded) or event.entry not in known or event.object in touched:
            continue
        if event.entry in created and event.outcome == "already":
            yield f"{event.object}, which the fault had made, was taken away by somebody else than the runbook"
        for field in event.fields:
            path, found = field["path"], field["found"]
            if field["outcome"] == "already" and wrote.get((event.entry, path), found) != found:
                yield f"{path} of {event.object} was set back by somebody else than the runbook, so that mended it or a step did"


def _nothing_to_mend(proof: _Proof) -> Iterator[str]:
    """Say why there was nothing that the steps could have mended, if there was not."""
    acts = proof.acts()
    out_after = [
        event
        for event in proof.own
        if isinstance(event, ActivityEnded) and event.phase == "after" and event.tolerance_met is False
    ]
    was_out = proof.recovery is None or proof.recovery.ever_out
    if acts and not was_out and not out_after and not any(_was_red(step) for step in proof.executed if step.step in acts):
        yield (
            "the fault did no harm that the runbook could have mended: checkout was never out, what was measured after it was "
            "within tolerance, and no check of a step that did something was red before it"
        )
    if acts and proof.came_back_by_itself and not _turned(proof):
        after = (proof.recovered_at or 0.0) - (proof.fault_at or 0.0)
        yield f"checkout came back by itself {after:.1f} s after the fault, before a step had changed anything"


def _turned(proof: _Proof) -> list[StepEnded]:
    """Return the steps that did something and whose check was red before them and met after.

    A check that turns at a step for people, who do nothing here, has been turned by something else; and one of checkout's
    success looks back over a stretch of time, so it may be red for a while after checkout is itself again.
    """
    acts = proof.acts()
    own = [step for step in proof.executed if step.step in acts and step.check.get("probe") != _SUCCESS]
    return [step for step in own if _was_red(step) and step.check.get("met")]


def _was_red(step: StepEnded) -> bool:
    """Say whether its check was measured before it, and not met."""
    return step.check_before.get("value") is not None and not step.check_before.get("met")


# ------------------------------------------------------------------------------------------------ against it, and for it


def _against(proof: _Proof, events: Sequence[AnyEvent], broken: Sequence[Broken]) -> Iterator[str]:
    yield from _too_late(proof)
    for step in proof.executed:
        if step.result == "failed":
            yield f"the step {step.step} failed: {step.detail}"
        elif step.result == "check_failed":
            yield f"the check of the step {step.step} was not met: {step.check.get('told') or step.detail}"
    yield from (f"a warning was broken by the step {item.step} ({item.change}): {item.text}" for item in broken)
    yield from lost_orders(events, proof.started.round)
    yield from drills.deviations(proof.promised, proof.own)
    met_before = {event.name for event in _measured(proof, "before") if event.tolerance_met}
    for event in _measured(proof, "restored"):
        if event.name in met_before and not event.tolerance_met:
            told = f"{event.name} was {event.error or event.output}, expected {event.tolerance}"
            yield f"the steady state did not come back: {told}"


def _measured(proof: _Proof, phase: str) -> list[ActivityEnded]:
    return [event for event in proof.own if isinstance(event, ActivityEnded) and event.phase == phase]


def _too_late(proof: _Proof) -> Iterator[str]:
    objective = proof.objective_seconds
    promised = f"; {objective:g} s were promised" if objective is not None else ""
    if proof.recovery is None and proof.fault_at is not None:
        yield f"checkout was not seen to be itself again before the undo{promised}"
    elif proof.recovery is not None and objective is not None and proof.recovery.seconds > objective:
        yield f"checkout was itself again {proof.recovery.seconds:.1f} s after the fault{promised}"


def _for(proof: _Proof) -> Iterator[str]:
    recovery, objective = proof.recovery, proof.objective_seconds
    if recovery is not None and recovery.ever_out:
        promised = f", within the {objective:g} s that were promised" if objective is not None else ""
        yield f"checkout was itself again {recovery.seconds:.1f} s after the fault{promised}, before anything was undone"
    else:
        yield "customers noticed nothing; what was red before the steps was within tolerance after them"
    if proof.came_back_by_itself:
        turned = ", ".join(f"{step.step} ({step.check['told']})" for step in _turned(proof))
        yield f"checkout itself came back before a step had changed anything; what was mended is what the check shows of {turned}"
    if _is_worked_around(proof):
        yield "the fault was still in place then: the runbook works around it"
    checks = sum(1 for step in proof.executed if step.check)
    yield f"all {checks} check(s) were met, no warning was broken, and no acknowledged order is lost"
    point = drills.recovery_point(proof.promised, proof.own)
    if point is not None and point.forgotten:
        yield f"{point}: {point.forgotten} order(s) are not in what was restored"
    for event in proof.own:
        if isinstance(event, LedgerChecked) and event.unrecorded:
            yield f"{len(event.unrecorded)} customer(s) were charged without an order, which no step put right"


def _is_worked_around(proof: _Proof) -> bool:
    """Say whether the undo still found the fault as it had been made."""
    faults = {event.entry for event, _ in proof.changes() if event.is_fault and event.kind in {"patch", "create"}}
    return proof.recovery is not None and any(
        isinstance(event, UndoEnded) and event.entry in faults and event.outcome == "undone" for event in proof.own
    )


def _broken(proof: _Proof) -> Iterator[Broken]:
    """Yield the warnings that steps broke, from the fault to the recovery."""
    recovery, fault_at = proof.recovery, proof.fault_at
    until = (
        fault_at + recovery.high_seconds if fault_at is not None and recovery is not None and recovery.ever_out else float("inf")
    )
    for event, at in proof.by_steps():
        if at <= until:
            yield from broken_by(event, proof.started.runbook_warnings, step=event.by.removeprefix(BY_STEP))
