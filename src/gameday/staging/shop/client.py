"""The HTTP client that the shop's services call each other with: pooled connections, deadlines, and honest failures.

What is repeated, and what is not. A connection that could not be made has carried nothing, so another one is tried, and a
Service will usually pick another pod for it. A connection that broke after the request was sent may have done its work:
the call is repeated only where the caller has said that repeating it is harmless (`repeatable`), and never after a
time-out. RETRIES=0 switches both off, which is how much of the world's software is written.

A kept-alive connection stays with the pod it was made to, so connections are given up after a few seconds: otherwise new
pods would stay idle, and a Service that points elsewhere would go unnoticed.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httptools

from gameday.staging.shop.settings import Address

IDLE_CONNECTIONS_KEPT = 32
OLDEST_CONNECTION_SECONDS = 5.0


TRAVELLING = ("x-cohort", "x-customer", "x-product")
"""Headers that say for whom a request is made, and go along with every call that is made because of it."""


def carried(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request that go along inwards."""
    return {name: headers[name] for name in TRAVELLING if name in headers}


class CallFailedError(Exception):
    """No answer came; `sent` says whether the request may have been seen, and so may have had its effect."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a neighbour."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 1.0
    repeatable: bool = False
    """Whether doing it twice is the same as doing it once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a neighbour answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; anything else raises ValueError."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, found {type(value).__name__}")  # noqa: TRY004 - one error for a bad body
        return value


class Neighbour:
    """One service at one address, with the connections to it that are idle."""

    def __init__(self, name: str, address: Address, *, retries: int = 1, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.address = address
        self._tls = tls
        self._retries = retries
        self._idle: list[_Connection] = []

    async def call(self, call: Call) -> Reply:
        """Send one request and return the reply, whatever its status; raise `CallFailedError` where none came."""
        deadline = asyncio.get_running_loop().time() + call.timeout_seconds
        attempts = self._retries + 1
        while True:
            attempts -= 1
            try:
                return await self._attempt(call, deadline)
            except TimeoutError:
                raise CallFailedError(f"no answer within {call.timeout_seconds:g} s", sent=True) from None
            except CallFailedError as error:
                if not attempts or (error.sent and not call.repeatable):
                    raise

    async def _attempt(self, call: Call, deadline: float) -> Reply:
        connection = self._take_idle() or await self._connect(deadline)
        head = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        host = f"{self.address.host}:{self.address.port}"
        start = f"{call.method} {call.path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(call.body)}\r\n{head}\r\n"
        reply = await connection.exchange(start.encode("latin-1") + call.body, deadline, head_only=call.method == "HEAD")
        if connection.reusable and len(self._idle) < IDLE_CONNECTIONS_KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self, deadline: float) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                _, connection = await loop.create_connection(_Connection, self.address.host, self.address.port, ssl=self._tls)
        except TimeoutError:
            raise CallFailedError("no connection in time", sent=False) from None
        except OSError as error:
            raise CallFailedError(f"no connection ({error.strerror or error})", sent=False) from None
        return connection

    def close(self) -> None:
        """Give up every idle connection."""
        while self._idle:
            self._idle.pop().close()


class _Connection(asyncio.Protocol):
    """One connection to a neighbour; carries one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Reply] | None = None
        self._keep = True
        self._head_only = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on it."""
        transport = self._transport
        young = self._loop.time() - self._born < OLDEST_CONNECTION_SECONDS
        return self._keep and young and transport is not None and not transport.is_closing()

    async def exchange(self, data: bytes, deadline: float, *, head_only: bool) -> Reply:
        """Send a request and wait for its reply; a time-out raises TimeoutError and ends the connection."""
        if self._transport is None or self._transport.is_closing():
            raise CallFailedError("the connection was closed", sent=False)
        self._waiter = self._loop.create_future()
        self._head_only = head_only
        timer = self._loop.call_at(deadline, self._run_out)
        try:
            self._transport.write(data)
            return await self._waiter
        except BaseException:
            self._keep = False
            self._transport.abort()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def _run_out(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    # -- what asyncio calls
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep = False
        self._fail(f"the connection broke ({exc})" if exc else "the connection was closed before the answer")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._keep = False
            self._fail(f"the answer is not HTTP ({error})")

    def _fail(self, reason: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(CallFailedError(reason, sent=True))

    # -- what the parser calls
    def on_message_begin(self) -> None:
        self._headers, self._body = {}, []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._head_only:
            # The parser would wait for the body that the length promises, and HEAD never sends one.
            self._keep = False
            self._deliver()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._keep = self._keep and bool(self._parser.should_keep_alive())
        self._deliver()

    def _deliver(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            reply = Reply(self._parser.get_status_code(), self._headers, b"".join(self._body))
            self._waiter.set_result(reply)
