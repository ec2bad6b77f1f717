"""What a plan says of the people who rehearse it: clocks, what happens to them and when, who they write to, who they are.

Values only, and the defaults by which any game day and any single experiment can be rehearsed; `reading_people` makes them
out of a plan's block `rehearsal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gameday.runbook.roles import (
    CUSTOMER_LIAISON,
    DEPUTY,
    EXPERT,
    FACILITATOR,
    INCIDENT_COMMANDER,
    INTERNAL_LIAISON,
    ROLES,
    SCRIBE,
)

CLOCKS: Final = (
    "detection",
    "acknowledge",
    "declare",
    "classify",
    "first_message",
    "scope",
    "updates_every",
    "mitigate",
    "resolve",
    "close",
    "review",
    "follow_up",
)
"""What may be owed in time: the intervals of `rehearsal.clocks`, and the cadence of messages."""
INJECTS: Final = ("calls", "mail", "press", "alert", "note", "absent")
DEFAULT_DEADLINE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Inject:
    """Something that happens to people, a time after the fault of each round (or of one)."""

    id: str
    at_seconds: float
    what: str
    """One of INJECTS."""
    text: str
    to: tuple[str, ...] = ()
    """Roles that see it; empty: everybody."""
    role: str = ""
    """Which role is taken away, where `what` is absent."""
    round: str = ""
    """The only round in which it happens; empty: in every one."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the log has it."""
        return {
            "id": self.id,
            "at_seconds": self.at_seconds,
            "what": self.what,
            "to": list(self.to),
            "text": self.text,
            "absent": self.role,
            "round": self.round,
        }


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom messages are for: on which clock they live, and where they are told."""

    audience: str
    timezone: str = "UTC"
    """A name such as Europe/Berlin."""
    channels: tuple[str, ...] = ()
    contact: str = ""
    """Where they turn to: an address, a number, a page or a channel; what templates say for `{contact}`."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the log has it."""
        told = {"audience": self.audience, "timezone": self.timezone, "channels": list(self.channels)}
        return {**told, "contact": self.contact} if self.contact else told


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who is expected, and acts in simulations."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon somebody acts, between these two."""

    low_seconds: float
    high_seconds: float


DEFAULT_PACE: Final[Mapping[str, Pace]] = {
    INCIDENT_COMMANDER: Pace(30.0, 180.0),
    DEPUTY: Pace(30.0, 240.0),
    SCRIBE: Pace(20.0, 120.0),
    EXPERT: Pace(30.0, 300.0),
    CUSTOMER_LIAISON: Pace(60.0, 420.0),
    INTERNAL_LIAISON: Pace(60.0, 600.0),
    FACILITATOR: Pace(0.0, 30.0),
}
"""Not measured on people: wide enough that simulations of one plan keep its clocks in some seeds and miss them in others."""
DEFAULT_INJECTS: Final = (Inject("alert", 60.0, "alert", "An alert rings: fewer customers than usual can check out."),)
"""The text is for a runbook that lists no `alerts`; what one lists rings instead (`rehearsal.rehearsed`)."""
DEFAULT_READERS: Final = (
    Reader("customers", channels=("status page",)),
    Reader("support", channels=("chat",)),
    Reader("executives", channels=("mail",)),
)
DEFAULT_PEOPLE: Final = (
    Participant("Ada", (INCIDENT_COMMANDER,)),
    Participant("Ben", (EXPERT,)),
    Participant("Cleo", (CUSTOMER_LIAISON, INTERNAL_LIAISON)),
    Participant("Dara", (DEPUTY, SCRIBE)),
)


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """How a plan is rehearsed."""

    clocks: Mapping[str, float] = field(default_factory=dict)
    """Seconds by the name of the clock (CLOCKS); what is not here has the defaults of `rehearsal.clocks`, or none."""
    surprise: bool = False
    """Rounds come in an order that the seed draws, and the commander's page does not say which one it is."""
    injects: tuple[Inject, ...] = DEFAULT_INJECTS
    readers: tuple[Reader, ...] = DEFAULT_READERS
    roles: tuple[str, ...] = ROLES
    """Those that can be taken; the facilitator's can in any case."""
    people: tuple[Participant, ...] = DEFAULT_PEOPLE
    pace: Mapping[str, Pace] = field(default_factory=lambda: dict(DEFAULT_PACE))
    """By role, for simulations."""
    fault_after_seconds: float | None = None
    """In a tabletop: how long after a round's beginning its fault happens by itself; None: when the facilitator says so."""
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    """How long a live rehearsal may take; then the round that is on is over, and no other begins."""

    def injects_of(self, round_id: str) -> Sequence[Inject]:
        """Return what happens in a round, in the order in which it does."""
        return sorted((one for one in self.injects if one.round in {"", round_id}), key=lambda one: one.at_seconds)
