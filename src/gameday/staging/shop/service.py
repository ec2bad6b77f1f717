"""One service as a process: built from the environment, listening until SIGTERM, then done with what it has begun.

WARM_UP_SECONDS is the weakness of what has to fill its caches first: so long it does not listen. On SIGTERM it lingers for
LINGER_SECONDS, which is what it takes until everybody has heard that the pod goes: it still takes connections, and ends each
with its answer. Then it closes the socket, lets open requests finish and ends with status 0. `/livez` says that the process
turns its loop; `/readyz` says that it wants requests. Neither asks the neighbours: a service that calls itself unready
because another one is away only spreads the outage.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass

from gameday.staging.shop.routing import polite, route
from gameday.staging.shop.server import Handler, Request, Response, Server, answer
from gameday.staging.shop.settings import PORTS, PORTS_ON_NODES, Environment
from gameday.staging.shop.speech import say


async def _nothing() -> None:
    return


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Service:
    """What one service answers to, what it does besides, and how it puts its things away."""

    handler: Handler
    background: Callable[[], Coroutine[None, None, None]] | None = None
    close: Callable[[], Awaitable[None]] = _nothing
    ready: Callable[[], bool] = _always
    """Whether it is what it should be, for those whose readiness means more than that they listen."""


def routed(table: Mapping[str, Handler]) -> Handler:
    """Return the handler of a table of routes, with its errors made fit for customers."""
    return polite(route(table))


async def run(name: str, service: Service, environment: Environment) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    host, port = environment.text("POD_IP", "127.0.0.1"), environment.port("PORT", {**PORTS, **PORTS_ON_NODES}[name])
    warm_up_seconds = environment.number("WARM_UP_SECONDS", 0)
    linger_seconds = environment.number("LINGER_SECONDS", 0)
    environment.check()
    server = Server(_probed(service))
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    if not await _warmed_up(warm_up_seconds, told_to_stop):
        return 0
    try:
        await server.listen(host, port)
    except OSError as error:
        say("error", "cannot listen", host=host, port=port, reason=error.strerror or str(error))
        return 1
    worker = loop.create_task(service.background()) if service.background else None
    say("info", "listening", host=host, port=port)
    await told_to_stop.wait()
    server.lingering = True
    await asyncio.sleep(linger_seconds)
    finished = await server.stop()
    if worker is not None:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    await service.close()
    say("info", "stopped", finished_open_requests=finished)
    return 0


async def _warmed_up(seconds: float, told_to_stop: asyncio.Event) -> bool:
    """Wait until it may serve; return False where it is told to stop before."""
    if seconds:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await told_to_stop.wait()
    return not told_to_stop.is_set()


def _probed(service: Service) -> Handler:
    healthy: Response = answer(200, {"ok": True})
    unready: Response = answer(503, {"ok": False})

    async def answered(request: Request) -> Response:
        if request.raw_path == "/livez":
            return healthy
        if request.raw_path == "/readyz":
            return healthy if service.ready() else unready
        return await service.handler(request)

    return answered
