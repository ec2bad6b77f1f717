"""A simulation: a recorded run is replayed on a virtual clock, and people who are drawn, or a script, act beside it.

What the run recorded (faults, traffic, undos, verdicts) comes at its recorded times, counted from the beginning of its round.
A round ends when its record has and people have done with it; what follows is moved by as much. The outcome is a log of its own,
in which nothing stands that differs from one time to the next: one record, one plan and one seed give the same bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from gameday.errors import RefusedError
from gameday.log import AnyEvent, Event, LogWriter
from gameday.log.events import (
    AbortRequested,
    ChangeApplied,
    LeaseAcquired,
    LeaseReleased,
    LoadStarted,
    LoadWindow,
    Noted,
    ProcessEnded,
    ProcessStarted,
    RecoveryStarted,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    UndoStarted,
    VerdictGiven,
)
from gameday.log.people import PeoplesEvent
from gameday.log.reading import stream
from gameday.rehearsal.clock import VirtualClock
from gameday.rehearsal.drawn import Act, DrawnPeople
from gameday.rehearsal.rehearsed import PEOPLE, Rehearsed, round_begun
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.script import ScriptLine
from gameday.rehearsal.state import State
from gameday.rehearsal.timeline import due, next_due_at
from gameday.verdict import exit_code

_NOT_REPLAYED: Final = (
    RunStarted,
    RunEnded,
    ProcessStarted,
    ProcessEnded,
    LeaseAcquired,
    LeaseReleased,
    AbortRequested,
    RecoveryStarted,
    StepStarted,
    StepEnded,
    *get_args(PeoplesEvent),
)
"""What a simulation says itself, what belongs to the recorded run's own processes, and what its own people or worker did."""
_NOBODY: Final = "simulated"
_LONGEST_SECONDS: Final = 86400.0
"""How long people may go on with one round: a pace by which nothing is ever resolved ends, too."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What has to be known of a recorded run before it is replayed."""

    begin_at: datetime
    begin_mono: float
    rounds: tuple[str, ...]
    recovered_seconds: Mapping[str, float]
    """By round: how long after the fault customers could check out again, where the record shows it."""


def simulate(
    directory: Path, rehearsed: Rehearsed, record: Path, *, source: str, script: Sequence[ScriptLine] | None = None
) -> None:
    """Write the log of a simulated rehearsal into a run's folder; RefusedError if the record is not of this plan."""
    looked = _look(record)
    known = {item.id for item in rehearsed.rounds}
    if not looked.rounds or not set(looked.rounds) <= known:
        recorded = ", ".join(looked.rounds) or "none"
        raise RefusedError(
            f"{record.name} is no record of this plan: its rounds are {recorded}, the plan's {', '.join(sorted(known))}"
        )
    clock = VirtualClock(looked.begin_at)
    log = LogWriter(directory, clock=clock.mono, now=clock.now)
    try:
        _Simulation(log, clock, rehearsed, looked, script).play(record, source)
    finally:
        log.close()


@dataclass(slots=True)
class _Simulation:
    log: LogWriter
    clock: VirtualClock
    rehearsed: Rehearsed
    record: _Record
    script: Sequence[ScriptLine] | None
    state: State = field(default_factory=State)
    _people: DrawnPeople = field(init=False)
    _acts: list[tuple[float, int, Act | ScriptLine]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _kept: list[AnyEvent] = field(default_factory=list)
    _shift_seconds: float = 0.0
    """How much later than in the record everything comes by now."""

    def __post_init__(self) -> None:
        self._people = DrawnPeople(self.rehearsed.plan, self.rehearsed.seed)

    def play(self, record: Path, source: str) -> None:
        self._write(self.rehearsed.run_started(f"simulated-{self.rehearsed.seed}", source, host=_NOBODY))
        self._write(self.rehearsed.started())
        self._take_seats()
        for event in stream(record):
            if self.state.is_last:
                break
            if not isinstance(event, _NOT_REPLAYED):
                self._replay(event)
        self._finish_people()
        code = exit_code(self._kept)
        self._write(RunEnded(exit_code=code, summary="the simulated rehearsal is over"))

    def _take_seats(self) -> None:
        if self.script is not None:
            for line in self.script:
                heapq.heappush(self._acts, (line.at_seconds, next(self._order), line))
            return
        for person, request in self._people.joining():
            self._ask(person, request)

    def _take_roles_again(self) -> None:
        """Have whoever was away in the round before back in their roles."""
        if self.script is None:
            for person, request in self._people.joining():
                for role in request["roles"]:
                    if role not in self.state.holders:
                        self._ask(person, {"do": "take", "role": role})

    def _replay(self, event: AnyEvent) -> None:
        if isinstance(event, RoundEnded):
            # The record's round is over before its people's may be; the rest waits for them.
            self._advance(self._comes_at(event))
            self._finish_people()
            self._shift_seconds += max(0.0, self.clock.mono() - self._comes_at(event))
        self._advance(self._comes_at(event))
        if isinstance(event, RoundStarted):
            item = next(one for one in self.rehearsed.rounds if one.id == event.round)
            self._write(msgspec.structs.replace(event, runbook_mode=PEOPLE))
            self._write(round_begun(item)[1])
            self._take_roles_again()
        else:
            self._write(_cleaned(event, self._shift_seconds - self.record.begin_mono))

    def _comes_at(self, event: AnyEvent) -> float:
        return event.mono - self.record.begin_mono + self._shift_seconds

    def _finish_people(self) -> None:
        """Let people do what they have begun, and happen to them what is to come, until they are done with the round."""
        give_up = self.clock.mono() + _LONGEST_SECONDS
        while not self._is_done() and (coming := self._next_at()) is not None and coming < give_up:
            self._advance(coming)
        if self.script is None:
            self._acts.clear()

    def _next_at(self) -> float | None:
        """Return when somebody does something next, or something happens to them."""
        inject = next_due_at(self.state)
        inject_at = max((inject - self.record.begin_at).total_seconds(), self.clock.mono()) if inject else None
        act_at = self._acts[0][0] if self._acts else None
        return min((at for at in (act_at, inject_at) if at is not None), default=None)

    def _is_done(self) -> bool:
        return self.state.incident is not None and self.state.incident.people_done

    def _advance(self, until_seconds: float) -> None:
        """Do all that comes up to this time, each at its own: what people do, and what happens to them."""
        begin = self.record.begin_at
        while (coming := self._next_at()) is not None and coming <= until_seconds:
            self.clock.move_to(begin + timedelta(seconds=coming))
            if self._acts and self._acts[0][0] == coming:
                self._do(heapq.heappop(self._acts)[2])
            else:
                for event in due(self.state, self.clock.now()):
                    self._write(event)
        self.clock.move_to(begin + timedelta(seconds=until_seconds))

    def _do(self, act: Act | ScriptLine) -> None:
        if isinstance(act, ScriptLine):
            self._ask(act.person, act.request)
            return
        request = act.request(self.state)
        person = self._people.who(act.role, self.state)
        if request is not None and person:
            self._ask(person, request)

    def _ask(self, person: str, request: Mapping[str, Any]) -> None:
        try:
            self._write(event_for(self.state, person, request, now=self.clock.now()))
        except RefusedError as error:
            if self.script is not None:
                self._write(Noted(level="warning", text=f"{person} was refused: {error}", round=self.state.round))

    def _write(self, event: Event) -> None:
        written = self.log.write(event)
        self.state.apply(written)
        if written.is_sample:
            return
        self._kept.append(written)
        if self.script is None:
            for act in self._people.react(written, self.state, recovers_in_seconds=self._recovers_in()):
                heapq.heappush(self._acts, (self.clock.mono() + act.in_seconds, next(self._order), act))

    def _recovers_in(self) -> float | None:
        incident = self.state.incident
        if incident is None or "fault" not in incident.moments or incident.round not in self.record.recovered_seconds:
            return None
        recovered_at = incident.moments["fault"].at + timedelta(seconds=self.record.recovered_seconds[incident.round])
        return (recovered_at - self.clock.now()).total_seconds()


def _look(record: Path) -> _Record:
    """Read what has to be known first; samples are passed over."""
    first: AnyEvent | None = None
    rounds: list[str] = []
    recovered: dict[str, float] = {}
    for event in stream(record, samples=False):
        first = first or event
        if isinstance(event, RoundStarted):
            rounds.append(event.round)
        if isinstance(event, VerdictGiven) and event.recovery is not None:
            recovered[event.round] = float(event.recovery["seconds"])
    if first is None:
        raise RefusedError(f"{record} has no events to replay")
    return _Record(datetime.fromisoformat(first.at), first.mono, tuple(rounds), recovered)


def _cleaned(event: AnyEvent, shift: float) -> AnyEvent:
    """Return an event with its times moved, and without what is of the recorded run's own processes."""
    match event:
        case LoadWindow():
            return msgspec.structs.replace(event, start=round(event.start + shift, 6))
        case ChangeApplied():
            return msgspec.structs.replace(event, applied_mono=round(event.applied_mono + shift, 6))
        case LoadStarted():
            return msgspec.structs.replace(event, journey_file="")
        case UndoStarted():
            return msgspec.structs.replace(event, holder=_NOBODY)
        case VerdictGiven():
            # People carried it out here, which proves nothing of the runbook alone.
            return msgspec.structs.replace(event, runbook="")
        case _:
            return event
