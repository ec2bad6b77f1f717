"""What a guardian does about a server that answers with errors, and what it answers once its run is aborted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError, NotNowError, ServerError, UnreachableError
from gameday.log import LogWriter, read
from gameday.log.events import Noted
from gameday.run import guardian as module
from gameday.run.guardian import Guardian
from gameday.run.spec import RunSpec


class Answers:
    """What was opened for a run, as far as it is renewed and given back; each call raises what comes next, if anything."""

    cluster = None
    lease = None

    def __init__(self, *errors: GamedayError) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.loop = asyncio.get_running_loop()
        self.enough = asyncio.Event()
        """Set with the third call."""

    def asked_to_abort(self) -> str:
        return ""

    def renew(self) -> None:
        self.calls += 1
        if self.calls == 3:
            self.loop.call_soon_threadsafe(self.enough.set)
        if self.errors:
            raise self.errors.pop(0)

    give_back = renew


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Guardian]:
    ours, theirs = socket.socketpair()
    log = LogWriter(tmp_path)
    with ours, theirs:
        yield Guardian(RunSpec(run_id="r", directory=str(tmp_path), file="f", shown_file="f"), log, ours)
    log.close()


def noted(tmp_path: Path) -> list[str]:
    return [event.text for event in read(tmp_path) if isinstance(event, Noted)]


@pytest.mark.parametrize("kind", [UnreachableError, ServerError, NotNowError])
async def test_a_server_that_fails_once_delays_a_renewal_and_ends_nothing(
    kind: type[GamedayError], guardian: Guardian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "_RENEW_EVERY", 1)
    opened: Any = Answers(kind("too much asked"))
    renewing = asyncio.create_task(guardian._renew(opened))
    await asyncio.wait({renewing, asyncio.create_task(opened.enough.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not renewing.done()
    renewing.cancel()
    assert noted(tmp_path) == ["could not renew the lease: too much asked"]
    assert not guardian._abort.is_set()


async def test_a_lease_that_is_somebody_elses_aborts_the_run(guardian: Guardian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "_RENEW_EVERY", 1)
    opened: Any = Answers(GamedayError("it is another run's"))
    await guardian._renew(opened)
    assert guardian._abort.is_set()


@pytest.mark.parametrize("kind", [UnreachableError, ServerError, NotNowError])
async def test_what_is_given_back_is_given_back_also_when_the_server_fails_once(
    kind: type[GamedayError], guardian: Guardian, tmp_path: Path
) -> None:
    opened: Any = Answers(kind("too much asked"))
    await guardian._give_back(opened)
    assert opened.calls == 2
    assert noted(tmp_path) == []


async def test_after_an_abort_nobody_is_allowed_a_change(guardian: Guardian) -> None:
    guardian.abort("somebody", "enough of it")
    answer = await guardian._heard({"ask": "change", "id": 1})
    assert answer == {"refused": "the run is aborted: enough of it"}
