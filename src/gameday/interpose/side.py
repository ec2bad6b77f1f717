"""One of the two connections of a pair: its transport, what goes out to it, and the reasons not to read from it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Final, cast

from gameday.interpose.outflow import BUFFER_IS_FULL, Outflow

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_LOOK_AGAIN_SECONDS: Final = 0.002
_MOST_LOOKS: Final = 500
_ESTABLISHED: Final = 1
_READ_AT_ONCE: Final = 65536


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
        self._on_lost(self, exc)
        self.out.discard()

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


def _unsent(descriptor: int) -> int:
    """Return how many bytes the peer has not acknowledged yet."""
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
