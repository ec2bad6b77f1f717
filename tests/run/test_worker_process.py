"""A worker that has said that it is done, and does not end: frozen, or kept by something that it started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday.log import LogWriter, read
from gameday.log.events import ProcessEnded, ProcessStarted
from gameday.processes import ProcessId, _all, process_id
from gameday.run import worker_process
from gameday.run.worker_process import WorkerProcess

LINGERING = """\
#!{python}
import os, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[sys.argv.index("--line") + 1]))
print(sys.argv[sys.argv.index("--guardian") + 1], flush=True)
line.sendall(b'{{"done": true}}\\n')
{then}
while True:
    line.sendall(b'{{"beat": true}}\\n')
    time.sleep(0.02)
"""


@pytest.mark.parametrize("then", ["os.kill(os.getpid(), signal.SIGSTOP)", "pass"], ids=["frozen", "kept"])
async def test_a_worker_that_is_done_and_does_not_end_is_ended_and_was_done(
    then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "lingering"
    program.write_text(LINGERING.format(python=sys.executable, then=then))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(worker_process, "EXIT_SECONDS", 0.2)
    died: list[str] = []

    async def handle(message: dict[str, Any]) -> None:
        if message.get("done"):
            worker.done()

    log = LogWriter(tmp_path)
    worker = WorkerProcess(tmp_path, log, round_id="r1", handle=handle, died=died.append)
    # Whatever else this process has started (a cluster, say) is no orphan of the worker's.
    ours = frozenset(pid for pid, stat in _all().items() if stat.parent == os.getpid())
    await asyncio.wait_for(worker.run(spare=ours), timeout=60)
    log.close()
    started, ended = read(tmp_path)
    assert isinstance(started, ProcessStarted)
    assert isinstance(ended, ProcessEnded)
    assert (ended.pid, ended.reason, died) == (started.pid, "done", [])
    assert not ProcessId(started.pid, started.start_ticks).is_alive
    own = process_id(os.getpid())
    assert (tmp_path / "worker.log").read_text() == f"{own.pid}:{own.start_ticks}\n", "whom it guards itself by"
