"""Every way in which a fault ends by itself, and how the proxy is taken out without dropping anything."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from gameday.interpose.serving import Placing, Proxy
from gameday.interpose.switch import Switch
from tests.interpose.conftest import Stand
from tests.interpose.standing import Standing, document, until
from tests.interpose.talking import Client, client_of, once, request
from tests.interpose.upstream import Address, Upstream, content

HANG = {"fault": {"kind": "hang"}}
STATUS = {"fault": {"kind": "status", "status": 503}}
QUIET_SECONDS = 1.0
"""After which a connection that asks nothing is closed while the proxy is taken out."""


def test_at_the_deadline_everything_passes_and_what_hung_is_let_go(proxy: Standing) -> None:
    rules = ({"match": {"path": "/sized/*"}, **HANG}, STATUS)
    proxy.put(*rules, id="one")
    with client_of(proxy.address) as hung:
        hung.send(request("/sized/5"))
        assert once(proxy.address, "/echo")[0] == 503
        until(lambda: proxy.rule()[0] == 1)
        # Only now, so that what comes before it need not be done in time.
        proxy.put(*rules, id="one", seconds=0.5)
        assert hung.answer() == (200, content(5))
    assert proxy.wait_for("ended")["why"] == "the deadline has passed"
    assert once(proxy.address, "/echo")[0] == 200
    assert (proxy.rule(0), proxy.rule(1)) == ((1, 0, 1), (1, 0, 1))


def test_settings_whose_deadline_has_passed_are_never_in_force(proxy: Standing) -> None:
    proxy.write(document(STATUS, seconds=-1))
    proxy.wait_for("ended")
    assert once(proxy.address, "/echo")[0] == 200


def test_a_lost_source_lets_everything_pass_and_a_found_one_brings_the_fault_back(proxy: Standing) -> None:
    proxy.put(STATUS)
    assert once(proxy.address, "/echo")[0] == 503
    aside = proxy.settings.rename(proxy.settings.with_suffix(".aside"))
    assert "No such file" in proxy.wait_for("lost")["why"]
    assert once(proxy.address, "/echo")[0] == 200
    assert proxy.ask("/readyz")[0] == 200
    aside.rename(proxy.settings)
    proxy.wait_for("in force")
    assert once(proxy.address, "/echo")[0] == 503
    assert proxy.rule() == (2, 0, 0)


def test_settings_that_cannot_be_meant_let_everything_pass_and_say_why(proxy: Standing) -> None:
    proxy.put(STATUS)
    proxy.write(document({"match": {"percent": 101}, **STATUS}))
    assert proxy.wait_for("refused")["why"] == "the settings cannot be read: rules[0].match.percent: expected float <= 100.0"
    assert once(proxy.address, "/echo")[0] == 200


def test_settings_of_another_protocol_are_refused(proxy: Standing) -> None:
    proxy.write(document({"fault": {"kind": "hang"}}, protocol="tcp"))
    assert "protocol: expected http" in proxy.wait_for("refused")["why"]


def test_a_proxy_that_was_stopped_across_its_deadline_does_not_hold_on_to_the_fault(proxy: Standing) -> None:
    proxy.put(STATUS, id="one")
    proxy.put(STATUS, id="one", seconds=1.5)
    until(lambda: (proxy.counts()["settings"]["ends_in_seconds"] or 0) <= 1.5, "the nearer deadline")
    os.kill(proxy.process.pid, signal.SIGSTOP)
    time.sleep(1.6)
    os.kill(proxy.process.pid, signal.SIGCONT)
    proxy.wait_for("ended")
    assert once(proxy.address, "/echo")[0] == 200


def test_a_hanging_request_is_passed_on_when_the_proxy_is_taken_out(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--drain", "10m")
    proxy.put(HANG)
    with client_of(proxy.address) as client:
        client.send(request("/sized/5"))
        until(lambda: proxy.rule()[0] == 1)
        proxy.terminate()
        assert client.answer() == (200, content(5))
        assert client.read_all() == b""
    assert proxy.ended() == 0, "long before its bound"
    assert proxy.log[-1]["reset"] == 0


def test_an_open_request_may_end_and_the_client_is_told_that_the_connection_ends(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--drain", "10m")
    with client_of(proxy.address) as begun, client_of(proxy.address) as kept:
        begun.send(request("/gated"))
        begun.read_until(b"first\r\n")
        kept.ask("/sized/1")
        # A part of a request, since a connection on which nothing is asked is closed after a second.
        kept.send(request("/sized/2")[:-2])
        proxy.terminate()
        until(lambda: proxy.ask("/readyz")[0] == 503)
        with pytest.raises(ConnectionRefusedError):
            once(proxy.address, "/sized/1")
        kept.send(request("/sized/2")[-2:])
        assert kept.read_until(b"\r\n\r\n").endswith(b"\r\nConnection: close\r\n\r\n")
        assert kept.read_all() == content(2)
        upstream.gate.set()
        assert begun.read_all() == b"6\r\nsecond\r\n0\r\n\r\n"
    assert proxy.ended() == 0
    assert proxy.log[-1]["reset"] == 0


def test_an_idle_connection_is_closed_and_does_not_use_up_the_bound(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--drain", "10m")
    with client_of(proxy.address) as client:
        client.ask("/sized/1")
        proxy.terminate()
        assert client.read_all() == b""
    assert proxy.ended() == 0, "long before its bound"


def test_a_request_that_does_not_end_is_reset_at_the_bound(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--drain", "300ms")
    with client_of(proxy.address) as client:
        client.send(request("/gated"))
        client.read_until(b"first\r\n")
        proxy.terminate()
        with pytest.raises(ConnectionResetError):
            client.read_all()
    assert proxy.ended() == 0
    assert proxy.log[-1]["reset"] == 1


@dataclass
class Shoppers:
    """Clients that ask one thing after the other, each on a connection that it keeps as long as it is kept."""

    address: Address
    answered: int = 0
    dropped: list[str] = field(default_factory=list)
    let_in: list[Client] = field(default_factory=list)

    def shop(self) -> None:
        """Go on until nobody lets one in; only connecting may fail."""
        while True:
            try:
                connection = socket.create_connection(self.address, timeout=20)
            except OSError:
                return
            client = Client(connection)
            with connection:
                self.let_in.append(client)
                self._browse(client)

    def _browse(self, client: Client) -> None:
        """Ask until the connection is said to end."""
        head, asked_at = b"", time.monotonic()
        while b"Connection: close" not in head:
            asked_before, asked_at = asked_at, time.monotonic()
            try:
                client.send(request("/sized/2000"))
                is_quick = time.monotonic() - asked_before < QUIET_SECONDS
                head = client.read_until(b"\r\n\r\n")
                if not head and not is_quick:
                    # Nothing was asked for so long that the connection may be closed, and it was just then.
                    return
                told = f"an answer that began with {head!r}" if not head or client.read(2000) != content(2000) else ""
            except OSError as error:
                told = repr(error)
            if told:
                self.dropped.append(told)
                return
            self.answered += 1


def latency(seconds: float) -> dict[str, Any]:
    return {"fault": {"kind": "latency", "delay": {"distribution": "constant", "seconds": seconds}}}


def test_switching_amid_traffic_changes_no_byte_and_loses_no_request(proxy: Standing) -> None:
    shoppers = Shoppers(proxy.address)
    threads = [threading.Thread(target=shoppers.shop) for _ in range(6)]
    for thread in threads:
        thread.start()
    faults: tuple[list[dict[str, Any]], ...] = (
        [latency(0.02)],
        [HANG],
        [{"fault": {"kind": "bandwidth", "bytes_per_second": 20_000}}],
        [latency(5)],
        [],
    )
    for rules in (*faults, *faults, *faults):
        before = shoppers.answered
        proxy.put(*rules)
        if rules not in ([HANG], [latency(5)]):
            until(lambda before=before: shoppers.answered > before + 20 or shoppers.dropped)  # type: ignore[misc]
    until(lambda: len(shoppers.let_in) == len(threads) or shoppers.dropped)
    proxy.terminate()
    for thread in threads:
        thread.join(20)
    assert proxy.ended() == 0
    assert shoppers.dropped == []
    assert (proxy.log[-1]["counts"]["requests"]["open"], proxy.log[-1]["reset"]) == (0, 0)


def test_taking_it_out_under_load_drops_no_request(proxy: Standing) -> None:
    shoppers = Shoppers(proxy.address)
    threads = [threading.Thread(target=shoppers.shop) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: (shoppers.answered > 300 and len(shoppers.let_in) == len(threads)) or shoppers.dropped)
    proxy.terminate()
    for thread in threads:
        thread.join(20)
    assert proxy.ended() == 0
    assert shoppers.dropped == []
    assert (proxy.log[-1]["counts"]["requests"]["open"], proxy.log[-1]["reset"]) == (0, 0)


def test_while_it_lingers_it_is_not_ready_and_still_lets_everybody_in(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--linger", "10m")
    proxy.put({"fault": {"kind": "refuse"}})
    proxy.terminate()
    until(lambda: proxy.ask("/readyz")[0] == 503, "that it says it goes")
    client = http.client.HTTPConnection(*proxy.address, timeout=10)
    client.request("GET", "/")
    answer = client.getresponse()
    assert (answer.status, answer.getheader("connection")) == (404, "close"), "the upstream has no such page"
    answer.read()
    client.close()


def test_it_ends_once_it_has_lingered(stand: Stand, upstream: Upstream) -> None:
    proxy = stand(upstream.address, "--linger", "300ms")
    began = time.monotonic()
    proxy.terminate()
    assert proxy.ended() == 0
    assert time.monotonic() - began >= 0.3


@dataclass(eq=False)
class Idle:
    """A connection on which nothing is asked."""

    treatment: Any = field(default_factory=lambda: SimpleNamespace(is_idle=True, drain=lambda: None))
    is_over: bool = False
    end: str = ""

    def hang_up(self) -> None:
        self.end = self.end or "hung up"

    def abort(self) -> None:
        self.end = self.end or "at the bound"


async def test_a_second_in_which_the_proxy_itself_stood_still_makes_no_connection_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, idle, loop = Proxy(Placing(("127.0.0.1", 0), ("127.0.0.1", 1)), Switch("http")), Idle(), asyncio.get_running_loop()
    proxy._pairs.add(idle)  # type: ignore[arg-type]  # as much of one as is looked at
    leaps = count(step=2.0)
    monkeypatch.setattr(loop, "time", lambda: next(leaps))
    assert await proxy.drain() == 0
    assert idle.end == "at the bound", "what it has asked meanwhile is still to be read"
