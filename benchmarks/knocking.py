"""`python benchmarks/knocking.py serve PORT`, `… knock PORT CONNECTIONS SECONDS TARGET`: both ends of a measurement.

Protocols of asyncio (on uvloop where it is installed) with an HTTP parser and nothing to do, as gameday's own load is. Clients go
round in a closed loop, one request at a time on each connection; they print how many were answered, and their latencies.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main(role: str, port: str, *words: str) -> None:
    """Serve until killed, or knock and print what it came to."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        if role == "serve":
            runner.run(serve(int(port)))
        connections, seconds, target = words
        asking = b"GET " + target.encode() + REST
        print(json.dumps(runner.run(knock(int(port), int(connections), float(seconds), asking))))


if __name__ == "__main__":
    main(*sys.argv[1:])
