"""Logs of one round as a run writes them, through the real LogWriter, with its clock set by each event's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gameday.log import AnyEvent, LogWriter, read
from gameday.log.events import (
    ActivityEnded,
    ChangeApplied,
    ChangeLanded,
    ChangeOwed,
    Event,
    LedgerChecked,
    LoadEnded,
    LoadStarted,
    LoadWindow,
    PhaseEnded,
    PhaseStarted,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    UndoEnded,
    UndoStarted,
)

Line = tuple[float, Event]
PER_WINDOW = 40
FAULT_AT = 5.0
RANGE = {"type": "range", "range": [99, 100]}


def window(start: float, *, failed: int = 0, kind: str = "status_503", behind_seconds: float = 0.0) -> Line:
    outcome = {"ok": PER_WINDOW - failed, "failed": failed, "errors": {kind: failed}, "poor_errors": 0, "latency": {}}
    steps = {"browse": outcome}
    made = LoadWindow(start=start, seconds=0.1, offered=PER_WINDOW, behind_seconds=behind_seconds, journeys=outcome, steps=steps)
    return start + 0.15, made


def traffic(until: float = 20.0, *, out: tuple[float, float] = (FAULT_AT, 6.0), kind: str = "status_503") -> list[Line]:
    """Journeys that all fail from `out[0]` to `out[1]`, in that way, and succeed otherwise."""
    starts = [tenth / 10 for tenth in range(1, int(until * 10))]
    return [window(start, failed=PER_WINDOW if out[0] <= start < out[1] else 0, kind=kind) for start in starts]


def probe(phase: str, output: Any = 100.0, *, met: bool | None = True, **more: Any) -> ActivityEnded:
    settings = {"status": "succeeded", "tolerance": RANGE, "round": "r1", **more}
    return ActivityEnded(name="checkout-works", kind="probe", phase=phase, output=output, tolerance_met=met, **settings)


def a_round(*, objective: float | None = 10.0, mode: str = "show", lines: Sequence[Line] | None = None) -> list[Line]:
    """Return a round in which everything went well; `lines` are its traffic."""
    objectives = {} if objective is None else {"rto_seconds": objective}
    owed = ChangeOwed(
        change_id="c1", by="kill", kind="delete", object="pod shop/a", summary="delete pod shop/a", entry="e1", round="r1"
    )
    own: list[Line] = [
        (-0.5, RunStarted(run_id="run", kind="experiment", title="t", source="s", source_digest="d", version="1", host="h")),
        (-0.4, LoadStarted(journey="checkout", rate_per_second=400, url="http://shop")),
        (
            0.0,
            RoundStarted(title="t", experiment="e", experiment_digest="d", objectives=objectives, runbook_mode=mode, round="r1"),
        ),
        (1.0, PhaseStarted(phase="baseline", round="r1")),
        (3.9, probe("before")),
        (4.0, PhaseEnded(phase="baseline", outcome="ok", round="r1")),
        (4.1, PhaseStarted(phase="method", round="r1")),
        (4.9, owed),
        (5.01, ChangeApplied(change_id="c1", applied_mono=FAULT_AT, round="r1")),
        (5.5, ChangeLanded(change_ids=["c1"], by="kill", landed=True, seen="it refuses connections", round="r1")),
        (5.6, ActivityEnded(name="kill", kind="action", phase="method", status="succeeded", round="r1")),
        (5.7, PhaseEnded(phase="method", outcome="ok", round="r1")),
        (5.8, PhaseStarted(phase="hypothesis", round="r1")),
        (10.9, probe("after")),
        (11.0, PhaseEnded(phase="hypothesis", outcome="ok", round="r1")),
        (11.1, UndoStarted(reason="over", holder="h", owed=1, round="r1")),
        (11.2, UndoEnded(entry="e1", object="pod shop/a", outcome="undone", detail="has 1 Ready pod", round="r1")),
        (11.3, PhaseStarted(phase="recovery", round="r1")),
        (14.0, PhaseEnded(phase="recovery", outcome="ok", round="r1")),
        (14.1, LedgerChecked(acknowledged=9, found=9, round="r1")),
        (15.0, RoundEnded(round="r1")),
        (20.5, LoadEnded()),
        (21.0, RunEnded(exit_code=0, summary="fine")),
    ]
    return [*own, *(traffic() if lines is None else lines)]


def without(lines: Sequence[Line], *kinds: type[Event], **values: Any) -> list[Line]:
    """Leave out the events of these kinds that have these values."""

    def goes(event: Event) -> bool:
        return isinstance(event, kinds) and all(getattr(event, name) == value for name, value in values.items())

    return [line for line in lines if not goes(line[1])]


def changed(lines: Sequence[Line], kind: type[Event], where: dict[str, Any] | None = None, **values: Any) -> list[Line]:
    """Give the events of this kind (that have the values of `where`) other values."""

    def new(event: Event) -> Event:
        meant = isinstance(event, kind) and all(getattr(event, name) == value for name, value in (where or {}).items())
        return msgspec.structs.replace(event, **values) if meant else event

    return [(at, new(event)) for at, event in lines]


class Stories:
    """What tests tell logs with."""

    a_round = staticmethod(a_round)
    changed = staticmethod(changed)
    probe = staticmethod(probe)
    traffic = staticmethod(traffic)
    window = staticmethod(window)
    without = staticmethod(without)

    def __init__(self, folders: Iterator[Path]) -> None:
        self._folders = folders

    def told(self, lines: Sequence[Line]) -> list[AnyEvent]:
        """Write a log in the order of time and read it back."""
        directory = next(self._folders)
        now = [0.0]
        log = LogWriter(directory, clock=lambda: now[0])
        for at, event in sorted(lines, key=lambda line: line[0]):
            now[0] = at
            log.write(event)
        log.close()
        return read(directory)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    def folders(make: Callable[[str], Path]) -> Iterator[Path]:
        while True:
            yield make("log")

    return Stories(folders(tmp_path_factory.mktemp))
