"""People who are drawn: what simulated people ask for, and when, as they react to what happens in the log.

Each act comes a time after what it answers that is drawn from its role's pace. They follow the runbook in its order, skip a step
now and then with a reason, write down what is missing in it, and keep customers informed as well as their pace allows. Nobody
takes a fault for repaired before the record shows that customers could check out again. Everything is drawn from one generator
in the order in which it happens, so one seed is one rehearsal.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gameday.gameday.people import Pace, RehearsalPlan
from gameday.log import AnyEvent
from gameday.log.events import ChangeApplied
from gameday.log.people import Classified, InjectShown, MessageSent, MomentMarked, StepTicked
from gameday.rehearsal.clocks import agreed_of
from gameday.rehearsal.requests import SEVERITIES
from gameday.rehearsal.state import CUSTOMERS, Incident, State, StepState
from gameday.runbook.roles import CUSTOMER_LIAISON, DEPUTY, EXPERT, INCIDENT_COMMANDER, INTERNAL_LIAISON, SCRIBE

_SKIPPED: Final = 0.08
"""How many of the steps are skipped, and of how many is written down that something is missing; chosen, not measured."""
_MISSING: Final = 0.12
_STEP_SECONDS: Final = 60.0
_REASONS: Final = ("does not apply here", "done already by somebody else", "no time for it now")
_MISSING_TEXTS: Final = ("had to ask who may do this", "looked at the dashboard first", "told the team that owns it")
_STANDS_IN: Final = (DEPUTY, INCIDENT_COMMANDER, SCRIBE, CUSTOMER_LIAISON, INTERNAL_LIAISON, EXPERT)
_AUDIENCES: Final = {"calls": "support", "press": "press", "mail": "sellers"}


@dataclass(frozen=True, slots=True)
class Act:
    """What a role will ask for, in so many seconds, if it still makes sense then."""

    in_seconds: float
    role: str
    request: Callable[[State], Mapping[str, Any] | None]
    """None: not any more."""


class DrawnPeople:
    """Those who are expected by the plan, as the seed has them act."""

    def __init__(self, plan: RehearsalPlan, seed: int) -> None:
        """Take the plan and what is drawn from."""
        self._plan = plan
        self._draw = random.Random(seed)  # noqa: S311  # a simulation, not a secret

    def joining(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield who joins at the beginning, with which request."""
        for person in self._plan.people:
            yield person.name, {"do": "join", "roles": [role for role in person.roles if role in self._plan.roles]}

    def who(self, role: str, state: State) -> str:
        """Return who acts for a role: its holder, else somebody who stands in; nobody is an empty text."""
        for one in (role, *_STANDS_IN):
            if one in state.holders:
                return state.holders[one]
        return ""

    def react(self, event: AnyEvent, state: State, *, recovers_in_seconds: float | None) -> Iterator[Act]:
        """Yield what follows from an event that has just been written.

        `recovers_in_seconds` is how long the record takes from here until customers can check out again, if it is known.
        """
        incident = state.incident
        if incident is None:
            return
        match event:
            case ChangeApplied() if "fault" in incident.moments and not _alert_comes(state, incident):
                yield self._soon(EXPERT, {"do": "mark", "moment": "alert", "detail": "somebody noticed"})
            case InjectShown(what="alert"):
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "acknowledged"})
            case InjectShown(what="calls" | "mail" | "press" as what) if self._has(_AUDIENCES[what]):
                yield self._soon(event.to[0] if event.to else INTERNAL_LIAISON, self._message(_AUDIENCES[what], incident))
            case MomentMarked(withdrawn=False):
                yield from self._after_moment(event.moment, incident)
            case Classified():
                yield self._soon(SCRIBE, {"do": "note", "text": f"classified as {event.severity}"})
            case MessageSent(audience=audience) if audience == CUSTOMERS:
                yield self._next_message(incident)
            case StepTicked():
                yield from self._after_step(event, incident, recovers_in_seconds)
            case _:
                return

    # ------------------------------------------------------------------------------------------------ what follows

    def _after_moment(self, moment: str, incident: Incident) -> Iterator[Act]:
        match moment:
            case "alert":
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "acknowledged"})
            case "acknowledged":
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "declared"})
            case "declared":
                classified = {"do": "classify", "severity": self._draw.choice(SEVERITIES), "affected": "customers at checkout"}
                yield self._soon(INCIDENT_COMMANDER, {**classified, "affected_percent": self._draw.choice((10, 30, 60, 100))})
                yield self._soon(CUSTOMER_LIAISON, self._message(CUSTOMERS, incident))
                if self._plan.surprise and incident.runbook is not None:
                    # How long it takes to find the right runbook is not simulated.
                    found = {"do": "open", "runbook": incident.runbook.runbook}
                    yield Act(0.0, EXPERT, lambda _: found)
                yield from self._step(next(iter(incident.steps.values()), None))
            case "mitigated":
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "resolved"})
            case "resolved":
                yield self._soon(INCIDENT_COMMANDER, {"do": "decide", "text": "we close it", "reason": "checkout holds"})
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "closed"}, at_least_seconds=60.0)
            case "closed":
                held = self._draw.uniform(300.0, 1800.0)
                yield self._soon(INCIDENT_COMMANDER, {"do": "mark", "moment": "review_held"}, at_least_seconds=held)

    def _after_step(self, event: StepTicked, incident: Incident, recovers_in_seconds: float | None) -> Iterator[Act]:
        if self._draw.random() < _MISSING:
            text = self._draw.choice(_MISSING_TEXTS)
            yield self._soon(SCRIBE, {"do": "note", "text": text, "step": event.step, "missing_step": True})
        steps = list(incident.steps.values())
        if event.step == _repairing(steps).id:
            yield self._soon(EXPERT, {"do": "mark", "moment": "mitigated"}, at_least_seconds=max(0.0, recovers_in_seconds or 0.0))
        place = next((at for at, step in enumerate(steps) if step.id == event.step), len(steps))
        yield from self._step(steps[place + 1] if place + 1 < len(steps) else None)

    def _step(self, step: StepState | None) -> Iterator[Act]:
        """Yield that somebody begins a step, and ends it some time after that."""
        if step is None:
            return
        role = step.role or EXPERT
        begun_in = self._in_seconds(role)
        if self._draw.random() < _SKIPPED:
            reason = self._draw.choice(_REASONS)
            yield Act(begun_in, role, lambda _: {"do": "skip", "step": step.id, "reason": reason})
            return
        lasts = (step.expected_seconds or _STEP_SECONDS) * self._draw.uniform(0.5, 1.8)
        yield Act(begun_in, role, lambda _: {"do": "begin", "step": step.id})
        yield Act(begun_in + lasts, role, lambda _: {"do": "tick", "step": step.id})

    def _next_message(self, incident: Incident) -> Act:
        """Return the message to customers that follows one: its scope, then updates, until it is resolved."""
        sent = sum(1 for message in incident.messages if message.audience == CUSTOMERS)
        owed = agreed_of(incident, self._plan.clocks)["scope" if sent == 1 else "updates_every"]
        request = self._message(CUSTOMERS, incident)
        in_seconds = owed * self._draw.uniform(0.5, 1.1)
        return Act(in_seconds, CUSTOMER_LIAISON, lambda state: None if _is_resolved(state) else request)

    def _message(self, audience: str, incident: Incident) -> dict[str, Any]:
        reader = next((one for one in self._plan.readers if one.audience == audience), None)
        channel = reader.channels[0] if reader and reader.channels else "chat"
        number = sum(1 for message in incident.messages if message.audience == audience) + 1
        text = f"Message {number} to {audience}: customers cannot check out at the moment; we are working on it."
        return {"do": "message", "audience": audience, "channel": channel, "text": text}

    def _soon(self, role: str, request: Mapping[str, Any], *, at_least_seconds: float = 0.0) -> Act:
        return Act(at_least_seconds + self._in_seconds(role), role, lambda _: request)

    def _in_seconds(self, role: str) -> float:
        pace = self._plan.pace.get(role, Pace(30.0, 180.0))
        return self._draw.uniform(pace.low_seconds, pace.high_seconds)

    def _has(self, audience: str) -> bool:
        return any(reader.audience == audience for reader in self._plan.readers)


def _alert_comes(state: State, incident: Incident) -> bool:
    """Whether something on the timeline tells people, or has told them."""
    planned = state.started.injects if state.started else []
    comes = any(one["what"] == "alert" and one.get("round", "") in {"", incident.round} for one in planned)
    return comes or "alert" in incident.moments


def _repairing(steps: list[StepState]) -> StepState:
    """Return the step after which the fault counts as repaired: the last of Resolve, or of all, if there is none."""
    return next((step for step in reversed(steps) if step.phase == "Resolve"), steps[-1])


def _is_resolved(state: State) -> bool:
    return state.incident is None or "resolved" in state.incident.moments
