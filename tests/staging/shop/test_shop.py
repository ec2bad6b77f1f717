"""The whole shop, as real processes: what customers get, also while parts of it are away."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from tests.staging.shop.waiting import eventually

# The fixture's class lives in conftest, which importlib mode gives no name to import.
Customer = Any


def orders_with(customer: Customer, key: str) -> list[dict[str, Any]]:
    return list(customer.ask_again("GET", f"/orders/by-key/{key}").json["orders"])


@pytest.mark.usefixtures("shop")
def test_a_customer_browses_fills_a_cart_pays_and_gets_an_order(customer: Customer) -> None:
    assert customer.ask_again("GET", "/products").json["products"][0]["sku"] == "lamp"
    reply = customer.buy("k1")
    assert reply.status == 201
    assert reply.json["reference"].startswith("SO-")
    assert reply.json["amount"] == 4900
    found = orders_with(customer, "k1")
    assert [(order["reference"], order["state"]) for order in found] == [(reply.json["reference"], "paid")]


@pytest.mark.usefixtures("shop")
def test_the_same_key_again_is_the_same_order(customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    first, second = (customer.order(cart["cart"], payment, "k1") for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len(orders_with(customer, "k1")) == 1


def test_a_release_that_charges_for_shipping_and_is_not_told_how_much_does_not_start(closed_shop: ShopAlone) -> None:
    closed_shop.settings["SHIPPING"] = "charged"
    with pytest.raises(RuntimeError, match="SHIPPING_CENTS: expected a value"):
        closed_shop.start("checkout")


def test_with_shipping_charged_an_order_costs_the_cart_and_the_shipping(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings |= {"SHIPPING": "charged", "SHIPPING_CENTS": "490"}
    closed_shop.start()
    cart = customer.fill_cart()
    refused = customer.order(cart["cart"], customer.pay(cart["total"]), "k1")
    assert (refused.status, refused.json["error"]["code"]) == (409, "amount_differs")
    assert orders_with(customer, "k1") == []
    placed = customer.order(cart["cart"], customer.pay(cart["total"] + 490), "k2")
    assert (placed.status, placed.json["amount"]) == (201, 5390)


@pytest.mark.usefixtures("shop")
def test_one_payment_does_not_pay_for_two_orders(customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    assert customer.order(cart["cart"], payment, "k1").status == 201
    second = customer.order(cart["cart"], payment, "k2")
    assert (second.status, second.json["error"]["code"]) == (409, "payment_used")
    assert orders_with(customer, "k2") == []


def test_without_unique_keys_a_repeated_key_is_a_second_order(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings["UNIQUE_KEYS"] = "off"
    closed_shop.start()
    assert customer.buy("k1").json["reference"] != customer.buy("k1").json["reference"]
    assert len(orders_with(customer, "k1")) == 2
    assert customer.ask("GET", "/orders/counts", service="orders").json["doubled_keys"] == 1


@pytest.mark.parametrize(
    ("away", "act"),
    [
        ("inventory", lambda customer: customer.ask("GET", "/products")),
        ("cart", lambda customer: customer.ask("POST", "/cart/c1/items", {"product": "lamp"})),
        ("payment", lambda customer: customer.ask("POST", "/payments", {"amount": 1, "customer": "c", "card": "t"})),
        ("checkout", lambda customer: customer.submit("cart", "payment", "k1")),
        ("orders", lambda customer: customer.ask("GET", "/orders/by-key/k1")),
    ],
)
def test_a_customer_gets_a_reference_and_a_contact_when_a_service_is_away(
    shop: ShopAlone, customer: Customer, away: str, act: Callable[[Customer], Any]
) -> None:
    shop.kill(away)
    reply = act(customer)
    error = reply.json["error"]
    assert (reply.status, error["code"]) == (503, f"{away}_unavailable")
    assert error["contact"]
    assert error["reference"] in shop.log("storefront"), "whoever is asked must find the reference in the log"


def test_a_service_that_hangs_is_answered_for_and_does_not_close_the_shop(shop: ShopAlone, customer: Customer) -> None:
    shop.signal("payment", signal.SIGSTOP)
    began = time.monotonic()
    reply = customer.ask("POST", "/payments", {"amount": 1, "customer": "c", "card": "t"})
    assert (reply.status, reply.json["error"]["code"]) == (503, "payment_unavailable")
    assert time.monotonic() - began < 5, "the customer must not wait for the service to come back"
    assert customer.ask("GET", "/products").status == 200


def test_a_customer_is_not_blamed_and_not_charged_when_checkout_cannot_reach_payment(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    shop.kill("payment")
    reply = customer.submit(cart["cart"], payment, "k1")
    assert reply.status == 503
    assert {"code", "message", "reference", "contact"} == reply.json["error"].keys()
    assert not [order for order in orders_with(customer, "k1") if order["state"] == "paid"]
    shop.start("payment")
    assert customer.order(cart["cart"], payment, "k1").status == 201, "the same key goes on where it stopped"


@pytest.mark.usefixtures("shop")
def test_an_order_that_stopped_before_the_capture_is_completed_by_the_same_key(customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    opened = customer.ask("POST", "/payments/open", {"payment": payment}, service="payment").json
    wanted = {"key": "k1", "customer": "c1", "amount": cart["total"], "lines": cart["lines"], "payment": opened["id"]}
    pending = customer.ask("POST", "/orders", wanted, service="orders").json
    assert pending["state"] == "pending"
    reply = customer.order(cart["cart"], payment, "k1")
    assert (reply.status, reply.json["reference"]) == (201, pending["reference"])


def test_a_cart_outlives_every_cart_process(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    shop.kill("cart")
    shop.start("cart")
    more = customer.ask_again("POST", "/cart/c1/items", {"product": "vase", "quantity": 2, "cart": cart["cart"]})
    assert [line["sku"] for line in more.json["lines"]] == ["lamp", "vase"]


@pytest.mark.usefixtures("shop")
def test_a_cart_that_somebody_changed_is_refused(customer: Customer) -> None:
    cart = customer.fill_cart()["cart"]
    reply = customer.order("x" + cart, customer.pay(4900), "k1")
    assert (reply.status, reply.json["error"]["code"]) == (400, "unknown_cart")


@pytest.mark.usefixtures("shop")
def test_paying_less_than_the_cart_costs_is_refused(customer: Customer) -> None:
    reply = customer.order(customer.fill_cart()["cart"], customer.pay(1), "k1")
    assert (reply.status, reply.json["error"]["code"]) == (409, "amount_differs")
    assert orders_with(customer, "k1") == []


def test_orders_outlive_the_sudden_death_of_their_process(shop: ShopAlone, customer: Customer) -> None:
    references = [customer.buy(f"k{number}").json["reference"] for number in range(5)]
    shop.kill("orders")
    shop.start("orders")
    found = customer.ask_again("POST", "/orders/lookup", {"references": references, "keys": ["k0"]}).json
    assert {order["reference"] for order in found["orders"]} == set(references)
    assert found["count"] == 5


def test_a_receipt_is_owed_while_the_object_store_is_away_and_written_when_it_is_back(
    shop: ShopAlone, customer: Customer
) -> None:
    shop.kill("objects")
    assert customer.buy("k1").status == 201, "an object store that is away must not cost an order"
    assert customer.ask("GET", "/orders/counts", service="orders").json["receipts_owed"] == 1
    shop.kill("orders")
    shop.start("orders", "objects")
    assert eventually(lambda: customer.ask("GET", "/orders/counts", service="orders").json["receipts_owed"] == 0)
    assert len(list((shop.folder / "objects" / "receipts").iterdir())) == 1


def test_with_inline_receipts_no_object_store_means_no_order(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings["RECEIPTS"] = "inline"
    closed_shop.start()
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    closed_shop.kill("objects")
    assert customer.submit(cart["cart"], payment, "k1").status == 503
    assert [order["state"] for order in orders_with(customer, "k1")] == ["pending"]
    closed_shop.start("objects")
    assert customer.order(cart["cart"], payment, "k1").status == 201
    assert len(list((closed_shop.folder / "objects" / "receipts").iterdir())) == 1


def test_sigterm_lets_an_open_request_finish_and_ends_with_status_0(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    for _ in range(10):
        late = customer.late()
        reply = _submitted_over_a_sigterm(shop, customer, cart["cart"], payment)
        assert shop.processes["checkout"].wait(30) == 0
        if customer.late() == late:
            break
        # Its own time was over before it could finish: on a machine that stood still, which shows nothing.
        shop.start("checkout")
    assert reply.status == 201


def _submitted_over_a_sigterm(shop: ShopAlone, customer: Customer, cart: str, payment: str) -> Any:
    """Return the answer to a submit in the middle of which checkout is told to end."""
    shop.signal("inventory", signal.SIGSTOP)
    before = _connections(shop, "inventory")
    replies: list[Any] = []
    submitting = threading.Thread(target=lambda: replies.append(customer.submit(cart, payment, "k1")))
    submitting.start()
    # Not before checkout asks the inventory has it surely begun with the request, and may not drop it.
    assert eventually(lambda: bool(replies) or _connections(shop, "inventory") > before)
    shop.signal("checkout", signal.SIGTERM)
    shop.signal("inventory", signal.SIGCONT)
    submitting.join(30)
    (reply,) = replies
    return reply


def _connections(shop: ShopAlone, service: str) -> int:
    """How many connections to the service are open, going by the kernel's table."""
    numbers = [int(part) for part in shop.host(service).split(".")]
    address = "".join(f"{number:02X}" for number in reversed(numbers))
    with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123 - no file of ours
        rows = [line.split() for line in table]
    return sum(row[1].startswith(address) and row[3] == "01" for row in rows[1:])


def test_every_log_line_is_one_json_object_without_keys_or_card_words(shop: ShopAlone, customer: Customer) -> None:
    assert customer.buy().status == 201
    customer.ask("POST", "/payments", {"amount": 1, "customer": "c", "card": "tok_declined"})
    customer.ask("POST", "/checkout", b"not json", headers={"Idempotency-Key": "k"})
    secrets = [value for name, value in shop.environment("orders").items() if "KEY" in name]
    for service in list(shop.processes):
        for line in shop.log(service).splitlines():
            assert json.loads(line)["service"] == service
            assert not [secret for secret in (*secrets, "tok_") if secret in line]


def test_probes_are_answered_by_every_service(shop: ShopAlone, customer: Customer) -> None:
    for service in shop.processes:
        for path in ("/livez", "/readyz"):
            assert customer.ask("GET", path, service=service).status == 200


def test_a_service_without_its_neighbours_names_every_one_that_is_missing(closed_shop: ShopAlone) -> None:
    closed_shop.settings = {"PAYMENT_SERVICE_HOST": "", "ORDERS_SERVICE_PORT": "http"}
    with pytest.raises(RuntimeError) as failure:
        closed_shop.start("checkout")
    assert "PAYMENT_SERVICE_HOST: expected a value" in str(failure.value)
    assert "ORDERS_SERVICE_PORT: expected a port" in str(failure.value)
