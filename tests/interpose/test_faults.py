"""Each fault as a real client sees it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing, until
from tests.interpose.talking import client_of, exchanged, once, request
from tests.interpose.upstream import Address, Raw, Upstream, content

SLOW_DOWN = "<Error><Code>SlowDown</Code></Error>"


def latency(seconds: float) -> dict[str, object]:
    return {"kind": "latency", "delay": {"distribution": "constant", "seconds": seconds}}


def test_a_request_is_passed_on_later(proxy: Standing, upstream: Upstream) -> None:
    proxy.put({"match": {"path": "/echo"}, "fault": latency(0.4)})
    with client_of(proxy.address) as client:
        began = time.monotonic()
        client.send(request("/echo", method="POST", body=b"late"))
        while (seen := list(upstream.seen)) == [] and time.monotonic() < began + 0.3:
            time.sleep(0.01)
        assert seen == [] or time.monotonic() >= began + 0.4
        assert client.answer() == (200, b"late")
        assert time.monotonic() - began >= 0.4
    assert proxy.rule() == (1, 0, 0)


def test_jitter_stays_within_its_bounds(proxy: Standing) -> None:
    delay = {"distribution": "uniform", "seconds": 0.06, "jitter_seconds": 0.03}
    proxy.put({"fault": {"kind": "latency", "delay": delay}})
    taken = []
    with client_of(proxy.address) as client:
        for _ in range(20):
            began = time.monotonic()
            client.ask("/sized/10")
            taken.append(time.monotonic() - began)
    assert min(taken) >= 0.03
    assert max(taken) - min(taken) > 0.01


def test_bandwidth_limits_the_answer(proxy: Standing) -> None:
    proxy.put({"fault": {"kind": "bandwidth", "bytes_per_second": 100_000}})
    began = time.monotonic()
    assert once(proxy.address, "/sized/60000") == (200, content(60000))
    assert 0.4 < time.monotonic() - began < 10


def test_bandwidth_limits_the_request_and_nothing_after_it(proxy: Standing) -> None:
    proxy.put({"match": {"methods": ["PUT"]}, "fault": {"kind": "bandwidth", "bytes_per_second": 200_000}})
    with client_of(proxy.address) as client:
        began = time.monotonic()
        assert client.ask("/nothing", method="PUT", body=content(100_000))[0] == 204
        assert time.monotonic() - began > 0.4
        assert client.ask("/sized/1000000") == (200, content(1_000_000))
    assert proxy.rule() == (1, 0, 1)


def test_a_connection_is_refused_by_the_kernel_where_all_are(proxy: Standing, upstream: Upstream) -> None:
    with client_of(proxy.address) as kept:
        assert kept.ask("/sized/1")[0] == 200
        proxy.put({"fault": {"kind": "refuse"}})
        with pytest.raises(ConnectionRefusedError):
            once(proxy.address, "/sized/2")
        with pytest.raises(ConnectionResetError):
            kept.ask("/sized/3")
    assert not proxy.counts()["settings"]["accepting"]
    assert proxy.rule() == (1, 0, 0)
    assert proxy.ask("/readyz")[0] == 200
    proxy.put()
    assert once(proxy.address, "/sized/4")[0] == 200
    assert [path for _, path, _ in upstream.seen] == ["/sized/1", "/sized/4"]


def test_a_share_of_connections_is_reset_as_it_comes(proxy: Standing) -> None:
    proxy.put({"match": {"percent": 50}, "fault": {"kind": "refuse"}})
    ends = []
    for _ in range(60):
        try:
            ends.append(once(proxy.address, "/sized/1")[0])
        except ConnectionResetError:
            ends.append(0)
    hit, spared, passed_by = proxy.rule()
    assert hit == ends.count(0) == proxy.counts()["connections"]["refused"]
    assert (spared, passed_by) == (ends.count(200), 0)
    assert 10 < hit < 50


def test_a_request_hangs_until_the_fault_ends_and_is_then_passed_on(proxy: Standing, upstream: Upstream) -> None:
    proxy.put({"match": {"path": "/sized/*"}, "fault": {"kind": "hang"}})
    with client_of(proxy.address) as hung:
        hung.send(request("/sized/5"))
        until(lambda: proxy.rule()[0] == 1)
        assert once(proxy.address, "/echo", method="POST", body=b"not meant") == (200, b"not meant")
        assert hung.is_silent
        proxy.put()
        assert hung.answer() == (200, content(5))
    assert [path for _, path, _ in upstream.seen] == ["/echo", "/sized/5"]


@pytest.mark.parametrize("body", [b"", b"x" * 200_000], ids=["a small request", "one that is larger than what may wait"])
def test_a_hanging_request_whose_client_has_gone_is_not_passed_on(proxy: Standing, upstream: Upstream, body: bytes) -> None:
    proxy.put({"match": {"methods": ["POST"]}, "fault": {"kind": "hang"}})
    with client_of(proxy.address) as client:
        client.socket.settimeout(0.3)
        try:
            client.send(request("/echo", method="POST", body=body))
            client.answer()
        except TimeoutError:
            pass
    until(lambda: proxy.rule()[0] == 1)
    proxy.put()
    until(lambda: proxy.counts()["connections"]["open"] == 0)
    assert once(proxy.address, "/sized/1")[0] == 200
    assert [method for method, _, _ in upstream.seen] == ["GET"]


@pytest.mark.parametrize("ending", [b"", b"\1\0\0\0\0\0\0\0"], ids=["closed", "reset"])
def test_a_hanging_request_outlives_an_upstream_that_closes_idle_connections(
    stand: Stand, raw: Callable[[Any], Address], ending: bytes
) -> None:
    """Only while the request hangs, since what is sent on a connection that is just being closed is lost to anybody."""
    closed: list[int] = []
    waiting: list[socket.socket] = []
    is_impatient, closing = threading.Event(), threading.Lock()

    def is_over(connection: socket.socket) -> bool:
        with closing:
            if not is_impatient.is_set():
                return False
            if ending:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ending)
            connection.close()
            waiting.remove(connection)
            closed.append(1)
            return True

    def impatient(connection: socket.socket) -> None:
        connection.settimeout(0.1)
        waiting.append(connection)
        while True:
            try:
                asked = connection.recv(65536)
            except TimeoutError:
                if is_over(connection):
                    return
                continue
            if not asked:
                waiting.remove(connection)
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * asked.count(b"\r\n\r\n"))

    proxy = stand(raw(impatient))
    proxy.put({"match": {"path": "/hang"}, "fault": {"kind": "hang"}})
    with client_of(proxy.address) as client:
        assert client.ask("/first") == (200, b"ok")
        client.send(request("/hang") + request("/behind"))
        until(lambda: proxy.rule()[0] == 1)
        is_impatient.set()
        until(lambda: len(closed) > 2)
        assert client.is_silent
        with closing:
            is_impatient.clear()
        until(lambda: waiting, "another connection to the upstream")
        proxy.put()
        assert client.answer() == (200, b"ok")
        assert client.answer() == (200, b"ok")
    until(lambda: proxy.counts()["connections"]["open"] == 0)


def test_a_hanging_request_outlives_its_upstream_and_is_reset_if_that_is_gone_when_the_fault_ends(stand: Stand) -> None:
    gone = threading.Event()
    server = Raw(lambda _: gone.wait(60))
    proxy = stand(server.address)
    proxy.put({"fault": {"kind": "hang"}})
    with client_of(proxy.address) as client:
        client.send(request("/hang"))
        until(lambda: proxy.rule()[0] == 1)
        server.refuse()
        gone.set()
        time.sleep(0.5)
        assert client.is_silent
        proxy.put()
        with pytest.raises(ConnectionResetError):
            client.answer()
    until(lambda: proxy.counts()["connections"] == {**proxy.counts()["connections"], "open": 0, "upstream_failed": 1})
    server.close()


def test_a_client_that_sends_no_more_gets_its_answer_after_the_delay(proxy: Standing, upstream: Upstream) -> None:
    proxy.put({"fault": latency(0.2)})
    said = request("/echo", method="POST", body=b"late") + request("/sized/3", "Connection: close")
    assert exchanged(proxy.address, [said]) == exchanged(upstream.address, [said])


def test_a_deadline_that_is_moved_lets_nothing_go(proxy: Standing) -> None:
    rule = {"fault": {"kind": "hang"}}
    proxy.put(rule, id="one", seconds=30)
    with client_of(proxy.address) as client:
        client.send(request("/sized/5"))
        until(lambda: proxy.rule()[0] == 1)
        proxy.put(rule, id="one", seconds=500)
        until(lambda: proxy.counts()["settings"]["ends_in_seconds"] > 400)
        assert client.is_silent
        assert proxy.counts()["requests"]["open"] == 1


def test_a_reset_is_a_real_one_and_the_request_is_not_passed_on(proxy: Standing, upstream: Upstream) -> None:
    proxy.put({"match": {"path": "/echo"}, "fault": {"kind": "reset"}})
    with client_of(proxy.address) as client, pytest.raises(ConnectionResetError):
        client.ask("/echo")
    assert upstream.seen == []
    assert proxy.rule() == (1, 0, 0)


def test_a_reset_at_the_response_comes_after_the_request_took_effect(proxy: Standing, upstream: Upstream) -> None:
    proxy.put({"fault": {"kind": "reset", "at": "response"}})
    with client_of(proxy.address) as client, pytest.raises(ConnectionResetError):
        client.ask("/echo", method="POST", body=b"order")
    assert upstream.seen == [("POST", "/echo", b"order")]
    assert proxy.rule() == (1, 0, 0)


def test_answers_to_earlier_requests_arrive_before_a_reset(proxy: Standing) -> None:
    proxy.put({"match": {"path": "/echo"}, "fault": {"kind": "reset"}})
    with client_of(proxy.address) as client:
        # Room for all of it, so that it arrives however late it is read.
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.send(request("/sized/70000") + request("/sized/3") + request("/echo") + request("/sized/4"))
        assert client.answer() == (200, content(70000))
        assert client.answer() == (200, content(3))
        with pytest.raises(ConnectionResetError):
            client.read_all()


@pytest.mark.parametrize("size", [0, 1, 4999])
def test_a_body_is_cut_with_the_length_that_was_announced(proxy: Standing, size: int) -> None:
    proxy.put({"fault": {"kind": "cut", "after_bytes": size}})
    with client_of(proxy.address) as client:
        client.send(request("/sized/5000"))
        assert b"Content-Length: 5000\r\n" in client.read_until(b"\r\n\r\n")
        assert client.read_all() == content(5000)[:size]
    assert proxy.rule() == (1, 0, 0)


def test_a_chunked_body_is_cut_after_so_many_bytes_of_content(proxy: Standing) -> None:
    proxy.put({"fault": {"kind": "cut", "after_bytes": 3}})
    with client_of(proxy.address) as client:
        client.send(request("/chunked/100"))
        client.read_until(b"\r\n\r\n")
        body = content(100)
        assert client.read_all() == b"1;n=1\r\n" + body[:1] + b"\r\n3;n=3\r\n" + body[1:3]


def test_a_body_that_nothing_frames_is_cut_by_a_reset(proxy: Standing) -> None:
    proxy.put({"fault": {"kind": "cut", "after_bytes": 10}})
    with client_of(proxy.address) as client:
        client.send(request("/until-close/5000"))
        client.read_until(b"\r\n\r\n")
        assert client.read(10) == content(5000)[:10]
        with pytest.raises(ConnectionResetError):
            client.read_all()


@pytest.mark.parametrize(("path", "method"), [("/sized/8", "GET"), ("/nothing", "GET"), ("/same", "GET"), ("/sized/99", "HEAD")])
def test_a_body_that_ends_before_the_cut_is_spared_and_counted_as_spared(proxy: Standing, path: str, method: str) -> None:
    proxy.put({"fault": {"kind": "cut", "after_bytes": 8}})
    with client_of(proxy.address) as client:
        client.send(request(path, method=method))
        client.read_until(b"\r\n\r\n")
        if path == "/sized/8":
            assert client.read(8) == content(8)
        client.send(request(path, "Connection: close", method=method))
        client.read_all()
    assert proxy.rule() == (0, 2, 0)


def test_a_status_comes_with_headers_and_body_and_the_connection_goes_on(proxy: Standing, upstream: Upstream) -> None:
    fault = {"kind": "status", "status": 503, "reason": "Slow Down", "headers": {"Retry-After": "1"}, "body": SLOW_DOWN}
    proxy.put({"match": {"methods": ["PUT"]}, "fault": fault})
    with client_of(proxy.address) as client:
        client.send(request("/bucket/key", method="PUT", body=content(300_000)))
        head = client.read_until(b"\r\n\r\n")
        assert head == b"HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: %d\r\n\r\n" % len(SLOW_DOWN)
        assert client.read(len(SLOW_DOWN)) == SLOW_DOWN.encode()
        assert client.ask("/sized/9") == (200, content(9))
    assert [method for method, _, _ in upstream.seen] == ["GET"]
    assert proxy.rule() == (1, 0, 1)


def test_a_status_takes_its_turn_among_pipelined_answers(proxy: Standing) -> None:
    proxy.put({"match": {"path": "/echo"}, "fault": {"kind": "status", "status": 500, "body": "no"}})
    with client_of(proxy.address) as client:
        client.send(
            request("/sized/70000") + request("/echo", method="POST", body=b"x" * 10) + request("/sized/2") + request("/echo")
        )
        assert client.answer() == (200, content(70000))
        assert client.answer() == (500, b"no")
        assert client.answer() == (200, content(2))
        assert client.answer() == (500, b"no")


def test_a_client_that_waits_before_its_body_gets_the_status_at_once_and_the_connection_ends(proxy: Standing) -> None:
    proxy.put({"fault": {"kind": "status", "status": 429}})
    with client_of(proxy.address) as client:
        client.send(request("/echo", "Expect: 100-continue", "Content-Length: 10", method="PUT"))
        assert client.read_all() == b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_an_answer_to_head_has_the_length_and_no_body(proxy: Standing) -> None:
    proxy.put({"fault": {"kind": "status", "status": 404, "body": "gone"}})
    with client_of(proxy.address) as client:
        client.send(request("/x", "Connection: close", method="HEAD"))
        assert client.read_all() == b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"


def test_the_first_rule_that_matches_wins(proxy: Standing) -> None:
    first = {"match": {"path": "/sized/1*"}, "fault": {"kind": "status", "status": 500}}
    second = {"match": {"path": "/sized/*"}, "fault": {"kind": "status", "status": 503}}
    proxy.put(first, second)
    assert [once(proxy.address, path)[0] for path in ("/sized/12", "/sized/2", "/echo")] == [500, 503, 200]
    assert (proxy.rule(0), proxy.rule(1)) == ((1, 0, 2), (1, 0, 2))
