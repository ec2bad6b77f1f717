"""One direction of a connection: what is written goes out in order, at once as a rule, later or slower where a fault says so.

What waits is bounded: beyond `MOST_WAITING` bytes the side that feeds this is no longer read from. Releasing drops every delay
in it and lets what waits go.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

MOST_WAITING: Final = 65536
_SLICE_SECONDS: Final = 0.02
"""A limited rate passes what this time is worth at once, so that it costs few wake-ups."""
_TICK_SECONDS: Final = 0.001


class Feeder(Protocol):
    """Where the bytes come from."""

    def hold_reading(self, reason: int) -> None:
        """Stop reading for this reason."""

    def let_read(self, reason: int) -> None:
        """Read again, unless there is another reason not to."""


QUEUE_IS_FULL: Final = 1
BUFFER_IS_FULL: Final = 2
PROTOCOL_IS_OPEN: Final = 4


@dataclass(frozen=True, slots=True)
class _Until:
    """Nothing behind this goes out before a moment of the event loop's clock; never, until released, if it is infinite."""

    moment: float


@dataclass(frozen=True, slots=True)
class _Rate:
    """What is behind this goes out at so many bytes a second; 0: as fast as it can."""

    bytes_per_second: float


Action = Callable[[], None]


class Outflow:
    """What is on its way out to one side; without a transport it waits."""

    __slots__ = ("_clear_at", "_feeder", "_is_free", "_is_over", "_queue", "_rate", "_timer", "_transport", "_waiting")

    def __init__(self, feeder: Feeder) -> None:
        self._feeder = feeder
        self._transport: asyncio.Transport | None = None
        self._queue: deque[bytes | _Until | _Rate | Action] = deque()
        self._waiting = 0
        self._rate = 0.0
        self._clear_at = 0.0
        """When the next bytes may go out, at a limited rate."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_free = False
        """Nothing waits and nothing is limited."""
        self._is_over = False

    @property
    def hangs(self) -> bool:
        """Whether what goes out next waits for the fault's end."""
        return any(isinstance(item, _Until) and math.isinf(item.moment) for item in self._queue)

    @property
    def is_held(self) -> bool:
        """Whether what goes out next waits for a moment that has not come."""
        first = self._queue[0] if self._queue else None
        return isinstance(first, _Until) and first.moment > asyncio.get_running_loop().time()

    def feed_from(self, feeder: Feeder) -> None:
        """Take what comes from another side from now on."""
        self._feeder = feeder

    def detach(self) -> None:
        """Keep what waits, for another transport."""
        self._transport, self._is_free = None, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def attach(self, transport: asyncio.Transport) -> None:
        """Begin to send what has been written."""
        self._transport = transport
        self._pump()

    def write(self, data: bytes) -> None:
        """Send, or have it wait for its turn."""
        if self._is_free:
            self._transport.write(data)  # type: ignore[union-attr]  # free only with one
            return
        if self._is_over:
            return
        self._queue.append(data)
        self._waiting += len(data)
        if self._waiting > MOST_WAITING:
            self._feeder.hold_reading(QUEUE_IS_FULL)
        if self._timer is None:
            self._pump()

    def then(self, action: Action) -> None:
        """Do this once everything that has been written is out of here."""
        self._queue.append(action)
        self._is_free = False
        self._pump()

    def end(self) -> None:
        """Send no more after what has been written."""
        self.then(self._write_eof)

    def delay(self, seconds: float) -> None:
        """Hold back what is written from now on for so long; an infinite time until it is released."""
        self._queue.append(_Until(asyncio.get_running_loop().time() + seconds))
        self._is_free = False

    def limit(self, bytes_per_second: float) -> None:
        """Send what is written from now on at this rate; 0 ends the limit."""
        self._queue.append(_Rate(bytes_per_second))
        self._is_free = False
        self._pump()

    def release(self) -> None:
        """Drop every delay and limit, and send what waits."""
        self._queue = deque(item for item in self._queue if not isinstance(item, _Until | _Rate))
        self._rate = 0.0
        self._pump()

    def discard(self) -> None:
        """Forget what waits; nothing is sent any more."""
        self._queue.clear()
        self._transport, self._is_free, self._is_over = None, False, True
        if self._timer is not None:
            self._timer.cancel()

    def _pump(self) -> None:
        """Send what may go out now, and come back for the rest."""
        if self._transport is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_seconds = 0.0
        while self._queue and not wait_seconds:
            wait_seconds = self._send_next(self._transport)
        if 0 < wait_seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(wait_seconds, self._pump)
        self._is_free = not self._queue and not self._rate
        if self._waiting <= MOST_WAITING // 2:
            self._feeder.let_read(QUEUE_IS_FULL)

    def _send_next(self, transport: asyncio.Transport) -> float:
        """Send the first in the queue, or what may go of it; return how long to wait before the next."""
        item = self._queue[0]
        if isinstance(item, bytes):
            return self._send(transport, item)
        if isinstance(item, _Until):
            wait_seconds = item.moment - asyncio.get_running_loop().time()
            if wait_seconds > 0:
                return wait_seconds
        elif isinstance(item, _Rate):
            self._rate = item.bytes_per_second
        self._queue.popleft()
        if not isinstance(item, _Until | _Rate):
            item()
        return 0.0

    def _write_eof(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            # Where the peer has reset the connection meanwhile there is nothing to end; its loss is told when it is read.
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def _send(self, transport: asyncio.Transport, data: bytes) -> float:
        size = len(data)
        if self._rate:
            now = asyncio.get_running_loop().time()
            if self._clear_at - now > _TICK_SECONDS:
                return self._clear_at - now
            size = min(size, max(1, int(self._rate * _SLICE_SECONDS)))
            self._clear_at = max(self._clear_at, now) + size / self._rate
        self._waiting -= size
        if size == len(data):
            self._queue.popleft()
            transport.write(data)
        else:
            self._queue[0] = data[size:]
            transport.write(data[:size])
        return 0.0
