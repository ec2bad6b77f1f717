"""A worker as the guardian has it: starting the process, serving its line, and ending it with everything it started."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gameday.log import LogWriter
from gameday.log.events import ProcessEnded, ProcessStarted
from gameday.processes import ProcessId, end_orphans, end_tree, how_ended, process_id
from gameday.run.line import Handler, Line

EXIT_SECONDS: Final = 5.0
"""How long a worker may take to end once it has said that it is done: nothing is to come of it any more."""


class WorkerProcess:
    """One round's worker."""

    def __init__(self, directory: Path, log: LogWriter, *, round_id: str, handle: Handler, died: Callable[[str], None]) -> None:
        """Take the run's folder, its log, and what serves the worker; `died(why)` reports one that dies or freezes."""
        self._directory, self._log, self._round = directory, log, round_id
        self._handle, self._died = handle, died
        self._worker: ProcessId | None = None
        self._line: Line | None = None
        self._ended_why = ""
        self.is_done = False
        """Whether the worker has said that its round is carried out."""

    def done(self) -> None:
        """Take note that the worker has carried out its round; one that then does not end, frozen or not, is ended."""
        if not self.is_done:
            self.is_done = True
            asyncio.get_running_loop().call_later(EXIT_SECONDS, self._end_lingering)

    async def run(self, *, spare: frozenset[int]) -> None:
        """Start the worker and serve it until it ends; one that dies is reported, and then this never returns by itself.

        `spare` are children of ours that are no orphans of the worker's.
        """
        ours, theirs = socket.socketpair()
        process = await self._start(theirs)
        worker = self._worker = process_id(process.pid)
        self._log.write(ProcessStarted(role="worker", pid=worker.pid, start_ticks=worker.start_ticks, round=self._round))
        self._line = Line(ours, handle=self._handle, lost=self._lost)
        self._line.start()
        code = await process.wait()
        self._worker = None
        if not self.is_done:
            # Its last words may still be on the line.
            await asyncio.sleep(0.05)
        self._line.close()
        end_tree(worker)
        end_orphans(spare=spare | {worker.pid})
        self._tell_end(worker, code)
        if not self.is_done and not self._ended_why:
            self._died(f"the worker (pid {worker.pid}) died: {how_ended(code)[2]}; see worker.log")
            # The abort cancels us here.
            await asyncio.Event().wait()

    def end(self, why: str, *, spare: frozenset[int]) -> None:
        """End the worker's whole process tree, at once; a second call changes nothing."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._ended_why = why
        if self._line is not None:
            self._line.close()
        end_tree(worker)
        end_orphans(spare=spare | {worker.pid})

    async def _start(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        own = process_id(os.getpid())
        words = ["--run", str(self._directory), "--line", str(theirs.fileno()), "--guardian", f"{own.pid}:{own.start_ticks}"]
        with (self._directory / "worker.log").open("ab") as log, theirs:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gameday.run.worker",
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def _lost(self, why: str) -> None:
        """Report a worker that is frozen; that one has ended, `run` sees by itself."""
        if not self.is_done and why.startswith("was silent") and self._worker is not None:
            self._died(f"the worker (pid {self._worker.pid}) {why}")

    def _end_lingering(self) -> None:
        """End it in such a way that `run` sees it end, and as one that was done."""
        if self._worker is not None:
            end_tree(self._worker)

    def _tell_end(self, worker: ProcessId, code: int) -> None:
        exit_code, number, _ = how_ended(code)
        reason = self._ended_why or ("done" if self.is_done else "it died")
        ended = ProcessEnded(role="worker", pid=worker.pid, reason=reason, exit_code=exit_code, signal=number, round=self._round)
        self._log.write(ended)
