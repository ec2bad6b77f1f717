"""People's part of a run, as its guardian has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.log import LogWriter, read
from gameday.log.events import Noted
from gameday.log.people import PeopleDone, RehearsalStarted, StepTicked
from gameday.run.people import People


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogWriter]:
    found = LogWriter(tmp_path)
    yield found
    found.close()


def mark(moment: str, *, withdrawn: bool = False) -> dict[str, object]:
    return {"type": "moment.marked", "moment": moment, "person": "Ada", "round": "one", "withdrawn": withdrawn}


async def test_what_people_do_is_written_and_answered_as_it_was_written(log: LogWriter) -> None:
    people = People(log, {"level": "live", "seed": 3})
    people.begin()
    answer = people.heard(
        {"type": "step.ticked", "runbook": "r", "step": "s", "person": "Ada", "outcome": "done", "round": "one", "seq": 99}
    )
    started, ticked = read(log.path)
    assert isinstance(started, RehearsalStarted)
    assert isinstance(ticked, StepTicked)
    assert (answer["event"]["seq"], answer["event"]["at"], ticked.seq) == (2, ticked.at, 2)


@pytest.mark.parametrize("kind", ["change.owed", "undo.ended", "verdict.given", "rehearsal.started", "runbook.opened", "x"])
async def test_what_is_not_theirs_to_say_is_not_written(kind: str, log: LogWriter) -> None:
    answer = People(log, {"level": "live"}).heard({"type": kind})
    assert "may not write" in answer["refused"]
    assert [type(event) for event in read(log.path)] == [Noted]


async def test_what_is_malformed_is_refused(log: LogWriter) -> None:
    answer = People(log, {"level": "live"}).heard({"type": "step.ticked", "step": 3})
    assert answer["refused"].startswith("step.ticked:")
    assert read(log.path) == []


@pytest.mark.parametrize(
    ("said", "resolved", "closed"),
    [
        ([mark("mitigated")], False, False),
        ([mark("resolved")], True, False),
        ([mark("resolved"), mark("resolved", withdrawn=True)], False, False),
        ([mark("closed")], True, True),
        ([{"type": "people.done", "person": "Fay", "round": "one"}], True, True),
        ([{"type": "people.done", "person": "Fay", "round": "other"}], False, False),
        ([{"type": "people.done", "person": "", "rehearsal_over": True}], True, True),
    ],
)
async def test_a_round_is_over_when_they_say_so(
    said: list[dict[str, object]], *, resolved: bool, closed: bool, log: LogWriter
) -> None:
    people = People(log, {"level": "live"})
    for one in said:
        people.heard(one)
    waiting = [asyncio.create_task(people.until_resolved("one")), asyncio.create_task(people.until_closed("one"))]
    for _ in range(5):
        await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [resolved, closed]
    for task in waiting:
        task.cancel()


async def test_a_deadline_ends_it_for_people_and_stands_in_the_log(log: LogWriter) -> None:
    people = People(log, {"level": "live"})
    people.end()
    assert people.is_over
    [done] = read(log.path)
    assert isinstance(done, PeopleDone)
    assert (done.person, done.rehearsal_over) == ("", True)
