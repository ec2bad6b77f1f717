"""The story of a run: one pure fold over its events, from which every format of the report is rendered.

`tell` reads no file, no clock and no cluster, so that one log always gives the same story. It tells a log that ends in the
middle as well: what was under way stays open, and what was owed is named. It judges nothing; verdicts stand in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gameday.log.events import (
    AbortRequested,
    ChangeApplied,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    Noted,
    ProcessEnded,
    ProcessStarted,
    RecoveryStarted,
    RoundEnded,
    RunEnded,
    RunStarted,
    UndoEnded,
)
from gameday.log.every import AnyEvent
from gameday.report.convert import undo_of
from gameday.report.facts import Abort, Note, Process, Round, Row, Run, Story, Undo
from gameday.report.followup import followups, owner_of_run
from gameday.report.headline import headline, residue_of
from gameday.report.rehearsed import People, people_of
from gameday.report.rounds import Draft
from gameday.report.sentences import UNASKED, said
from gameday.report.series import Sample, curve, sample_of

_OTHER_CLOCK_SECONDS = 2.0


def tell(events: Iterable[AnyEvent]) -> Story:
    """Fold a run's events, in their order, into its story; any beginning of a log is enough."""
    found = list(events)
    draft = _Draft()
    for event in found:
        draft.add(event)
    return draft.finish(people_of(found))


@dataclass(slots=True)
class _Clock:
    """Turns monotonic times into seconds since the run's start, also after another machine has taken over the log."""

    started_mono: float | None = None
    started_wall: datetime | None = None
    boots: list[str] = field(default_factory=list)
    """Of the guardians, in their order."""

    def at(self, event: AnyEvent) -> float:
        wall = _wall(event.at)
        if self.started_mono is None:
            self.started_mono, self.started_wall = event.mono, wall
        if isinstance(event, ProcessStarted) and event.role == "guardian":
            self.boots.append(event.boot)
        is_other = isinstance(event, RecoveryStarted) and not self._same_clock()
        if is_other and wall is not None and self.started_wall is not None:
            self._other_host(event.mono, (wall - self.started_wall).total_seconds())
        return self.of(event.mono)

    def of(self, mono: float) -> float:
        return round(mono - (self.started_mono or 0.0), 3)

    def _same_clock(self) -> bool:
        """Whether the guardian that took over has the first one's monotonic clock, whatever their wall clocks say."""
        return len(self.boots) > 1 and bool(self.boots[0]) and self.boots[0] == self.boots[-1]

    def _other_host(self, mono: float, wall_seconds: float) -> None:
        """Go by the wall clock from here on, if the monotonic one is another one (another host, or after a restart)."""
        if abs(self.of(mono) - wall_seconds) > _OTHER_CLOCK_SECONDS:
            self.started_mono = mono - wall_seconds


@dataclass(slots=True)
class _Draft:
    """The run as it takes shape while its events go by."""

    clock: _Clock = field(default_factory=_Clock)
    started: RunStarted | None = None
    ended: RunEnded | None = None
    first_at: str = ""
    last_at: str = ""
    end_seconds: float = 0.0
    outside: Draft = field(default_factory=lambda: Draft("", 0.0))
    rounds: dict[str, Draft] = field(default_factory=dict)
    undos: list[tuple[str, Undo]] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    aborts: list[Abort] = field(default_factory=list)
    recoveries: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    order_step: str = ""
    load_error: str = ""
    behind_seconds: float = 0.0
    windows: int = 0
    rows: list[Row] = field(default_factory=list)

    def add(self, event: AnyEvent) -> None:
        at = self.clock.at(event)
        self.first_at, self.last_at, self.end_seconds = self.first_at or event.at, event.at, max(self.end_seconds, at)
        if isinstance(event, LoadWindow):
            self.windows += 1
            self.behind_seconds = max(self.behind_seconds, event.behind_seconds)
            self.samples.append(sample_of(event, self.order_step, start_seconds=self.clock.of(event.start)))
            return
        self.rows.append(Row(event.seq, at, event.round, str(event.__struct_config__.tag), said(event)))
        self._add_to_run(event, at)
        self._add_to_round(event, at)

    def _add_to_run(self, event: AnyEvent, at: float) -> None:
        match event:
            case RunStarted():
                self.started = event
            case RunEnded():
                self.ended = event
            case RecoveryStarted():
                # A log that is taken over goes on after an end that was none.
                self.ended = None
                self.recoveries.append(Note(at, "warning", said(event), event.round))
            case ProcessStarted():
                self.processes.append(Process(event.role, event.pid, at, None, None, None, "", died=False))
            case ProcessEnded():
                self._process_ended(event, at)
            case AbortRequested():
                self.aborts.append(Abort(at, event.by, event.reason, event.round))
            case Noted():
                self.notes.append(Note(at, event.level, event.text, event.round))
            case LoadStarted():
                self.order_step = event.order_step or (event.steps[-1] if event.steps else "")
            case LoadEnded():
                self.load_error = event.error
            case _:
                pass

    def _add_to_round(self, event: AnyEvent, at: float) -> None:
        round_draft = self._round(event.round, at)
        if isinstance(event, UndoEnded):
            self.undos.append((event.round, undo_of(event, at)))
        elif isinstance(event, RoundEnded):
            round_draft.end_seconds, round_draft.outcome = at, event.outcome
        elif isinstance(event, ChangeApplied):
            round_draft.add(event, at, self.clock.of(event.applied_mono))
        else:
            round_draft.add(event, at)

    def _round(self, round_id: str, at: float) -> Draft:
        if not round_id:
            return self.outside
        return self.rounds.setdefault(round_id, Draft(round_id, at))

    def _process_ended(self, event: ProcessEnded, at: float) -> None:
        died = event.reason in UNASKED and (event.signal is not None or event.exit_code not in {None, 0})
        start = None
        for index, process in enumerate(self.processes):
            if (process.role, process.pid) == (event.role, event.pid) and process.end_seconds is None:
                start = process.start_seconds
                del self.processes[index]
                break
        self.processes.append(Process(event.role, event.pid, start, at, event.exit_code, event.signal, event.reason, died))

    def finish(self, people: People) -> Story:
        owner = owner_of_run(self.started.roles if self.started else {})
        rounds = tuple(
            replace(self._finished(draft, owner), people=people.incidents.get(draft.id), proof=people.proofs.get(draft.id))
            for draft in self.rounds.values()
            if draft.started is not None
        )
        outside = self._finished(self.outside, owner)
        rest = tuple(self._finished(draft, owner) for draft in self.rounds.values() if draft.started is None)
        named = tuple(self.ended.residue) if self.ended else ()
        residue = residue_of((*rounds, outside, *rest), named, ended=self.ended is not None)
        run = self._run()
        has_outside = bool(outside.phases or outside.changes or outside.steps or outside.judgements or outside.activities)
        state, sentence = headline(
            run, rounds, residue, aborted=bool(self.aborts), ended=self.ended is not None, rehearsal=people.rehearsal
        )
        story = Story(
            run=run,
            ended=self.ended is not None,
            headline=sentence,
            state=state,
            rounds=rounds,
            outside=outside if has_outside else None,
            residue=residue,
            aborts=tuple(self.aborts),
            recoveries=tuple(self.recoveries),
            notes=tuple(self.notes),
            processes=tuple(sorted(self.processes, key=lambda process: (process.start_seconds or 0.0, process.pid))),
            load_error=self.load_error,
            load_behind_seconds=self.behind_seconds,
            actions=(),
            series=curve(self.samples, start_seconds=0.0, end_seconds=self.end_seconds),
            samples=self.windows,
            rows=tuple(self.rows),
            rehearsal=people.rehearsal,
        )
        return replace(story, actions=followups(story))

    def _finished(self, draft: Draft, owner: str) -> Round:
        draft.settle(self.undos)
        return draft.finish(self.samples, log_end_seconds=self.end_seconds, owner=owner)

    def _run(self) -> Run:
        started = self.started or RunStarted(run_id="", kind="", title="", source="", source_digest="", version="", host="")
        return Run(
            run_id=started.run_id,
            kind=started.kind,
            title=started.title,
            source=started.source,
            source_digest=started.source_digest,
            version=started.version,
            host=started.host,
            cluster=started.cluster,
            namespaces=tuple(started.namespaces),
            traffic=started.traffic,
            switched_off=tuple(started.switched_off),
            roles=dict(started.roles),
            unguarded=started.unguarded,
            started_at=self.first_at,
            ended_at=self.last_at,
            duration_seconds=self.end_seconds,
            exit_code=self.ended.exit_code if self.ended else None,
            summary=self.ended.summary if self.ended else "",
        )


def _wall(at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(at)
    except ValueError:
        return None
