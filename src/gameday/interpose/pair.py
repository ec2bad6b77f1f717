"""A client's connection and the one to the upstream behind it: whatever happens to one happens to the other.

What the bytes mean is not known here; a `Treatment` decides what goes on. This knows how connections end: half-closed, closed,
or by a reset, each passed on as what it was and after what was sent before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Final, Protocol, cast

from gameday.interpose.counting import Counts
from gameday.interpose.outflow import BUFFER_IS_FULL, Outflow

Address = tuple[str, int]
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_LINGER_SECONDS: Final = 2.0
"""How long a client may take to close a connection that was ended for it, before what it sends is answered by a reset."""
_LOOK_AGAIN_SECONDS: Final = 0.002
_MOST_LOOKS: Final = 500
_ESTABLISHED: Final = 1
_READ_AT_ONCE: Final = 65536


class Treatment(Protocol):
    """What is done with the bytes of one connection."""

    def from_client(self, data: bytes) -> None:
        """Take what the client sent."""

    def from_upstream(self, data: bytes) -> None:
        """Take what the upstream sent."""

    def client_ended(self) -> None:
        """Note that the client sends no more."""

    def upstream_ended(self) -> None:
        """Note that the upstream sends no more."""

    def release(self) -> None:
        """Let go what a fault holds back."""

    def drain(self) -> None:
        """End the connection as soon as nothing is open on it."""

    def closed(self) -> None:
        """Forget what was open."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open that would be lost."""


class Side(asyncio.Protocol):
    """One of the two connections: its transport, and what goes out to it."""

    __slots__ = ("_held", "_on_end", "_on_lost", "is_lost", "on_data", "other", "out", "transport")

    def __init__(self, on_end: Callable[[Side], None], on_lost: Callable[[Side, Exception | None], None]) -> None:
        self._on_end, self._on_lost = on_end, on_lost
        self._held = 0
        self.on_data: Callable[[bytes], None]
        self.is_lost = False
        self.transport: asyncio.Transport | None = None
        self.other: Side
        self.out: Outflow

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to send."""
        self.transport = cast("asyncio.Transport", transport)
        if self._held:
            self.transport.pause_reading()
        self.out.attach(self.transport)

    def data_received(self, data: bytes) -> None:
        """Hand it on."""
        self.on_data(data)

    def eof_received(self) -> bool:
        """Hand it on; this side may still be sent to."""
        self._on_end(self)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand it on."""
        self.is_lost = True
        self.out.discard()
        self._on_lost(self, exc)

    def pause_writing(self) -> None:
        """Stop reading from the other side until this one has caught up."""
        self.other.hold_reading(BUFFER_IS_FULL)

    def resume_writing(self) -> None:
        """Read from the other side again."""
        self.other.let_read(BUFFER_IS_FULL)

    def hold_reading(self, reason: int) -> None:
        """Stop reading, for this reason among others."""
        if not self._held and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self._held |= reason

    def let_read(self, reason: int) -> None:
        """Read again if that was the last reason not to."""
        if self._held & reason:
            self._held &= ~reason
            if not self._held and self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    @property
    def has_left(self) -> bool:
        """Whether the peer sends no more, also where that has not been read yet."""
        sock = self.transport.get_extra_info("socket") if self.transport is not None and not self.is_lost else None
        return sock is None or sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED

    def read_rest(self) -> None:
        """Take what came before a connection broke while it was written to: an early answer to a request that is too large."""
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        with contextlib.suppress(OSError):
            while sock is not None and (data := os.read(sock.fileno(), _READ_AT_ONCE)):
                self.on_data(data)

    def close(self) -> None:
        """Close after what is buffered."""
        if self.transport is not None and not self.is_lost:
            self.transport.close()

    def reset(self, looks: int = _MOST_LOOKS) -> None:
        """Reset the connection; what was sent before has arrived first, if the peer takes it within a second."""
        if self.transport is None or self.is_lost:
            return
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            if looks and (self.transport.get_write_buffer_size() or _unsent(sock.fileno())):
                asyncio.get_running_loop().call_later(_LOOK_AGAIN_SECONDS, self.reset, looks - 1)
                return
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()


class Pair:
    """Both sides of a proxied connection."""

    def __init__(
        self, upstream: Address, counts: Counts, treat: Callable[[Pair], Treatment], done: Callable[[Pair], None]
    ) -> None:
        self._address, self._counts, self._done = upstream, counts, done
        self.token = os.urandom(8)
        """What the connection is drawn by, where rules draw connections."""
        self.client = Side(self._ended, self._lost)
        self.upstream = Side(self._ended, self._lost)
        self.client.other, self.upstream.other = self.upstream, self.client
        self.client.out, self.upstream.out = Outflow(self.upstream), Outflow(self.client)
        self.treatment = treat(self)
        self.client.on_data, self.upstream.on_data = self.treatment.from_client, self.treatment.from_upstream
        self._has_ended: set[Side] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._is_finished = False
        self.is_over = False
        """Whether it is being ended from here, so that what still arrives is of no use."""

    async def serve(self, accepted: socket.socket) -> None:
        """Serve an accepted connection, with one of its own to the upstream."""
        loop = asyncio.get_running_loop()
        self._connecting = asyncio.current_task()
        self._counts.connections += 1
        self._counts.open_connections += 1
        try:
            await loop.connect_accepted_socket(lambda: self.client, accepted)
            await loop.create_connection(lambda: self.upstream, *self._address)
        except OSError:
            if not self.client.is_lost:
                self._counts.upstream_failures += 1
            self._without_upstream()
        except asyncio.CancelledError:
            self._without_upstream()
        self._connecting = None

    def hang_up(self) -> None:
        """End both: the client is sent what is on its way and then no more, and has a moment to close by itself."""
        if not self.is_over:
            self.is_over = True
            self.upstream.close()
            self.client.out.end()
            self.client.out.then(self._close_soon)

    def reset(self) -> None:
        """End both by a reset."""
        self.is_over = True
        self.upstream.reset(looks=0)
        self.client.out.then(self.client.reset)

    def abort(self) -> None:
        """End both by a reset, at once."""
        self.is_over = True
        for side in (self.client, self.upstream):
            side.reset(looks=0)

    def _close_soon(self) -> None:
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.client.close)

    def _ended(self, side: Side) -> None:
        """Pass on that a side sends no more; once neither does, both are closed."""
        self._has_ended.add(side)
        if self.is_over:
            side.out.then(side.close)
            return
        if side is self.client:
            self.treatment.client_ended()
        else:
            self.treatment.upstream_ended()
        side.other.out.end()
        if len(self._has_ended) == 2:  # noqa: PLR2004 - both
            for one in (self.client, self.upstream):
                one.out.then(one.close)

    def _lost(self, side: Side, error: Exception | None) -> None:
        if side is self.client:
            self._client_lost()
        elif not self.is_over:
            if error is not None:
                side.read_rest()
            self.client.out.then(self.client.close if error is None else self.client.reset)
        if side.other.is_lost:
            self._finish()

    def _client_lost(self) -> None:
        """Nobody is there for what is still on its way, in either direction."""
        if self.upstream.transport is None and self._connecting is not None:
            self._connecting.cancel()
        elif len(self._has_ended) < 2:  # noqa: PLR2004 - both
            self.upstream.reset()

    def _without_upstream(self) -> None:
        self.upstream.is_lost = True
        if self.client.is_lost or self.client.transport is None:
            self._finish()
        else:
            self.reset()

    def _finish(self) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._counts.open_connections -= 1
            self.treatment.closed()
            self._done(self)


def _unsent(descriptor: int) -> int:
    """Return how many bytes the peer has not acknowledged yet."""
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
