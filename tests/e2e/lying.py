"""Lies that the server between the command and a cluster tells: it keeps writes to itself, alters reads, hangs up.

Those below are named by what they do to the requests that they are about, which a regular expression over "METHOD path" says.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.between import Interceptor, PassOn, Reply, Request, between

Answers = Callable[[str, str], int | None]
"""The status with which a request (method, path) is answered without being passed on; 200 is a lie. None passes it on."""


Lie = Interceptor
Edit = Callable[[dict[str, Any]], object]


@contextmanager
def lying_cluster(kubeconfig: Path, folder: Path, answers: Answers) -> Iterator[Path]:
    """Yield the kubeconfig of a server that passes everything on to the real one, except what it answers by itself."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        status = answers(request.method, request.path)
        return None if status is None else _answered(status, request, pass_on)

    with between(kubeconfig, folder, lie) as path:
        yield path


def _answered(status: int, request: Request, pass_on: PassOn) -> Reply:
    """Answer by ourselves: a success with the object as it stands, anything else with a Status."""
    there = pass_on(Request("GET", request.path))
    if status < 300:
        return replace(there, status=status)
    told = {"kind": "Status", "apiVersion": "v1", "message": "answered by the test", "code": status}
    return Reply(status, json.dumps(told).encode(), there.date)


# ------------------------------------------------------------------------------------------------ lies


def says(status: int, about: str) -> Lie:
    """Answer with this status, and do nothing."""
    return lambda request, pass_on: _answered(status, request, pass_on) if re.search(about, str(request)) else None


def pretends(about: str, edit: Edit, *, status: int = 200) -> Lie:
    """Answer a write with the object as it would be, and do nothing."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        if not re.search(about, str(request)):
            return None
        there = pass_on(Request("GET", request.path))
        return Reply(status, _edited(there.data, edit), there.date)

    return lie


def keeps_to_itself(about: str) -> Lie:
    """Answer a creation with 201 and the object as it was sent, and do nothing."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        if not re.search(about, str(request)):
            return None
        metadata = {"resourceVersion": "1", "uid": "none-was-made"}
        return Reply(201, _edited(request.body or b"{}", lambda obj: obj["metadata"].update(metadata)), _now(pass_on))

    return lie


def alters(about: str, edit: Edit) -> Lie:
    """Pass a request on, and alter what is answered."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        if not re.search(about, str(request)):
            return None
        reply = pass_on(request)
        return replace(reply, data=_edited(reply.data, edit)) if reply.status < 300 else reply

    return lie


def freezes(about: str, *, since: str, path: str) -> Lie:
    """Answer reads for ever as the path is answered when a request like `since` comes: a cache that nobody fills any more."""
    frozen: list[Reply] = []

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        if not frozen and re.search(since, str(request)):
            frozen.append(pass_on(Request("GET", path)))
        return frozen[0] if frozen and re.search(about, str(request)) else None

    return lie


def does_instead(about: str, act: Callable[[Request, PassOn], Reply | None]) -> Lie:
    """Do something else first, once; None then lets the request pass."""
    done = threading.Event()

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        if done.is_set() or not re.search(about, str(request)):
            return None
        done.set()
        return act(request, pass_on)

    return lie


def hangs_up(about: str, *, after_seconds: float = 0.0) -> Lie:
    """Answer nothing: hang up, at once or when nobody waits any more."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        del pass_on
        if not re.search(about, str(request)):
            return None
        time.sleep(after_seconds)
        return Reply(0)

    return lie


def babbles(about: str) -> Lie:
    """Answer 200 with the page of some proxy in between."""

    def lie(request: Request, pass_on: PassOn) -> Reply | None:
        return Reply(200, b"<html>Please log in</html>", _now(pass_on)) if re.search(about, str(request)) else None

    return lie


def forgets_the_date() -> Lie:
    """Answer everything as it is, without saying when."""
    return lambda request, pass_on: replace(pass_on(request), date="")


def once(trigger: str, lie: Lie) -> Lie:
    """Tell a lie from the moment on at which a request like `trigger` was seen."""
    seen = threading.Event()

    def later(request: Request, pass_on: PassOn) -> Reply | None:
        told = lie(request, pass_on) if seen.is_set() else None
        if re.search(trigger, str(request)):
            seen.set()
        return told

    return later


def _edited(data: bytes, edit: Edit) -> bytes:
    obj = json.loads(data)
    edit(obj)
    return json.dumps(obj).encode()


def _now(pass_on: PassOn) -> str:
    return pass_on(Request("GET", "/version")).date
