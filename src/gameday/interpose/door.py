"""The listening socket: open, or shut so that connections are refused, while the address stays ours all along."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

import structlog

from gameday.interpose.pair import Address
from gameday.interpose.side import RESET_ON_CLOSE

_BACKLOG: Final = 1024
_AT_ONCE: Final = 64
_REST_SECONDS: Final = 0.2
_log = structlog.get_logger("gameday.interpose")


class Door:
    """Lets connections in, as long as it is open."""

    def __init__(self, address: Address, enter: Callable[[socket.socket], None]) -> None:
        """Take the address; OSError if it is not to be had."""
        self._socket = _bound(address)
        if not address[1]:
            # A port that the kernel chose is lost when the door is shut, one that was asked for by number is not. It is asked
            # for before it is given back, so that nobody else gets it in between.
            with self._socket:
                self._socket = _bound(self.address)
        self._enter = enter
        self.is_open = False

    @property
    def address(self) -> Address:
        """Where it is."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def open(self) -> None:
        """Accept connections."""
        if not self.is_open:
            self.is_open = True
            self._socket.listen(_BACKLOG)
            self._listen()

    def shut(self, *, let_waiting_in: bool) -> None:
        """Refuse connections from now on; those that wait for their turn are reset, or still accepted."""
        if not self.is_open:
            return
        if let_waiting_in:
            while self._accept():
                pass
        self.is_open = False
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the address back."""
        self.shut(let_waiting_in=False)
        self._socket.close()

    def _listen(self) -> None:
        if self.is_open:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._ring)

    def _ring(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._accept():
                return

    def _accept(self) -> bool:
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            # No descriptors are left: whoever waits goes on waiting, instead of this looking again all the time.
            _log.warning("cannot accept", error=error.strerror)
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket.fileno())
            loop.call_later(_REST_SECONDS, self._listen)
            return False
        accepted.setblocking(False)
        self._enter(accepted)
        return True


def _bound(address: Address) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setblocking(False)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found


def turn_away(accepted: socket.socket) -> None:
    """Reset a connection that has just come."""
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    accepted.close()
