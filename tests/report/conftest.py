"""Logs for every test of this room, played by `played.py` and read back by the real reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.log import AnyEvent, read
from tests.report import played


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str], list[AnyEvent]]:
    """Return a function that plays a log by its name and reads it."""

    def of(name: str) -> list[AnyEvent]:
        return read(getattr(played, name)(tmp_path / name))

    return of


@pytest.fixture(params=sorted(played.ALL))
def any_log(request: pytest.FixtureRequest, play: Callable[[str], list[AnyEvent]]) -> list[AnyEvent]:
    """Return each of the played logs in turn."""
    return play(request.param)
