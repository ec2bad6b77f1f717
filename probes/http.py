"""Probes of anything that answers HTTP: its status, how soon it answers, how often, and a number in what it says.

They ask from where gameday runs, with a new connection each time, and never longer than their time-out, whatever the server
does. Redirects are answers and not followed. A server's certificate is checked; SSL_CERT_FILE names other authorities.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from gameday.change import Measurement, Observations, above, between, bounded, probe
from gameday.errors import BadParameterError, NoMeasurementError

LONGEST_TIMEOUT_SECONDS: Final = 300
_MOST_BYTES: Final = 4_000_000
_MOST_REQUESTS: Final = 10_000
_ERRORS_FROM: Final = 400
_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a probe makes it."""

    url: str
    timeout_seconds: float = 5.0
    """For everything together, from the connection to the last byte."""
    token_variable: str = ""
    """The environment variable that holds a bearer token; arguments are logged, and it is not."""
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, all of it."""

    status: int
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body's beginning, for people."""
        return self.body[:200].decode(errors="replace").strip()


@probe
@bounded(timeout_seconds=above(0, up_to=LONGEST_TIMEOUT_SECONDS))
def status(observations: Observations, *, url: str, timeout_seconds: float = 5.0, token_variable: str = "") -> Measurement:
    """Measure the status with which a URL answers a GET.

    url: http or https, with the whole path. timeout_seconds: how long the whole answer may take, up to 300.
    token_variable: the name of an environment variable that holds a bearer token; its value is never logged.
    NoMeasurementError if nothing answers in time.
    """
    del observations
    answer = ask(Call(url, timeout_seconds, token_variable))
    return Measurement(answer.status, "HTTP status", f"GET {url} answered {answer.status}", samples=1)


@probe
@bounded(timeout_seconds=above(0, up_to=LONGEST_TIMEOUT_SECONDS))
def latency(observations: Observations, *, url: str, timeout_seconds: float = 5.0, token_variable: str = "") -> Measurement:
    """Measure how long a URL takes to answer a GET to its last byte, connection included, in milliseconds.

    url, timeout_seconds, token_variable: as for status. NoMeasurementError if nothing answers in time, or with an error (400
    and above), so that an outage which fails fast does not look quick.
    """
    del observations
    answer = _successful(Call(url, timeout_seconds, token_variable))
    milliseconds = round(answer.seconds * 1000, 3)
    return Measurement(milliseconds, "ms", f"GET {url} answered {answer.status} with {len(answer.body)} bytes", samples=1)


@probe
@bounded(requests=between(1, _MOST_REQUESTS), timeout_seconds=above(0, up_to=LONGEST_TIMEOUT_SECONDS))
def availability(
    observations: Observations,
    *,
    url: str,
    requests: int = 10,
    every_seconds: float = 0.1,
    timeout_seconds: float = 2.0,
    token_variable: str = "",
) -> Measurement:
    """Measure how many of several GETs of a URL are answered below 400 and in time, in percent.

    A refused connection, a time-out and an error count as not answered. requests: how many, one after the other, from 1 to
    10000. every_seconds: how long after the beginning of one the next begins, at the earliest. url, timeout_seconds,
    token_variable: as for status.
    """
    del observations
    call = Call(url, timeout_seconds, token_variable)
    wrong: dict[str, int] = {}
    for number in range(requests):
        began = time.monotonic()
        try:
            _successful(call)
        except NoMeasurementError as error:
            wrong[str(error)] = wrong.get(str(error), 0) + 1
        if number < requests - 1:
            time.sleep(max(0.0, began + every_seconds - time.monotonic()))
    good = requests - sum(wrong.values())
    mostly = f"; mostly: {max(wrong, key=lambda reason: wrong[reason])}" if wrong else ""
    return Measurement(round(100.0 * good / requests, 3), "%", f"{good} of {requests} were answered{mostly}", samples=requests)


@probe
@bounded(timeout_seconds=above(0, up_to=LONGEST_TIMEOUT_SECONDS))
def body_number(
    observations: Observations,
    *,
    url: str,
    path: str = "",
    unit: str = "",
    timeout_seconds: float = 5.0,
    token_variable: str = "",
) -> Measurement:
    """Measure a number in what a URL answers: a field of its JSON, or the one number that is its text.

    path: the field's place, members and positions in lists by dots (`queue.0.length`); empty if the whole body is the number.
    unit: what the number counts, for the report. url, timeout_seconds, token_variable: as for status. NoMeasurementError
    if nothing answers in time, with an error, or without a finite number in that place; true and false are none.
    """
    del observations
    answer = _successful(Call(url, timeout_seconds, token_variable))
    where = f"{path} of GET {url}" if path else f"GET {url}"
    value = _number_at(answer, path)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoMeasurementError(f"expected {where} to be a number, but got {value!r:.100}")
    return Measurement(value, unit, f"{where} is {value:g}", samples=1)


def ask(call: Call) -> Answer:
    """Make the request and return the whole answer; NoMeasurementError if it does not come, or not in time."""
    url = _checked(call)
    opened = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = opened(str(url.hostname), url.port, timeout=call.timeout_seconds)
    late, sockets = threading.Event(), list[socket.socket]()

    def hang_up() -> None:
        """End whatever is waited for, also where a byte comes now and then."""
        late.set()
        for open_socket in sockets:
            _shut(open_socket)

    watch = threading.Timer(call.timeout_seconds, hang_up)
    watch.daemon = True
    began = time.monotonic()
    watch.start()
    try:
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.connect()
        # Kept here, since the connection forgets it as soon as an answer's end is that of the connection.
        sockets.append(connection.sock)
        if late.is_set():  # before there was anything to hang up
            raise TimeoutError
        connection.request(call.method, target, call.body or None, _headers(call))
        response = connection.getresponse()
        body = response.read(_MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = f"not within {call.timeout_seconds:g} s" if late.is_set() or isinstance(error, TimeoutError) else _reason(error)
        raise NoMeasurementError(f"{call.url} did not answer: {why}") from error
    finally:
        watch.cancel()
        connection.close()
    if late.is_set():
        raise NoMeasurementError(f"{call.url} did not answer: not within {call.timeout_seconds:g} s")
    if response.length and len(body) <= _MOST_BYTES:
        raise NoMeasurementError(f"{call.url} did not answer: it was cut off {response.length} bytes before its end")
    if len(body) > _MOST_BYTES:
        raise NoMeasurementError(f"{call.url} answers more than {_MOST_BYTES} bytes; ask for less")
    return Answer(response.status, body, time.monotonic() - began)


def _successful(call: Call) -> Answer:
    answer = ask(call)
    if answer.status >= _ERRORS_FROM:
        raise NoMeasurementError(f"{call.url} answered {answer.status}: {answer.text}")
    return answer


def _checked(call: Call) -> Any:
    try:
        url = urlsplit(call.url)
        fits = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        fits = False
    if not fits or re.search(r"[\s\x00-\x1f]", call.url):
        raise BadParameterError(f"expected url to be like https://shop.example:8443/path, but got {call.url!r}")
    if url.username or url.password:
        raise BadParameterError("expected a url without a password, since arguments are logged; see token_variable")
    if not 0 < call.timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
        bounds = f"above 0 and up to {LONGEST_TIMEOUT_SECONDS}"
        raise BadParameterError(f"expected timeout_seconds {bounds}, but got {call.timeout_seconds!r}")
    return url


def _headers(call: Call) -> dict[str, str]:
    headers = {"Accept": "*/*", "User-Agent": "gameday", "Connection": "close", **call.headers}
    if call.token_variable:
        token = os.environ.get(call.token_variable, "").strip()
        if not token:
            raise BadParameterError(f"expected a token in the environment variable {call.token_variable}, but it is not set")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _number_at(answer: Answer, path: str) -> Any:
    if not path:
        text = answer.body.decode(errors="replace").strip()
        return float(text) if _NUMBER.fullmatch(text) else text
    try:
        found: Any = json.loads(answer.body)
    except ValueError as error:
        raise NoMeasurementError(f"expected JSON with {path}, but got {answer.text!r}: {error}") from error
    for step in path.split("."):
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            there = ", ".join(found) if isinstance(found, Mapping) else f"{type(found).__name__}"
            raise NoMeasurementError(f"expected the answer to have {path}, but found no {step!r} (there is: {there:.200})")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return f"its name is not known ({error.strerror})"
    return str(error) or type(error).__name__


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
