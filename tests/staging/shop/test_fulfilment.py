"""What is paid is shipped, once: the queue on its own, and the service as a process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop import fulfilment_queue as parcels
from gameday.staging.shop.alone import ShopAlone
from gameday.staging.shop.order_book import Book, pay, place
from tests.staging.shop.waiting import eventually

# The fixture's class lives in conftest, which importlib mode gives no name to import.
Customer = Any


def paid(number: int) -> Callable[[sqlite3.Connection], str]:
    def work(connection: sqlite3.Connection) -> str:
        wanted = {"key": f"k{number}", "payment": f"p{number}", "customer": "c", "amount": 100, "lines": [number]}
        reference = str(place(connection, wanted)["reference"])
        pay(connection, reference, "C-1", queue_receipt=True)
        return reference

    return work


def wanting(picker: str, limit: int = 10, seconds: float = 10.0) -> parcels.Claim:
    return parcels.Claim(picker, limit, seconds)


async def test_an_order_is_owed_a_parcel_from_its_payment_on_and_once(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    await book.do(lambda c: place(c, {"key": "k", "payment": "p", "customer": "c", "amount": 1, "lines": []}))
    assert (await book.do(lambda c: parcels.backlog(c, time.time())))["orders"] == 0
    before = time.time()
    reference = await book.do(paid(1))
    after = time.time()
    await book.do(lambda c: pay(c, reference, "C-1", queue_receipt=True))
    found = await book.do(lambda c: parcels.backlog(c, after + 5))
    assert (found["orders"], found["being_picked"]) == (1, 0)
    assert 5 <= found["oldest_seconds"] <= after - before + 5
    await book.close()


async def test_what_one_picks_nobody_else_gets_until_the_claim_has_run_out(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    first, second = [await book.do(paid(number)) for number in (1, 2)]
    assert await book.do(lambda c: parcels.claim(c, wanting("a", 1), 100.0)) == [{"reference": first, "lines": [1]}]
    assert [order["reference"] for order in await book.do(lambda c: parcels.claim(c, wanting("b"), 100.0))] == [second]
    assert await book.do(lambda c: parcels.claim(c, wanting("b"), 109.9)) == []
    again = await book.do(lambda c: parcels.claim(c, wanting("b"), 110.0))
    assert {order["reference"] for order in again} == {first, second}
    await book.close()


async def test_two_who_ship_the_same_order_have_shipped_it_once(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db")
    reference = await book.do(paid(1))
    assert await book.do(lambda c: parcels.ship(c, "a", [reference], time.time())) == 1
    assert await book.do(lambda c: parcels.ship(c, "b", [reference, "SO-NEVER-HEARD-OF"], time.time())) == 0
    found = await book.do(parcels.shipped)
    assert (found["parcels"], found["orders"], found["shipped_twice"]) == (1, 1, 0)
    assert (await book.do(lambda c: parcels.backlog(c, time.time())))["orders"] == 0
    await book.close()


async def test_without_the_unique_column_it_is_shipped_twice_and_counted(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.db", unique=False)
    reference = await book.do(paid(1))
    for _ in range(2):
        await book.do(lambda c: parcels.ship(c, "a", [reference], time.time()))
    found = await book.do(parcels.shipped)
    assert (found["parcels"], found["orders"], found["shipped_twice"]) == (2, 1, 1)
    await book.close()


@pytest.fixture
def slow_shop(closed_shop: ShopAlone) -> ShopAlone:
    """Lend a shop that takes an hour to pick an order, and whose claims run out at once."""
    closed_shop.settings |= {"PICK_SECONDS": "3600", "CLAIM_SECONDS": "0"}
    closed_shop.start()
    return closed_shop


def said(customer: Customer, path: str) -> dict[str, Any]:
    return dict(customer.ask("GET", path, service="fulfilment").json)


@pytest.mark.usefixtures("shop")
def test_what_customers_buy_leaves_the_house(customer: Customer) -> None:
    for _ in range(3):
        assert customer.buy().status == 201
    assert eventually(lambda: said(customer, "/shipments").get("orders") == 3)
    assert said(customer, "/shipments")["shipped_twice"] == 0
    assert said(customer, "/backlog") == {"orders": 0, "being_picked": 0, "oldest_seconds": 0.0}


def test_a_picking_list_outlives_its_process_and_goes_with_its_disk(slow_shop: ShopAlone, customer: Customer) -> None:
    reference = customer.buy().json["reference"]
    assert eventually(lambda: said(customer, "/lists") == {"picking": [reference]})
    slow_shop.kill("fulfilment")
    slow_shop.start("fulfilment")
    assert eventually(lambda: said(customer, "/shipments").get("orders") == 1), "the list was there, and was gone on with"
    lost = customer.buy().json["reference"]
    assert eventually(lambda: said(customer, "/lists") == {"picking": [lost]})
    slow_shop.kill("fulfilment")
    for path in (slow_shop.folder / "fulfilment").iterdir():
        path.unlink()
    slow_shop.settings["PICK_SECONDS"] = "0"
    slow_shop.start("fulfilment")
    assert eventually(lambda: said(customer, "/shipments").get("orders") == 2), "its claim ran out, and it was claimed again"
    assert said(customer, "/shipments")["shipped_twice"] == 0


def test_while_orders_is_away_fulfilment_waits_and_says_so(shop: ShopAlone, customer: Customer) -> None:
    shop.kill("orders")
    before = len(_lines(shop))
    refused = customer.ask("GET", "/backlog", service="fulfilment")
    assert (refused.status, refused.json["error"]["code"]) == (503, "orders_unavailable")
    assert eventually(lambda: "orders cannot be asked" in {line["event"] for line in _lines(shop)[before:]})
    shop.start("orders")
    customer.buy()
    assert eventually(lambda: said(customer, "/shipments").get("orders") == 1)


def _lines(shop: ShopAlone) -> list[dict[str, Any]]:
    """Return what fulfilment has said; without a last line that is still being written."""
    return [json.loads(line) for line in shop.log("fulfilment").splitlines(keepends=True) if line.endswith("\n")]
