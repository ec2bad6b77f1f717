"""Logs for every test of this room, played by `played.py` and read back by the real reader."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gameday.log import AnyEvent, read

NAME = "gameday_played_logs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("played.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


played = _load()


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
