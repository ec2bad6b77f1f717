"""Probes of HTTP against a real server that also does what servers should not."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gameday.change import Measurement, ProbeSpec, bind
from gameday.change.registry import registered
from gameday.errors import BadParameterError, NoMeasurementError
from tests.interpose.upstream import kept_port

SOON: dict[str, Any] = {"timeout_seconds": 0.3}


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        match self.path:
            case "/hangs":
                self.server.over.wait(10)
            case "/drips":
                self.send_response(200)
                self.end_headers()
                while not self.server.over.wait(0.05):
                    self.wfile.write(b"1")
            case "/every-other":
                self.say(200 if len(self.server.seen) % 2 else 503, b"")
            case "/cut":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"1")
            case "/json?deep=1":
                self.say(200, b'{"queue": [{"length": 12, "ok": true, "none": null, "name": "a"}], "huge": 1e999}')
            case path:
                self.say(int(path[1:4]), path[5:].encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Say nothing."""

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            return


class Server(ThreadingHTTPServer):
    """Remembers what it was asked, and can be told that it is over."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, str]] = []
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that hang up, which is what is tested."""


@dataclass
class Site:
    server: Server

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Site(server)
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def measured(name: str, **arguments: Any) -> Measurement:
    spec = registered(f"gameday.probes.http.{name}")
    assert isinstance(spec, ProbeSpec)
    nothing: Any = None
    return spec.measure(nothing, **bind(spec.measure, spec.name, arguments))


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_the_status_is_measured_whatever_it_is_and_redirects_are_not_followed(site: Site, status: int) -> None:
    found = measured("status", url=site.url(f"/{status}"))
    assert (found.value, found.unit) == (status, "HTTP status")


def test_latency_is_that_of_a_success_to_its_last_byte(site: Site) -> None:
    found = measured("latency", url=site.url("/200 hello"[:4]))
    assert found.unit == "ms"
    assert found.value > 0
    with pytest.raises(NoMeasurementError, match=r"answered 503"):
        measured("latency", url=site.url("/503"))


@pytest.mark.parametrize("probe", ["status", "latency", "body_number"])
@pytest.mark.parametrize("path", ["/hangs", "/drips"])
def test_no_server_can_make_a_probe_wait_longer_than_its_timeout(site: Site, probe: str, path: str) -> None:
    with pytest.raises(NoMeasurementError, match=r"did not answer: not within 0\.3 s"):
        measured(probe, url=site.url(path), **SOON)


def test_a_time_that_was_over_as_soon_as_there_was_a_connection_ends_the_probe_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = http.client.HTTPConnection.connect

    def connect_late(connection: http.client.HTTPConnection) -> None:
        connect(connection)
        time.sleep(2 * SOON["timeout_seconds"])

    monkeypatch.setattr(http.client.HTTPConnection, "connect", connect_late)
    with pytest.raises(NoMeasurementError, match=r"did not answer: not within 0\.3 s"):
        measured("status", url=site.url("/200"), **SOON)
    with pytest.raises(NoMeasurementError, match=r"did not answer: not within 0\.3 s"):
        measured("body_number", url=site.url("/drips"), **SOON)


def test_an_answer_that_is_cut_is_none(site: Site) -> None:
    with pytest.raises(NoMeasurementError, match="did not answer: it was cut off 99 bytes before its end"):
        measured("body_number", url=site.url("/cut"))


def test_where_nobody_listens_nothing_is_measured() -> None:
    with kept_port() as silent, pytest.raises(NoMeasurementError, match=r"did not answer: .*refused"):
        measured("status", url=f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_availability_counts_what_failed_and_says_how(site: Site) -> None:
    found = measured("availability", url=site.url("/every-other"), requests=4, every_seconds=0)
    assert (found.value, found.unit, found.samples) == (50.0, "%", 4)
    assert "answered 503" in found.seen
    assert measured("availability", url=site.url("/hangs"), requests=2, **SOON).value == 0.0
    assert measured("availability", url=site.url("/200"), requests=3, every_seconds=0).value == 100.0


@pytest.mark.parametrize(
    ("where", "path", "value"),
    [("/200/42", "", 42), ("/200/-1.5e3", "", -1500), ("/json?deep=1", "queue.0.length", 12)],
)
def test_a_number_is_read_from_a_body(site: Site, where: str, path: str, value: float) -> None:
    found = measured("body_number", url=site.url(where), path=path, unit="orders")
    assert (found.value, found.unit) == (value, "orders")


@pytest.mark.parametrize(
    ("where", "path", "part"),
    [
        ("/200/many", "", "to be a number, but got 'many'"),
        ("/200/nan", "", "to be a number, but got 'nan'"),
        ("/200/", "", "to be a number, but got ''"),
        ("/200/many", "queue", "expected JSON with queue, but got 'many'"),
        ("/json?deep=1", "queue.1.length", "found no '1'"),
        ("/json?deep=1", "queue.0.size", "found no 'size' (there is: length, ok, none, name)"),
        ("/json?deep=1", "queue.0.ok", "to be a number, but got True"),
        ("/json?deep=1", "queue.0.none", "to be a number, but got None"),
        ("/json?deep=1", "queue.0.name", "to be a number, but got 'a'"),
        ("/json?deep=1", "huge", "to be a number, but got inf"),
        ("/404", "", "answered 404"),
    ],
)
def test_what_is_no_number_is_no_measurement(site: Site, where: str, path: str, part: str) -> None:
    with pytest.raises(NoMeasurementError) as failure:
        measured("body_number", url=site.url(where), path=path)
    assert part in str(failure.value)


def test_a_token_is_sent_and_is_in_no_argument(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    measured("status", url=site.url("/200"), token_variable="SHOP_TOKEN")
    assert site.server.seen[-1]["Authorization"] == "Bearer s3cret"
    with pytest.raises(BadParameterError, match="environment variable NO_TOKEN, but it is not set"):
        measured("status", url=site.url("/200"), token_variable="NO_TOKEN")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"url": "shop.example/path"}, "expected url to be like https://"),
        ({"url": "ftp://shop.example"}, "expected url to be like https://"),
        ({"url": "http://"}, "expected url to be like https://"),
        ({"url": "http://shop.example:99999/"}, "expected url to be like https://"),
        ({"url": "http://shop.example/a b"}, "expected url to be like https://"),
        ({"url": "http://me:pass@shop.example/"}, "without a password"),
        ({"url": "http://127.0.0.1/", "timeout_seconds": 0}, "expected timeout_seconds to be above 0"),
        ({"url": "http://127.0.0.1/", "timeout_seconds": 301}, "expected timeout_seconds to be above 0 and up to 300"),
        ({"url": "http://127.0.0.1/", "timeout_seconds": True}, "expected timeout_seconds to be a number"),
        ({"url": 80}, "expected url to be a text"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(BadParameterError) as failure:
        measured("status", **arguments)
    assert part in str(failure.value)


@pytest.mark.parametrize("requests", [0, 10_001])
def test_a_number_of_requests_has_its_bounds(requests: int) -> None:
    with pytest.raises(BadParameterError, match="expected requests to be from 1 to 10000"):
        measured("availability", url="http://127.0.0.1/", requests=requests)
