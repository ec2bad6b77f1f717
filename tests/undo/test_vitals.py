"""What a kubelet is told: over real HTTP, by status first."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gameday.undo.vitals import serve_vitals


@pytest.fixture
def state() -> dict[str, Any]:
    """Return what the endpoint tells; the test changes it."""
    return {"well": True}


@pytest.fixture
def port(state: dict[str, Any]) -> Iterator[int]:
    """Return where /readyz answers."""
    server = serve_vitals("127.0.0.1", 0, {"/readyz": lambda: (bool(state["well"]), state)})
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_the_status_says_whether_all_is_well_and_the_body_what_else_there_is_to_know(port: int, state: dict[str, Any]) -> None:
    state["left_alone"] = ["one"]
    status, body = ask(port, "/readyz?verbose")
    assert (status, json.loads(body)) == (200, {"well": True, "left_alone": ["one"]})
    state["well"] = False
    assert ask(port, "/readyz")[0] == 503


def test_another_path_is_not_found(port: int) -> None:
    assert ask(port, "/metrics")[0] == 404
