"""The guardian's end of a line to another process of ours: asyncio, so that nothing it waits for holds up its heartbeat."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gameday.run.channel import BEAT_SECONDS, SILENCE_SECONDS, STARTING_SECONDS, encode

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


class Line:
    """Serves one peer: each message is given to `handle`, whose answer goes back under the message's id."""

    def __init__(self, connection: socket.socket, *, handle: Handler, lost: Callable[[str], None]) -> None:
        """Take a connected socket; `lost(why)` is called once, when the peer hangs up or falls silent."""
        self._connection = connection
        self._connection.setblocking(False)
        self._handle = handle
        self._lost: Callable[[str], None] | None = lost
        self._last_heard = time.monotonic()
        self._has_spoken = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to read and to beat."""
        self._spawn(self._read())
        self._spawn(self._beat())

    def close(self) -> None:
        """Hang up; `lost` is not called any more."""
        self._lost = None
        for task in self._tasks:
            task.cancel()
        self._connection.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        while True:
            await self._send({"beat": True})
            before = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            # If we ourselves were stopped or starved for that long, the peer's silence proves nothing yet.
            if time.monotonic() - before > SILENCE_SECONDS / 2:
                self._last_heard = time.monotonic()
            limit = SILENCE_SECONDS if self._has_spoken else STARTING_SECONDS
            if time.monotonic() - self._last_heard > limit:
                self._give_up(f"was silent for {limit:g} s")
                return

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        buffer = b""
        while True:
            try:
                data = await loop.sock_recv(self._connection, 1 << 16)
            except OSError:
                data = b""
            if not data:
                self._give_up("hung up")
                return
            self._last_heard, self._has_spoken = time.monotonic(), True
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "beat" not in message:
                    await self._serve(message)

    async def _serve(self, message: dict[str, Any]) -> None:
        """Handle messages in their order; only those that want an answer are handled beside the reading."""
        if "id" not in message:
            await self._handle(message)
            return

        async def answer() -> None:
            found = await self._handle(message) or {}
            await self._send({**found, "id": message["id"]})

        self._spawn(answer())

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, encode(message))
        except OSError:
            return

    def _give_up(self, why: str) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(why)
