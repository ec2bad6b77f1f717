"""Where a rehearsal stands, folded from its log: who is there, and of each round its moments, steps, messages and notes.

A fold is the same for whoever reads the log: the page that was open all the time, the one that was reloaded, the report. Where
two people did the same thing, the first in the log did it. Times are wall clock, in UTC (`at`), since an incident may outlive a
boot of the machine; what a run measures stays with `mono`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gameday.log import AnyEvent
from gameday.log.events import (
    AbortRequested,
    ChangeApplied,
    ChangeOwed,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    VerdictGiven,
)
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
    RehearsalStarted,
    RoleHandedOver,
    RunbookChosen,
    RunbookOpened,
    StepBegun,
    StepTicked,
)
from gameday.runbook.roles import FACILITATOR, ROLES

MOMENTS: Final = (
    "fault",
    "alert",
    "acknowledged",
    "declared",
    "classified",
    "first_message",
    "mitigated",
    "resolved",
    "closed",
    "review_held",
    "follow_up",
)
"""An incident's moments in the order in which they are expected; `clocks` derives durations from them."""
CUSTOMERS: Final = "customers"


@dataclass(slots=True)
class Person:
    """Somebody who takes part."""

    name: str
    roles: tuple[str, ...]
    joined_at: datetime
    is_there: bool = True


@dataclass(slots=True)
class Moment:
    """When one of the moments was, and who says so (empty: the run itself)."""

    name: str
    at: datetime
    person: str = ""
    detail: str = ""


@dataclass(slots=True)
class StepState:
    """What became of one step of the runbook."""

    id: str
    title: str
    phase: str
    role: str
    expected_seconds: float | None
    plan: Mapping[str, Any]
    """The step as `RunbookOpened` has it."""
    begun_at: datetime | None = None
    begun_by: str = ""
    ended_at: datetime | None = None
    outcome: str = ""
    """done, skipped, or empty while it is open."""
    by: str = ""
    reason: str = ""
    also_by: tuple[str, ...] = ()
    """Who said the same afterwards, too late to count."""


@dataclass(slots=True)
class Incident:
    """One round, as people live it."""

    round: str
    title: str = ""
    runbook: RunbookOpened | None = None
    chosen_runbook: str = ""
    """The id of the runbook that people opened last from the catalogue, where the round's own is not shown to them."""
    steps: dict[str, StepState] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)
    classifications: list[Classified] = field(default_factory=list)
    messages: list[MessageSent] = field(default_factory=list)
    injects: list[InjectShown] = field(default_factory=list)
    notes: list[NoteTaken] = field(default_factory=list)
    decisions: list[DecisionTaken] = field(default_factory=list)
    verdict: VerdictGiven | None = None
    revealed: bool = False
    people_done: bool = False
    """The facilitator went on, or the deadline did."""
    ended: bool = False

    @property
    def is_found(self) -> bool:
        """Whether people have opened the round's own runbook in the catalogue."""
        return self.runbook is not None and self.chosen_runbook == self.runbook.runbook

    @property
    def next_step(self) -> StepState | None:
        """The first step that nobody has ticked or skipped."""
        return next((step for step in self.steps.values() if not step.outcome), None)


@dataclass(slots=True)
class State:
    """A rehearsal at one event of its log; `apply` takes it to the next."""

    started: RehearsalStarted | None = None
    run: RunStarted | None = None
    people: dict[str, Person] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    """Role to the name of who holds it now."""
    taken_roles: set[str] = field(default_factory=set)
    """Roles that an inject took away, and that nobody may take until the round ends."""
    incidents: dict[str, Incident] = field(default_factory=dict)
    round: str = ""
    """The round that is on, or was last."""
    seq: int = 0
    ended: RunEnded | None = None
    is_aborted: bool = False
    """It was stopped; what there is to undo is being undone, or is."""
    is_last: bool = False
    """No other round begins: the facilitator has ended the rehearsal."""
    _faults: dict[str, str] = field(default_factory=dict)

    @property
    def incident(self) -> Incident | None:
        """The incident that is on, or was last; None before the first."""
        return self.incidents.get(self.round)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that there are: those of the plan, and in any case the facilitator's."""
        named = self.started.roles if self.started else []
        return tuple(role for role in ROLES if not named or role in named or role == FACILITATOR)

    def roles_of(self, person: str) -> tuple[str, ...]:
        """Return the roles that somebody holds now."""
        return tuple(role for role, holder in self.holders.items() if holder == person)

    def knows(self, person: str, incident: Incident | None) -> bool:
        """Say whether somebody may be told which fault a round is about; whoever is nobody holds the rehearsal."""
        if not person or self.started is None or not self.started.surprise or FACILITATOR in self.roles_of(person):
            return True
        return incident is not None and (incident.revealed or incident.ended)

    def follows(self, person: str, incident: Incident) -> bool:
        """Say whether somebody may be told the steps of a round's runbook: in a surprise, once the right one was opened."""
        return self.knows(person, incident) or incident.is_found

    def apply(self, event: AnyEvent) -> None:
        """Take the next event of the log into account."""
        self.seq = event.seq
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def incident_of(self, event: AnyEvent) -> Incident:
        """Return the incident that an event belongs to: that of its round, else the one that is on."""
        name = event.round or self.round
        return self.incidents.setdefault(name, Incident(name))


def fold(events: Iterable[AnyEvent]) -> State:
    """Return where a rehearsal stands after these events."""
    state = State()
    for event in events:
        state.apply(event)
    return state


def time_of(event: AnyEvent) -> datetime:
    """Return when an event was, in UTC; for a moment that was noted later, when it happened."""
    occurred = event.occurred_at if isinstance(event, MomentMarked) else ""
    return datetime.fromisoformat(occurred or event.at).astimezone(UTC)


# ---------------------------------------------------------------------------------------------------- one event each


def _run_started(state: State, event: RunStarted) -> None:
    state.run = event


def _rehearsal_started(state: State, event: RehearsalStarted) -> None:
    state.started = event


def _round_started(state: State, event: RoundStarted) -> None:
    state.round = event.round
    incident = state.incident_of(event)
    incident.title = event.title
    state.taken_roles.clear()


def _round_ended(state: State, event: RoundEnded) -> None:
    state.incident_of(event).ended = True


def _run_ended(state: State, event: RunEnded) -> None:
    state.ended = event


def _verdict_given(state: State, event: VerdictGiven) -> None:
    state.incident_of(event).verdict = event


def _change_owed(state: State, event: ChangeOwed) -> None:
    if event.is_fault:
        state._faults[event.change_id] = event.round  # noqa: SLF001  # of this module


def _change_applied(state: State, event: ChangeApplied) -> None:
    if event.change_id in state._faults:  # noqa: SLF001  # of this module
        _first(state.incident_of(event), Moment("fault", time_of(event)))


def _runbook_opened(state: State, event: RunbookOpened) -> None:
    incident = state.incident_of(event)
    incident.runbook = event
    incident.steps = {
        step["id"]: StepState(step["id"], step["title"], step["phase"], step.get("role", ""), step.get("expected_seconds"), step)
        for step in event.steps
    }


def _runbook_chosen(state: State, event: RunbookChosen) -> None:
    state.incident_of(event).chosen_runbook = event.runbook


def _person_joined(state: State, event: PersonJoined) -> None:
    known = state.people.get(event.person)
    if known is None:
        state.people[event.person] = known = Person(event.person, (), time_of(event))
    known.is_there = True
    for role in event.roles:
        state.holders.setdefault(role, event.person)
    _note_roles(state)


def _person_left(state: State, event: PersonLeft) -> None:
    if event.person in state.people:
        state.people[event.person].is_there = False
    for role in state.roles_of(event.person):
        del state.holders[role]
    _note_roles(state)


def _role_handed_over(state: State, event: RoleHandedOver) -> None:
    if event.taken:
        state.taken_roles.add(event.role)
    if event.to:
        state.holders[event.role] = event.to
    else:
        state.holders.pop(event.role, None)
    _note_roles(state)


def _note_roles(state: State) -> None:
    for person in state.people.values():
        person.roles = state.roles_of(person.name)


def _inject_shown(state: State, event: InjectShown) -> None:
    incident = state.incident_of(event)
    incident.injects.append(event)
    if event.what == "alert":
        _first(incident, Moment("alert", time_of(event), event.by, event.text))


def _moment_marked(state: State, event: MomentMarked) -> None:
    incident = state.incident_of(event)
    if event.withdrawn:
        incident.moments.pop(event.moment, None)
    else:
        _first(incident, Moment(event.moment, time_of(event), event.person, event.detail))


def _classified(state: State, event: Classified) -> None:
    incident = state.incident_of(event)
    incident.classifications.append(event)
    _first(incident, Moment("classified", time_of(event), event.person, event.severity))


def _message_sent(state: State, event: MessageSent) -> None:
    incident = state.incident_of(event)
    incident.messages.append(event)
    if event.audience == CUSTOMERS:
        _first(incident, Moment("first_message", time_of(event), event.person, event.channel))


def _step_begun(state: State, event: StepBegun) -> None:
    step = state.incident_of(event).steps.get(event.step)
    if step is not None and step.begun_at is None and not step.outcome:
        step.begun_at, step.begun_by = time_of(event), event.person


def _step_ticked(state: State, event: StepTicked) -> None:
    step = state.incident_of(event).steps.get(event.step)
    if step is None:
        return
    if step.outcome:
        step.also_by = (*step.also_by, event.person)
        return
    step.outcome, step.by, step.reason, step.ended_at = event.outcome, event.person, event.reason, time_of(event)


def _note_taken(state: State, event: NoteTaken) -> None:
    state.incident_of(event).notes.append(event)


def _decision_taken(state: State, event: DecisionTaken) -> None:
    state.incident_of(event).decisions.append(event)


def _fault_revealed(state: State, event: FaultRevealed) -> None:
    state.incident_of(event).revealed = True


def _people_done(state: State, event: PeopleDone) -> None:
    state.is_last = state.is_last or event.rehearsal_over
    if event.round or state.round:
        state.incident_of(event).people_done = True


def _abort_requested(state: State, event: AbortRequested) -> None:
    del event
    state.is_aborted = True


def _first(incident: Incident, moment: Moment) -> None:
    """Keep a moment unless it is there already: whoever was first in the log was first."""
    incident.moments.setdefault(moment.name, moment)


_HANDLERS: Final[Mapping[type[Any], Callable[[State, Any], None]]] = {
    RunStarted: _run_started,
    RehearsalStarted: _rehearsal_started,
    RoundStarted: _round_started,
    RoundEnded: _round_ended,
    RunEnded: _run_ended,
    VerdictGiven: _verdict_given,
    ChangeOwed: _change_owed,
    ChangeApplied: _change_applied,
    RunbookOpened: _runbook_opened,
    RunbookChosen: _runbook_chosen,
    PersonJoined: _person_joined,
    PersonLeft: _person_left,
    RoleHandedOver: _role_handed_over,
    InjectShown: _inject_shown,
    MomentMarked: _moment_marked,
    Classified: _classified,
    MessageSent: _message_sent,
    StepBegun: _step_begun,
    StepTicked: _step_ticked,
    NoteTaken: _note_taken,
    DecisionTaken: _decision_taken,
    FaultRevealed: _fault_revealed,
    PeopleDone: _people_done,
    AbortRequested: _abort_requested,
}
