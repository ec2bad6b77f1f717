"""Orders that stopped halfway: whose payment was captured, but who were never marked as paid.

Checkout may die, or lose the orders service, between the capture and the mark. The customer has been charged then, and the order
is there but does not count. So the orders service asks, for what has been pending longer than a checkout can take, whether the
money was taken, and if so completes the order. SETTLE=off leaves that to people.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gameday.staging.shop import order_book as book_of
from gameday.staging.shop.apology import Sorry
from gameday.staging.shop.client import Call, CallFailedError, Neighbour
from gameday.staging.shop.order_book import Book
from gameday.staging.shop.speech import say

PAUSE_SECONDS = 1.0
YOUNGEST_SECONDS = 3.0
"""Above what checkout gives itself for all its steps: what is younger may still be on its way."""
OLDEST_SECONDS = 3600.0
AT_ONCE = 100

Pay = Callable[[str, str], Awaitable[Any]]
"""Marks an order, by its reference, as paid with a capture."""


async def settle(book: Book, payment: Neighbour, pay: Pay) -> None:
    """Complete orders whose payment was captured, for as long as the service lives."""
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        orders = await book.do(_stopped)
        if orders:
            await _settle(payment, pay, {order["key"]: order["reference"] for order in orders})


def _stopped(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    now = time.time()
    return book_of.pending(connection, now - OLDEST_SECONDS, now - YOUNGEST_SECONDS, AT_ONCE)


async def _settle(payment: Neighbour, pay: Pay, references: dict[str, str]) -> None:
    body = json.dumps({"keys": list(references)}).encode()
    try:
        reply = await payment.call(Call("POST", "/captures/lookup", body, repeatable=True))
        captures = reply.json()["captures"] if reply.ok else []
    except (CallFailedError, ValueError, KeyError):
        return
    for capture in captures:
        reference = references[capture["key"]]
        try:
            await pay(reference, capture["capture"])
        except Sorry as error:
            say("warning", "an order that was charged is not completed yet", order=reference, reason=str(error))
        else:
            say("info", "an order that was charged is completed", order=reference)
