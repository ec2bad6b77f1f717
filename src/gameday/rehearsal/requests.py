"""What people ask of a rehearsal, into the event that it becomes; what contradicts the log is refused with the reason.

A request is a flat JSON object with `do` and the fields of its kind, the same from a page, a terminal or a script:

    join {roles}                          leave {}
    hand-over {role, to, note}            take {role}
    mark {moment, detail, occurred_at}    withdraw {moment}
    classify {severity, affected, affected_percent}
    message {audience, channel, text, template, next_at}
    open {runbook}   begin {step}         tick {step}       skip {step, reason}
    note {text, step, missing_step}       decide {text, reason}
    inject {what, to, text}               absent {role, text}         reveal {}      (the facilitator's, and:)
    next-round {}                         end {}                      mark {moment: fault}

What is about an incident may say which, as `incident` (1 for that of the first round): it is refused once another one is on, so
that what is pressed twice, or sent again since its answer was lost, does not happen to the next round.

Values are checked for their type and length here, and never for what they mean to people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gameday.errors import RefusedError
from gameday.fields import did_you_mean
from gameday.log.events import Event
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
    RunbookChosen,
    StepBegun,
    StepTicked,
)
from gameday.rehearsal.checking import checked
from gameday.rehearsal.state import MOMENTS, Incident, State, StepState
from gameday.runbook.roles import FACILITATOR, ROLES

SEVERITIES: Final = ("critical", "major", "minor")
INJECTS: Final = ("calls", "mail", "press", "alert", "note")
_LONGEST_TEXT: Final = 10_000
_LONGEST_NAME: Final = 60
_FARTHEST: Final = timedelta(days=366)
_BY_THE_RUN: Final = frozenset({"fault"})
_FOLLOWS: Final = {
    "classified": "the first classification; say how bad it is: classify",
    "first_message": "the first message to customers; send it: message",
}
"""Moments that are there as soon as something else is, and that nobody marks without it."""


def event_for(state: State, person: str, request: Mapping[str, Any], *, now: datetime) -> Event:
    """Return the event that the request becomes; RefusedError says what contradicts the log, or what is malformed.

    A message is refused for nothing that it says; what a check finds in it (`checking`) stands in its event.
    """
    do = request.get("do")
    make = _KINDS.get(do) if isinstance(do, str) else None
    if make is None:
        raise RefusedError(f"do: expected one of {', '.join(_KINDS)}, but got {do!r}{did_you_mean(str(do), _KINDS)}")
    if state.ended is not None:
        raise RefusedError("the rehearsal is over; its log is closed")
    asked = _Asked(state, _name(person), request, now)
    if do != "join" and person not in state.people:
        raise RefusedError(f"{person!r} has not joined; join first")
    if do in _FACILITATORS and FACILITATOR not in state.roles_of(person):
        raise RefusedError(f"{do} is the facilitator's, and {person} is not")
    return make(asked)


class _Asked:
    """One request beside the state that it is held against."""

    def __init__(self, state: State, person: str, request: Mapping[str, Any], now: datetime) -> None:
        self.state, self.person, self.now, self._request = state, person, now, request

    @property
    def incident(self) -> Incident:
        incident = self.state.incident
        if incident is None:
            raise RefusedError("no round has begun yet; wait for the first one")
        meant, number = self._request.get("incident"), list(self.state.incidents).index(incident.round) + 1
        if meant is not None and meant != number:
            raise RefusedError(f"incident: it was meant for {meant!r}, and {number} is on now; look at that one, and ask again")
        return incident

    def text(self, name: str, *, required: bool = False) -> str:
        value = self._request.get(name, "")
        if not isinstance(value, str):
            raise RefusedError(f"{name}: expected a text, but got {type(value).__name__}")
        if len(value) > _LONGEST_TEXT:
            raise RefusedError(f"{name}: expected at most {_LONGEST_TEXT} characters, but got {len(value)}")
        if required and not value.strip():
            raise RefusedError(f"{name}: expected a text, but it is empty")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._request.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise RefusedError(f"{name}: expected a list of texts, but got {value!r}")
        return list(value)

    def flag(self, name: str) -> bool:
        return self._request.get(name) is True

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        value = self.text(name, required=True)
        if value not in known:
            raise RefusedError(f"{name}: expected one of {', '.join(known)}, but got {value!r}{did_you_mean(value, known)}")
        return value

    def percent(self, name: str) -> float | None:
        value = self._request.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:  # noqa: PLR2004  # percent
            raise RefusedError(f"{name}: expected a number from 0 to 100, but got {value!r}")
        return float(value)

    def moment(self, name: str) -> str:
        """Return a time in UTC, in the one form that every reader of the log can read, whatever form it was given in."""
        value = self.text(name)
        if not value:
            return ""
        try:
            given = datetime.fromisoformat(value)
            if given.tzinfo is None:
                raise RefusedError(f"{name}: expected a time with its zone, as in 2026-11-25T10:00:00+01:00, but got {value!r}")
            # Near the first and the last year, there are zones in which a time cannot be said at all.
            at = given.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise RefusedError(f"{name}: expected a time such as 2026-11-25T10:00:00+01:00, but got {value!r}") from error
        if abs(at - self.now) > _FARTHEST:
            raise RefusedError(f"{name}: expected a time within {_FARTHEST.days} days of now, but got {value!r}")
        return at.isoformat()

    def past_moment(self, name: str) -> str:
        """Return a time that is not to come."""
        value = self.moment(name)
        if value and datetime.fromisoformat(value) > self.now:
            raise RefusedError(f"{name}: expected a time that is past, but got {value!r}, and it is {self.now.isoformat()}")
        return value

    def step(self) -> StepState:
        # Whether there is such a step is a hint, too.
        if not self.state.follows(self.person, self.incident):
            raise RefusedError("step: the runbook of this round is not open. Which one it takes, you find out: open one")
        steps = self.incident.steps
        identifier = self.text("step", required=True)
        if identifier not in steps:
            raise RefusedError(f"step: the runbook has no step {identifier!r}{did_you_mean(identifier, steps)}")
        return steps[identifier]

    @property
    def runbook(self) -> str:
        return self.incident.runbook.runbook if self.incident.runbook else ""

    @property
    def round(self) -> str:
        return self.incident.round

    @property
    def round_or_none(self) -> str:
        """The round, or an empty text before the first one: people may write things down at any time."""
        return self.round if self.state.incident else ""


# ------------------------------------------------------------------------------------------------------- people and roles


def _join(asked: _Asked) -> Event:
    roles = asked.texts("roles")
    for role in roles:
        _can_take(asked, role)
    return PersonJoined(person=asked.person, roles=roles, round=asked.state.round)


def _leave(asked: _Asked) -> Event:
    return PersonLeft(person=asked.person, round=asked.state.round)


def _take(asked: _Asked) -> Event:
    role = asked.text("role", required=True)
    _can_take(asked, role)
    return PersonJoined(person=asked.person, roles=[role], round=asked.state.round)


def _hand_over(asked: _Asked) -> Event:
    role, to = asked.choice("role", asked.state.roles), asked.text("to", required=True)
    if asked.state.holders.get(role) != asked.person:
        raise RefusedError(f"{asked.person} is not {role}, so cannot hand it over")
    if to not in asked.state.people:
        raise RefusedError(f"to: nobody called {to!r} has joined{did_you_mean(to, asked.state.people)}")
    return RoleHandedOver(role=role, person=asked.person, to=to, note=asked.text("note"), round=asked.state.round)


def _can_take(asked: _Asked, role: str) -> None:
    roles = asked.state.roles
    if role not in roles:
        what = "this rehearsal has no such role" if role in ROLES else f"there is no role {role!r}"
        raise RefusedError(f"role: expected of {', '.join(roles)}, but got {role!r}: {what}{did_you_mean(role, roles)}")
    holder = asked.state.holders.get(role)
    if holder is not None and holder != asked.person:
        raise RefusedError(f"{holder} is {role}; ask them to hand it over")
    if role in asked.state.taken_roles:
        raise RefusedError(f"nobody is {role} in this round: the plan took the role away")


# ------------------------------------------------------------------------------------------------------- the incident


def _mark(asked: _Asked) -> Event:
    moment = asked.choice("moment", MOMENTS)
    if moment in _FOLLOWS:
        raise RefusedError(f"{moment} is the time of {_FOLLOWS[moment]}")
    if moment in _BY_THE_RUN and asked.state.started is not None and asked.state.started.level == "live":
        raise RefusedError(f"{moment} is seen by the run itself")
    if moment in _BY_THE_RUN and FACILITATOR not in asked.state.roles_of(asked.person):
        raise RefusedError(f"{moment} is the facilitator's to mark, and {asked.person} is not")
    earlier = asked.incident.moments.get(moment)
    if earlier is not None:
        raise RefusedError(f"{moment} was marked already, by {earlier.person or 'the run'} at {earlier.at:%H:%M:%S} UTC")
    return MomentMarked(
        moment=moment,
        person=asked.person,
        detail=asked.text("detail"),
        occurred_at=asked.past_moment("occurred_at"),
        round=asked.round,
    )


def _withdraw(asked: _Asked) -> Event:
    moment = asked.choice("moment", MOMENTS)
    # The same words whether it has happened yet or not, which nobody is to find out in this way.
    if moment in _BY_THE_RUN:
        raise RefusedError(f"{moment} cannot be taken back once it has happened; to end the round: next-round")
    if moment not in asked.incident.moments:
        raise RefusedError(f"{moment} is not marked")
    if moment in _FOLLOWS:
        what = _FOLLOWS[moment].partition(";")[0]
        raise RefusedError(f"{moment} is the time of {what}, which stands in the log and cannot be taken back")
    return MomentMarked(moment=moment, person=asked.person, withdrawn=True, round=asked.round)


def _classify(asked: _Asked) -> Event:
    return Classified(
        person=asked.person,
        severity=asked.choice("severity", SEVERITIES),
        affected=asked.text("affected"),
        affected_percent=asked.percent("affected_percent"),
        round=asked.round,
    )


def _message(asked: _Asked) -> Event:
    message = MessageSent(
        person=asked.person,
        audience=asked.text("audience", required=True),
        channel=asked.text("channel", required=True),
        text=asked.text("text", required=True),
        template=asked.text("template"),
        next_at=asked.moment("next_at"),
        round=asked.round,
    )
    readers = asked.state.started.readers if asked.state.started else []
    return checked(message, asked.incident, readers, asked.now)


def _open(asked: _Asked) -> Event:
    return RunbookChosen(runbook=asked.text("runbook", required=True), person=asked.person, round=asked.round)


def _begin(asked: _Asked) -> Event:
    step = asked.step()
    _still_open(step)
    if step.begun_by:
        raise RefusedError(f"{step.begun_by} began {step.id!r} at {step.begun_at:%H:%M:%S} UTC")
    return StepBegun(runbook=asked.runbook, step=step.id, person=asked.person, round=asked.round)


def _tick(asked: _Asked) -> Event:
    step = asked.step()
    _still_open(step)
    return StepTicked(runbook=asked.runbook, step=step.id, person=asked.person, outcome="done", round=asked.round)


def _skip(asked: _Asked) -> Event:
    step = asked.step()
    _still_open(step)
    reason = asked.text("reason", required=True)
    return StepTicked(
        runbook=asked.runbook, step=step.id, person=asked.person, outcome="skipped", reason=reason, round=asked.round
    )


def _still_open(step: StepState) -> None:
    if step.outcome:
        raise RefusedError(f"{step.id!r} is {step.outcome} already: {step.by} was first, at {step.ended_at:%H:%M:%S} UTC")


def _note(asked: _Asked) -> Event:
    step = asked.step().id if asked.text("step") else ""
    text = asked.text("text", required=True)
    missing = asked.flag("missing_step")
    return NoteTaken(person=asked.person, text=text, step=step, missing_step=missing, round=asked.round_or_none)


def _decide(asked: _Asked) -> Event:
    text = asked.text("text", required=True)
    return DecisionTaken(person=asked.person, text=text, reason=asked.text("reason"), round=asked.round_or_none)


# ------------------------------------------------------------------------------------------------------- the facilitator's


def _inject(asked: _Asked) -> Event:
    what = asked.choice("what", INJECTS)
    number = len(asked.incident.injects) + 1
    return InjectShown(
        inject=f"by-hand-{number}",
        what=what,
        to=asked.texts("to"),
        text=asked.text("text", required=True),
        by=asked.person,
        round=asked.round,
    )


def _absent(asked: _Asked) -> Event:
    role = asked.choice("role", asked.state.roles)
    holder = asked.state.holders.get(role, "")
    return RoleHandedOver(role=role, person=holder, to="", note=asked.text("text"), taken=True, round=asked.round)


def _reveal(asked: _Asked) -> Event:
    if asked.incident.revealed:
        raise RefusedError("the fault is revealed already")
    return FaultRevealed(by=asked.person, round=asked.round)


def _next_round(asked: _Asked) -> Event:
    if asked.incident.people_done:
        raise RefusedError("this round is over already; what comes next comes by itself")
    return PeopleDone(person=asked.person, round=asked.round)


def _end(asked: _Asked) -> Event:
    return PeopleDone(person=asked.person, rehearsal_over=True, round=asked.state.round)


def _name(person: str) -> str:
    if not 0 < len(person.strip()) <= _LONGEST_NAME or not person.isprintable():
        raise RefusedError(f"person: expected a name of 1 to {_LONGEST_NAME} printable characters, but got {person[:80]!r}")
    return person


_KINDS: Final[Mapping[str, Callable[[_Asked], Event]]] = {
    "join": _join,
    "leave": _leave,
    "take": _take,
    "hand-over": _hand_over,
    "mark": _mark,
    "withdraw": _withdraw,
    "classify": _classify,
    "message": _message,
    "open": _open,
    "begin": _begin,
    "tick": _tick,
    "skip": _skip,
    "note": _note,
    "decide": _decide,
    "inject": _inject,
    "absent": _absent,
    "reveal": _reveal,
    "next-round": _next_round,
    "end": _end,
}
_FACILITATORS: Final = frozenset({"inject", "absent", "reveal", "next-round", "end"})
