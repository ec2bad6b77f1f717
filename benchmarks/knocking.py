"""`python benchmarks/knocking.py serve KIND PORT`, `… knock KIND PORT CONNECTIONS SECONDS TARGET`: both ends of a measurement.

Kind `service` is as programs in Python are that are made for speed, and as gameday's own load is: protocols of asyncio (on uvloop
where it is installed) with an HTTP parser, and nothing to do. Kind `bare` looks at nothing and costs as little as can be. Clients
go round in a closed loop, one request at a time on each connection; they print how many were answered, and their latencies.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httptools

_LENGTH = 200
_HEADERS = b"Content-Type: application/json\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: %d\r\n" % _LENGTH
ANSWER = b"HTTP/1.1 200 OK\r\n" + _HEADERS + b"\r\n" + b"x" * _LENGTH
REST = b" HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: knocking\r\nAccept: */*\r\nCookie: customer=c-17\r\nX-Request: 01234\r\n\r\n"
_WARM_SECONDS = 0.3


class Service(asyncio.Protocol):
    """One connection of a server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to parse."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at the headers, as whoever needs one of them must."""

    def on_message_complete(self) -> None:
        """Answer."""
        self._transport.write(ANSWER)


class Customer(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, asking: bytes, answered: Callable[[float], bool]) -> None:
        self._asking, self._answered = asking, answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def _ask(self) -> None:
        self._since = time.perf_counter()
        self._transport.write(self._asking)

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Ask again, until it is enough."""
        assert self._parser.get_status_code() == 200
        if self._answered(self._since):
            self._ask()


async def serve(port: int) -> None:
    """Answer until killed."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def serve_bare(port: int) -> None:
    """Answer until killed."""
    listening = socket.create_server(("127.0.0.1", port), backlog=1024)
    ready, open_ = select.epoll(), {}
    ready.register(listening, select.EPOLLIN)
    while True:
        for descriptor, _ in ready.poll():
            if descriptor == listening.fileno():
                accepted, _ = listening.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                open_[accepted.fileno()] = accepted
                ready.register(accepted, select.EPOLLIN)
                continue
            try:
                asked = open_[descriptor].recv(65536)
            except OSError:
                asked = b""
            if asked.endswith(b"\r\n\r\n"):
                open_[descriptor].send(ANSWER)
            elif not asked:
                ready.unregister(descriptor)
                open_.pop(descriptor).close()


@dataclass
class Tally:
    """What a loop of clients came to."""

    seconds: float
    began: float = field(default_factory=time.perf_counter)
    total: int = 0
    taken: list[float] = field(default_factory=list)

    def answered(self, since: float) -> bool:
        """Count an answer to what was asked then; say whether to go on."""
        now = time.perf_counter()
        self.total += 1
        if now - self.began > _WARM_SECONDS:
            self.taken.append(now - since)
        return now - self.began < self.seconds

    def told(self) -> dict[str, float]:
        """Return how many were answered in all and a second, and latencies in seconds."""
        taken = sorted(self.taken)
        per_second = len(taken) / (time.perf_counter() - self.began - _WARM_SECONDS)
        middle, slow = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        return {"total": self.total, "per_second": per_second, "median": middle, "p99": slow}


async def knock(port: int, connections: int, seconds: float, asking: bytes) -> dict[str, float]:
    """Ask on so many connections at once."""
    tally, loop = Tally(seconds), asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Customer(asking, tally.answered), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    return tally.told()


def knock_bare(port: int, connections: int, seconds: float, asking: bytes) -> dict[str, float]:
    """Ask on so many connections at once."""
    ready, open_, since, missing = select.epoll(), {}, {}, {}
    tally = Tally(seconds)
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        open_[connection.fileno()] = connection
        ready.register(connection, select.EPOLLIN)
        since[connection.fileno()], missing[connection.fileno()] = time.perf_counter(), 0
        connection.send(asking)
    while True:
        for descriptor, _ in ready.poll(1.0):
            got = open_[descriptor].recv(65536)
            assert got, "a connection was closed"
            missing[descriptor] = (missing[descriptor] or _size(got)) - len(got)
            if missing[descriptor]:
                continue
            if not tally.answered(since[descriptor]):
                return tally.told()
            since[descriptor] = time.perf_counter()
            open_[descriptor].send(asking)


def _size(got: bytes) -> int:
    """Return how long the answer is that begins with this; a proxy may have added headers to it."""
    assert got.startswith(b"HTTP/1.1 200"), got[:100]
    return got.index(b"\r\n\r\n") + 4 + _LENGTH


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main(role: str, kind: str, port: str, *words: str) -> None:
    """Serve until killed, or knock and print what it came to."""
    if role == "serve" and kind == "bare":
        serve_bare(int(port))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        if role == "serve":
            runner.run(serve(int(port)))
        connections, seconds, target = int(words[0]), float(words[1]), words[2]
        given = int(port), connections, seconds, b"GET " + target.encode() + REST
        print(json.dumps(knock_bare(*given) if kind == "bare" else runner.run(knock(*given))))


if __name__ == "__main__":
    main(*sys.argv[1:])
