"""A submit that fails: what its customer is told, who else knows, and for whom it was."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.client import Call, CallFailedError
from gameday.staging.shop.client import Reply as Answer
from gameday.staging.shop.failures import Failures
from gameday.staging.shop.server import Request
from gameday.staging.shop.settings import PORTS
from gameday.staging.shop.storefront import Pages
from tests.staging.shop.waiting import eventually

# The fixture's class lives in conftest, which importlib mode gives no name to import.
Customer = Any


def tracked(customer: Customer, *keys: str) -> list[dict[str, Any]]:
    return list(customer.ask_again("POST", "/failures/lookup", {"keys": list(keys)}).json["failures"])


def written(customer: Customer, *keys: str) -> list[dict[str, Any]]:
    """Wait until these are written down: whoever is slow to be told of it is told again, after the customer."""
    assert eventually(lambda: len(tracked(customer, *keys)) >= len(keys))
    return tracked(customer, *keys)


def submit(customer: Customer, key: str, **headers: str) -> Any:
    body = {"customer": "c1", "cart": "cart", "payment": "payment"}
    return customer.ask("POST", "/checkout", body, headers={"Idempotency-Key": key, **headers})


@pytest.fixture
def broken(shop: ShopAlone) -> Iterator[list[dict[str, str]]]:
    """Put a checkout in the real one's place that answers 500 with nothing; lend the headers of what came."""
    shop.kill("checkout")
    seen: list[dict[str, str]] = []

    class Broken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer((shop.host("checkout"), PORTS["checkout"]), Broken) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield seen
        server.shutdown()
        thread.join()


def test_an_inner_error_reaches_the_customer_with_a_reference_a_contact_and_no_blame(
    broken: list[dict[str, str]], shop: ShopAlone, customer: Customer
) -> None:
    reply = submit(customer, "k1")
    error = reply.json["error"]
    assert (reply.status, error["contact"]) == (503, "help@shop.example")
    assert error["reference"] in shop.log("storefront")
    assert "invalid" not in error["message"].lower()
    assert len(broken) == 1


def test_for_whom_a_request_is_made_travels_inwards(broken: list[dict[str, str]], customer: Customer) -> None:
    submit(customer, "k1", **{"X-Cohort": "app", "X-Customer": "c1", "X-Product": "lamp", "X-Else": "no"})
    assert {name: value for name, value in broken[0].items() if name.startswith("x-")} == {
        "x-cohort": "app",
        "x-customer": "c1",
        "x-product": "lamp",
    }


@pytest.mark.usefixtures("broken")
def test_a_failed_submit_is_written_down_with_what_its_customer_was_told(customer: Customer) -> None:
    reference = submit(customer, "k1", **{"X-Cohort": "app"}).json["error"]["reference"]
    written(customer, "k1")
    (found,) = tracked(customer, "k1", "k2")
    assert (found["key"], found["reference"], found["customer"], found["cohort"]) == ("k1", reference, "c1", "app")


@dataclass
class Inner:
    """A service inside that is away, or takes what it is told."""

    name: str
    is_away: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)

    async def call(self, call: Call) -> Answer:
        if self.is_away:
            raise CallFailedError("no connection", sent=False)
        await asyncio.sleep(0.05)
        self.told.append(json.loads(call.body))
        return Answer(200, {}, b"{}")


async def test_a_failed_submit_is_written_down_before_its_customer_hears_of_it() -> None:
    orders = Inner("orders")
    inner: Any = {"checkout": Inner("checkout", is_away=True), "orders": orders}
    pages = Pages(inner, Failures(inner["orders"], on=True))
    reply = await pages.submit(Request("POST", "/checkout", "", {"idempotency-key": "k1"}, b"{}"))
    assert reply.status == 503
    assert [[failure["key"] for failure in told["failures"]] for told in orders.told] == [["k1"]]


def test_whoever_has_an_order_since_is_not_among_those_to_be_told(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    shop.kill("checkout")
    for key in ("k1", "k2"):
        assert customer.submit(cart["cart"], payment, key).status == 503
    written(customer, "k1", "k2")
    shop.start("checkout")
    assert customer.order(cart["cart"], payment, "k1").status == 201
    found = customer.ask("GET", "/failures", service="orders").json
    assert ([failure["key"] for failure in found["failures"]], found["count"]) == (["k2"], 1)


def test_what_cannot_be_written_down_at_once_is_owed_until_it_is(shop: ShopAlone, customer: Customer) -> None:
    shop.kill("orders")
    shop.kill("checkout")
    for number in range(3):
        assert submit(customer, f"k{number}").status == 503
    shop.start("orders")
    assert eventually(lambda: len(tracked(customer, "k0", "k1", "k2")) == 3)


def test_a_customer_does_not_wait_for_a_list_that_hangs(shop: ShopAlone, customer: Customer) -> None:
    shop.signal("orders", signal.SIGSTOP)
    shop.kill("checkout")
    began = time.monotonic()
    assert submit(customer, "k1").status == 503
    assert time.monotonic() - began < 2
    shop.signal("orders", signal.SIGCONT)
    assert eventually(lambda: len(tracked(customer, "k1")) == 1)


def test_a_storefront_that_is_told_to_stop_leaves_nothing_unwritten(shop: ShopAlone, customer: Customer) -> None:
    shop.signal("orders", signal.SIGSTOP)
    shop.kill("checkout")
    assert submit(customer, "k1").status == 503
    shop.signal("orders", signal.SIGCONT)
    shop.signal("storefront", signal.SIGTERM)
    assert shop.processes["storefront"].wait(30) == 0
    found = customer.ask("POST", "/failures/lookup", {"keys": ["k1"]}, service="orders").json["failures"]
    assert found or '"event":"a failed order could not be written down"' in shop.log("storefront")


@pytest.mark.usefixtures("shop")
def test_what_is_the_customers_own_to_change_is_no_failed_order(customer: Customer) -> None:
    assert submit(customer, "k1").status == 400
    assert tracked(customer, "k1") == []


def test_with_tracking_off_nobody_knows_whom_to_tell(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings["TRACK_FAILURES"] = "off"
    closed_shop.start()
    closed_shop.kill("checkout")
    assert submit(customer, "k1").status == 503
    assert tracked(customer, "k1") == []


def test_bare_errors_blame_the_customer_and_give_nobody_to_ask(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings["ERRORS"] = "bare"
    closed_shop.start()
    closed_shop.kill("checkout")
    error = submit(customer, "k1").json["error"]
    assert error == {"code": "invalid_request", "message": "Invalid request. Please check what you entered and try again."}
    assert customer.ask_again("GET", "/products").status == 200
    assert len(written(customer, "k1")) == 1, "what the customer is told and what is written down are two things"


def test_no_failure_ever_stands_twice(shop: ShopAlone, customer: Customer) -> None:
    failure = {"key": "k", "reference": "E-1", "customer": "c", "cohort": "", "code": "x", "at": 1.0}
    for _ in range(2):
        reply = customer.ask("POST", "/failures", {"failures": [failure]}, service="orders")
        assert reply.status == 200
    assert tracked(customer, "k") == [failure]
    assert json.loads(shop.log("orders").splitlines()[0])["service"] == "orders"
