"""Whether people did what the runbook says: which steps, in which order, in time, by whom, and which of them helped.

A fold over the log. A step took from when it was begun to when it was ticked; where nobody said that they began, from the
tick before it, since people do one thing after the other; the first of all from the acknowledgement. Where none of these is
there, it is unknown how long it took, and so is whether it was in time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gameday.log import AnyEvent
from gameday.log.people import StepBegun, StepTicked
from gameday.rehearsal.samples import Difference, Share, Traffic, difference, share, traffic_of
from gameday.rehearsal.state import Incident, State, StepState
from gameday.runbook.roles import CUSTOMER_LIAISON, DEPUTY, INCIDENT_COMMANDER, INTERNAL_LIAISON

EFFECT_SECONDS: Final = 10.0
"""How long before it was begun and after it was ticked customers are counted. Steps that are executed are measured by 2 s;
people look up from their work a little later than that."""
FEWEST_SAMPLES: Final = 30
_NO_CHANGE: Final = 0.02
"""A difference that surely is smaller than this did nothing."""
_MAY_ACT_FOR: Final[Mapping[str, frozenset[str]]] = {
    INCIDENT_COMMANDER: frozenset({DEPUTY}),
    # Names that runbooks had before.
    "game-master": frozenset({INCIDENT_COMMANDER, DEPUTY}),
    "communicator": frozenset({CUSTOMER_LIAISON, INTERNAL_LIAISON}),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step did to checkout: the share that succeeded before it was begun and after it was ticked."""

    before: Share | None
    after: Share | None
    change: Difference | None
    judgement: str
    """helped, did_nothing, worse, or unknown where there were too few customers to tell."""


@dataclass(frozen=True, slots=True)
class FollowedStep:
    """One step of the runbook, as people followed it."""

    step: StepState
    outcome: str
    """done, skipped or untouched."""
    taken_seconds: float | None
    taken_from: str
    """begun, previous or acknowledged: what it is counted from; empty where it is unknown."""
    in_time: bool | None
    """None: no time is expected, or it is unknown what it took."""
    by_role: bool | None
    """Whether who ticked it held the role that the runbook names, or may act for it; None where it names none."""
    order: str
    """Empty where it was done in its place, else early (before a step that stands before it) or late."""
    beside: str
    """The title of the step that it overtook, or that overtook it; empty in its place."""
    effect: Effect | None
    """None: it was not done."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How closely a round's runbook was followed."""

    round: str
    runbook: str
    steps: tuple[FollowedStep, ...]

    def count(self, outcome: str) -> int:
        """Return how many steps ended so."""
        return sum(step.outcome == outcome for step in self.steps)

    @property
    def in_order(self) -> bool:
        """Whether every step that was done was done in its place."""
        return not any(step.order for step in self.steps)


@dataclass(frozen=True, slots=True)
class _Ticked:
    """What the log has of a step's ticking that the state does not keep."""

    begun_mono: float | None
    mono: float
    roles: tuple[str, ...]
    position: int
    """The how-manieth step of the run to be ticked."""
    previous: tuple[datetime, float] | None
    """The tick before it: the time and CLOCK_MONOTONIC."""


def fidelities_of(events: Sequence[AnyEvent], traffic: Traffic | None = None) -> dict[str, Fidelity]:
    """Return for every round with a runbook how closely people followed it; the events are those of the whole log."""
    state, ticked = _folded(events)
    counted = traffic or traffic_of(events)
    return {
        name: _fidelity(incident, ticked, counted)
        for name, incident in state.incidents.items()
        if incident.runbook is not None and incident.steps
    }


def _folded(events: Iterable[AnyEvent]) -> tuple[State, dict[tuple[str, str], _Ticked]]:
    state = State()
    found: dict[tuple[str, str], _Ticked] = {}
    begun: dict[tuple[str, str], float] = {}
    last: dict[str, tuple[datetime, float]] = {}
    position = 0
    for event in events:
        if event.is_sample:
            continue
        if isinstance(event, StepBegun | StepTicked):
            name = event.round or state.round
            step = state.incidents[name].steps.get(event.step) if name in state.incidents else None
            key = (name, event.step)
            if step is not None and not step.outcome:
                if isinstance(event, StepBegun):
                    begun.setdefault(key, event.mono)
                else:
                    position += 1
                    roles = state.roles_of(event.person)
                    found[key] = _Ticked(begun.get(key), event.mono, roles, position, last.get(name))
                    last[name] = (datetime.fromisoformat(event.at), event.mono)
        state.apply(event)
    return state, found


def _fidelity(incident: Incident, ticked: Mapping[tuple[str, str], _Ticked], traffic: Traffic) -> Fidelity:
    steps = list(incident.steps.values())
    moved = _moved(
        [
            (step, ticked[key].position)
            for step in steps
            if step.outcome == "done" and (key := (incident.round, step.id)) in ticked
        ]
    )
    followed = tuple(_followed(step, incident, ticked.get((incident.round, step.id)), moved, traffic) for step in steps)
    return Fidelity(incident.round, incident.runbook.runbook if incident.runbook else "", followed)


def _followed(
    step: StepState, incident: Incident, tick: _Ticked | None, moved: Mapping[str, tuple[str, str]], traffic: Traffic
) -> FollowedStep:
    taken, taken_from = _taken(step, incident, tick)
    done = step.outcome == "done"
    in_time = taken <= step.expected_seconds if done and taken is not None and step.expected_seconds is not None else None
    return FollowedStep(
        step=step,
        outcome=step.outcome or "untouched",
        taken_seconds=taken if done else None,
        taken_from=taken_from if done else "",
        in_time=in_time,
        by_role=acts_as(step.role, tick.roles) if done and tick else None,
        order=moved.get(step.id, ("", ""))[0],
        beside=moved.get(step.id, ("", ""))[1],
        effect=_effect(tick, traffic) if done and tick else None,
    )


def _taken(step: StepState, incident: Incident, tick: _Ticked | None) -> tuple[float | None, str]:
    if step.ended_at is None:
        return None, ""
    acknowledged = incident.moments.get("acknowledged")
    froms = (
        (step.begun_at, "begun"),
        (tick.previous[0] if tick and tick.previous else None, "previous"),
        (acknowledged.at if acknowledged else None, "acknowledged"),
    )
    for at, name in froms:
        if at is not None and at <= step.ended_at:
            return (step.ended_at - at).total_seconds(), name
    return None, ""


def acts_as(role: str, held: Iterable[str]) -> bool | None:
    """Say whether somebody with these roles does what is a role's; None where the runbook names none."""
    if not role:
        return None
    wanted = role.strip().lower()
    return not {wanted, *_MAY_ACT_FOR.get(wanted, ())}.isdisjoint(held)


def _moved(done: Sequence[tuple[StepState, int]]) -> dict[str, tuple[str, str]]:
    """Return the steps that were done out of their place, as few as explain the order: early or late, and beside which.

    What stays in place is a longest increasing run of the positions in which the steps, in the runbook's order, were ticked;
    of several, the one that leaves early steps over, since what was put off is missed more than what was brought forward.
    """
    count = len(done)
    backwards = _longest_increasing([-position for _, position in reversed(done)])
    kept = {count - 1 - index for index in backwards}
    found = {}
    for index, (step, position) in enumerate(done):
        if index not in kept:
            overtaken = [other.title for other, at in done[:index] if at > position]
            overtook = [other.title for other, at in done[index + 1 :] if at < position]
            found[step.id] = ("early", overtaken[0]) if overtaken else ("late", overtook[0])
    return found


def _longest_increasing(numbers: Sequence[int]) -> set[int]:
    """Return the indices of a longest increasing subsequence (patience sorting)."""
    tops: list[int] = []
    top_indices: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        before.append(top_indices[pile - 1] if pile else None)
        if pile == len(tops):
            tops.append(number)
            top_indices.append(index)
        else:
            tops[pile], top_indices[pile] = number, index
    found: set[int] = set()
    at = top_indices[-1] if top_indices else None
    while at is not None:
        found.add(at)
        at = before[at]
    return found


def _effect(tick: _Ticked, traffic: Traffic) -> Effect:
    began = tick.begun_mono if tick.begun_mono is not None else tick.previous[1] if tick.previous else tick.mono
    before = share(*traffic.everybody.between(began - EFFECT_SECONDS, began))
    after = share(*traffic.everybody.between(tick.mono, tick.mono + EFFECT_SECONDS))
    if before is None or after is None or min(before.samples, after.samples) < FEWEST_SAMPLES:
        return Effect(before, after, None, "unknown")
    change = difference(after, before)
    return Effect(before, after, change, _judged(change))


def _judged(change: Difference) -> str:
    if change.low >= -_NO_CHANGE and change.high <= _NO_CHANGE:
        return "did_nothing"
    if change.low > 0:
        return "helped"
    return "worse" if change.high < 0 else "unknown"
