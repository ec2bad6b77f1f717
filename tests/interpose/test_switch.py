"""What is in force, by deadlines of another clock, by what the source says, and by its silence."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gameday.interpose.sources import News, follow_forever
from gameday.interpose.switch import Switch
from tests.interpose.standing import document

RULE = {"fault": {"kind": "hang"}}


def said(*rules: dict[str, Any], seconds: float = 60.0, **members: Any) -> bytes:
    return json.dumps(document(*(rules or (RULE,)), seconds=seconds, **members)).encode()


@dataclass(eq=False)
class Held:
    released: int = 0

    def release(self) -> None:
        self.released += 1


def switch(**options: Any) -> tuple[Switch, Held]:
    made, held = Switch("http", **options), Held()
    return made, held


def ends_in(made: Switch) -> float:
    left = made.as_dict()["ends_in_seconds"]
    assert left is not None
    return float(left)


async def test_a_deadline_is_meant_by_the_clock_of_whoever_served_it() -> None:
    made, _ = switch()
    text = said(seconds=3660)
    made.heard(text, time.time() + 3600)
    assert 40 < ends_in(made) <= 60


async def test_the_same_document_heard_again_ends_no_later_even_if_a_clock_was_set_back() -> None:
    made, held = switch()
    text = said(seconds=60)
    made.heard(text, time.time())
    made.held.add(held)
    made.heard(text, time.time() - 1000)
    assert ends_in(made) <= 60
    made.heard(text, time.time() + 50)
    assert ends_in(made) <= 10
    assert held.released == 0


async def test_a_renewed_deadline_is_later_and_lets_nothing_go() -> None:
    made, held = switch()
    made.heard(said(seconds=50), time.time())
    made.held.add(held)
    made.heard(said(seconds=500), time.time())
    assert ends_in(made) > 400
    assert held.released == 0


async def test_other_rules_let_go_what_was_held_by_the_last_ones_and_count_from_nothing() -> None:
    made, held = switch()
    made.heard(said(), time.time())
    made.held.add(held)
    assert made.tally is not None
    made.tally.seen = 7
    made.heard(said(id="another"), time.time())
    assert held.released == 1
    assert made.tally.seen == 0


async def test_a_deadline_more_than_a_day_away_is_refused() -> None:
    made, _ = switch()
    made.heard(said(seconds=86_500), time.time())
    assert (made.state, made.in_force) == ("refused", None)
    assert "until: expected a moment within 86400 s" in made.why


async def test_a_source_that_falls_silent_is_lost_and_one_that_speaks_again_is_found() -> None:
    made, held = switch(silence_seconds=0.1)
    made.heard(said(), time.time())
    made.held.add(held)
    await until(lambda: made.state == "lost")
    assert (made.why, made.in_force, held.released) == ("nothing was heard for 0.1 s", None, 1)
    made.unchanged()
    assert made.state == "in force"


async def test_a_source_that_repeats_itself_is_not_lost() -> None:
    made, _ = switch(silence_seconds=0.2)
    made.heard(said(), time.time())
    for _ in range(10):
        await asyncio.sleep(0.05)
        made.unchanged()
    assert made.state == "in force"


async def test_what_was_refused_does_not_come_back_with_the_source() -> None:
    made, _ = switch()
    made.heard(said(), time.time())
    made.heard(b"{}", time.time())
    made.lost("gone")
    made.unchanged()
    assert (made.state, made.in_force) == ("refused", None)


async def test_a_fault_that_ended_while_the_source_was_lost_does_not_come_back() -> None:
    made, _ = switch()
    made.heard(said(seconds=0.1), time.time())
    made.lost("gone")
    await asyncio.sleep(0.15)
    made.unchanged()
    assert (made.state, made.in_force) == ("ended", None)


async def test_once_it_is_taken_out_nothing_comes_into_force() -> None:
    made, _ = switch()
    made.drain()
    made.heard(said(), time.time())
    made.unchanged()
    assert (made.state, made.in_force) == ("draining", None)


@dataclass
class Failing:
    """A source that says something once, and then fails."""

    rounds: int = 0
    told: list[str] = field(default_factory=list)

    async def follow(self, news: News) -> None:
        self.rounds += 1
        news.heard(said(), time.time())
        raise RuntimeError("no more")


async def test_a_source_that_fails_is_lost_and_followed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameday.interpose.sources._AGAIN_SECONDS", 0.05)
    made, _ = switch()
    source = Failing()
    task = asyncio.create_task(follow_forever(source, made))
    await until(lambda: made.state == "lost")
    assert made.why == "the source failed: no more"
    await until(lambda: source.rounds > 1)
    task.cancel()


async def until(is_so: Callable[[], bool], patience: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await patience(0.005)
