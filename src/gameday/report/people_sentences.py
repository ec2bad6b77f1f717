"""What people's events say in plain words: one line each, for the timeline, the table of events and the live view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gameday.log.events import RunbookJudged
from gameday.log.people import (
    Classified,
    DecisionTaken,
    FaultRevealed,
    InjectShown,
    MessageSent,
    MomentMarked,
    NoteTaken,
    PersonJoined,
    PersonLeft,
    RehearsalStarted,
    RoleHandedOver,
    RunbookOpened,
    StepBegun,
    StepTicked,
)
from gameday.report.words import count, listed

LEVELS: Final = {"tabletop": "a rehearsal at a table", "simulated": "a simulated rehearsal", "live": "a live rehearsal"}
MOMENTS: Final = {
    "fault": "the fault",
    "alert": "alerted",
    "acknowledged": "acknowledged",
    "declared": "declared",
    "classified": "classified",
    "first_message": "first message",
    "mitigated": "mitigated",
    "resolved": "resolved",
    "closed": "closed",
    "review_held": "review held",
    "follow_up": "followed up",
}
INJECTS: Final = {"calls": "calls", "mail": "mail", "press": "the press", "alert": "alert", "note": "note", "absent": "absent"}
EFFECTS: Final = {
    "helped": "helped",
    "did_nothing": "did nothing",
    "worse": "made it worse",
    "wrong": "is wrong",
    "skipped": "skipped",
    "unknown": "unknown",
}
JUDGEMENTS: Final = {"right": "right", "under": "too low", "over": "too high", "unknown": "cannot be said"}
_LONGEST: Final = 240


def people_said(event: Any, titles: Mapping[str, str] | None = None) -> str | None:  # noqa: C901, PLR0911, PLR0912  # a row per type
    """Return one line that says what an event of people says, or of a proof; None for any other event.

    `titles` are those of the steps, by their ids.
    """
    known = titles or {}
    match event:
        case RehearsalStarted():
            return (
                f"{LEVELS.get(event.level, event.level)}{', the fault kept secret' if event.surprise else ''}, seed {event.seed}"
            )
        case RunbookOpened():
            return f"runbook {event.runbook}, {count(len(event.steps), 'step')}"
        case PersonJoined():
            return f"joined as {listed(event.roles)}" if event.roles else "joined"
        case PersonLeft():
            return "left"
        case RoleHandedOver():
            return _handed(event)
        case InjectShown():
            to = f" (to {listed(event.to)})" if event.to else ""
            return f"{INJECTS.get(event.what, event.what)}: {short(event.text)}{to}"
        case MomentMarked():
            name = MOMENTS.get(event.moment, event.moment)
            return _with(f"took back: {name}" if event.withdrawn else name, event.detail)
        case Classified():
            share = f", {event.affected_percent:g} % affected" if event.affected_percent is not None else ""
            return _with(f"classified as {event.severity}{share}", event.affected)
        case MessageSent():
            return f"told {event.audience} by {event.channel}: {short(event.text)}"
        case StepBegun():
            return f"began “{known.get(event.step, event.step)}”"
        case StepTicked():
            return _with(f"{event.outcome}: “{known.get(event.step, event.step)}”", event.reason)
        case NoteTaken():
            where = f" (at “{known.get(event.step, event.step)}”)" if event.step else ""
            return f"{'missing in the runbook' if event.missing_step else 'note'}: {short(event.text)}{where}"
        case DecisionTaken():
            because = f" Because: {short(event.reason)}" if event.reason else ""
            return f"decided: {short(event.text)}{because}"
        case FaultRevealed():
            return "the fault is revealed"
        case RunbookJudged():
            return _with(f"runbook {event.runbook} is {event.outcome}", "; ".join(event.reasons))
        case _:
            return None


def short(text: str) -> str:
    """Return a text on one line, the beginning of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rstrip()}…"


def _handed(event: RoleHandedOver) -> str:
    if event.taken:
        how = f"{event.role} is absent" + (f" ({event.person})" if event.person else "")
    elif event.to:
        how = (
            f"{event.role} goes from {event.person} to {event.to}"
            if event.person != event.to
            else f"{event.to} takes {event.role}"
        )
    else:
        how = f"{event.person} gives {event.role} back"
    return _with(how, event.note)


def _with(text: str, detail: str) -> str:
    return f"{text}: {short(detail)}" if detail else text
