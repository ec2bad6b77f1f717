"""What is written to and read from a run's folder: the record of a run without a cluster, and the report of a whole one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from measuring import Figure, interleaved

from gameday.log import AnyEvent, LogWriter, read
from gameday.log.events import (
    ChangeApplied,
    ChangeLanded,
    ChangeOwed,
    Event,
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
    VerdictGiven,
)
from gameday.report import Format, render
from gameday.traffic import histogram
from gameday.undo.owing import blank_shard
from gameday.undo.record import Entry, Shard, Target, encode, owe_field, with_entries
from gameday.undo.storing import FileStore

RUN_SECONDS = 90
STEPS = ["browse", "add to cart", "pay", "submit"]
_CHANGE = "deployment shop/payment"
_FIELD = {"path": "/spec/replicas", "before": 2, "after": 0}
_TOLD: Final[dict[int, Sequence[Event]]] = {
    10: [PhaseStarted(phase="baseline", round="round-1")],
    100: [PhaseEnded(phase="baseline", outcome="ok", round="round-1"), PhaseStarted(phase="method", round="round-1")],
    399: [
        ChangeOwed(
            change_id="c1",
            by="scale",
            kind="patch",
            object=_CHANGE,
            summary="scale",
            fields=[_FIELD],
            entry="e1",
            round="round-1",
        ),
        ChangeApplied(change_id="c1", applied_mono=40.0, round="round-1"),
        ChangeLanded(change_ids=["c1"], by="scale", landed=True, seen="no pods", round="round-1"),
    ],
    430: [PhaseEnded(phase="method", outcome="ok", round="round-1"), PhaseStarted(phase="undo", round="round-1")],
    450: [
        UndoEnded(entry="e1", object=_CHANGE, outcome="undone", detail="set back", round="round-1"),
        PhaseEnded(phase="undo", outcome="ok", round="round-1"),
    ],
}
_LAST: Final[Sequence[Event]] = (
    LoadEnded(),
    VerdictGiven(verdict="held", expected="held", reasons=["bench"], round="round-1"),
    RoundEnded(round="round-1"),
    RunEnded(exit_code=0, summary="every verdict is the expected one"),
)


def owed_in_a_file() -> Iterator[Figure]:
    """Write and sync a record of one entry, beside a bare write and sync of as many bytes."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-", dir=Path.cwd()) as folder:
        entry = Entry(id="e1", round="round-1", by="bench", target=Target("apps/v1", "Deployment", "shop", "payment", "u"))
        shard = with_entries(
            blank_shard("bench", Path(folder), cluster_uid=""), owe_field(entry, "/spec/replicas", before=2, value=0)
        )
        store, data, plain = FileStore(Path(folder)), encode(shard), Path(folder) / "plain"

        def bare() -> None:
            with plain.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())

        found = interleaved({"owe": lambda: _write(store, shard), "write and fsync": bare}, runs=200)
    yield Figure("what a change owes, in a file", found.pop("owe"), found, target=0.001, note=f"{len(data)} bytes, synced")


def _write(store: FileStore, shard: Shard) -> None:
    store.write("owed.json", shard, version="")


def reports() -> Iterator[Figure]:
    """Render the report of a run of a minute and a half with traffic, beside reading its log."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder:
        events = _played(Path(folder))
        size_kb = (Path(folder) / "events.jsonl").stat().st_size / 1000
        html_kb = len(render(events, "html").encode()) / 1000
        found = interleaved(
            {
                "html": lambda: _render(events, "html"),
                "md": lambda: _render(events, "md"),
                "junit": lambda: _render(events, "junit"),
                "reading the log": lambda: _read(Path(folder)),
            },
            runs=15,
        )
    note = f"{RUN_SECONDS} s of traffic, {size_kb:.0f} kB of log, {html_kb:.0f} kB of HTML"
    yield Figure("report of a run, HTML", found.pop("html"), {"reading the log": found["reading the log"]}, note=note)
    yield Figure("report of a run, Markdown", found.pop("md"))
    yield Figure("report of a run, JUnit", found.pop("junit"))


def _render(events: list[AnyEvent], format_: Format) -> None:
    assert render(events, format_)


def _read(directory: Path) -> None:
    assert read(directory)


def _played(directory: Path) -> list[AnyEvent]:
    """Write a log of one round as long as the demo: 40 journeys/s, a fault and an outage of three seconds in the middle."""
    now = 0.0
    log = LogWriter(directory, clock=lambda: now)
    log.write(
        RunStarted(
            kind="experiment", title="Bench", source="bench.yaml", source_digest="0", version="0", host="h", run_id="bench"
        )
    )
    log.write(RoundStarted(round="round-1", title="Bench", experiment="bench.yaml", experiment_digest="0"))
    log.write(LoadStarted(journey="checkout", rate_per_second=40.0, url="http://shop", steps=STEPS, order_step="submit"))
    for number in range(RUN_SECONDS * 10):
        now = (number + 1) / 10
        log.write(_window(number))
        for event in _TOLD.get(number, ()):
            log.write(event)
    for event in _LAST:
        log.write(event)
    log.close()
    return read(directory)


def _window(number: int) -> LoadWindow:
    failed = 4 if 400 <= number < 430 else 0
    latency = histogram.to_json(histogram.count([0.004 + 0.001 * ((number * 7 + journey) % 9) for journey in range(4 - failed)]))
    told = {"ok": 4 - failed, "failed": failed, "errors": {"status_503": failed} if failed else {}, "poor_errors": 0}
    step = {**told, "latency": latency}
    return LoadWindow(start=number / 10, seconds=0.1, offered=4, journeys=step, steps=dict.fromkeys(STEPS, step))
