"""A Service that is asked all the time, on connections that are kept for a while, and whoever counts the failures."""

from __future__ import annotations

import http.client
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from gameday.change import Change, PatchObject
from gameday.cluster import ObjectRef
from gameday.cluster.reading import is_rolled_out
from gameday.workspace import SHIPPED
from tests.conftest import ECHO
from tests.undo.books import books

__all__ = ["books", "busy"]


@dataclass
class Busy:
    """A Service `web` with two pods, the account of proxies beside it, and customers that do not stop to ask."""

    scratch: Any
    host: str
    port: int
    failures: list[str] = field(default_factory=list)
    answers: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _customers: list[threading.Thread] = field(default_factory=list)

    def open_up(self, *, customers: int = 2, requests_a_connection: int = 5) -> None:
        """Begin to ask; a connection is given up after so many requests, as clients do that heed where a Service points."""
        for _ in range(customers):
            self._customers.append(threading.Thread(target=self._ask_on, args=(requests_a_connection,), daemon=True))
            self._customers[-1].start()

    def is_served(self) -> bool:
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            return True
        return False

    def close(self) -> None:
        self._over.set()
        for customer in self._customers:
            customer.join(20)

    def make(self, changes: Sequence[Change], books: Any) -> None:
        """Make changes as the engine does: each one owed before, and one that waits for a workload not before that is there."""
        for change in changes:
            once = change.once if isinstance(change, PatchObject) else None
            if once is not None:
                self._wait(once)
            books.change(change)

    def _wait(self, ref: ObjectRef) -> None:
        self.scratch.eventually(lambda: (found := self.scratch.cluster.get(ref)) is not None and is_rolled_out(found))

    def _ask_on(self, requests: int) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
            try:
                for _ in range(requests):
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != http.client.OK:
                        self.failures.append(f"status {answer.status}")
                    self.answers += 1
                    if answer.getheader("connection") == "close":
                        break
                    time.sleep(0.01)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
            finally:
                connection.close()


@pytest.fixture
def outside() -> str:
    """Return an address of this machine that is none of the cluster's, and that its pods can reach."""
    return f"127.{1 + secrets.randbelow(250)}.{secrets.randbelow(255)}.9"


@pytest.fixture
def busy(scratch: Any) -> Iterator[Busy]:
    account = (SHIPPED / "deploy/namespace/proxy.yaml").read_text().replace("WHERE-THIS-GOES", scratch.name)
    for manifest in yaml.safe_load_all(account):
        scratch.cluster.create({**manifest, "metadata": {**manifest["metadata"], "namespace": scratch.name}})
    scratch.service()
    # With its text, since a pod of a real cluster does not see this machine's files.
    scratch.deployment(replicas=2, command=["python", "-c", ECHO.read_text()])
    scratch.ready(number=2)
    service = scratch.get("Service", "web")
    found = Busy(scratch, service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"])
    # Routes follow a moment after pods are Ready.
    scratch.eventually(found.is_served)
    yield found
    found.close()
