"""The report of a rehearsal of four hours with traffic all the time: what folding it takes, beside reading its log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from measuring import Figure, interleaved

from gameday.log import AnyEvent, read
from gameday.log.events import (
    ChangeApplied,
    ChangeOwed,
    Event,
    LoadStarted,
    LoadWindow,
    RoundStarted,
    RunEnded,
    RunStarted,
)
from gameday.log.people import (
    Classified,
    MessageSent,
    MomentMarked,
    NoteTaken,
    PersonJoined,
    RehearsalStarted,
    RunbookOpened,
    StepBegun,
    StepTicked,
)
from gameday.report import Format, render
from gameday.traffic import histogram

HOURS: Final = 4
ROUNDS: Final = 8
STEPS: Final = 12
MESSAGES: Final = 24
_START: Final = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
_ROUND_SECONDS: Final = HOURS * 3600 / ROUNDS
_TEXT: Final = (
    "Since 14:05 UTC (15:05 CET) orders cannot be completed. Meanwhile there is nothing that you need to do. "
    "Next update at 14:34 UTC (15:34 CET). Reference: INC-20261125-1405. Contact: help@shop.example."
)


def rehearsals() -> Iterator[Figure]:
    """Render the report of four hours, in each format, beside reading the log."""
    with tempfile.TemporaryDirectory(prefix="gameday-bench-") as folder:
        path = _written(Path(folder))
        events = read(path)
        windows = sum(event.is_sample for event in events)
        found = interleaved(
            {
                "html": lambda: _render(events, "html"),
                "json": lambda: _render(events, "json"),
                "reading the log": lambda: _read(path),
            },
            runs=3,
        )
        size_mb = os.path.getsize(path) / 1e6  # noqa: PTH202  # beside the others
    people = len(events) - windows
    note = f"{HOURS} h, {ROUNDS} incidents, {windows} windows and {people} other events, {size_mb:.0f} MB of log"
    yield Figure("report of a rehearsal, HTML", found.pop("html"), {"reading the log": found["reading the log"]}, note=note)
    yield Figure("report of a rehearsal, JSON", found.pop("json"))


def _render(events: list[AnyEvent], format_: Format) -> None:
    assert render(events, format_)


def _read(path: Path) -> None:
    assert read(path)


def _written(directory: Path) -> Path:
    """Write the log at once: the LogWriter's own pace is measured elsewhere."""
    encoder = msgspec.json.Encoder()
    lines = sorted(
        [*_run(), *_windows(), *(line for number in range(ROUNDS) for line in _incident(number))], key=lambda line: line[0]
    )
    path = directory / "events.jsonl"
    with path.open("wb") as stream:
        for seq, (seconds, event) in enumerate(lines, start=1):
            at = (_START + timedelta(seconds=seconds)).isoformat()
            stream.write(encoder.encode(msgspec.structs.replace(event, seq=seq, at=at, mono=seconds)) + b"\n")
    return path


def _run() -> Iterator[tuple[float, Event]]:
    yield 0.0, RunStarted(run_id="b", kind="gameday", title="Bench", source="b", source_digest="0", version="0", host="h")
    readers = [{"audience": name, "timezone": "Europe/Berlin", "channels": ["mail"]} for name in ("customers", "support")]
    yield 0.0, RehearsalStarted(level="live", readers=readers)
    yield 0.0, PersonJoined(person="Ada", roles=["incident commander"])
    yield 0.0, LoadStarted(journey="checkout", rate_per_second=40.0, url="http://shop", steps=["submit"], order_step="submit")
    yield HOURS * 3600.0, RunEnded(exit_code=0, summary="over")


def _windows() -> Iterator[tuple[float, Event]]:
    latency = histogram.to_json(histogram.count([0.004 + 0.001 * number for number in range(4)]))
    for number in range(HOURS * 36_000):
        failed = 4 if 300 <= number / 10 % _ROUND_SECONDS < 600 else 0
        told = {"ok": 4 - failed, "failed": failed, "errors": {}, "poor_errors": 0, "latency": latency}
        window = LoadWindow(start=number / 10, seconds=0.1, offered=4, journeys=told, steps={"submit": told})
        yield number / 10 + 0.1, window


def _incident(number: int) -> Iterator[tuple[float, Event]]:
    begin, name = number * _ROUND_SECONDS, f"round-{number}"
    steps = [{"id": f"s{step}", "title": f"Step {step}", "phase": "Resolve", "expected_seconds": 60.0} for step in range(STEPS)]
    change = f"c{number}"
    yield begin, RoundStarted(round=name, title=name, experiment="b", experiment_digest="0", runbook="b")
    yield begin + 0.1, RunbookOpened(round=name, runbook="b", title="B", digest="0", steps=steps)
    yield begin + 299, ChangeOwed(round=name, change_id=change, by="a", kind="patch", object="o", summary="s")
    yield begin + 300, ChangeApplied(round=name, change_id=change, applied_mono=begin + 300)
    for moment, at in (("alert", 320), ("acknowledged", 360), ("declared", 400), ("mitigated", 600), ("resolved", 1500)):
        yield begin + at, MomentMarked(round=name, moment=moment, person="Ada")
    yield begin + 420, Classified(round=name, person="Ada", severity="critical", affected_percent=100.0)
    for step in range(STEPS):
        yield begin + 410 + 60 * step, StepBegun(round=name, runbook="b", step=f"s{step}", person="Ada")
        yield begin + 460 + 60 * step, StepTicked(round=name, runbook="b", step=f"s{step}", person="Ada", outcome="done")
        note = NoteTaken(round=name, person="Ada", text="This was missing.", step=f"s{step}", missing_step=True)
        yield begin + 465 + 60 * step, note
    for message in range(MESSAGES):
        audience = ("customers", "support")[message % 2]
        sent = MessageSent(round=name, person="Ada", audience=audience, channel="mail", text=_TEXT)
        yield begin + 430 + 40 * message, sent


__all__ = ["rehearsals"]
