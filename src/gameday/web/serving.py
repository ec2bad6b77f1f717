"""The server of a rehearsal's pages: aiohttp on a loopback address, in a thread of its own, for as long as a `with` lasts."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from aiohttp import web

from gameday.errors import RefusedError, UsageError
from gameday.rehearsal.session import Session
from gameday.web import pages
from gameday.web.access import Door, Page, door
from gameday.web.answers import LARGEST_BODY_BYTES, Desk
from gameday.web.runbooks import Library
from gameday.web.stream import Hub

T = TypeVar("T")
_ENDING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """Pages that are being served."""

    door: Door

    @property
    def origin(self) -> str:
        """The server's address, such as http://127.0.0.1:8023."""
        return self.door.origin

    def url_for(self, page: Page) -> str:
        """Return the link that opens a page; what follows its # is the token, which a browser sends to nobody by itself."""
        return f"{self.door.origin}/{page}#token={self.door.tokens[page]}"

    def token_for(self, page: Page) -> str:
        """Return a page's token, for `Authorization: Bearer`."""
        return self.door.tokens[page]


@contextmanager
def serve(
    session: Session,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    library: Library | None = None,
    now: Callable[[], datetime] | None = None,
) -> Iterator[Served]:
    """Serve the pages of a session until the `with` ends; port 0 is any that is free, an empty token is made.

    `now` is the clock by which the pages' times run: the session's own `now()` if it has one, else the wall clock. UsageError if
    `host` is no loopback address, RefusedError if the port is taken.
    """
    _must_be_loopback(host)
    server = _Server(session, library or Library.around(session.directory), now or getattr(session, "now", None) or _utc_now)
    opened = server.start(host, port, token)
    try:
        yield Served(opened)
    finally:
        server.stop()


class _Server:
    """A loop in a thread, and what runs in it."""

    def __init__(self, session: Session, library: Library, now: Callable[[], datetime]) -> None:
        self._session, self._library, self._now = session, library, now
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gameday-web", daemon=True)
        self._stopping = ThreadPoolExecutor(max_workers=4, thread_name_prefix="gameday-web-stop")
        self._hub = Hub(session, self._loop)
        self._runner: web.AppRunner | None = None

    def start(self, host: str, port: int, token: str) -> Door:
        self._thread.start()
        try:
            return self._call(self._begin(host, port, token))
        except OSError as error:
            self.stop()
            raise RefusedError(f"the pages cannot be served at {host}:{port}: {error.strerror}; name another --port") from error

    def stop(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ENDING_SECONDS)
        self._stopping.shutdown(wait=False)
        if not self._thread.is_alive():
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self, host: str, port: int, token: str) -> Door:
        # The door knows the port, which is known only when it is bound, so the socket comes first.
        sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        bound = sock.getsockname()[1]
        entrance = door(f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}", token)
        app = web.Application(middlewares=[pages.guarded(entrance)], client_max_size=LARGEST_BODY_BYTES)
        desk = Desk(self._session, entrance, self._hub, self._library, self._now, self._stopping)
        app.add_routes([*desk.routes(), *pages.routes(entrance)])
        app.on_response_prepare.append(pages.with_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()
        self._hub.start()
        return entrance

    async def _end(self) -> None:
        self._hub.close()
        if self._runner is not None:
            await self._runner.cleanup()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _must_be_loopback(host: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"host: expected a loopback address such as 127.0.0.1, but got {host!r}; these pages are for this machine only"
        )
