"""The server's side of the container runtime: it starts a node's spawner and speaks with the shim of each container.

What Kubernetes calls a container runtime: told what to run, it runs it and says how it ended. When to run what is decided in
`pod.py`; what happens on the far side of the sockets is in `spawner.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KILLED_CODE = 137
CANNOT_START_CODE = 128
_SPAWNER = Path(__file__).with_name("spawner.py")
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What a container runs: everything the shim needs to know."""

    argv: list[str]
    environment: dict[str, str]
    directory: str
    log: str
    """The file that its output goes to, in the CRI format; /dev/null for a probe's command."""
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended; `error` is set if it never started."""

    code: int
    out_of_memory: bool
    started_at: datetime
    finished_at: datetime
    error: str = ""

    @property
    def reason(self) -> str:
        """Return the reason that a container's status names."""
        if self.error:
            return "StartError"
        if self.out_of_memory:
            return "OOMKilled"
        return "Completed" if self.code == 0 else "Error"


class Process(asyncio.Protocol):
    """One container that runs, or ran; `started` gives its process id and `ended` its exit, each once."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self._transport: asyncio.WriteTransport | None = None
        self._inbox = b""
        self._started_at = datetime.now(UTC)

    def terminate(self) -> None:
        """Send SIGTERM to the container's first process."""
        self._order(b"T")

    def kill(self) -> None:
        """Kill the whole tree at once."""
        self._order(b"K")

    def _order(self, order: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(order)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the line to the shim."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the shim's reports, one JSON object a line."""
        *lines, self._inbox = (self._inbox + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, report: dict[str, Any]) -> None:
        if "pid" in report:
            self._started_at = datetime.now(UTC)
            self.started.set_result(report["pid"])
            return
        self._end(int(report["code"]), out_of_memory=bool(report.get("out_of_memory")), error=report.get("error", ""))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Take the shim's death for the container's: nothing survives its shim."""
        self._end(KILLED_CODE)

    def _end(self, code: int, *, out_of_memory: bool = False, error: str = "") -> None:
        if not self.started.done():
            self.started.set_result(0)
        if not self.ended.done():
            self.ended.set_result(Exit(code, out_of_memory, self._started_at, datetime.now(UTC), error))
        if self._transport is not None:
            self._transport.close()


class Runtime:
    """The container runtime of one node: a spawner process, started when first needed and again if it was killed."""

    def __init__(self) -> None:
        self._spawner: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._processes: set[Process] = set()

    async def launch(self, launch: Launch) -> Process:
        """Start a container; it has started, or failed to, when `started` is done."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._send(theirs)
        finally:
            theirs.close()
        loop = asyncio.get_running_loop()
        transport, process = await loop.create_unix_connection(Process, sock=ours)
        transport.write(json.dumps(asdict(launch)).encode() + b"\n")
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        return process

    def start(self) -> None:
        """Start the spawner, so that the first container need not wait for it."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-S", str(_SPAWNER), str(theirs.fileno())]
        self._spawner = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._line = ours

    async def stop(self) -> None:
        """Kill whatever still runs and end the spawner; return when both are gone."""
        for process in self._processes:
            process.kill()
        if self._line is not None:
            self._line.close()
            self._line = None
        spawner, self._spawner = self._spawner, None
        if spawner is None:
            return
        try:
            await asyncio.to_thread(spawner.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            spawner.kill()
            spawner.wait()

    @property
    def spawner_pid(self) -> int | None:
        """Return the process id of the spawner, below which everything of this node runs."""
        return self._spawner.pid if self._spawner else None

    def _send(self, control: socket.socket) -> None:
        if self._line is None:
            self.start()
        try:
            self._pass(control)
        except (BrokenPipeError, ConnectionResetError):  # the spawner was killed from outside
            self._restart()
            self._pass(control)

    def _pass(self, control: socket.socket) -> None:
        assert self._line is not None  # noqa: S101 - `start` made it
        socket.send_fds(self._line, [b"+"], [control.fileno()])

    def _restart(self) -> None:
        if self._spawner is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._spawner.wait(_STOP_SECONDS)
        if self._line is not None:
            self._line.close()
        self.start()
