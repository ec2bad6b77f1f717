"""When the reaper tries again, and how often it says a thing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import structlog

from gameday.cluster import Selection
from gameday.undo.owing import DEADLINE_SECONDS
from gameday.undo.reaping import POLL_SECONDS, Reaper
from gameday.undo.sightings import CONFIRM_SECONDS
from tests.conftest import PATIENT_SECONDS
from tests.undo.test_orphans import as_due, spoil

pytestmark = pytest.mark.e2e


class Still:
    """A cluster whose clock stands still."""

    def __init__(self, cluster: Any) -> None:
        self._cluster, self._seconds = cluster, cluster.server_time()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def server_time(self) -> float:
        return float(self._seconds)


@pytest.fixture
def reaper(books: Any) -> Reaper:
    """Return a reaper whose time passes when the test says so."""
    return Reaper(books.cluster, threading.Event(), now=books.clock.now)


def turn(reaper: Reaper) -> list[str]:
    """Look once, let what was begun come to its end, and return what was said."""
    with structlog.testing.capture_logs() as said:
        reaper.look()
        reaper.finish(PATIENT_SECONDS)
    return [line["event"] for line in said]


def due(reaper: Reaper, books: Any) -> None:
    """Have it see that a deadline has passed, and stays where it is."""
    assert turn(reaper) == []
    books.clock.seconds += CONFIRM_SECONDS


def test_what_somebody_else_wrote_since_is_tried_again_later_and_later_and_said_once(
    reaper: Reaper, books: Any, scratch: Any
) -> None:
    spoil(books, scratch)
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/key", "value": "mine"})
    as_due(books)
    due(reaper, books)
    assert turn(reaper) == ["undoing", "left behind"]
    assert turn(reaper) == []
    for seconds in (30, 60, 120):
        books.clock.seconds += seconds - 1
        assert turn(reaper) == []
        books.clock.seconds += 1
        assert turn(reaper) == ["undoing"]
    scratch.patch("ConfigMap", "settings", {"op": "replace", "path": "/data/key", "value": "good"})
    books.clock.seconds += 240
    assert turn(reaper) == ["undoing", "undone"]
    assert books.store.read(books.run_id) == []
    events = books.cluster.list(Selection("v1", "Event", "gameday-system"))
    told = sorted(event["reason"] for event in events if event["message"].startswith(f"{books.run_id}: "))
    assert told == ["LeftBehind", "Undone"]


def test_it_looks_again_when_the_next_deadline_comes_but_not_later_than_usual(reaper: Reaper, books: Any, scratch: Any) -> None:
    reaper.cluster = Still(books.cluster)
    assert reaper.look() == POLL_SECONDS
    spoil(books, scratch)
    books.debt.renew(reaper.cluster.server_time())
    assert reaper.look() == POLL_SECONDS
    books.debt.renew(reaper.cluster.server_time() - DEADLINE_SECONDS + 2)
    assert reaper.look() == pytest.approx(2, abs=1e-3)
    books.debt.renew(reaper.cluster.server_time() - DEADLINE_SECONDS + 0.1)
    assert reaper.look() == 0.5, "nor again and again at once"
    assert scratch.get("ConfigMap", "settings")["data"] == {"key": "bad"}
