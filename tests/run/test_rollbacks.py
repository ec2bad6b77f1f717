"""Carrying out what an experiment of other extensions says undoes it, in processes of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.log import LogWriter, read
from gameday.log.events import ProcessEnded, ProcessStarted, UndoEnded
from gameday.processes import ProcessId, process_id
from gameday.run import rollbacks
from gameday.run.rollbacks import attempt
from gameday.run.undoing import Undoing
from gameday.undo.owing import Debt, blank_shard
from gameday.undo.storing import FileStore


def ran(
    directory: Path, script: str, *, timeout_seconds: float = 30.0, until: Callable[[], bool] = lambda: True
) -> tuple[str, list[tuple[ProcessId, int | None]]]:
    """Return why it failed, if it did, and what was told of its process; its time begins when it has come so far."""
    heard: list[tuple[ProcessId, int | None]] = []
    command = ["sh", "-c", script]

    def told(process: ProcessId, code: int | None) -> None:
        heard.append((process, code))
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end
            time.sleep(0.01)

    failure = attempt(command, str(directory), told=told, timeout_seconds=timeout_seconds)
    return failure, heard


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("exit 0", ""),
        ("echo said >&2; exit 0", ""),
        ("echo first >&2; echo last >&2; exit 3", "last"),
        ("exit 3", "exit status 3"),
    ],
)
def test_a_rollback_fails_with_the_last_of_what_it_said(script: str, failure: str, tmp_path: Path) -> None:
    assert ran(tmp_path, script)[0] == failure


def test_with_a_rollback_that_hangs_what_it_started_is_ended(tmp_path: Path) -> None:
    begun = tmp_path / "pid"
    script = "sleep 600 & echo $! > being-written; mv being-written pid; wait"
    failure, heard = ran(tmp_path, script, timeout_seconds=0.5, until=begun.exists)
    assert failure == "it did not end within 0.5 s"
    assert [(process.is_alive, code) for process, code in heard] == [(False, None), (False, -9)]
    assert not process_id(int(begun.read_text())).is_alive


def test_whoever_takes_over_is_told_which_process_it_is_and_how_it_ended(tmp_path: Path) -> None:
    _, heard = ran(tmp_path, "echo $$ > pid; exit 3")
    pid = int((tmp_path / "pid").read_text())
    assert [(process.pid, code) for process, code in heard] == [(pid, None), (pid, 3)]
    assert pid != os.getpid()


def test_each_attempt_stands_in_the_log_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By which a successor knows that what it left behind is to stay."""
    script = "test -e twice && exit 0; test -e once && touch twice; touch once; exit 1"
    monkeypatch.setattr(rollbacks, "command_for", lambda _: ["sh", "-c", script])
    monkeypatch.chdir(tmp_path)
    debt = Debt(FileStore(tmp_path), None, blank_shard("run", tmp_path, cluster_uid=""))
    debt.owe_rollbacks(tmp_path / "experiment.yaml", ["put it back"], round_id="r1")
    log = LogWriter(tmp_path)
    Undoing(log, debt, None, run_id="run", desk=None).undo_now("the run is over")
    log.close()
    started = [event.pid for event in read(tmp_path) if isinstance(event, ProcessStarted)]
    ended = [event for event in read(tmp_path) if isinstance(event, ProcessEnded)]
    assert [event.pid for event in ended] == started
    assert [(event.role, event.exit_code, event.reason, event.round) for event in ended] == [
        ("rollback", 1, "failed", "r1"),
        ("rollback", 1, "failed", "r1"),
        ("rollback", 0, "done", "r1"),
    ]
    assert [event.outcome for event in read(tmp_path) if isinstance(event, UndoEnded)] == ["undone"]
