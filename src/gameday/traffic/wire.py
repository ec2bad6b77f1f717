"""One customer's connection: HTTP/1.1 on a protocol, one request at a time, with every way of failing named.

A customer keeps a connection for the whole journey and opens another one where it was closed in between, as a browser does.
Connections are not shared between customers, so new ones reach new pods at once. Nothing is ever sent twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from gameday.errors import BadParameterError


class WireError(Exception):
    """No answer; `kind` is the word that windows count it under."""

    def __init__(self, kind: str, *, sent: bool) -> None:
        super().__init__(kind)
        self.kind = kind
        self.sent = sent
        """Whether the request may have been seen."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where customers go."""

    host: str
    port: int

    @staticmethod
    def of(url: str) -> Target:
        """Return the target of `http://host:port`; anything more, or TLS, is refused."""
        parts = urlsplit(url)
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or not port:
            raise BadParameterError(f"expected a target as http://host:port, found {url!r}")
        return Target(parts.hostname, port)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(slots=True)
class Customer:
    """Somebody with at most one connection to a target."""

    target: Target
    _connection: _Connection | None = None

    async def ask(self, head: bytes, body: bytes, timeout_seconds: float, *, no_body: bool = False) -> Answer:
        """Send a request (`head` up to its last header) and return the answer; raise `WireError` where none comes in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        connection = self._connection
        if connection is None or not connection.usable:
            connection = self._connection = await self._connect(loop, timeout_seconds)
        length = b"content-length: %d\r\n\r\n" % len(body)
        return await connection.exchange(head + length + body, deadline, no_body=no_body)

    async def _connect(self, loop: asyncio.AbstractEventLoop, timeout_seconds: float) -> _Connection:
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await loop.create_connection(_Connection, self.target.host, self.target.port)
        except TimeoutError:
            raise WireError("timeout", sent=False) from None
        except ConnectionRefusedError:
            raise WireError("connect_refused", sent=False) from None
        except OSError:
            raise WireError("connect_failed", sent=False) from None
        return connection

    def leave(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._keep = True
        self._no_body = False
        self._body: list[bytes] = []

    @property
    def usable(self) -> bool:
        return self._keep and self._transport is not None and not self._transport.is_closing()

    async def exchange(self, data: bytes, deadline: float, *, no_body: bool) -> Answer:
        if self._transport is None:
            raise WireError("connection_lost", sent=False)
        self._waiter = self._loop.create_future()
        self._no_body = no_body
        timer = self._loop.call_at(deadline, self._fail, "timeout")
        self._transport.write(data)
        try:
            return await self._waiter
        except BaseException:
            self._keep = False
            if self._transport is not None:
                self._transport.abort()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _fail(self, kind: str) -> None:
        self._keep = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(WireError(kind, sent=True))

    # -- what asyncio calls
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so the kind cannot be asked for.
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._fail("connection_lost")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("bad_http")

    # -- what the parser calls
    def on_message_begin(self) -> None:
        self._body = []

    def on_headers_complete(self) -> None:
        if self._no_body:
            self._keep = False
            self._deliver()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._keep = self._keep and bool(self._parser.should_keep_alive())
        self._deliver()

    def _deliver(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(self._parser.get_status_code(), b"".join(self._body)))
