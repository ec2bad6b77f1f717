"""A rehearsal that is served for the length of a test, and people who call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameday.web import Served, serve
from gameday.web.runbooks import Library
from gameday.workspace import SHIPPED
from tests.web.calls import Caller
from tests.web.tabletop import RUNBOOK_FILE, Clock, Tabletop


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Offer the round's runbook beside one that ships."""
    file = tmp_path / "orders-disk-full.md"
    file.write_text(RUNBOOK_FILE, encoding="utf-8")
    return Library({"orders-disk-full": file, "submit-fails": SHIPPED / "runbooks" / "submit-fails.md"})


@pytest.fixture
def rehearsal_of(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Tabletop]]:
    """Return a function that starts a rehearsal."""
    made: list[Tabletop] = []

    def start(**how: bool) -> Tabletop:
        directory = tmp_path / f"run-{len(made)}-orders-disk-full"
        directory.mkdir()
        made.append(Tabletop(directory, clock, **how))
        return made[-1]

    yield start
    for tabletop in made:
        tabletop.close()


@pytest.fixture
def tabletop(rehearsal_of: Callable[..., Tabletop]) -> Tabletop:
    return rehearsal_of()


@pytest.fixture
def served(tabletop: Tabletop, library: Library) -> Iterator[Served]:
    with serve(tabletop, library=library) as served:
        yield served


@pytest.fixture
def stranger(served: Served) -> Caller:
    return Caller(served)


@pytest.fixture
def commander(served: Served) -> Caller:
    return Caller(served, {"Authorization": f"Bearer {served.token_for('commander')}"})


@pytest.fixture
def facilitator(served: Served) -> Caller:
    return Caller(served, {"Authorization": f"Bearer {served.token_for('facilitator')}"})
