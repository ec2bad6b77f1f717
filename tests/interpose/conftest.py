"""A real server, a real proxy before it, and what goes on between them as bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interpose.standing import Standing
from tests.interpose.upstream import Address, Raw, Upstream

Stand = Callable[..., Standing]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()
    server.give_back()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Return what starts a proxy before an address."""
    standing: list[Standing] = []

    def start(address: Address, *options: str) -> Standing:
        standing.append(Standing.before(address, tmp_path, *options))
        return standing[-1]

    yield start
    for proxy in standing:
        proxy.close()


@pytest.fixture
def proxy(stand: Stand, upstream: Upstream) -> Standing:
    return stand(upstream.address)


@pytest.fixture
def raw() -> Iterator[Callable[[Any], Address]]:
    """Return what serves bytes in a way of its own."""
    servers: list[Raw] = []

    def serve(behave: Any) -> Address:
        servers.append(Raw(behave))
        return servers[-1].address

    yield serve
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, Standing]]:
    """One server and one proxy for a whole module, whose tests leave nothing behind but settings."""
    server = Upstream()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    proxy = Standing.before(server.address, tmp_path_factory.mktemp("shared"))
    yield server, proxy
    proxy.close()
    server.shutdown()
    server.server_close()
    server.give_back()
