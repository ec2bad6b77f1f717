"""What was charged is known outside the shop, and what stopped halfway is put right, or found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.bank import Journal
from tests.staging.shop.waiting import eventually

Customer = Any


def charged(customer: Customer, *keys: str) -> list[dict[str, Any]]:
    return list(customer.ask_again("POST", "/captures/lookup", {"keys": list(keys)}).json["captures"])


def states(customer: Customer, key: str) -> list[str]:
    return [order["state"] for order in customer.ask_again("GET", f"/orders/by-key/{key}").json["orders"]]


def test_a_journal_survives_being_closed_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "captures.jsonl"
    journal = Journal(path)
    journal.open()
    for number in range(3):
        wanted = {"capture": f"C{number}", "payment": "p", "key": "k", "amount": number}
        first, again = journal.capture(wanted), journal.capture(wanted)
        assert first == again
    journal.refund("C1")
    journal.refund("C1")
    journal.close()
    with path.open("a") as file:
        file.write('{"capture": "C9", "pay')
    journal = Journal(path)
    journal.open()
    journal.capture({"capture": "C3", "payment": "p", "key": "k", "amount": 3})
    assert [capture["amount"] for capture in journal.charged(["k", "other"])] == [0, 2, 3]
    journal.close()
    assert len(path.read_text().splitlines()) == 5


def test_what_is_captured_stands_at_the_bank_under_the_orders_key(shop: ShopAlone, customer: Customer) -> None:
    assert customer.buy("k1").status == 201
    (capture,) = charged(customer, "k1", "k2")
    assert (capture["key"], capture["amount"]) == ("k1", 4900)
    shop.kill("bank")
    shop.start("bank")
    assert charged(customer, "k1") == [capture]
    reply = customer.ask_again("POST", "/refunds", {"capture": capture["capture"]}, service="payment")
    assert reply.status == 200
    assert charged(customer, "k1") == []


def test_without_the_bank_nothing_is_charged_and_no_order_is_promised(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    shop.kill("bank")
    assert customer.submit(cart["cart"], payment, "k1").status == 503
    assert states(customer, "k1") == ["pending"]
    shop.start("bank")
    assert customer.order(cart["cart"], payment, "k1").status == 201
    assert len(charged(customer, "k1")) == 1


def stopped_halfway(customer: Customer) -> None:
    """Leave an order behind as checkout does when it dies after the capture."""
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    opened = customer.ask("POST", "/payments/open", {"payment": payment}, service="payment").json
    wanted = {"key": "k1", "customer": "c1", "amount": cart["total"], "lines": cart["lines"], "payment": opened["id"]}
    assert customer.ask("POST", "/orders", wanted, service="orders").json["state"] == "pending"
    asked = {"payment": payment, "amount": cart["total"], "key": "k1"}
    assert customer.ask_again("POST", "/captures", asked, service="payment").status == 200


@pytest.mark.usefixtures("shop")
def test_an_order_that_was_charged_and_stopped_halfway_is_completed_by_itself(customer: Customer) -> None:
    stopped_halfway(customer)
    assert eventually(lambda: states(customer, "k1") == ["paid"])


def test_an_order_that_stopped_before_it_was_charged_stays_as_it_is(shop: ShopAlone, customer: Customer) -> None:
    stopped_halfway(customer)
    opened = {"key": "k2", "customer": "c", "amount": 1, "lines": [], "payment": "p2"}
    customer.ask("POST", "/orders", opened, service="orders")
    assert eventually(lambda: states(customer, "k1") == ["paid"])
    assert eventually(lambda: "an order that was charged is completed" in shop.log("orders"))
    assert states(customer, "k2") == ["pending"]


def test_whoever_captures_first_charges_for_an_order_that_cannot_be_written(closed_shop: ShopAlone, customer: Customer) -> None:
    closed_shop.settings["CAPTURE"] = "first"
    closed_shop.start()
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    closed_shop.kill("orders")
    assert customer.submit(cart["cart"], payment, "k1").status == 503
    closed_shop.start("orders")
    assert (states(customer, "k1"), len(charged(customer, "k1"))) == ([], 1)


def test_in_the_right_order_nobody_is_charged_while_orders_are_away(shop: ShopAlone, customer: Customer) -> None:
    cart = customer.fill_cart()
    payment = customer.pay(cart["total"])
    shop.kill("orders")
    assert customer.submit(cart["cart"], payment, "k1").status == 503
    shop.start("orders")
    assert (states(customer, "k1"), charged(customer, "k1")) == ([], [])
