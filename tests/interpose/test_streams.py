"""Plain TCP: bytes both ways, half-closed connections, and faults that are about a whole connection."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing, until
from tests.interpose.talking import client_of, exchanged
from tests.interpose.upstream import Address, content

Serve = Callable[[Any], Address]


def greet_and_echo(connection: socket.socket) -> None:
    """Speak first, then send back what comes, and say goodbye after the client's end."""
    connection.sendall(b"220 ready\r\n")
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.sendall(b"bye")


@pytest.fixture
def proxy(stand: Stand, raw: Serve) -> Standing:
    return stand(raw(greet_and_echo), "--protocol", "tcp")


def put(proxy: Standing, fault: dict[str, Any], **match: Any) -> None:
    proxy.put({"match": match, "fault": fault}, protocol="tcp")


def test_bytes_pass_both_ways_and_an_end_of_one_way_leaves_the_other_open(proxy: Standing) -> None:
    said = content(2_000_000)
    assert exchanged(proxy.address, [said[:1], said[1:]]) == b"220 ready\r\n" + said + b"bye"
    until(lambda: proxy.counts()["connections"]["open"] == 0)


def test_each_way_there_takes_longer(proxy: Standing) -> None:
    put(proxy, {"kind": "latency", "delay": {"distribution": "constant", "seconds": 0.2}})
    with client_of(proxy.address) as client:
        assert client.read(11) == b"220 ready\r\n"
        for _ in range(2):
            began = time.monotonic()
            client.send(b"ping")
            assert client.read(4) == b"ping"
            assert 0.2 <= time.monotonic() - began < 10
    assert proxy.rule() == (1, 0, 0)


def test_bandwidth_limits_both_ways(proxy: Standing) -> None:
    put(proxy, {"kind": "bandwidth", "bytes_per_second": 100_000})
    began = time.monotonic()
    assert exchanged(proxy.address, [b"x" * 50_000]) == b"220 ready\r\n" + b"x" * 50_000 + b"bye"
    assert 0.4 < time.monotonic() - began < 10


def test_an_open_connection_hangs_too_and_goes_on_when_the_fault_ends(proxy: Standing) -> None:
    with client_of(proxy.address) as client:
        client.read(11)
        put(proxy, {"kind": "hang"})
        client.send(b"ping")
        until(lambda: proxy.rule()[0] == 1)
        assert client.is_silent
        proxy.put(protocol="tcp")
        assert client.read(4) == b"ping"


def test_an_open_connection_is_reset_with_its_next_byte(proxy: Standing) -> None:
    with client_of(proxy.address) as client:
        client.read(11)
        put(proxy, {"kind": "reset"})
        client.send(b"ping")
        with pytest.raises(ConnectionResetError):
            client.read(4)
    assert proxy.rule() == (1, 0, 0)


def test_a_reset_at_the_response_lets_the_bytes_through_before(stand: Stand, raw: Serve) -> None:
    arrived = []

    def note(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            arrived.append(data)
            connection.sendall(b"ok")

    proxy = stand(raw(note), "--protocol", "tcp")
    put(proxy, {"kind": "reset", "at": "response"})
    with client_of(proxy.address) as client:
        client.send(b"order")
        with pytest.raises(ConnectionResetError):
            client.read(2)
    assert arrived == [b"order"]


def test_what_comes_back_is_cut(proxy: Standing) -> None:
    put(proxy, {"kind": "cut", "after_bytes": 15})
    with client_of(proxy.address) as client:
        client.send(b"0123456789")
        assert client.read_all() == b"220 ready\r\n0123"
    until(lambda: proxy.rule() == (1, 0, 0))


def test_new_connections_are_refused(proxy: Standing) -> None:
    put(proxy, {"kind": "refuse"})
    with pytest.raises(ConnectionRefusedError), client_of(proxy.address):
        pass


def test_a_share_of_connections_is_drawn_and_the_others_pass(proxy: Standing) -> None:
    put(proxy, {"kind": "cut", "after_bytes": 0}, percent=50)
    with_greeting = 0
    for _ in range(40):
        with client_of(proxy.address) as client:
            with_greeting += client.read(11) == b"220 ready\r\n"
    hit, spared, passed_by = proxy.rule()
    assert (hit, spared, passed_by) == (40 - with_greeting, with_greeting, 0)
    assert 5 < hit < 35


def test_while_the_proxy_is_taken_out_a_stream_goes_on(stand: Stand, raw: Serve) -> None:
    proxy = stand(raw(greet_and_echo), "--protocol", "tcp", "--drain", "10m")
    with client_of(proxy.address) as client:
        client.read(11)
        proxy.terminate()
        until(lambda: proxy.ask("/readyz")[0] == 503)
        client.send(b"still there")
        assert client.read(11) == b"still there"
    assert proxy.ended() == 0
    assert proxy.log[-1]["reset"] == 0


def test_at_the_drain_bound_streams_that_nobody_ends_are_reset(stand: Stand, raw: Serve) -> None:
    proxy = stand(raw(greet_and_echo), "--protocol", "tcp", "--drain", "300ms")
    with client_of(proxy.address) as client:
        client.read(11)
        proxy.terminate()
        with pytest.raises(ConnectionResetError):
            client.read(1)
    assert proxy.ended() == 0
    assert proxy.log[-1]["reset"] == 1
