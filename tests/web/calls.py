"""Requests as a browser or a script makes them, with every header in the test's hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from gameday.web import Served


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def cookie(self) -> str:
        return self.headers.get("Set-Cookie", "").partition(";")[0]


@dataclass(frozen=True)
class Caller:
    """Somebody who calls: with these headers, and with nothing that was not given."""

    served: Served
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, raw, {"Content-Type": "application/json", **headers})

    def ask(self, person: str, do: str, **fields: Any) -> Reply:
        return self.post("/api/requests", {"person": person, "do": do, **fields})

    def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = _connection(self.served)
        sent = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read().decode())
        connection.close()
        return reply

    @contextmanager
    def listening(self, path: str, **headers: str) -> Iterator[Iterator[Message]]:
        connection = _connection(self.served)
        connection.request("GET", path, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        try:
            yield _messages(response)
        finally:
            connection.close()


@dataclass(frozen=True)
class Message:
    """One Server-Sent Event."""

    id: str
    event: str
    data: Any


def _connection(served: Served) -> HTTPConnection:
    host, _, port = served.door.authority.rpartition(":")
    return HTTPConnection(host, int(port), timeout=20)


def _messages(response: HTTPResponse) -> Iterator[Message]:
    found: dict[str, str] = {}
    while line := response.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            found[name] = value
        elif "data" in found:
            yield Message(found.get("id", ""), found.get("event", "message"), json.loads(found["data"]))
            found = {}
