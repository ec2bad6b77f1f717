"""What a successor ends of its predecessor's processes, and what it lets live."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.log import LogWriter, read
from gameday.log.events import Event, ProcessEnded, ProcessStarted
from gameday.processes import ProcessId, process_id
from gameday.run.taking_over import _end_processes

LEAVES_A_SERVICE = "sleep 600 >/dev/null 2>&1 & echo $!"


@pytest.fixture
def service() -> Iterator[tuple[ProcessStarted, ProcessId]]:
    """Return what the log says of a rollback that started a service again, and that service, in the rollback's session."""
    with subprocess.Popen(["sh", "-c", LEAVES_A_SERVICE], stdout=subprocess.PIPE, start_new_session=True, text=True) as rollback:
        leader = process_id(rollback.pid)
        left = process_id(int(rollback.communicate(timeout=60)[0]))
    yield ProcessStarted(role="rollback", pid=leader.pid, start_ticks=leader.start_ticks), left
    if left.is_alive:
        os.kill(left.pid, signal.SIGKILL)


def ended_by_a_successor(directory: Path, *events: Event) -> list[int]:
    log = LogWriter(directory)
    for event in events:
        log.write(event)
    log.close()
    return [event.pid for event in _end_processes(read(directory))]


def over(process: ProcessStarted) -> ProcessEnded:
    return ProcessEnded(role=process.role, pid=process.pid, exit_code=0, reason="done")


def test_what_a_finished_rollback_started_is_what_it_was_to_bring_back(
    service: tuple[ProcessStarted, ProcessId], tmp_path: Path
) -> None:
    rollback, left = service
    assert ended_by_a_successor(tmp_path, rollback, over(rollback)) == []
    assert left.is_alive


def test_a_rollback_that_is_not_known_to_have_finished_is_ended_with_all_that_it_started(
    service: tuple[ProcessStarted, ProcessId], tmp_path: Path
) -> None:
    """Also where an earlier one had the same pid, and finished."""
    rollback, left = service
    assert ended_by_a_successor(tmp_path, rollback, over(rollback), rollback) == [rollback.pid]
    assert not left.is_alive


def test_what_a_worker_left_is_ended_also_after_its_end(service: tuple[ProcessStarted, ProcessId], tmp_path: Path) -> None:
    rollback, left = service
    worker = ProcessStarted(role="worker", pid=rollback.pid, start_ticks=rollback.start_ticks)
    assert ended_by_a_successor(tmp_path, worker, over(worker)) == [worker.pid]
    assert not left.is_alive
