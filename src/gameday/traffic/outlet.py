"""Lines to a reader who may be slow, stopped or gone, without ever waiting for them.

A generator that waited for its reader would be behind because of the reader. So a full pipe is written to when it has room,
and what does not fit waits in memory; a reader who is gone is reported once.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections import deque
from collections.abc import Callable
from typing import Any


class Outlet:
    """Writes JSON lines to a file descriptor in order, and as soon as it takes them."""

    def __init__(self, descriptor: int) -> None:
        self.when_gone: Callable[[], None] = lambda: None
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._nothing_waits = asyncio.Event()
        self._gone = False
        self._watching = False
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.set_blocking(descriptor, False)

    def say(self, line: dict[str, Any]) -> None:
        """Write a line now or later."""
        if not self._gone:
            self._waiting.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            self._write()

    async def drain(self) -> None:
        """Return when everything is written, or nobody is there to read it."""
        await self._nothing_waits.wait()

    def _write(self) -> None:
        try:
            while self._waiting:
                written = os.write(self._descriptor, self._waiting[0])
                rest = self._waiting.popleft()[written:]
                if rest:
                    self._waiting.appendleft(rest)
        except BlockingIOError:
            self._nothing_waits.clear()
            self._watch(on=True)
            return
        except OSError:
            self._gone = True
            self._waiting.clear()
            self.when_gone()
        self._nothing_waits.set()
        self._watch(on=False)

    def _watch(self, *, on: bool) -> None:
        if on == self._watching:
            return
        loop = asyncio.get_running_loop()
        if on:
            loop.add_writer(self._descriptor, self._write)
        else:
            loop.remove_writer(self._descriptor)
        self._watching = on
