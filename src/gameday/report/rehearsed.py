"""The fold over people's events: from a log to what a report tells of a rehearsal and of each of its incidents.

What is measured, compared and proposed is `gameday.rehearsal`'s; here it becomes facts with times counted as the report
counts them. A log without people makes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gameday.log.events import ChangeApplied, ChangeOwed, RunbookJudged, StepStarted, UndoEnded, VerdictGiven
from gameday.log.every import AnyEvent
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
from gameday.rehearsal.checking import left_untold, review
from gameday.rehearsal.clocks import Update, cadence_kept, clocks_of, updates_of
from gameday.rehearsal.fidelity import Fidelity, FollowedStep, fidelities_of
from gameday.rehearsal.impact import Impact, compared, impacts_of
from gameday.rehearsal.proposal import changes_of
from gameday.rehearsal.samples import Traffic, traffic_of
from gameday.rehearsal.state import Incident, State, fold, time_of
from gameday.report.people_facts import (
    BrokenWarning,
    ClassifiedFact,
    ClockFact,
    FollowedFact,
    HandOver,
    Happening,
    ImpactFact,
    IncidentFacts,
    MessageFact,
    MessageFinding,
    Participant,
    Proof,
    Proposed,
    ProvenStep,
    Rehearsal,
    Said,
    UpdateFact,
)
from gameday.report.people_sentences import people_said
from gameday.report.sentences import UNDONE
from gameday.report.words import duration

_KINDS: Final[Mapping[type[Any], str]] = {
    InjectShown: "inject",
    MomentMarked: "moment",
    Classified: "classified",
    MessageSent: "message",
    StepBegun: "step",
    StepTicked: "step",
    NoteTaken: "note",
    DecisionTaken: "decision",
    RoleHandedOver: "role",
    PersonJoined: "role",
    PersonLeft: "role",
    FaultRevealed: "revealed",
}


@dataclass(frozen=True, slots=True)
class People:
    """Everything that a log tells of people."""

    rehearsal: Rehearsal | None
    incidents: Mapping[str, IncidentFacts]
    proofs: Mapping[str, Proof]


def people_of(events: Sequence[AnyEvent]) -> People:
    """Fold a log into what it tells of people; a run without them costs one look at its events."""
    proofs = {event.round: _proof(event, events) for event in events if isinstance(event, RunbookJudged)}
    if not any(isinstance(event, RehearsalStarted | PersonJoined) for event in events):
        return People(None, {}, proofs)
    log = _Log(events)
    incidents = {name: log.incident(incident) for name, incident in log.state.incidents.items() if name}
    return People(log.rehearsal(), incidents, proofs)


class _Log:
    """A log's events beside their fold, and the clock that the report counts by."""

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        self.events = [event for event in events if not event.is_sample]
        self.state: State = fold(self.events)
        self.started = self.state.started or RehearsalStarted(level="live")
        self.first, self.last = time_of(events[0]), datetime.fromisoformat(events[-1].at)
        self._first_mono = events[0].mono
        self._traffic: Traffic = traffic_of(events)
        self._impacts: dict[str, Impact] = impacts_of(self.events, self._traffic)
        self._fidelities: dict[str, Fidelity] = fidelities_of(self.events, self._traffic)

    def at(self, moment: datetime) -> float:
        """Return a moment as seconds since the run's first event."""
        return round((moment - self.first).total_seconds(), 3)

    def rehearsal(self) -> Rehearsal:
        """Return who took part, and the roles that changed hands."""
        roles: dict[str, dict[str, None]] = {}
        joined: dict[str, datetime] = {}
        left: dict[str, datetime] = {}
        hand_overs: list[HandOver] = []
        for event in self.events:
            match event:
                case PersonJoined():
                    joined.setdefault(event.person, time_of(event))
                    left.pop(event.person, None)
                    roles.setdefault(event.person, {}).update(dict.fromkeys(event.roles))
                case PersonLeft():
                    left[event.person] = time_of(event)
                case RoleHandedOver():
                    if event.to:
                        roles.setdefault(event.to, {})[event.role] = None
                    hand_overs.append(self._hand_over(event))
                case _:
                    pass
        participants = tuple(
            Participant(name, tuple(roles.get(name, {})), self.at(at), self.at(left[name]) if name in left else None)
            for name, at in joined.items()
        )
        return Rehearsal(self.started.level, self.started.seed, self.started.surprise, participants, tuple(hand_overs))

    def _hand_over(self, event: RoleHandedOver) -> HandOver:
        at = time_of(event)
        return HandOver(at.isoformat(), self.at(at), event.role, event.person, event.to, event.note, event.taken)

    def incident(self, incident: Incident) -> IncidentFacts:
        """Return one round as people lived it."""
        allowed, readers = self.started.clocks, self.started.readers
        updates = updates_of(incident, allowed, now=self.last)
        fidelity, impact = self._fidelities.get(incident.round), self._impacts.get(incident.round)
        proposal = changes_of(incident, fidelity, level=self.started.level) if fidelity else ()
        titles = {step.id: step.title for step in incident.steps.values()}
        return IncidentFacts(
            runbook=incident.runbook.runbook if incident.runbook else "",
            timeline=tuple(sorted(self._timeline(incident, titles), key=lambda item: item.at_seconds)),
            clocks=tuple(
                ClockFact(c.interval.name, c.interval.title, c.seconds, c.allowed_seconds, c.kept, c.why)
                for c in clocks_of(incident, allowed, now=self.last)
            ),
            updates=tuple(self._update(update) for update in updates),
            cadence_kept=cadence_kept(updates, now=self.last),
            impact=self._impact(impact),
            classified=tuple(self._classified(incident, impact)),
            messages=tuple(self._messages(incident)),
            untold=tuple(f"{audience} by {channel}" for audience, channel in left_untold(incident, readers)),
            steps=tuple(_followed(step) for step in fidelity.steps) if fidelity else (),
            in_order=fidelity.in_order if fidelity else True,
            decisions=tuple(self._said(event, event.reason) for event in incident.decisions),
            notes=tuple(self._said(event, titles.get(event.step, event.step)) for event in incident.notes),
            proposal=tuple(Proposed(c.step, c.title, c.kind, c.before, c.after, c.why) for c in proposal),
        )

    def _timeline(self, incident: Incident, titles: Mapping[str, str]) -> Iterator[Happening]:
        faults: dict[str, str] = {}
        ticked: set[str] = set()
        for event in self.events:
            if event.round != incident.round:
                continue
            if isinstance(event, ChangeOwed) and event.is_fault:
                faults[event.change_id] = event.summary
            elif isinstance(event, ChangeApplied) and event.change_id in faults:
                yield self._happening(event, "", "fault", f"the fault: {faults[event.change_id]}")
            elif isinstance(event, UndoEnded):
                yield self._happening(event, "", "undo", f"undo: {event.object} {UNDONE.get(event.outcome, event.outcome)}")
            elif isinstance(event, VerdictGiven):
                yield from self._recovered(incident, event)
            elif type(event) in _KINDS:
                who = getattr(event, "person", "") or getattr(event, "by", "")
                who = "" if isinstance(event, RoleHandedOver) and event.taken else who
                text = people_said(event, titles) or ""
                if isinstance(event, StepTicked):
                    text = f"said so later: {text}" if event.step in ticked else text
                    ticked.add(event.step)
                yield self._happening(event, who, _KINDS[type(event)], text)

    def _recovered(self, incident: Incident, event: VerdictGiven) -> Iterator[Happening]:
        fault, seconds = incident.moments.get("fault"), (event.recovery or {}).get("seconds")
        if fault is not None and seconds and (event.recovery or {}).get("ever_out", True):
            at = self.at(fault.at) + float(seconds)
            moment = datetime.fromtimestamp(fault.at.timestamp() + float(seconds), tz=fault.at.tzinfo)
            yield Happening(
                moment.isoformat(),
                round(at, 3),
                "",
                "recovered",
                f"customers can check out again, {duration(seconds)} after the fault",
            )

    def _happening(self, event: AnyEvent, who: str, kind: str, text: str) -> Happening:
        at = time_of(event)
        return Happening(at.isoformat(), self.at(at), who, kind, text)

    def _update(self, update: Update) -> UpdateFact:
        sent = update.sent_at
        late = max(0.0, (sent - update.due_at).total_seconds()) if sent else None
        due, kept = update.due_at.isoformat(), update.kept(self.last)
        return UpdateFact(update.what, due, self.at(update.due_at), sent.isoformat() if sent else "", late, kept)

    def _impact(self, impact: Impact | None) -> ImpactFact | None:
        if impact is None:
            return None
        failed, cohort = impact.failed, impact.cohort_failed
        return ImpactFact(
            severity=impact.severity,
            because=impact.because,
            failed_percent=_percent(failed.value),
            low_percent=_percent(failed.low),
            high_percent=_percent(failed.high),
            samples=failed.samples,
            at_seconds=round(impact.at_mono - self._first_mono, 3),
            cohort=impact.cohort,
            cohort_failed_percent=_percent(cohort.value) if cohort else None,
            charged=impact.charged,
            lost=impact.lost,
        )

    def _classified(self, incident: Incident, impact: Impact | None) -> Iterator[ClassifiedFact]:
        for comparison in compared(incident.classifications, impact):
            event = comparison.classified
            at = time_of(event)
            yield ClassifiedFact(
                at.isoformat(),
                self.at(at),
                event.person,
                event.severity,
                event.affected,
                event.affected_percent,
                comparison.judgement,
                comparison.percent_judgement,
            )

    def _messages(self, incident: Incident) -> Iterator[MessageFact]:
        for message, found in review(incident, self.started.readers):
            at = time_of(message)
            # What the sender was told then counts, also that it was nothing; what nobody checked is checked now.
            told = [item.as_dict() for item in found] if message.findings is None else message.findings
            findings = tuple(MessageFinding(*(item.get(name, "") for name in ("code", "message", "add"))) for item in told)
            yield MessageFact(
                at.isoformat(),
                self.at(at),
                message.person,
                message.audience,
                message.channel,
                message.text,
                message.template,
                message.next_at and datetime.fromisoformat(message.next_at).astimezone(UTC).isoformat(),
                findings,
            )

    def _said(self, event: DecisionTaken | NoteTaken, beside: str) -> Said:
        at = time_of(event)
        missing = isinstance(event, NoteTaken) and event.missing_step
        return Said(at.isoformat(), self.at(at), event.person, event.text, beside, missing)


def _followed(followed: FollowedStep) -> FollowedFact:
    step, effect = followed.step, followed.effect
    change = effect.change if effect else None
    return FollowedFact(
        step=step.id,
        title=step.title,
        phase=step.phase,
        role=step.role,
        outcome=followed.outcome,
        reason=step.reason,
        by=step.by,
        also_by=step.also_by,
        by_role=followed.by_role,
        order=followed.order,
        beside=followed.beside,
        expected_seconds=step.expected_seconds,
        taken_seconds=followed.taken_seconds,
        taken_from=followed.taken_from,
        in_time=followed.in_time,
        effect=effect.judgement if effect else "",
        before_percent=_percent(effect.before.value) if effect and effect.before else None,
        after_percent=_percent(effect.after.value) if effect and effect.after else None,
        low_points=_percent(change.low) if change else None,
        high_points=_percent(change.high) if change else None,
    )


def _proof(event: RunbookJudged, events: Sequence[AnyEvent]) -> Proof:
    titles = {
        str(step.get("id", "")): str(step.get("title", ""))
        for opened in events
        if isinstance(opened, RunbookOpened) and opened.runbook == event.runbook
        for step in opened.steps
    }
    titles |= {found.step: found.title for found in events if isinstance(found, StepStarted) and found.runbook == event.runbook}
    return Proof(
        runbook=event.runbook,
        outcome=event.outcome,
        reasons=tuple(event.reasons),
        steps=tuple(_proven(step, titles) for step in event.steps),
        broken=tuple(
            BrokenWarning(*(str(item.get(name, "")) for name in ("id", "text", "step", "change"))) for item in event.broken
        ),
        recovery_seconds=event.recovery_seconds,
        objective_seconds=event.objective_seconds,
        without=tuple(event.without),
        worked_around=event.worked_around,
    )


def _proven(step: Mapping[str, Any], titles: Mapping[str, str]) -> ProvenStep:
    name = str(step.get("step", ""))
    title = str(step.get("title", "")) or titles.get(name, name)
    return ProvenStep(
        name, title, str(step.get("judgement", "unknown")), str(step.get("why", "")), noted=bool(step.get("noted", False))
    )


def _percent(ratio: float) -> float:
    return round(ratio * 100, 2)
