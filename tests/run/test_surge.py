"""A crowd as a change like any other: refused, owed, made by the guardian alone, shown by samples, and always taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gameday.actions import traffic
from gameday.change import LOAD, RATE, ChangeLoad
from gameday.change.registry import action_named
from gameday.change.wire import encode
from gameday.errors import BadParameterError
from gameday.guard import Policy
from gameday.log import LogWriter, read
from gameday.log.events import ChangeOwed, LoadWindow, UndoEnded
from gameday.run.desk import Desk
from gameday.run.load import Load
from gameday.run.undoing import Undoing
from gameday.traffic.journey_file import parse_journey
from gameday.traffic.spec import LoadSpec
from gameday.traffic.windows import NOTHING, Window

SURGE = action_named("gameday.actions.traffic.surge")
NOWHERE = "http://127.0.0.1:9"
BROWSE = "{name: look, steps: [{name: browse, path: /}]}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either times or rate_per_second"),
        ({"times": 2, "rate_per_second": 3}, "either times or rate_per_second"),
        ({"times": -2}, "expected times above 0"),
        ({"times": "2"}, "expected times above 0"),
        ({"times": True}, "expected times above 0"),
        ({"rate_per_second": -1}, "expected rate_per_second above 0"),
        ({"rate_per_second": 10_001}, "up to 10000"),
        ({"rate_per_second": float("nan")}, "expected rate_per_second above 0"),
        ({"times": 2, "over_seconds": -1}, "over_seconds from 0"),
        ({"times": 2, "over_seconds": 3601}, "over_seconds from 0 to 3600"),
        ({"times": 2, "over_seconds": None}, "over_seconds from 0"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadParameterError, match=words):
        SURGE.plan(None, **arguments)


def test_planning_is_pure_and_names_the_load() -> None:
    (change,) = SURGE.plan(None, times=10, over_seconds=30)
    assert [change] == list(SURGE.plan(None, times=10, over_seconds=30))
    assert change.ref == LOAD
    assert change == ChangeLoad(times=10.0, over_seconds=30.0)


class Sampled:
    """What a run's windows say: so many journeys were due in each tenth of a second."""

    def __init__(self, offered: Sequence[int], behind: float = 0.0) -> None:
        self._windows = [Window(i / 10, 0.1, n, behind, NOTHING, {}) for i, n in enumerate(offered)]

    def windows(self, *, seconds: float) -> Sequence[Window]:
        return self._windows[-round(seconds * 10) :]


@pytest.mark.parametrize(
    ("offered", "behind", "landed"),
    [([1, 0, 0] * 4, 0.0, False), ([3] * 10, 0.0, True), ([1] * 10, 0.0, False), ([4] * 10, 0.0, False), ([3] * 10, 5.0, None)],
)
def test_a_crowd_has_landed_when_that_many_journeys_were_really_due(
    *, offered: list[int], behind: float, landed: bool | None
) -> None:
    found = traffic.offered(Sampled(offered, behind), [ChangeLoad(rate_per_second=30)])  # type: ignore[arg-type]  # all it asks for
    assert found.landed is landed
    assert "30 expected" in found.seen


class Crowd:
    """A guardian's desk with a load that really runs, towards nobody."""

    def __init__(self, books: Any, directory: Path) -> None:
        self.books, self.directory, self.log = books, directory, LogWriter(directory)
        self.desk = Desk(books.cluster, books.debt, self.log)
        self.undoing = Undoing(self.log, books.debt, books.cluster, run_id=books.run_id, desk=self.desk)
        journey = parse_journey(BROWSE, "x")
        (directory / "journey.yaml").write_text(BROWSE)
        spec = LoadSpec(str(directory / "journey.yaml"), (NOWHERE,), str(directory / "ledger.jsonl"), 5.0)
        self.load = Load(self.log, directory, spec, journey, died=pytest.fail)

    async def ask(self, change: ChangeLoad) -> dict[str, Any]:
        message = {"change": encode(change), "by": "act", "again": ""}
        return await asyncio.to_thread(self.desk.change, message, Policy(namespaces=("shop",), switched_off=ALL), "r1")

    def make(self, answer: dict[str, Any]) -> dict[str, Any]:
        return self.desk.change_load({"change_id": answer["change_id"], "body": answer["go"]["body"]})

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in read(self.directory) if isinstance(event, kind)]

    async def until_offered(self, per_second: float) -> None:
        """Wait until the last second of windows offers at least that rate."""
        async with asyncio.timeout(60):
            while sum(event.offered for event in self.events(LoadWindow)[-10:]) < per_second * 0.9:  # noqa: ASYNC110  # a file is read
                await asyncio.sleep(0.05)


ALL = ("namespace-opted-in", "namespace-listed", "rights")


@pytest.mark.e2e
def test_a_crowd_is_owed_before_it_comes_made_by_the_guardian_and_taken_back_by_it(books: Any, tmp_path: Path) -> None:
    async def play() -> None:
        crowd = Crowd(books, tmp_path)
        await crowd.load.start()
        crowd.undoing.attach(crowd.load)
        answer = await crowd.ask(ChangeLoad(times=10))
        (owed,) = crowd.events(ChangeOwed)
        assert owed.fields == [{"path": RATE, "before": 5.0, "after": 50.0}]
        assert owed.summary == "50 customers a second instead of 5"
        assert owed.undoers != "any"
        assert crowd.load.rate_per_second == 5.0, "nothing is made before the worker says so"
        assert crowd.make(answer) == {}
        await crowd.until_offered(50)
        await crowd.undoing.undo("the round is over")
        assert crowd.load.rate_per_second == 5.0
        (ended,) = crowd.events(UndoEnded)
        assert (ended.outcome, ended.object) == ("undone", "load customers")
        assert "refused" in crowd.make(answer), "a worker's last words come too late"
        assert crowd.load.rate_per_second == 5.0
        await crowd.undoing.undo("again")
        assert len(crowd.events(UndoEnded)) == 1
        await crowd.load.stop()
        crowd.log.close()

    asyncio.run(play())


@pytest.mark.e2e
def test_two_crowds_are_one_debt_to_the_rate_before_the_first(books: Any, tmp_path: Path) -> None:
    async def play() -> None:
        crowd = Crowd(books, tmp_path)
        await crowd.load.start()
        crowd.undoing.attach(crowd.load)
        crowd.make(await crowd.ask(ChangeLoad(times=2)))
        crowd.make(await crowd.ask(ChangeLoad(rate_per_second=30, over_seconds=60)))
        assert crowd.load.rate_per_second == 30.0
        await crowd.undoing.undo("over")
        assert crowd.load.rate_per_second == 5.0
        await crowd.load.stop()
        crowd.log.close()

    asyncio.run(play())


@pytest.mark.e2e
def test_whoever_undoes_without_the_guardian_finds_the_crowd_gone_with_it(books: Any) -> None:
    books.owe(ChangeLoad(rate_per_second=50).on(5.0))
    (settled,) = books.undo(confirmed=False)
    assert settled.outcome == "already"
    assert "gone with it" in settled.detail
    assert all(entry.is_settled for entry in books.opened().entries)


@pytest.mark.e2e
def test_without_customers_there_is_no_crowd(books: Any, tmp_path: Path) -> None:
    crowd = Crowd(books, tmp_path)
    answer = asyncio.run(crowd.ask(ChangeLoad(times=10)))
    assert "sends no customers" in answer["refused"]
    assert books.debt.entries == ()
    crowd.log.close()


@pytest.mark.e2e
def test_more_customers_than_can_be_sent_are_refused(books: Any, tmp_path: Path) -> None:
    crowd = Crowd(books, tmp_path)
    crowd.desk.load = crowd.load
    answer = asyncio.run(crowd.ask(ChangeLoad(times=10_000)))
    assert "no more than 10000 customers a second" in answer["refused"]
    assert books.debt.entries == ()
    crowd.log.close()
