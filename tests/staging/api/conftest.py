"""A real API server for each test, in a thread of its own, reached over real HTTPS."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from kubernetes import client, config

from gameday.staging.access.tokens import Tokens
from gameday.staging.api import ApiServer, Certificates
from gameday.staging.store import Store

T = TypeVar("T")
TOKEN = "a-token-of-this-test"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Reply:
    """One answer as it came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Cluster:
    """A running server, and the loop that its store lives in."""

    server: ApiServer
    store: Store
    loop: asyncio.AbstractEventLoop
    certificates: Certificates
    kubeconfig: Path

    def on_store(self, work: Callable[[Store], T]) -> T:
        """Do something with the store, in its own loop."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work(self.store))
            except Exception as error:  # noqa: BLE001 - raised again in the test's thread
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(60)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> Reply:
        """Send one request, as it is written here."""
        context = ssl.create_default_context(cadata=self.certificates.authority_pem.decode())
        url = urlsplit(self.server.url)
        connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=context, timeout=60)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, content, given | (headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cluster")
    thread.start()
    store, certificates = Store(), Certificates.create(HOST)
    server = ApiServer(store, host=HOST, port=0, tokens=Tokens(store, TOKEN), certificates=certificates)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(60)
    kubeconfig = tmp_path / "kubeconfig"
    server.write_kubeconfig(kubeconfig)
    yield Cluster(server, store, loop, certificates, kubeconfig)
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Any]:
    """Connect the unmodified `kubernetes` client, configured by the kubeconfig."""
    connection = config.new_client_from_config(config_file=str(cluster.kubeconfig))
    yield connection
    connection.rest_client.pool_manager.clear()
    connection.close()


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


@pytest.fixture
def apps(api: Any) -> Any:
    return client.AppsV1Api(api)


@pytest.fixture
def pod() -> Callable[..., dict[str, Any]]:
    """Return a maker of pods' manifests."""

    def make(name: str, **labels: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "main", "image": "shop:1"}]},
        }

    return make


@pytest.fixture
def deployment() -> Callable[..., dict[str, Any]]:
    """Return a maker of Deployments' manifests."""

    def make(name: str = "web", replicas: int | None = None) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": "main",
                            "image": "shop:1",
                            "ports": [{"containerPort": 8080}],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        }
                    ]
                },
            },
        }
        if replicas is not None:
            spec["replicas"] = replicas
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": spec,
        }

    return make
