"""A shop of real processes for each test, and a customer who talks to it."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gameday.staging.shop.alone import ShopAlone


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Customer:
    """Asks over HTTP, on a new connection each time."""

    shop: ShopAlone

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        service: str = "storefront",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        parts = urlsplit(self.shop.url(service))
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def ask_again(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Ask, again as long as the answer is that somebody inside was not in time: on a machine that stood still, that is so."""
        end = time.monotonic() + 30
        while True:
            before = self.late()
            reply = self.ask(method, path, body, **more)
            was_late = reply.status == HTTPStatus.SERVICE_UNAVAILABLE and self.late() > before
            if not was_late or time.monotonic() > end:
                return reply

    def late(self) -> int:
        """How often a service of the shop has said that another one was not in time."""
        logs = [self.shop.log(service) for service in self.shop.processes]
        return sum(log.count(words) for log in logs for words in ("no answer within", "no connection in time"))

    def fill_cart(self, product: str = "lamp", quantity: int = 1) -> dict[str, Any]:
        reply = self.ask_again("POST", "/cart/c1/items", {"product": product, "quantity": quantity})
        assert reply.status == 201, reply.body
        return dict(reply.json)

    def pay(self, amount: int) -> str:
        reply = self.ask_again("POST", "/payments", {"amount": amount, "customer": "c1", "card": "tok_visa"})
        assert reply.status == 201, reply.body
        return str(reply.json["payment"])

    def submit(self, cart: str, payment: str, key: str) -> Reply:
        """Submit once, whatever becomes of it."""
        body = {"customer": "c1", "cart": cart, "payment": payment}
        return self.ask("POST", "/checkout", body, headers={"Idempotency-Key": key})

    def order(self, cart: str, payment: str, key: str) -> Reply:
        """Submit where nothing is in the way, and with the same key again as long as somebody was only not in time."""
        body = {"customer": "c1", "cart": cart, "payment": payment}
        return self.ask_again("POST", "/checkout", body, headers={"Idempotency-Key": key})

    def buy(self, key: str | None = None) -> Reply:
        cart = self.fill_cart()
        return self.order(cart["cart"], self.pay(cart["total"]), key or secrets.token_hex(8))


@pytest.fixture
def closed_shop(tmp_path: Path) -> Iterator[ShopAlone]:
    """Lend a shop none of whose services runs yet."""
    shop = ShopAlone(tmp_path)
    yield shop
    shop.stop()


@pytest.fixture
def shop(closed_shop: ShopAlone) -> ShopAlone:
    closed_shop.start()
    return closed_shop


@pytest.fixture
def customer(closed_shop: ShopAlone) -> Customer:
    return Customer(closed_shop)
