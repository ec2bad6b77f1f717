"""Nothing is changed outside the match: what comes through a proxy is what comes directly, byte for byte and when it comes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing, until
from tests.interpose.talking import client_of, exchanged, once, request
from tests.interpose.upstream import Address, Upstream, content

ELSEWHERE = {"match": {"path": "/elsewhere"}, "fault": {"kind": "status", "status": 500}}
CHUNKS = b"5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n"
LAST = request("/sized/3", "Connection: close")
CONVERSATIONS = {
    "one": request("/sized/100"),
    "pipelined": request("/sized/10")
    + request("/chunked/5000")
    + request("/echo", method="POST", body=b"abc")
    + request("/sized/0"),
    "a large answer": request("/sized/3000000"),
    "a large request": request("/echo", method="PUT", body=content(3_000_000)),
    "a chunked answer": request("/chunked/100000") + LAST,
    "a chunked request": request("/echo", "Transfer-Encoding: chunked", method="POST") + CHUNKS + LAST,
    "head": request("/sized/100", method="HEAD") + request("/chunked/100", method="HEAD") + LAST,
    "answers without a body": request("/nothing") + request("/same") + LAST,
    "an answer that ends with the connection": request("/until-close/5000"),
    "odd heads": b"\r\nGET /sized/5 HTTP/1.1\r\nhOST:shop\r\nX-Odd:  a\tb \r\nX-Odd:\xff\r\nConTent-LENGTH: 0\r\n\r\n" + LAST,
    "an absolute target": b"GET http://shop/sized/5?a=b&c HTTP/1.1\r\nHost: shop\r\n\r\n",
    "an old version": b"GET /sized/7 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /sized/8 HTTP/1.0\r\n\r\n",
    "a head that stays half": request("/sized/5") + b"GET /sized/6 HTTP/1.1\r\nHost:",
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a version that is not spoken": b"GET / HTTP/9.7\r\nHost: shop\r\n\r\n",
    "an unknown method": b"BREW /pot HTTP/1.1\r\nHost: shop\r\n\r\n" + LAST,
    "two lengths": b"GET /sized/5 HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxyz",
    "bad chunks": request("/sized/2", "Transfer-Encoding: chunked") + b"zz\r\nnot a chunk\r\n",
    "a long head": request("/sized/5", f"X-Long: {'y' * 40000}") + LAST,
    "nothing": b"",
}


@pytest.mark.parametrize("split", [None, 1000, 7], ids=["in one piece", "in pieces", "in crumbs"])
@pytest.mark.parametrize("rules", [[], [ELSEWHERE]], ids=["passing", "a rule in force"])
@pytest.mark.parametrize("said", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_what_comes_through_is_what_comes_directly(
    shared: tuple[Upstream, Standing], said: bytes, rules: list[Any], split: int | None
) -> None:
    upstream, proxy = shared
    if split is not None and len(said) > split * 2000:
        pytest.skip("so many pieces show nothing more")
    proxy.put(*rules)
    pieces = [said[at : at + split] for at in range(0, len(said), split)] if split else [said]
    upstream.seen.clear()
    direct = exchanged(upstream.address, [said])
    asked = list(upstream.seen)
    upstream.seen.clear()
    assert exchanged(proxy.address, pieces) == direct
    assert upstream.seen == asked
    until(lambda: proxy.counts()["connections"]["open"] == 0, "the end of its connections")
    assert proxy.counts()["requests"]["open"] == 0


def test_an_answer_in_parts_arrives_in_parts(proxy: Standing, upstream: Upstream) -> None:
    with client_of(proxy.address) as client:
        client.send(request("/gated"))
        assert client.read_until(b"first\r\n").endswith(b"\r\n\r\n5\r\nfirst\r\n")
        assert proxy.counts()["requests"] == {"total": 1, "open": 1}
        upstream.gate.set()
        assert client.read_until(b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"
    until(lambda: proxy.counts()["requests"]["open"] == 0)


def test_a_request_in_parts_arrives_in_parts(stand: Stand, raw: Callable[[Any], Address]) -> None:
    arrived = []

    def note(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            arrived.append(data)

    proxy = stand(raw(note))
    with client_of(proxy.address) as client:
        for part in (b"POST /x HTTP/1.1\r\nContent-Length: 8\r\n\r\n", b"half", b"rest"):
            client.send(part)
            until(lambda part=part: arrived and arrived[-1] == part)  # type: ignore[misc]


def test_a_client_that_waits_before_its_body_gets_the_word_from_the_upstream(proxy: Standing) -> None:
    with client_of(proxy.address) as client:
        client.send(request("/echo", "Expect: 100-continue", "Content-Length: 4", method="PUT"))
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"body")
        assert client.answer() == (200, b"body")
        assert client.ask("/sized/3") == (200, content(3))


def test_after_a_change_of_protocol_everything_passes(proxy: Standing) -> None:
    with client_of(proxy.address) as client:
        client.send(request("/switch", "Upgrade: swap", "Connection: Upgrade") + b"first words\r\n\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        proxy.put({"fault": {"kind": "reset"}})
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.read(33) == b"FIRST WORDS\r\n\r\nget / http/1.1\r\n\r\n"
    assert proxy.counts()["connections"]["tunnels"] == 1
    assert proxy.rule() == (0, 0, 0)


def test_after_an_upgrade_that_is_not_taken_requests_are_seen_again(proxy: Standing) -> None:
    with client_of(proxy.address) as client:
        client.send(request("/sized/1", "Upgrade: h2c", "Connection: Upgrade") + request("/sized/2"))
        assert client.answer() == (200, content(1))
        assert client.answer() == (200, content(2))
    assert proxy.counts()["requests"]["total"] == 2


def test_a_slow_reader_holds_up_the_upstream_and_not_the_memory(stand: Stand, raw: Callable[[Any], Address]) -> None:
    sent = [0]

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n")
        while sent[0] < 300_000_000:
            sent[0] += connection.send(b"x" * 100_000)

    proxy = stand(raw(flood))
    before = proxy.resident_bytes()
    with client_of(proxy.address) as client:
        client.send(request("/flood"))
        client.read(1000)
        settled(lambda: sent[0])
        assert sent[0] < 50_000_000
        assert proxy.resident_bytes() - before < 10_000_000
        assert once_more_is_read(client.socket, sent)


def test_a_slow_upstream_holds_up_the_client_and_not_the_memory(stand: Stand, raw: Callable[[Any], Address]) -> None:
    done = threading.Event()
    proxy = stand(raw(lambda connection: connection.recv(10) and done.wait(20)))
    before, sent = proxy.resident_bytes(), [0]

    def flood(connection: socket.socket) -> None:
        connection.settimeout(0.5)
        while True:
            sent[0] += connection.send(b"x" * 100_000)

    with client_of(proxy.address) as client:
        client.send(b"PUT /x HTTP/1.1\r\nContent-Length: 300000000\r\n\r\n")
        with pytest.raises(TimeoutError):
            flood(client.socket)
        assert sent[0] < 50_000_000
        assert proxy.resident_bytes() - before < 10_000_000
    done.set()


def test_an_upstream_that_refuses_shows_as_a_reset_and_is_counted(proxy: Standing, upstream: Upstream) -> None:
    upstream.shutdown()
    upstream.server_close()
    with pytest.raises(ConnectionResetError):
        once(proxy.address, "/sized/1")
    assert proxy.counts()["connections"]["upstream_failed"] == 1


def test_a_reset_by_the_upstream_is_a_reset_for_the_client_after_all_that_came_before(
    stand: Stand, raw: Callable[[Any], Address]
) -> None:
    def break_off(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    proxy = stand(raw(break_off))
    with client_of(proxy.address) as client:
        client.send(request("/x"))
        assert client.read_until(b"half").endswith(b"half")
        with pytest.raises(ConnectionResetError):
            client.read_all()


def test_an_early_answer_to_a_request_that_is_still_being_sent_arrives_whole(stand: Stand, raw: Callable[[Any], Address]) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 60000\r\nConnection: close\r\n\r\n" + content(60000)

    def refuse(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer)

    proxy = stand(raw(refuse))
    for _ in range(20):
        with client_of(proxy.address) as client:
            with contextlib.suppress(OSError):
                client.send(request("/x", method="PUT", body=content(3_000_000)))
            assert client.read(len(answer)) == answer


def settled(value: Callable[[], int]) -> None:
    """Wait until a number does not grow for half a second."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < 0.5:
        if value() != last:
            last, since = value(), time.monotonic()
        time.sleep(0.02)


def once_more_is_read(connection: socket.socket, sent: list[int]) -> bool:
    """Read on, and say whether the sender goes on then."""
    before = sent[0]
    while sent[0] == before and connection.recv(1 << 20):
        pass
    return sent[0] > before
