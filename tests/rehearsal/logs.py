"""A log as a test writes it: each event at a number of seconds after ten o'clock, numbered in its order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gameday.log import AnyEvent, Event
from gameday.log.events import RoundStarted
from gameday.log.people import PersonJoined, RehearsalStarted, RunbookOpened
from gameday.rehearsal.state import State, fold

TEN = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
STEPS: list[dict[str, Any]] = [
    {"id": "see", "title": "See that orders fail", "phase": "Detect", "role": "subject-matter expert", "expected_seconds": 60.0},
    {"id": "scale", "title": "Scale payment back", "phase": "Resolve", "role": "subject-matter expert", "expected_seconds": 30.0},
]


def at(seconds: float) -> datetime:
    return TEN + timedelta(seconds=seconds)


def dated(events: Iterable[tuple[float, Event]]) -> list[AnyEvent]:
    """Return the events as a log has them."""
    return [
        msgspec.structs.replace(event, seq=seq, at=at(seconds).isoformat(), mono=seconds)  # type: ignore[misc]
        for seq, (seconds, event) in enumerate(events, start=1)
    ]


def beginning(level: str = "tabletop", **started: Any) -> list[tuple[float, Event]]:
    """Return how a rehearsal's log begins: two people, one round, a runbook of two steps."""
    return [
        (0, RehearsalStarted(level=level, **started)),
        (0, RoundStarted(round="one", title="Payment is gone", experiment="x.yaml", experiment_digest="d")),
        (0, RunbookOpened(round="one", runbook="dependency-down", title="A service is down", digest="d", steps=STEPS)),
        (0, PersonJoined(person="Ada", roles=["incident commander"])),
        (0, PersonJoined(person="Ben", roles=["subject-matter expert"])),
    ]


def state_after(*events: tuple[float, Event], level: str = "tabletop", **started: Any) -> State:
    return fold(dated([*beginning(level, **started), *events]))
