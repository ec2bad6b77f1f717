"""Waking the pages: that a log has grown is lost on none of them."""

from __future__ import annotations

import asyncio

import pytest

from gameday.web import stream
from gameday.web.stream import Hub
from tests.web.tabletop import Tabletop


def test_a_page_is_woken_also_by_what_happens_while_its_wait_is_given_up(
    tabletop: Tabletop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every wait is given up at once, and the loop wakes everybody before the waiter hears that it was.
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.0)

    async def heard() -> list[bool]:
        loop = asyncio.get_running_loop()
        hub = Hub(tabletop, loop)
        changes = hub.changes()
        told = [await anext(changes), await anext(changes)]
        (woken,) = hub._subscribers
        loop.call_soon(woken.set)
        told += [await anext(changes), await anext(changes)]
        await changes.aclose()  # type: ignore[attr-defined]  # it is a generator
        return told

    assert asyncio.run(heard()) == [True, False, True, False]
