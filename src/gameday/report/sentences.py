"""What single events and judgements say in plain words; the live view, the events' table and all formats use the same.

A sentence here is made from one event, or from a verdict's values. Which events matter, and in which order, is decided
elsewhere.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gameday.log.events import (
    AbortRequested,
    ActivityEnded,
    ChangeApplied,
    ChangeFailed,
    ChangeLanded,
    ChangeOwed,
    GuardJudged,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    Noted,
    PhaseEnded,
    PhaseStarted,
    ProbeMeasured,
    ProcessEnded,
    ProcessStarted,
    RecoveryStarted,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    UndoEnded,
    UndoStarted,
    VerdictGiven,
)
from gameday.report.facts import Recovery
from gameday.report.people_sentences import people_said
from gameday.report.words import count, duration, interval, listed, number, value_text

_SHARED = {"seq", "at", "mono", "round"}

PHASES = {
    "prepare": "prepare what must stand first",
    "traffic": "traffic: customers arrive",
    "baseline": "baseline: is all well before?",
    "method": "method: the fault",
    "hypothesis": "hypothesis: is it still true?",
    "runbook": "runbook: the steps",
    "undo": "undo what is owed",
    "recovery": "recovery: until customers are served",
    "ledger": "ledger: look up every order",
}
UNASKED = {"", "it died"}
"""The reasons with which a process is logged that ended without being ended by us."""
LANDED = {True: "landed", False: "did not land", None: "could not be shown to have landed"}
UNDONE = {
    "undone": "set back",
    "already": "already as before",
    "left_alone": "left alone, others wrote it since",
    "residue": "left behind",
}
RESULTS = {"done": "done", "failed": "failed", "check_failed": "done, but its check failed", "skipped": "skipped"}


def said(event: Any) -> str:  # noqa: C901, PLR0911, PLR0912  # a row per type; one match is easier to read than thirty functions
    """Return one line that says what the event says; of a type without a line here, its values."""
    match event:
        case RunStarted():
            return f"{event.kind} “{event.title}” from {event.source} on {event.host}, gameday {event.version}"
        case ProcessStarted():
            return f"{event.role} started as process {event.pid}"
        case ProcessEnded():
            return f"{event.role} (process {event.pid}) ended: {how_ended(event.exit_code, event.signal, event.reason)}"
        case AbortRequested():
            return f"abort by {event.by}: {event.reason}"
        case RecoveryStarted():
            return f"{event.holder} took over to undo what was owed: {event.reason}"
        case RunEnded():
            return f"exit {event.exit_code}: {event.summary}"
        case Noted():
            return event.text
        case RoundStarted():
            return f"{event.title} ({event.experiment}), expected to be {event.expected}"
        case PhaseStarted():
            return _with(PHASES.get(event.phase, event.phase), event.detail)
        case PhaseEnded():
            return _with(f"{event.phase}: {event.outcome}", event.detail)
        case RoundEnded():
            return event.outcome
        case ActivityEnded():
            return _activity(event)
        case ProbeMeasured():
            return _measured(event)
        case GuardJudged():
            return _judged(event)
        case ChangeOwed():
            return f"{event.summary} (for {event.by})"
        case ChangeApplied():
            return f"{event.change_id} was acknowledged"
        case ChangeFailed():
            return f"{event.change_id} {'did not happen' if event.definite else 'may have happened'}: {event.error}"
        case ChangeLanded():
            return f"{event.by} {LANDED[event.landed]}: {event.seen}"
        case UndoStarted():
            return f"{event.holder} undoes {count(event.owed, 'entry', 'entries')}: {event.reason}"
        case UndoEnded():
            return _with(f"{event.object} {UNDONE.get(event.outcome, event.outcome)}", event.detail)
        case LoadStarted():
            return f"{number(event.rate_per_second)} journeys “{event.journey}” a second to {event.url}"
        case LoadWindow():
            return f"{count(event.offered, 'journey')} offered"
        case LoadEnded():
            return event.error or "the load ended"
        case LedgerChecked():
            return _ledger(event)
        case StepStarted():
            return f"{event.runbook}, step {event.step}: {event.title}"
        case StepEnded():
            return _with(
                f"{event.runbook}, step {event.step}: {RESULTS.get(event.result, event.result)} "
                f"in {duration(event.duration_seconds)}",
                event.detail,
            )
        case VerdictGiven():
            return _with(f"{event.verdict} (expected {event.expected})", "; ".join(event.reasons))
        case _:
            told = people_said(event)
            person = getattr(event, "person", "")
            return _values(event) if told is None else f"{person}: {told}" if person else told


def how_ended(exit_code: int | None, signal: int | None, reason: str) -> str:
    """Say how a process ended."""
    how = f"signal {signal}" if signal is not None else f"exit {exit_code}" if exit_code is not None else "unknown how"
    return f"{how}, {reason}" if reason else how


def verdict_sentence(*, verdict: str, expected: str, hypothesis: str, reasons: tuple[str, ...]) -> str:
    """Say a verdict in plain words, with what the plan expected where that is news."""
    quoted = f"“{hypothesis.rstrip('.')}”" if hypothesis else "the hypothesis"
    if verdict == "held":
        how = "Held" if expected == "held" else f"Held, although the plan expected it to be {expected}"
        return f"{how}: {quoted} stayed true."
    if verdict == "deviated":
        how = "Deviated, as the plan expected" if expected == "deviated" else f"Deviated, where the plan expected {expected}"
        return f"{how}: {quoted} did not stay true."
    if verdict == "inconclusive":
        because = f", because {_lower(reasons[0].rstrip('.'))}" if reasons else ""
        return f"Inconclusive: whether {quoted} stays true cannot be said{because}."
    return f"No verdict: the round ended before {quoted} could be judged."


def recovery_sentence(recovery: Recovery | None, *, objective_seconds: float | None, within: bool | None) -> str:
    """Say how long customers waited, with its interval and against the objective; empty where there is nothing to say."""
    objective = f"the objective of {duration(objective_seconds)}" if objective_seconds is not None else ""
    if recovery is None:
        missed = f", and {objective} was missed" if objective and within is False else ""
        return f"Checkout was not seen to recover{missed}."
    if not recovery.ever_out:
        return f"No outage was seen; one shorter than {duration(recovery.high_seconds)} could have hidden."
    between = f"({interval(recovery.low_seconds, recovery.high_seconds)})"
    kept = {True: f", within {objective}", False: f", later than {objective}", None: ""}[within] if objective else ""
    return f"Customers could check out again {duration(recovery.seconds)} {between} after the fault{kept}."


def _activity(event: ActivityEnded) -> str:
    met = {True: ", within tolerance", False: ", outside tolerance", None: ""}[event.tolerance_met]
    return _with(f"{event.kind} “{event.name}” {event.status} in {duration(event.duration_seconds)}{met}", event.error)


def _measured(event: ProbeMeasured) -> str:
    between = f" ({number(event.low)} to {number(event.high)})" if event.low is not None and event.high is not None else ""
    return _with(f"{event.probe}: {number(event.value, event.unit)}{between}", event.seen)


def _judged(event: GuardJudged) -> str:
    findings = "; ".join(f"{finding.get('rule', '')}: {finding.get('message', '')}" for finding in event.findings)
    changes = count(len(event.changes), "change")
    return _with(f"{changes} allowed" if event.allowed else f"{changes} refused", findings)


def _ledger(event: LedgerChecked) -> str:
    if event.error:
        return f"could not be checked: {event.error}"
    where = " in the copy" if event.of_copy else ""
    text = f"{count(event.found, 'order')} found{where} of {event.acknowledged} acknowledged"
    if event.forgotten and event.recovery_point_seconds is not None:
        newest = f"the newest that was restored was {duration(event.recovery_point_seconds)} old at the loss"
        newest = "none of before the loss was restored" if event.recovery_point_is_least else newest
        text += f", {event.forgotten} forgotten ({newest})"
    text += f", {event.drill} more were the drill's" if event.drill and not event.of_copy else ""
    text += f", lost: {listed(event.lost)}" if event.lost else ""
    text += f", doubled: {listed(event.doubled)}" if event.doubled else ""
    text += f", with another amount: {listed(event.altered)}" if event.altered else ""
    text += f", charged without an order: {listed(event.unrecorded)}" if event.unrecorded else ""
    return text + (f", failed and on no list: {listed(event.untracked)}" if event.untracked else "")


def _values(event: Any) -> str:
    values = {} if not isinstance(event, msgspec.Struct) else msgspec.structs.asdict(event)
    return ", ".join(f"{name} {value_text(value)}" for name, value in values.items() if name not in _SHARED and value)


def _with(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def _lower(text: str) -> str:
    """Begin a reason in lower case inside a sentence, unless its first word is a name or an abbreviation."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text
