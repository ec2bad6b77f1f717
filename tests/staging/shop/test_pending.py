"""Orders that stopped halfway: the charged ones are completed, however many others were given up before them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.staging.shop import order_book as book_of
from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.client import Call, CallFailedError, Reply
from gameday.staging.shop.order_book import Book
from gameday.staging.shop.pending import AT_ONCE, YOUNGEST_SECONDS, Settler


@dataclass
class Payment:
    """Knows which keys were charged, unless it is away."""

    charged: set[str]
    away: bool = False
    asked: list[int] = field(default_factory=list)

    async def call(self, call: Call) -> Reply:
        if self.away:
            raise CallFailedError("no connection", sent=False)
        keys = json.loads(call.body)["keys"]
        self.asked.append(len(keys))
        found = [{"key": key, "capture": f"C-{key}"} for key in keys if key in self.charged]
        return Reply(200, {}, json.dumps({"captures": found}).encode())


def place(connection: sqlite3.Connection, number: int) -> dict[str, Any]:
    return book_of.place(connection, {"key": f"k{number}", "payment": f"p{number}", "customer": "c", "amount": 1, "lines": []})


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "orders.db")


async def test_a_charged_order_is_completed_however_many_were_given_up_before_it(book: Book) -> None:
    last = AT_ONCE * 2
    orders = await book.do(lambda connection: [place(connection, number) for number in range(last + 1)])
    payment, paid = Payment({f"k{last}"}), list[tuple[str, str]]()

    async def pay(reference: str, capture: str) -> None:
        paid.append((reference, capture))

    settler = Settler(book, payment, pay)  # type: ignore[arg-type]  # all that is asked of a neighbour
    for _ in range(4):
        await settler.once(orders[-1]["placed"] + YOUNGEST_SECONDS)
    assert paid[0] == (orders[-1]["reference"], f"C-k{last}")
    assert max(payment.asked) == AT_ONCE
    await book.close()


async def test_what_is_still_on_its_way_is_left_to_its_checkout(book: Book) -> None:
    order = await book.do(lambda connection: place(connection, 1))
    payment = Payment({"k1"})
    settler = Settler(book, payment, refuse)  # type: ignore[arg-type]  # all that is asked of a neighbour
    await settler.once(order["placed"] + YOUNGEST_SECONDS - 0.1)
    assert payment.asked == []
    await book.close()


async def refuse(_reference: str, _capture: str) -> None:
    raise Sorry(503, "receipt_not_written", "not now")


async def test_what_cannot_be_asked_or_completed_now_is_tried_again(book: Book) -> None:
    order = await book.do(lambda connection: place(connection, 1))
    payment = Payment({"k1"}, away=True)
    settler = Settler(book, payment, refuse)  # type: ignore[arg-type]  # all that is asked of a neighbour
    await settler.once(order["placed"] + YOUNGEST_SECONDS + 1)
    payment.away = False
    await settler.once(order["placed"] + YOUNGEST_SECONDS + 2)
    await settler.once(order["placed"] + YOUNGEST_SECONDS + 3)
    assert payment.asked == [1, 1]
    await book.close()
