"""What somebody at a terminal is told of a rehearsal, event by event; and what stands when they ask.

In a surprise, only the facilitator is told which fault it is before it is revealed; and when the fault was, nobody who responds
is told before something has alerted them. Text of people is passed on without the control characters that a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gameday.log import AnyEvent
from gameday.log.events import BY_STEP, AbortRequested, ChangeLanded, Noted, RoundEnded, RoundStarted, RunEnded, VerdictGiven
from gameday.log.people import (
    Classified,
    DecisionTaken,
    FaultRevealed,
    InjectShown,
    MessageSent,
    MomentMarked,
    NoteTaken,
    PeopleDone,
    PersonJoined,
    PersonLeft,
    RoleHandedOver,
    StepBegun,
    StepTicked,
)
from gameday.rehearsal.clocks import Clock, cadence_kept, clocks_of, updates_of
from gameday.rehearsal.state import Incident, State, StepState, fold
from gameday.runbook.roles import FACILITATOR

_FAULT: Final = "fault"
_MINUTE: Final = 60
_HOUR: Final = 3600


def told(event: AnyEvent, state: State, *, person: str = "") -> str:
    """Return the line that a person is told, or nothing; without a person, whoever holds the rehearsal, who knows everything."""
    teller = _TELLERS.get(type(event))
    if teller is None or not _concerns(event, state, person):
        return ""
    incident = state.incidents.get(event.round)
    insider = state.knows(person, incident)
    if isinstance(event, StepBegun | StepTicked) and incident is not None:
        insider = insider or incident.is_found
    line = printable(teller(event, state, insider))
    return f"{event.at[11:19]} {line}" if line else ""


def printable(text: str) -> str:
    """Return the text without control characters; a line's end is a space."""
    return "".join(one if one.isprintable() else " " for one in text)


def steps_told(state: State, *, person: str = "") -> Iterator[str]:
    """Yield the runbook's steps with what became of each; in a surprise, whoever responds has to have opened the right one."""
    incident = state.incident
    if incident is None or incident.runbook is None:
        yield "no runbook is open"
        return
    if not state.follows(person, incident):
        yield f"open is: {incident.chosen_runbook or 'no runbook'}. Which one it takes, you find out: open RUNBOOK"
        return
    yield printable(incident.runbook.title)
    for number, step in enumerate(incident.steps.values(), start=1):
        yield printable(
            f"{number:>3} {_sign(step)} {step.title} ({step.phase}{', ' + step.role if step.role else ''}){_fate(step)}"
        )


def clocks_told(state: State, now: datetime, *, person: str = "") -> Iterator[str]:
    """Yield every clock: how long it took, or has run so far, and what was agreed; those of the fault as far as may be told."""
    incident = state.incident
    if incident is None or state.started is None:
        yield "no clock runs yet"
        return
    for clock in clocks_of(incident, state.started.clocks, now=now):
        if _FAULT in {clock.interval.begin, clock.interval.end} and not _knows_when(state, incident, person):
            yield f"{clock.interval.title:<28} unknown"
            continue
        begin = incident.moments.get(clock.interval.begin)
        running = "" if begin is None or not clock.is_running else f"runs, {duration((now - begin.at).total_seconds())}"
        yield f"{clock.interval.title:<28} {running or _took(clock)}{_agreed(clock)}"
    for update in updates_of(incident, state.started.clocks, now=now):
        if update.sent_at is None:
            left = (update.due_at - now).total_seconds()
            yield f"{'Next message to customers':<28} " + (f"in {duration(left)}" if left >= 0 else f"late by {duration(-left)}")


def incidents_told(events: Sequence[AnyEvent]) -> Iterator[str]:
    """Yield how long people took in each round, at the end; what is missing is unknown."""
    state = fold(events)
    if state.started is None or not events:
        return
    now = datetime.fromisoformat(events[-1].at)
    for incident in state.incidents.values():
        yield printable(f"{incident.title}:")
        for clock in clocks_of(incident, state.started.clocks, now=now):
            if clock.seconds is not None or clock.why or clock.kept is False:
                yield f"  {clock.interval.title:<28} {_took(clock)}{_agreed(clock)}"
        done = [step.outcome for step in incident.steps.values()]
        yield f"  {'Steps':<28} {done.count('done')} done, {done.count('skipped')} skipped, {done.count('')} open"
        kept = cadence_kept(updates_of(incident, state.started.clocks, now=now), now=now)
        if kept is not None:
            yield f"  {'Messages to customers':<28} {'all in time' if kept else 'not all in time'}"


def people_told(state: State) -> Iterator[str]:
    """Yield who is there, as what."""
    for person in state.people.values():
        gone = "" if person.is_there else " (has left)"
        yield printable(f"{person.name}: {', '.join(state.roles_of(person.name)) or 'no role'}{gone}")
    for role in sorted(state.taken_roles):
        yield f"nobody may be {role} in this round"


def duration(seconds: float) -> str:
    """Return a duration as people say it during an incident: 45 s, 4:05, 1:02:03."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def has_been_noticed(incident: Incident) -> bool:
    """Say whether whoever responds can have noticed that something is wrong."""
    return bool(incident.moments.keys() & {"alert", "acknowledged", "declared"})


def _knows_when(state: State, incident: Incident, person: str) -> bool:
    """Say whether this person may be told when the fault was."""
    return not person or FACILITATOR in state.roles_of(person) or incident.ended or has_been_noticed(incident)


def _concerns(event: AnyEvent, state: State, person: str) -> bool:
    if isinstance(event, ChangeLanded) or (isinstance(event, MomentMarked) and event.moment == _FAULT):
        return _knows_when(state, state.incident_of(event), person)
    if not isinstance(event, InjectShown) or not event.to or not person:
        return True
    roles = state.roles_of(person)
    return FACILITATOR in roles or any(role in event.to for role in roles)


def _sign(step: StepState) -> str:
    return {"done": "[x]", "skipped": "[-]"}.get(step.outcome, "[>]" if step.begun_at else "[ ]")


def _fate(step: StepState) -> str:
    if step.outcome:
        return f": {step.outcome} by {step.by}" + (f", because {step.reason}" if step.reason else "")
    return f": {step.begun_by} is at it" if step.begun_at else ""


def _took(clock: Clock) -> str:
    if clock.seconds is not None:
        return duration(clock.seconds)
    return f"unknown: {clock.why}" if clock.why else "unknown"


def _agreed(clock: Clock) -> str:
    if clock.allowed_seconds is None:
        return ""
    verdict = {True: "kept", False: "missed", None: "unknown" if clock.why else "open"}[clock.kept]
    return f" (agreed: {duration(clock.allowed_seconds)}, {verdict})"


def _title_of(event: Any, state: State, insider: bool) -> str:  # noqa: FBT001
    if not insider:
        return "a step of the runbook"
    step = state.incident_of(event).steps.get(event.step)
    return step.title if step else event.step


def _handed(event: Any, state: State, insider: bool) -> str:  # noqa: FBT001  # one of many tellers of one form
    del state, insider
    if event.taken:
        return f"{event.role} is taken away" + (f": {event.note}" if event.note else "")
    return f"{event.person} hands {event.role} over to {event.to}" + (f": {event.note}" if event.note else "")


def _because(reason: str) -> str:
    return f", because {reason}" if reason else ""


def _marked(event: Any, state: State, insider: bool) -> str:  # noqa: FBT001
    del state
    moment = event.moment.replace("_", " ")
    who = f" ({event.person})" if event.person else ""
    # What is said of the fault's moment may name the fault.
    detail = event.detail if insider or event.moment != _FAULT else ""
    return f"{moment} is taken back{who}" if event.withdrawn else f"{moment}{who}" + (f": {detail}" if detail else "")


def _classified(event: Any, state: State, insider: bool) -> str:  # noqa: FBT001
    del state, insider
    share = "" if event.affected_percent is None else f", {event.affected_percent:g} %"
    return f"{event.person} classifies it as {event.severity}{share}" + (f": {event.affected}" if event.affected else "")


_Teller = Callable[[Any, State, bool], str]
_TELLERS: Final[Mapping[type[Any], _Teller]] = {
    RoundStarted: lambda event, _, insider: f"a round begins: {event.title if insider else 'a surprise'}",
    ChangeLanded: lambda event, _, insider: f"the fault: {event.seen}" if insider and not event.by.startswith(BY_STEP) else "",
    RoundEnded: lambda event, _, __: f"the round is over ({event.outcome})",
    VerdictGiven: lambda event, _, insider: f"verdict: {event.verdict}; {'; '.join(event.reasons)}" if insider else "",
    AbortRequested: lambda event, _, __: f"STOP by {event.by}: {event.reason}",
    RunEnded: lambda event, _, __: f"it is over: {event.summary}",
    Noted: lambda event, _, insider: f"{event.level}: {event.text}" if insider else "",
    PersonJoined: lambda event, _, __: f"{event.person} is there" + (f" as {', '.join(event.roles)}" if event.roles else ""),
    PersonLeft: lambda event, _, __: f"{event.person} leaves",
    RoleHandedOver: _handed,
    InjectShown: lambda event, _, __: f"{event.what.upper()}: {event.text}",
    MomentMarked: _marked,
    Classified: _classified,
    MessageSent: lambda event, _, __: f"{event.person} to {event.audience} ({event.channel}): {event.text}",
    StepBegun: lambda event, state, insider: f"{event.person} begins: {_title_of(event, state, insider)}",
    StepTicked: lambda event, state, insider: (
        f"{event.person}, {event.outcome}: {_title_of(event, state, insider)}" + _because(event.reason)
    ),
    NoteTaken: lambda event, _, __: f"{event.person} notes{' what is missing' if event.missing_step else ''}: {event.text}",
    DecisionTaken: lambda event, _, __: f"{event.person} decides: {event.text}" + _because(event.reason),
    FaultRevealed: lambda event, state, __: f"the fault is revealed: {state.incident_of(event).title}",
    PeopleDone: lambda event, _, __: (
        f"{event.person or 'the deadline'} ends the {'rehearsal' if event.rehearsal_over else 'round'}"
    ),
}
