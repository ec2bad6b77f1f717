"""What a run as a whole comes to: its exit code, the highest that applies."""

from __future__ import annotations

from collections.abc import Sequence

from gameday.errors import ExitCode, worst
from gameday.log.events import AbortRequested, AnyEvent, RecoveryStarted, UndoEnded, VerdictGiven

_LEFT_BEHIND = ("residue", "left_alone")


def exit_code(events: Sequence[AnyEvent]) -> ExitCode:
    """Fold a log into its exit code; refusals before the first round are the caller's to add."""
    codes = [ExitCode.EXPECTED]
    for event in events:
        if isinstance(event, VerdictGiven) and event.verdict != event.expected:
            codes.append(ExitCode.INCONCLUSIVE if event.verdict == "inconclusive" else ExitCode.VERDICT_DIFFERS)
        if isinstance(event, AbortRequested | RecoveryStarted):
            codes.append(ExitCode.ABORTED)
    codes += [ExitCode.RESIDUE for _ in residue(events)]
    return worst(*codes)


def residue(events: Sequence[AnyEvent]) -> tuple[str, ...]:
    """Name what is left behind: for each owed entry the last word that was said of it."""
    last: dict[str, UndoEnded] = {event.entry: event for event in events if isinstance(event, UndoEnded)}
    return tuple(f"{event.object}: {event.detail}" for event in last.values() if event.outcome in _LEFT_BEHIND)
