"""What stands between a run and a cluster while it is measured: notes the writes to one object, and serves what is watched.

One server answers for both, so that a breach and the undo that it brings about are told by one clock. Everything about the
cluster is passed on as it is. It knows nothing of gameday, so that other tools can be measured by it too.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from aiohttp import web

BLOCKED_SECONDS: Final = 20.0
_READS: Final = frozenset({"GET", "HEAD"})
_KEPT: Final = ("Content-Type", "Date")


@dataclass(frozen=True, slots=True)
class Write:
    """One write to the object that the cluster's server accepted: when it came, and when that was answered (CLOCK_MONOTONIC)."""

    came: float
    answered: float


class Wire:
    """The way to a cluster; at its address, `/watched` is well until it turns bad, and `/blocks` hangs once there is a fault."""

    def __init__(self, kubeconfig: Path, target: str) -> None:
        """Take whose cluster it is, and the path of the object to which writes are noted."""
        self._config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        self.address = ""
        self._target = target
        self._writes: list[Write] = []
        self._news = threading.Condition()
        self._is_bad = False
        self._client: aiohttp.ClientSession

    def kubeconfig(self) -> dict[str, Any]:
        """Return a kubeconfig that leads here."""
        return {**self._config, "clusters": [{**self._config["clusters"][0], "cluster": {"server": self.address}}]}

    def begin(self) -> None:
        """Forget what was, and answer well again."""
        with self._news:
            self._writes.clear()
            self._is_bad = False

    def turn_bad(self) -> float:
        """Have what is watched answer badly from now on; return the moment."""
        moment = time.monotonic()
        self._is_bad = True
        return moment

    def first_write(self, *, since: float = 0.0, timeout_seconds: float = 60.0) -> Write:
        """Wait for the first write to the object since then; TimeoutError if none comes."""

        def found() -> Write | None:
            return next((write for write in self._writes if write.came >= since), None)

        with self._news:
            write = self._news.wait_for(found, timeout_seconds)
        if write is None:
            raise TimeoutError(f"no write to {self._target} within {timeout_seconds:g} s")
        return write

    def application(self) -> web.Application:
        """Return what is served."""
        app = web.Application(client_max_size=1 << 24)
        app.cleanup_ctx.append(self._connected)
        app.router.add_get("/watched", self._watched)
        app.router.add_get("/blocks", self._blocks)
        app.router.add_route("*", "/{path:.*}", self._passed_on)
        return app

    async def _connected(self, app: web.Application) -> Any:
        del app
        cluster, user = self._config["clusters"][0]["cluster"], self._config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._client = aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority)),
            headers={"Authorization": f"Bearer {user['token']}"},
        )
        yield
        await self._client.close()

    async def _watched(self, request: web.Request) -> web.Response:
        del request
        return web.Response(status=503 if self._is_bad else 200)

    async def _blocks(self, request: web.Request) -> web.Response:
        del request
        if self._writes:
            await asyncio.sleep(BLOCKED_SECONDS)
        return web.Response()

    async def _passed_on(self, request: web.Request) -> web.Response:
        came = time.monotonic()
        headers = {"Content-Type": request.headers.get("Content-Type", ""), "Accept": "application/json"}
        async with self._client.request(request.method, request.rel_url, data=await request.read(), headers=headers) as answer:
            body = await answer.read()
        if answer.ok and request.method not in _READS and request.path == self._target:
            with self._news:
                self._writes.append(Write(came, time.monotonic()))
                self._news.notify_all()
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        return web.Response(status=answer.status, body=body, headers=kept)


@contextmanager
def wire(kubeconfig: Path, target: str) -> Iterator[Wire]:
    """Serve in a thread of its own, on a free port."""
    served = Wire(kubeconfig, target)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(served.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def begin() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        served.address = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
