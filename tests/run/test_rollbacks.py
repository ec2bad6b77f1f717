"""Carrying out what an experiment of other extensions says undoes it, in processes of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gameday.processes import ProcessId, process_id
from gameday.run.rollbacks import attempt


def ran(directory: Path, script: str, *, timeout_seconds: float = 30.0) -> tuple[str, list[ProcessId]]:
    started: list[ProcessId] = []
    return attempt(["sh", "-c", script], str(directory), started=started.append, timeout_seconds=timeout_seconds), started


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
    failure, started = ran(tmp_path, "sleep 600 & echo $! > pid; wait", timeout_seconds=1.0)
    assert failure == "it did not end within 1 s"
    assert [process.is_alive for process in started] == [False]
    assert not process_id(int((tmp_path / "pid").read_text())).is_alive


def test_whoever_takes_over_is_told_which_process_it_is(tmp_path: Path) -> None:
    _, started = ran(tmp_path, "echo $$ > pid")
    assert [process.pid for process in started] == [int((tmp_path / "pid").read_text())]
    assert started[0].pid != os.getpid()
