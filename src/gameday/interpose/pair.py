"""A client's connection and the one to the upstream behind it: whatever happens to one happens to the other.

What the bytes mean is not known here; a `Treatment` decides what goes on. This knows how connections end: half-closed, closed,
or by a reset, each passed on as what it was and after what was sent before it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

from gameday.interpose.counting import Counts
from gameday.interpose.outflow import Outflow
from gameday.interpose.side import Side

Address = tuple[str, int]
_LINGER_SECONDS: Final = 2.0
"""How long a client may take to close a connection that was ended for it, before what it sends is answered by a reset."""
_CONNECT_AGAIN_SECONDS: Final = 0.2


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

    @property
    def may_reconnect(self) -> bool:
        """Whether another connection to the upstream would do as well as the present one."""


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
        self.client.out, self.upstream.out = Outflow(self.upstream), Outflow(self.client)
        self.treatment = treat(self)
        self._join()
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

    def _join(self) -> None:
        self.client.other, self.upstream.other = self.upstream, self.client
        self.client.on_data, self.upstream.on_data = self.treatment.from_client, self.treatment.from_upstream

    def _reconnect(self) -> None:
        """Have another connection to the upstream: servers close those on which nothing is asked for some seconds."""
        old, self.upstream = self.upstream, Side(self._ended, self._lost)
        self.upstream.out, old.out = old.out, Outflow(old)
        self.upstream.out.detach()
        self.client.out.feed_from(self.upstream)
        self._join()
        old.close()
        self._connecting = asyncio.get_running_loop().create_task(self._connect_again())

    async def _connect_again(self) -> None:
        try:
            while not await self._is_connected():  # noqa: ASYNC110 - nobody tells when a server is there
                await asyncio.sleep(_CONNECT_AGAIN_SECONDS)
        except OSError:
            self._counts.upstream_failures += 1
            self._without_upstream()
        except asyncio.CancelledError:
            self._without_upstream()
        self._connecting = None

    async def _is_connected(self) -> bool:
        """Try to connect; OSError if there is no time to try it again."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.upstream, *self._address)
        except OSError:
            if not self.treatment.may_reconnect:
                raise
            return False
        return True

    def _ended(self, side: Side) -> None:
        """Pass on that a side sends no more; once neither does, both are closed."""
        if side is self.upstream and not self.is_over and self.treatment.may_reconnect:
            self._reconnect()
            return
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
        elif side is not self.upstream:
            return
        elif not self.is_over and not self.client.is_lost and self.treatment.may_reconnect:
            self._reconnect()
            return
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
