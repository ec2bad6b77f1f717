"""Logs for every test of this room, played by `played.py` and read back by the real reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.log import AnyEvent, read
from tests import rehearsed
from tests.report import played

REHEARSED: dict[str, Callable[[Path], Path]] = {
    made.__name__: made for made in (rehearsed.rehearsal, rehearsed.tabletop, rehearsed.hostile_rehearsal)
}
LOGS: dict[str, Callable[[Path], Path]] = {**played.ALL, **REHEARSED}


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str], list[AnyEvent]]:
    """Return a function that plays a log by its name and reads it."""

    def of(name: str) -> list[AnyEvent]:
        made = REHEARSED.get(name) or getattr(played, name)
        return read(made(tmp_path / name))

    return of


@pytest.fixture(params=sorted(LOGS))
def any_log(request: pytest.FixtureRequest, play: Callable[[str], list[AnyEvent]]) -> list[AnyEvent]:
    """Return each of the played logs in turn."""
    return play(request.param)
