"""An HTTP/1.1 server for one pod's process: keep-alive, bounded, and gone within moments of a SIGTERM.

It is a protocol on a socket and a parser, because a pod must listen within a tenth of a second and a whole journey of a
customer may cost a few milliseconds of processor time. It is no framework: one callable answers every request, and
requests on one connection are answered in turn. Which path means what is for `routing`, what customers are told for `apology`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

import httptools

from gameday.staging.shop.speech import say

LARGEST_BODY_BYTES = 16 * 1024 * 1024
GRACE_SECONDS = 4.0
"""How long open requests may go on after SIGTERM; below the pods' terminationGracePeriodSeconds."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `raw_path` and `raw_query` are as they were sent."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the `{names}` of the route stood for."""

    def query(self) -> dict[str, str]:
        """Return the query's parameters; of a repeated one, the last."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def json(self) -> dict[str, object]:
        """Return the body as a JSON object; anything else raises ValueError."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, found {type(value).__name__}")  # noqa: TRY004 - one error for a bad body
        return value


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `length` is only for HEAD, which names a length and sends nothing."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


Handler = Callable[[Request], Awaitable[Response]]


def answer(status: int, value: object, **headers: str) -> Response:
    """Return a JSON answer; underscores in header names become dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value, separators=(",", ":")).encode(), headers=named)


class Server:
    """The connections of one listening socket, and the handler that answers them."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections: set[_Connection] = set()
        self.lingering = False
        """Whether each answer ends its connection, since the process is about to go."""
        self.stopping = False
        self._all_gone = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Open the socket; from here on requests are answered."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Connection(self), host, port, backlog=512, reuse_address=True)

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> bool:
        """Accept no more, let open requests finish; return whether all of them did within the grace."""
        self.stopping = True
        self._note_if_all_gone()
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.close_if_idle()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._all_gone.wait()
        except TimeoutError:
            pass
        finished = not self.connections
        for connection in list(self.connections):
            connection.abort()
        return finished

    def forget(self, connection: _Connection) -> None:
        """Know no longer of a connection that is closed."""
        self.connections.discard(connection)
        self._note_if_all_gone()

    def _note_if_all_gone(self) -> None:
        if self.stopping and not self.connections:
            self._all_gone.set()


class _Connection(asyncio.Protocol):
    """One client's connection: parses, queues, answers in turn."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):  # pragma: no cover - create_server only makes streams
            raise TypeError("expected a stream transport")
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._server.forget(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(answer(400, {"error": {"code": "bad_request", "message": "This is not HTTP."}}), keep=False)

    # -- what the parser calls
    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= LARGEST_BODY_BYTES:
            self._body.append(body)
            return
        self._write(answer(413, {"error": {"code": "too_large", "message": "The body is too large."}}), keep=False)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, query, self._headers, b"".join(self._body))
        self._queue.append((request, bool(self._parser.should_keep_alive())))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_in_turn())

    # -- answering
    async def _answer_in_turn(self) -> None:
        while self._queue:
            request, keep = self._queue.popleft()
            try:
                response = await self._server.handler(request)
            except Exception as error:  # noqa: BLE001 - the connection's other requests must still be answered
                say("error", "a handler failed", path=request.raw_path, error=f"{type(error).__name__}: {error}")
                response = answer(500, {"error": {"code": "internal", "message": "Something went wrong on our side."}})
            self._write(response, keep=keep and not (self._server.stopping or self._server.lingering))
        self._task = None

    def _write(self, response: Response, *, keep: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        length = len(response.body) if response.length is None else response.length
        lines = [
            f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, '')}",
            f"content-length: {length}",
            f"content-type: {response.content_type}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        if not keep:
            lines.append("connection: close")
        transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
        if not keep:
            transport.close()

    def close_if_idle(self) -> None:
        """Close the connection unless a request on it is being answered."""
        if self._task is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection, whatever is on it."""
        if self._transport is not None:
            self._transport.abort()
