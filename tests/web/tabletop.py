"""A small rehearsal that is real: requests become events of a log in a folder, by a clock that only the test moves.

What `gameday rehearse` starts does the same with more around it; the pages know only `rehearsal.session.Session`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gameday.errors import RefusedError
from gameday.log import AnyEvent, Event, LogWriter, read
from gameday.log.events import ChangeApplied, ChangeOwed, RoundEnded, RoundStarted, RunEnded, RunStarted
from gameday.log.people import InjectShown, RehearsalStarted, RunbookOpened
from gameday.rehearsal.requests import event_for
from gameday.rehearsal.session import Answer
from gameday.rehearsal.state import State, fold

START = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
ROUND = "round-1"
TITLE = "A disk of the orders database fills up"
EXPERIMENT = "experiments/orders-disk-full.yaml"
STEPS: list[dict[str, Any]] = [
    {
        "id": "look-at-orders",
        "title": "Look at the orders that fail",
        "phase": "Detect",
        "role": "subject-matter expert",
        "expected_seconds": 60.0,
        "prose": "Every submit that **ended in an error** stands there, with [its reference](https://example.org/references).\n\n"
        "<b>not bold</b> <!-- id: a-comment -->\n\n"
        "| | |\n|---|---|\n| **Critical** | nobody can order |\n| **Major** | some cannot |",
        "shell": "kubectl get --raw /api/v1/namespaces/shop/services/orders:http/proxy/failures\nkubectl get pods -n shop",
    },
    {
        "id": "declare",
        "title": "Declare the incident",
        "phase": "Classify",
        "role": "incident commander",
        "expected_seconds": 60.0,
        "prose": "Name the roles, and start the clock of the updates.",
    },
    {
        "id": "free-space",
        "title": "Free space on the volume",
        "phase": "Resolve",
        "role": "subject-matter expert",
        "expected_seconds": 300.0,
        "prose": "Remove the archive that was written last.\n\n1. Look at what is there.\n2. Remove the newest of `archive-*`.",
        "warnings": ["do not stop the database: what it has not written yet is lost."],
        "action": {"target": "gameday.actions.storage.free", "arguments": {"volume": "orders"}},
        "check": {"probe": "gameday.probes.checkout.success", "within": [97, 100]},
    },
    {
        "id": "tell-customers",
        "title": "Write the first update",
        "phase": "Communicate",
        "role": "customer liaison",
        "expected_seconds": 180.0,
        "prose": "One text for all channels. It blames nobody.",
    },
]
RUNBOOK_FILE = """---
id: orders-disk-full
title: The orders disk is full
owner: orders-team
---

# The orders disk is full

## Detect

### Look at the orders that fail

**Role:** subject-matter expert · **Expected:** 1m

They stand on the list.
"""
INJECTS: list[dict[str, Any]] = [
    {"id": "first-alert", "at_seconds": 60.0, "what": "alert", "to": [], "text": "SubmitErrorsReported: 3 customers in a minute"},
    {"id": "calls", "at_seconds": 600.0, "what": "calls", "to": ["customer liaison"], "text": "Support has 40 calls waiting."},
    {"id": "reporter", "at_seconds": 1200.0, "what": "press", "to": [], "text": "A reporter asks whether data was lost."},
]


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def go_on(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Tabletop:
    """One rehearsal without a cluster; its methods may be called from any thread."""

    def __init__(self, directory: Path, clock: Clock, *, surprise: bool = True, runbook: bool = True) -> None:
        self._directory, self.clock = directory, clock
        self._log = LogWriter(directory, clock=clock.monotonic, now=clock.now)
        self._changed = threading.Condition(threading.RLock())
        self._state = State()
        self.stopped: list[tuple[str, str]] = []
        self.when_stopped: Callable[[], None] = lambda: None
        self.write(
            RunStarted(
                run_id=directory.name, kind="gameday", title=TITLE, source="g.yaml", source_digest="0", version="0", host="h"
            )
        )
        self.write(RehearsalStarted(level="tabletop", surprise=surprise, injects=INJECTS, readers=[{"audience": "partners"}]))
        self.write(
            RoundStarted(round=ROUND, title=TITLE, experiment=EXPERIMENT, experiment_digest="0", hypothesis="Orders go through")
        )
        if runbook:
            warnings = [{"id": "w", "text": "do not delete hosts: their **local disks** are lost."}]
            opened = RunbookOpened(
                runbook="orders-disk-full", title="The orders disk is full", digest="0", steps=STEPS, warnings=warnings
            )
            self.write(opened, round=ROUND)

    @property
    def directory(self) -> Path:
        return self._directory

    @property
    def state(self) -> State:
        with self._changed:
            return self._state

    def now(self) -> datetime:
        return self.clock.now()

    def write(self, event: Event, *, round: str = "") -> AnyEvent:  # noqa: A002  # the events' own name for it
        """Let something happen that no page asked for."""
        with self._changed:
            written = self._log.write(msgspec.structs.replace(event, round=round or event.round))
            # Folded anew, so that whoever looks at the old state is not disturbed.
            self._state = fold(read(self._directory))
            self._changed.notify_all()
        return written

    def fault(self) -> None:
        """Break something, as a live run would."""
        owed = ChangeOwed(
            change_id="c1",
            by="fill",
            kind="create",
            object="volume shop/orders",
            summary="fill the volume",
            fields=[],
            entry="e",
        )
        self.write(owed, round=ROUND)
        self.write(ChangeApplied(change_id="c1", applied_mono=self.clock.monotonic()), round=ROUND)

    def inject(self, number: int) -> None:
        """Show one of the plan's injects."""
        planned = INJECTS[number]
        self.write(InjectShown(inject=planned["id"], what=planned["what"], to=planned["to"], text=planned["text"]), round=ROUND)

    def end(self) -> None:
        self.write(RoundEnded(round=ROUND))
        self.write(RunEnded(exit_code=0, summary="every verdict is the expected one"))

    def submit(self, person: str, request: Mapping[str, Any]) -> Answer:
        with self._changed:
            try:
                return Answer(event=self.write(event_for(self._state, person, request, now=self.now())))
            except RefusedError as error:
                return Answer(refused=str(error))

    def events_after(self, seq: int) -> Sequence[AnyEvent]:
        return [event for event in read(self._directory) if event.seq > seq and not event.is_sample]

    def wait_beyond(self, seq: int, *, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._state.seq > seq, timeout_seconds)

    def stop(self, person: str, reason: str) -> None:
        self.when_stopped()
        self.stopped.append((person, reason))
        self.end()

    def close(self) -> None:
        self._log.close()
