"""What a run as a whole comes to: its exit code, the highest that applies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gameday.errors import ExitCode, worst
from gameday.log.events import (
    AbortRequested,
    ActivityEnded,
    PhaseStarted,
    RecoveryStarted,
    RoundStarted,
    UndoEnded,
    VerdictGiven,
)
from gameday.log.every import AnyEvent

_LEFT_BEHIND = ("residue", "left_alone")
_OF_RUNBOOKS = {"proven": ExitCode.EXPECTED, "refuted": ExitCode.VERDICT_DIFFERS, "void": ExitCode.INCONCLUSIVE}


def exit_code(events: Sequence[AnyEvent]) -> ExitCode:
    """Fold a log into its exit code; refusals before the first round are the caller's to add."""
    codes = [ExitCode.EXPECTED]
    proofs = {event.round for event in events if isinstance(event, RoundStarted) and event.verifies}
    for event in events:
        if isinstance(event, VerdictGiven) and event.round in proofs:
            # What became of the system is not what was asked: it was harmed so that its runbook can mend it.
            codes.append(_OF_RUNBOOKS.get(event.runbook, ExitCode.INCONCLUSIVE))
        elif isinstance(event, VerdictGiven) and event.verdict != event.expected:
            codes.append(ExitCode.INCONCLUSIVE if event.verdict == "inconclusive" else ExitCode.VERDICT_DIFFERS)
        if isinstance(event, AbortRequested | RecoveryStarted):
            codes.append(ExitCode.ABORTED)
    codes += [ExitCode.RESIDUE for _ in residue(events)]
    return worst(*codes)


def residue(events: Sequence[AnyEvent]) -> tuple[str, ...]:
    """Name what is left behind: for each owed entry the last word that was said of it, and rollbacks that did not succeed."""
    last: dict[str, UndoEnded] = {event.entry: event for event in events if isinstance(event, UndoEnded)}
    left = (f"{event.object}: {event.detail}" for event in last.values() if event.outcome in _LEFT_BEHIND)
    return (*left, *_rollbacks_missing(events))


def _rollbacks_missing(events: Sequence[AnyEvent]) -> Iterator[str]:
    """Name the rollbacks of an experiment's own, owed since its method began, of which the log says nothing at all."""
    begun = {event.round for event in events if isinstance(event, PhaseStarted) and event.phase == "method"}
    done = {
        (event.round, event.name)
        for event in events
        if isinstance(event, ActivityEnded) and event.phase == "rollbacks" and event.status == "succeeded"
    }
    done |= {
        (event.round, event.object.removeprefix("rollback "))
        for event in events
        if isinstance(event, UndoEnded) and event.object.startswith("rollback ")
    }
    for event in events:
        if isinstance(event, RoundStarted) and event.round in begun:
            for name in event.rollbacks:
                if (event.round, name) not in done:
                    yield f"the rollback {name!r} of {event.experiment} was not carried out; do what it says by hand"
