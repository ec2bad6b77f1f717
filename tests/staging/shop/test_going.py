"""A service comes and goes: it may take its time to start, and lingers when it is told to end."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from pathlib import Path

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.settings import PORTS
from tests.staging.shop.waiting import eventually


def asked(shop: ShopAlone) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(shop.host("inventory"), PORTS["inventory"], timeout=5)
    connection.request("GET", "/products")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_service_that_is_told_to_go_still_answers_until_everybody_has_heard_of_it(tmp_path: Path) -> None:
    shop = ShopAlone(tmp_path, {"LINGER_SECONDS": "3"})
    try:
        shop.start("inventory")
        assert asked(shop).getheader("connection") != "close"
        shop.signal("inventory", signal.SIGTERM)
        answer = asked(shop)
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        assert shop.processes["inventory"].wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            asked(shop)
    finally:
        shop.stop()


def test_a_service_that_warms_up_does_not_listen_before_and_ends_at_once_if_it_is_told_to(tmp_path: Path) -> None:
    shop = ShopAlone(tmp_path, {"WARM_UP_SECONDS": "0.5"})
    began = time.monotonic()
    try:
        shop.start("inventory")
        assert time.monotonic() - began >= 0.5
    finally:
        assert shop.stop() == {"inventory": 0}
    slow = ShopAlone(tmp_path, {"WARM_UP_SECONDS": "60"})
    slow._spawn("cart")
    try:
        assert eventually(lambda: _heeds_sigterm(slow.processes["cart"].pid))
    finally:
        assert slow.stop() == {"cart": 0}


def _heeds_sigterm(pid: int) -> bool:
    """Say whether a process has come so far that it is told of SIGTERM, going by the kernel's mask of what it catches."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_a_shop_is_given_addresses_at_which_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ShopAlone(tmp_path)
    second, third = map(int, first.network.split(".")[1:])
    lots = iter([second - 1, third, 9, 9])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(lots))
    with socket.create_server((first.host("objects"), PORTS["objects"])):
        assert ShopAlone(tmp_path).network == "127.10.9"


def test_where_one_service_does_not_start_none_is_left(tmp_path: Path) -> None:
    shop = ShopAlone(tmp_path)
    with (
        socket.create_server((shop.host("orders"), PORTS["orders"])),
        pytest.raises(RuntimeError, match="orders ended before it listened"),
    ):
        shop.start("inventory", "orders")
    assert shop.processes == {}
