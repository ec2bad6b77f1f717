"""How long a simulation takes: four hours of a recorded run, with people who are drawn."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from measuring import Figure

from gameday.log import Event, LogWriter, read
from gameday.log.events import LoadWindow, RoundEnded
from gameday.rehearsal.clock import VirtualClock
from gameday.rehearsal.rehearsed import rehearsed
from gameday.rehearsal.simulated import simulate

RECORD = Path(__file__).parent.parent / "tests" / "rehearsal" / "record"
HOURS = 4
REPEATS = 3


def simulations() -> Iterator[Figure]:
    """Replay a record that is as long as the rehearsal: a window of traffic every 100 ms, four hours long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = _stretched(folder / "record")
        plan = rehearsed(Path("gamedays/first.yaml"), level="simulated", seed=1)
        took = []
        for number in range(REPEATS):
            run = folder / f"run-{number}"
            run.mkdir()
            started = time.perf_counter()
            simulate(run, plan, record, source="first.yaml")
            took.append(time.perf_counter() - started)
        events = len(read(run))
        yield Figure("a simulation of four hours", took, target=10.0, note=f"{events:,} events")


def _stretched(folder: Path) -> Path:
    """Write the record again with its last round drawn out to four hours, by repeating what its customers did."""
    folder.mkdir()
    events = read(RECORD)
    clock = VirtualClock(datetime.fromisoformat(events[0].at))
    log = LogWriter(folder, clock=clock.mono, now=clock.now)
    begin = events[0].mono
    windows = [event for event in events if isinstance(event, LoadWindow)]
    last = [event for event in events if isinstance(event, RoundEnded)][-1]
    for event in events:
        if event is last:
            for number in range(HOURS * 36_000):
                at_seconds = event.mono - begin + number / 10
                moved = msgspec.structs.replace(windows[number % len(windows)], start=at_seconds)
                _write(log, clock, moved, at_seconds)
        _write(log, clock, event, event.mono - begin)
    log.close()
    return folder


def _write(log: LogWriter, clock: VirtualClock, event: Event, at_seconds: float) -> None:
    begin = clock.now() - timedelta(seconds=clock.mono())
    clock.move_to(begin + timedelta(seconds=at_seconds))
    log.write(event)
