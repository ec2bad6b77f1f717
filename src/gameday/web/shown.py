"""What a page shows of a rehearsal, as plain JSON: a fold's state, seen by somebody who may know some of it and not the rest.

What may not be known is not sent. Participants of a surprise are not told the title, the experiment and the runbook of the round
until it is revealed, and nobody who responds is told when the fault was before something has alerted them. An inject to a role
goes to whoever holds that role, and to the facilitator. How often messages are owed is told in any case, also where it is the
runbook's: people are judged by it.

Times are ISO 8601 in UTC, durations seconds; `now` is the server's, so that a page's clocks need not trust the browser's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from gameday.log.people import Classified, InjectShown, MessageSent, NoteTaken
from gameday.rehearsal.clocks import Clock, cadence_kept, clocks_of, next_after, updates_of
from gameday.rehearsal.state import CUSTOMERS, MOMENTS, Incident, Moment, State, StepState, time_of
from gameday.rehearsal.telling import has_been_noticed
from gameday.web.access import Page

MOMENT_TITLES: Final[Mapping[str, str]] = {
    "fault": "Fault",
    "alert": "Alert",
    "acknowledged": "Acknowledged",
    "declared": "Declared",
    "classified": "Classified",
    "first_message": "First customer message",
    "mitigated": "Mitigated",
    "resolved": "Resolved",
    "closed": "Closed",
    "review_held": "Review held",
    "follow_up": "Follow-up sent",
}
_MARKED_BY_PEOPLE: Final = ("acknowledged", "declared", "mitigated", "resolved", "closed", "review_held", "follow_up")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose page it is; the person is who they say they are, and may be nobody yet."""

    page: Page
    person: str = ""


def shown(state: State, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """Return everything that changes on a page, as this viewer may know it."""
    incident = state.incident
    started = state.started
    hidden = is_hidden(state, incident, viewer)
    return {
        "seq": state.seq,
        "now": iso(now),
        "page": viewer.page,
        "level": started.level if started else "",
        "surprise": bool(started and started.surprise),
        "title": "" if hidden or state.run is None else state.run.title,
        "run": _anonymous(state.run.run_id) if state.run else "",
        "ended": {"summary": "" if hidden else state.ended.summary, "at": state.ended.at} if state.ended else None,
        "readers": [dict(reader) for reader in started.readers] if started else [],
        "people": [
            {"name": one.name, "roles": list(state.roles_of(one.name)), "is_there": one.is_there} for one in state.people.values()
        ],
        "roles": [_role(state, role) for role in state.roles],
        "incident": _incident(state, incident, viewer, now) if incident else None,
        "rounds": len(state.incidents),
    }


def is_hidden(state: State, incident: Incident | None, viewer: Viewer) -> bool:
    """Say whether this viewer may not know yet what the round is about."""
    if viewer.page == "facilitator" or state.started is None or not state.started.surprise or state.ended is not None:
        return False
    return incident is None or not incident.revealed


def iso(at: datetime) -> str:
    """Return a time as a page gets it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _anonymous(run_id: str) -> str:
    """Return what tells runs apart, since the id itself is made of the plan's name."""
    return sha256(run_id.encode()).hexdigest()[:12]


def _role(state: State, role: str) -> dict[str, Any]:
    return {"role": role, "holder": state.holders.get(role), "taken": role in state.taken_roles}


def _incident(state: State, incident: Incident, viewer: Viewer, now: datetime) -> dict[str, Any]:
    hidden = is_hidden(state, incident, viewer)
    withheld = _withheld(incident, viewer)
    allowed = state.started.clocks if state.started else {}
    # Without a cluster nothing but the facilitator knows when it broke.
    is_told = viewer.page == "facilitator" and state.started is not None and state.started.level != "live"
    can_mark = {*_MARKED_BY_PEOPLE, *(("fault",) if is_told and "fault" not in incident.moments else ())}
    updates = updates_of(incident, allowed, now=now)
    due = next((update for update in updates if update.sent_at is None), None)
    return {
        "number": list(state.incidents).index(incident.round) + 1,
        "title": "" if hidden else incident.title,
        "hidden": hidden,
        "revealed": incident.revealed,
        "ended": incident.ended,
        "moments": [
            {**_moment(name, incident, withheld=name in withheld, hidden=hidden), "can_mark": name in can_mark}
            for name in MOMENTS
        ],
        "clocks": [_clock(clock, incident, withheld) for clock in clocks_of(incident, allowed, now=now)],
        "updates": [
            {"what": one.what, "due_at": iso(one.due_at), "sent_at": one.sent_at and iso(one.sent_at), "kept": one.kept(now)}
            for one in updates
        ],
        "cadence_kept": cadence_kept(updates, now=now),
        "next_message": {"what": due.what, "due_at": iso(due.due_at)} if due and "resolved" not in incident.moments else None,
        "next_in_seconds": {
            "customers": (next_after(incident, allowed, audience=CUSTOMERS, now=now) - now).total_seconds(),
            "others": (next_after(incident, allowed, audience="", now=now) - now).total_seconds(),
        },
        "injects": [_inject(one, viewer) for one in incident.injects if _is_for(one, state, viewer)],
        "log": _log(incident, names_steps=not hidden or incident.is_found, names_findings=knows_of(incident, viewer)),
        "severity": incident.classifications[-1].severity if incident.classifications else "",
        "verdict": _verdict(incident, hidden=hidden),
        **_runbook(incident, hidden=hidden),
    }


def knows_of(incident: Incident, viewer: Viewer) -> bool:
    """Say whether this viewer can have noticed that something is wrong."""
    return viewer.page == "facilitator" or has_been_noticed(incident)


def _withheld(incident: Incident, viewer: Viewer) -> frozenset[str]:
    return frozenset() if knows_of(incident, viewer) else frozenset({"fault"})


def _moment(name: str, incident: Incident, *, withheld: bool, hidden: bool) -> dict[str, Any]:
    moment: Moment | None = None if withheld else incident.moments.get(name)
    return {
        "name": name,
        "title": MOMENT_TITLES[name],
        "at": moment and iso(moment.at),
        "person": moment.person if moment else "",
        # What the run or the facilitator says of the fault's moment may name the fault.
        "detail": moment.detail if moment and not (hidden and name == "fault") else "",
    }


def _clock(clock: Clock, incident: Incident, withheld: frozenset[str]) -> dict[str, Any]:
    interval = clock.interval
    known = not {interval.begin, interval.end} & withheld
    begin = incident.moments.get(interval.begin) if known else None
    return {
        "name": interval.name,
        "title": interval.title,
        "seconds": clock.seconds if known else None,
        "allowed_seconds": clock.allowed_seconds,
        "kept": clock.kept if known else None,
        "why": clock.why if known else "",
        "begin_at": begin and iso(begin.at),
    }


def _is_for(inject: InjectShown, state: State, viewer: Viewer) -> bool:
    return viewer.page == "facilitator" or not inject.to or bool(set(inject.to) & set(state.roles_of(viewer.person)))


def _inject(inject: InjectShown, viewer: Viewer) -> dict[str, Any]:
    # Its id is the plan's, and may say what the fault is.
    known = {"id": inject.inject} if viewer.page == "facilitator" else {}
    return {
        **known,
        "seq": inject.seq,
        "at": _at(inject),
        "what": inject.what,
        "to": inject.to,
        "text": inject.text,
        "by": inject.by,
    }


def _at(event: Any) -> str:
    return iso(time_of(event))


def _log(incident: Incident, *, names_steps: bool, names_findings: bool) -> list[dict[str, Any]]:
    """Return what people wrote down or said, in its order."""
    told = [
        *(_note(one, one.step if names_steps else "") for one in incident.notes),
        *({**_said("decision", one), "text": one.text, "reason": one.reason} for one in incident.decisions),
        # What a check finds missing may say when the fault was.
        *({**_message(one), **({} if names_findings else {"findings": []})} for one in incident.messages),
        *(_classification(one) for one in incident.classifications),
    ]
    return sorted(told, key=lambda entry: entry["seq"])


def _note(one: NoteTaken, step: str) -> dict[str, Any]:
    return {**_said("note", one), "text": one.text, "step": step, "missing_step": one.missing_step}


def _message(message: MessageSent) -> dict[str, Any]:
    return {
        **_said("message", message),
        "text": message.text,
        "audience": message.audience,
        "channel": message.channel,
        # A log may have it in a form that no browser reads.
        "next_at": message.next_at and iso(datetime.fromisoformat(message.next_at)),
        "findings": message.findings or [],
    }


def _classification(one: Classified) -> dict[str, Any]:
    said = _said("classification", one)
    return {**said, "text": one.affected, "severity": one.severity, "affected_percent": one.affected_percent}


def _said(kind: str, event: Any) -> dict[str, Any]:
    return {"kind": kind, "seq": event.seq, "at": _at(event), "person": event.person}


def _verdict(incident: Incident, *, hidden: bool) -> dict[str, Any] | None:
    verdict = incident.verdict
    return None if hidden or verdict is None else {"verdict": verdict.verdict, "reasons": list(verdict.reasons)}


def _runbook(incident: Incident, *, hidden: bool) -> dict[str, Any]:
    """Return which runbook is open, whether its steps can be ticked, and what became of them."""
    opened = incident.runbook
    own = opened.runbook if opened else ""
    if hidden and incident.chosen_runbook != own:
        return {"runbook": incident.chosen_runbook, "can_choose": True, "can_tick": False, "steps": []}
    return {
        "runbook": own,
        "can_choose": hidden,
        "can_tick": bool(own),
        "steps": [_step(step) for step in incident.steps.values()],
    }


def _step(step: StepState) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "begun_at": step.begun_at and iso(step.begun_at),
        "begun_by": step.begun_by,
        "ended_at": step.ended_at and iso(step.ended_at),
        "outcome": step.outcome,
        "by": step.by,
        "reason": step.reason,
        "also_by": list(step.also_by),
    }
