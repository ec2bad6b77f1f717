"""Probes over a container's life, against a real server that changes its mind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gameday.staging.node.probes import Target, look
from gameday.staging.node.watching import Reactions, watch_container


@dataclass
class Server:
    """Answers every request with `status`, and counts them."""

    port: int = 0
    status: int = 200
    asked: int = 0
    open: int = 0
    hang: asyncio.Event | None = None
    seen: list[Any] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            if self.hang is not None:
                await self.hang.wait()
            writer.write(f"HTTP/1.1 {self.status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        except asyncio.IncompleteReadError:
            return  # whoever asked was told to ask no more
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1

    def reactions(self) -> Reactions:
        return Reactions(
            started=lambda: self.seen.append("started"),
            ready=lambda ready: self.seen.append(("ready", ready)),
            failed=lambda kind, message: self.seen.append(("failed", kind, message)),
            kill=lambda kind, _: self.seen.append(("kill", kind)),
        )


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    await listening.wait_closed()
    await asyncio.sleep(0.01)
    while server.open:  # noqa: ASYNC110 - the handlers' last writes
        await asyncio.sleep(0.01)


async def _no_command(_: list[str]) -> int:
    return 1


def _target(server: Server) -> Target:
    return Target("127.0.0.1", {"http": server.port}, _no_command)


def _http(**settings: Any) -> dict[str, Any]:
    return {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 0.05, "timeoutSeconds": 10, **settings}


async def _until(server: Server, wanted: Any) -> None:
    async with asyncio.timeout(10):
        while wanted not in server.seen:  # noqa: ASYNC110 - the watcher's doing
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("status", "success"), [(200, True), (204, True), (302, True), (399, True), (400, False), (503, False), (199, False)]
)
async def test_a_status_from_200_to_399_is_a_success(server: Server, status: int, success: bool) -> None:  # noqa: FBT001 - a table
    server.status = status
    outcome = await look(_http(), _target(server))
    assert outcome.success is success
    assert outcome.message == ("" if success else f"HTTP probe failed with statuscode: {status}")


async def test_a_server_that_hangs_is_a_failure_after_the_timeout(server: Server) -> None:
    server.hang = asyncio.Event()
    outcome = await look(_http(timeoutSeconds=0.05), _target(server))
    server.hang.set()
    assert "Client.Timeout exceeded while awaiting headers" in outcome.message


async def test_a_refused_connection_is_a_failure_that_says_so() -> None:
    outcome = await look({"tcpSocket": {"port": 1}}, Target("127.0.0.1", {}, _no_command))
    assert (outcome.success, outcome.message) == (False, "dial tcp 127.0.0.1:1: connect: connection refused")


async def test_a_command_fails_by_its_exit_code() -> None:
    async def run(command: list[str]) -> int:
        return 0 if command == ["true"] else 3

    target = Target("127.0.0.1", {}, run)
    assert (await look({"exec": {"command": ["true"]}}, target)).success
    assert (await look({"exec": {"command": ["no"]}}, target)).message == "command terminated with exit code 3"


async def test_without_probes_a_container_is_started_and_ready_at_once(server: Server) -> None:
    await watch_container({}, _target(server), server.reactions())
    assert server.seen == ["started", ("ready", True)]


async def test_readiness_goes_after_so_many_failures_and_comes_back(server: Server) -> None:
    probe = _http(failureThreshold=3, successThreshold=2)
    watching = asyncio.create_task(watch_container({"readinessProbe": probe}, _target(server), server.reactions()))
    await _until(server, ("ready", True))
    server.status = 503
    await _until(server, ("ready", False))
    failed = [item for item in server.seen if item[0] == "failed"]
    assert len(failed) == 3
    del server.seen[:]
    server.status = 200
    await _until(server, ("ready", True))
    watching.cancel()


async def test_liveness_orders_a_restart_and_looks_no_more(server: Server) -> None:
    server.status = 500
    async with asyncio.timeout(10):
        await watch_container({"livenessProbe": _http(failureThreshold=2)}, _target(server), server.reactions())
    assert server.seen.count(("kill", "Liveness")) == 1
    assert sum(item[:2] == ("failed", "Liveness") for item in server.seen) == 2


async def test_liveness_waits_for_the_startup_probe(server: Server) -> None:
    server.status = 503
    container = {"startupProbe": _http(failureThreshold=1000), "livenessProbe": _http(failureThreshold=1)}
    watching = asyncio.create_task(watch_container(container, _target(server), server.reactions()))
    async with asyncio.timeout(10):
        while server.asked < 3:  # noqa: ASYNC110 - the watcher's doing
            await asyncio.sleep(0.01)
    assert "started" not in server.seen
    server.status = 200
    await _until(server, "started")
    assert ("kill", "Liveness") not in server.seen
    watching.cancel()


async def test_a_startup_probe_that_never_succeeds_orders_a_restart(server: Server) -> None:
    server.status = 503
    async with asyncio.timeout(10):
        await watch_container({"startupProbe": _http(failureThreshold=2)}, _target(server), server.reactions())
    assert server.seen[-1] == ("kill", "Startup")
    assert "started" not in server.seen
