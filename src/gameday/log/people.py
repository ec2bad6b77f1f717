"""The events of people: who is there, what they decided, ticked, wrote and told, beside those of the run itself.

A rehearsal writes them into the same log as the faults, whether the log is that of a live run, of a recorded one that is
played again, or of a tabletop without any cluster. Who wrote first is decided by `seq`: where two people tick the same step,
the first event counts, and the fold (`gameday.rehearsal.state`) names the second.

Text is what people typed, as they typed it; whoever shows it escapes it.
"""

from __future__ import annotations

from typing import Any

from gameday.log.events import Event


class RehearsalStarted(Event, frozen=True, kw_only=True, tag="rehearsal.started"):
    """People take part in this run; everything that the rehearsal's folds need to know of its plan stands here."""

    level: str
    """tabletop, simulated or live."""
    seed: int = 0
    """What was drawn (the order of surprises, what simulated people do) is drawn from it."""
    surprise: bool = False
    """Whether the commander's page keeps the fault to itself until it is revealed."""
    clocks: dict[str, float] = {}
    """What is owed in time, in seconds: first_message, scope, follow_up; updates_every, detection, acknowledge, … if set."""
    roles: list[str] = []
    injects: list[dict[str, Any]] = []
    """The timeline: id, at_seconds after the fault, what, to (roles), text, absent (a role), round (empty: every one)."""
    readers: list[dict[str, Any]] = []
    """Per audience: audience, timezone (a name such as Europe/Berlin), channels, contact (where they turn to), if known."""


class RunbookOpened(Event, frozen=True, kw_only=True, tag="runbook.opened"):
    """The runbook that people follow in this round, as it was then: every step, in order."""

    runbook: str
    title: str
    digest: str
    objectives: dict[str, float] = {}
    steps: list[dict[str, Any]] = []
    """id, title, phase, role, expected_seconds, prose (Markdown), shell, action, check, warnings."""
    warnings: list[dict[str, Any]] = []
    """id, text."""
    updates_every_seconds: float | None = None
    """How often the runbook owes those who are told an update; counts where the plan says nothing about it."""


class RunbookChosen(Event, frozen=True, kw_only=True, tag="runbook.chosen"):
    """Somebody opened one of the catalogue's runbooks for this round: under surprise, finding the right one is the exercise."""

    runbook: str
    person: str


class PersonJoined(Event, frozen=True, kw_only=True, tag="person.joined"):
    """Somebody takes part, or takes part again, with these roles from now on."""

    person: str
    """The name that they gave; unique in a rehearsal."""
    roles: list[str] = []


class PersonLeft(Event, frozen=True, kw_only=True, tag="person.left"):
    """Somebody said that they leave; a lost connection is no event."""

    person: str


class RoleHandedOver(Event, frozen=True, kw_only=True, tag="role.handed-over"):
    """A role went from one person to another (`to` empty: nobody has it; `taken` by an inject, not given)."""

    role: str
    person: str
    to: str
    note: str = ""
    taken: bool = False


class InjectShown(Event, frozen=True, kw_only=True, tag="inject.shown"):
    """What the plan, or the facilitator, let happen to people: calls, a reporter, an expert who is away."""

    inject: str
    what: str
    """calls, mail, press, alert, absent or note."""
    to: list[str]
    """Roles that see it; empty: everybody."""
    text: str
    by: str = ""
    """Empty: the timeline."""


class MomentMarked(Event, frozen=True, kw_only=True, tag="moment.marked"):
    """One of the incident's moments (`rehearsal.clocks.MOMENTS`) happened, as somebody says or as the run shows."""

    moment: str
    person: str = ""
    """Empty: gameday itself saw it."""
    detail: str = ""
    occurred_at: str = ""
    """ISO 8601, where it was earlier than it was written down; empty: now."""
    withdrawn: bool = False
    """It was marked by mistake: the moment is open again."""


class Classified(Event, frozen=True, kw_only=True, tag="incident.classified"):
    """Somebody said how bad it is; compared later with what was measured."""

    person: str
    severity: str
    """critical, major or minor."""
    affected: str = ""
    """Who is hit, in words."""
    affected_percent: float | None = None


class MessageSent(Event, frozen=True, kw_only=True, tag="message.sent"):
    """Somebody told an audience something on a channel."""

    person: str
    audience: str
    """customers, sellers, support, press, executives, …"""
    channel: str
    text: str
    template: str = ""
    next_at: str = ""
    """When the next one is promised, ISO 8601."""
    findings: list[dict[str, str]] | None = None
    """What the check of its text said, then: code, message, add; empty: nothing. None: nobody checked it."""


class StepBegun(Event, frozen=True, kw_only=True, tag="step.begun"):
    """Somebody began a runbook's step."""

    runbook: str
    step: str
    person: str


class StepTicked(Event, frozen=True, kw_only=True, tag="step.ticked"):
    """Somebody says that a step is done, or skipped it with a reason."""

    runbook: str
    step: str
    person: str
    outcome: str
    """done or skipped."""
    reason: str = ""


class NoteTaken(Event, frozen=True, kw_only=True, tag="note.taken"):
    """Somebody wrote down what happened, or what is missing in the runbook after a step."""

    person: str
    text: str
    step: str = ""
    """The step that it is about; empty: none."""
    missing_step: bool = False
    """It names something that was done and that the runbook does not say."""


class DecisionTaken(Event, frozen=True, kw_only=True, tag="decision.taken"):
    """Somebody decided something, and why."""

    person: str
    text: str
    reason: str = ""


class FaultRevealed(Event, frozen=True, kw_only=True, tag="fault.revealed"):
    """From here on the commander's page says which fault it was."""

    by: str = ""


class PeopleDone(Event, frozen=True, kw_only=True, tag="people.done"):
    """The facilitator says that a round is over for people; the run, if there is one, undoes, and the next one begins."""

    person: str
    """Empty: the deadline."""
    rehearsal_over: bool = False
    """No other round begins."""


PeoplesEvent = (
    RehearsalStarted
    | RunbookOpened
    | RunbookChosen
    | PersonJoined
    | PersonLeft
    | RoleHandedOver
    | InjectShown
    | MomentMarked
    | Classified
    | MessageSent
    | StepBegun
    | StepTicked
    | NoteTaken
    | DecisionTaken
    | FaultRevealed
    | PeopleDone
)
